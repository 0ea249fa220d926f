"""What is written into pip's and uv's configuration files, and that it can be taken out again."""

from __future__ import annotations

import configparser

import pytest
import tomllib
from wheelfleet.client_config import ClientConfigError, Index, pip_configured, restored, uv_configured

FLEET = Index("https://wheels.example.com/simple/")
ONLY = Index("https://wheels.example.com/simple/", only=True)
PLAIN_HTTP = Index("http://10.0.0.5:8080/simple/")

PIP_FILES = {
    "none": "",
    "raspberry pi os": "[global]\nextra-index-url=https://pi.example.net/simple\n",
    "comments": "# ours\n[global]\n; timeout\ntimeout = 60\n\n[install]\nno-compile = true\n",
    "several lines": "[global]\nextra-index-url =\n    https://a.example.net/simple\n\n    # b\n    https://b.example.net\n",
    "a command's own": "[install]\nextra-index-url: https://a.example.net/simple\n[global]\ntimeout = 60\n",
    "indented": "[global]\n    timeout = 60\n    index_url = https://up.example.net/simple\n",
    "no end of the last line": "[install]\nindex-url = https://up.example.net/simple",
    "other line ends": "[global]\r\nindex-url = https://up.example.net/simple\r\n",
    "trusted": "[global]\ntrusted-host = a.example.net\n",
    "no global": "[list]\nformat = columns\n",
}
UV_FILES = {
    "none": "",
    "keys": '# mine\nnative-tls = true\nindex-strategy = "first-index"\n',
    "tables": '[pip]\nsystem = true\n\n[[index]]\nname = "a"\nurl = "https://a.example.net/simple"\n\n[pip.x]\n',
    "older keys": 'index-url = "https://up.example.net/simple"\nextra-index-url = [\n  "https://a.example.net",\n]\n',
    "a default": '[[index]]\nurl = "https://a.example.net/simple"\ndefault = true\n[[index]]\nurl = "https://b.example.net"\n',
    "no end of the last line": "[pip]\nsystem = true",
}


def pip_reads(text: str) -> dict[str, dict[str, list[str]]]:
    """Sections, options and their values as pip takes them apart."""
    parser = configparser.RawConfigParser()
    parser.read_string(text)
    return {section: {key: value.split() for key, value in parser[section].items()} for section in parser.sections()}


@pytest.mark.parametrize("before", PIP_FILES.values(), ids=PIP_FILES)
@pytest.mark.parametrize("index", [FLEET, ONLY, PLAIN_HTTP])
def test_every_pip_conf_comes_back_to_the_last_byte(before: str, index: Index):
    after = pip_configured(before, index)
    assert after != before
    assert restored(after) == before
    assert pip_configured(restored(after), index) == after


@pytest.mark.parametrize("before", UV_FILES.values(), ids=UV_FILES)
@pytest.mark.parametrize("index", [FLEET, ONLY])
def test_every_uv_toml_comes_back_to_the_last_byte(before: str, index: Index):
    after = uv_configured(before, index)
    assert after != before
    assert restored(after) == before
    assert uv_configured(restored(after), index) == after


@pytest.mark.parametrize("before", PIP_FILES.values(), ids=PIP_FILES)
def test_pip_gets_the_index_beside_those_it_has_and_nothing_else_changes(before: str):
    was, reads = pip_reads(before), pip_reads(pip_configured(before, FLEET))
    for section, options in reads.items():
        if "extra-index-url" in options:
            had = was.get(section, {}).get("extra-index-url", [])
            # Comments between the lines of a value are none of it.
            assert options.pop("extra-index-url") == [*had, FLEET.url]
            was.get(section, {}).pop("extra-index-url", None)
    assert reads == {"global": {}, **was}
    assert FLEET.url in pip_configured(before, FLEET)


def test_options_of_a_command_would_hide_global_ones_so_both_get_the_index():
    reads = pip_reads(pip_configured(PIP_FILES["a command's own"], FLEET))
    assert reads["install"]["extra-index-url"] == ["https://a.example.net/simple", FLEET.url]
    assert reads["global"]["extra-index-url"] == [FLEET.url]


def test_an_index_that_is_there_already_is_not_added_twice():
    before = "[global]\nextra-index-url = https://wheels.example.com/simple\n"
    assert pip_configured(before, FLEET) == before


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("http://10.0.0.5/simple/", ["10.0.0.5"]),
        ("http://pi.local:8080/simple/", ["pi.local:8080"]),
        ("https://wheels.example.com/simple/", None),
        ("http://localhost/simple/", None),
        ("http://127.0.0.1:8080/simple/", None),
    ],
)
def test_pip_is_told_to_trust_a_host_only_where_it_would_refuse_it(url: str, trusted: list[str] | None):
    assert pip_reads(pip_configured("", Index(url)))["global"].get("trusted-host") == trusted


@pytest.mark.parametrize("before", PIP_FILES.values(), ids=PIP_FILES)
def test_as_the_only_index_it_is_the_only_one_in_every_section(before: str):
    reads = pip_reads(pip_configured(before, ONLY))
    assert reads["global"]["index-url"] == [ONLY.url]
    assert not [name for options in reads.values() for name in options if name in ("extra-index-url", "index_url")]
    assert [options["index-url"] for options in reads.values() if "index-url" in options] == [[ONLY.url]]


@pytest.mark.parametrize("before", UV_FILES.values(), ids=UV_FILES)
def test_uv_gets_the_index_before_those_it_has_and_compares_them_all(before: str):
    was, reads = tomllib.loads(before), tomllib.loads(uv_configured(before, FLEET))
    assert reads.pop("index-strategy") == "unsafe-best-match"
    assert reads.pop("index") == [{"name": "wheelfleet", "url": FLEET.url}, *was.pop("index", [])]
    was.pop("index-strategy", None)
    assert reads == was


@pytest.mark.parametrize("before", UV_FILES.values(), ids=UV_FILES)
def test_as_the_only_index_it_is_uvs_default_and_there_is_no_other(before: str):
    reads = tomllib.loads(uv_configured(before, ONLY))
    assert reads["index"] == [{"name": "wheelfleet", "url": ONLY.url, "default": True}]
    assert not {"index-url", "extra-index-url"} & set(reads)


@pytest.mark.parametrize(
    ("configured", "text", "says"),
    [
        (pip_configured, "index-url = x\n", "cannot be read as pip's configuration .*; correct it"),
        (pip_configured, "[global]\na = 1\na = 2\n", "cannot be read as pip's configuration .*; correct it"),
        (uv_configured, "index = \n", "cannot be read as TOML .*; correct it"),
        (uv_configured, 'index = [{ url = "https://a.example.net" }]\n', r"write each as a table, \[\[index\]\]"),
    ],
)
def test_a_file_that_cannot_be_changed_soundly_is_named_with_the_cure(configured, text: str, says: str):
    with pytest.raises(ClientConfigError, match=says):
        configured(text, FLEET)


def test_what_the_operator_writes_meanwhile_stays():
    after = uv_configured(UV_FILES["keys"], FLEET) + "[pip]\nsystem = true\n"
    assert restored(after) == UV_FILES["keys"] + "[pip]\nsystem = true\n"
