"""pip itself says what it is configured for: every pip that is found on this machine is asked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from wheelfleet.upstream.pip_config import PipConfigError, pip_credentials, pip_settings, redacted, split_credentials

from tests.support.interpreters import interpreters


def interpreters_with_pip() -> list[str]:
    """One interpreter for each pip here that a controller may have (Debian 12 comes with 23.0.1)."""
    found: dict[str, str] = {}
    for python in [sys.executable, *map(str, interpreters())]:
        asked = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, text=True, check=False)
        version = re.match(r"pip (\d+)\.\S+", asked.stdout)
        if version and int(version[1]) >= 23:
            found.setdefault(version[0], python)
    return list(found.values())


@pytest.fixture
def pip_conf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pip.conf that has the last word among the files; the environment says nothing else."""
    for name in [*os.environ]:
        if name.startswith("PIP_") or name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    conf = tmp_path / "last-word.conf"
    monkeypatch.setenv("PIP_CONFIG_FILE", str(conf))
    return conf


@pytest.fixture(params=interpreters_with_pip())
def python(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_pip_files_give_the_index_with_password_and_install_wins(pip_conf: Path, python: str) -> None:
    pip_conf.write_text(
        """[global]
index-url = https://global.example/simple
extra_index_url =
    https://one.example/simple
    https://two.example/simple
trusted-host = one.example two.example:8443
cert = /etc/corporate.pem
client-cert = /etc/me.pem
proxy = http://me:secret@proxy.example:3128
timeout = 7
[install]
index-url = https://me:pa%40ss=word@install.example/simple
[wheel]
index-url = https://wheel.example/simple
"""
    )
    settings = pip_settings(python)
    assert settings.index_url == "https://me:pa%40ss=word@install.example/simple"
    assert settings.extra_index_urls == ("https://one.example/simple", "https://two.example/simple")
    assert settings.trusted_hosts == ("one.example", "two.example:8443")
    assert (settings.cert, settings.client_cert) == ("/etc/corporate.pem", "/etc/me.pem")
    assert settings.proxy == "http://me:secret@proxy.example:3128"
    assert settings.timeout == 7.0


def test_the_environment_wins_over_files_unless_it_is_empty(
    pip_conf: Path, python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_conf.write_text("[install]\nindex-url = https://file.example/simple\ntimeout = 7\n")
    monkeypatch.setenv("PIP_INDEX_URL", "https://environment.example/simple")
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "")
    settings = pip_settings(python)
    assert (settings.index_url, settings.timeout) == ("https://environment.example/simple", 7.0)
    monkeypatch.setenv("PIP_INDEX_URL", "")
    assert pip_settings(python).index_url == "https://file.example/simple"


def test_without_any_configuration_it_is_pips_own_default(
    pip_conf: Path, python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("COLUMNS", "500")
    command = [python, "-m", "pip", "download", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    default = re.search(r"--index-url <url>.*?\(default:?\s+(https?:\S+)\)", said, re.DOTALL)
    settings = pip_settings(python)
    assert default
    assert settings.index_url == default[1]
    assert (settings.extra_index_urls, settings.trusted_hosts, settings.proxy, settings.cert) == ((), (), None, None)
    assert settings.timeout > 0


def test_certificates_from_the_environment_count_as_they_do_for_pip(
    pip_conf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/bundle.pem")
    assert pip_settings().cert == "/etc/bundle.pem"
    monkeypatch.setenv("PIP_CERT", "/etc/mine.pem")
    assert pip_settings().cert == "/etc/mine.pem"


def test_no_index_means_no_index_url(pip_conf: Path, python: str) -> None:
    pip_conf.write_text("[global]\nno-index = yes\nindex-url = https://never.example/simple\n")
    assert pip_settings(python).index_url is None


def test_a_folder_named_pip_is_not_taken_for_pip(
    pip_conf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pip_conf.write_text("[global]\nindex-url = https://right.example/simple\n")
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__init__.py").write_text("raise SystemExit('wrong pip')")
    monkeypatch.chdir(tmp_path)
    assert pip_settings().index_url == "https://right.example/simple"


def test_a_broken_pip_conf_is_one_sentence(pip_conf: Path, python: str) -> None:
    pip_conf.write_text("index-url = https://me:secret@nowhere.example/simple\n")
    with pytest.raises(PipConfigError, match="cannot say what it is configured for") as caught:
        pip_settings(python)
    assert "secret" not in str(caught.value)
    assert "pip config list" in str(caught.value)


def test_an_interpreter_without_pip_or_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    with pytest.raises(PipConfigError, match="No module named 'pip'"):
        pip_settings(str(tmp_path / "bare/bin/python"))
    with pytest.raises(PipConfigError, match="could not be run"):
        pip_settings(str(tmp_path / "missing"))


@pytest.mark.parametrize(
    ("url", "bare", "credentials"),
    [
        ("https://index.example/simple", "https://index.example/simple", None),
        ("https://me:pa%40ss@index.example:8443/s?q#f", "https://index.example:8443/s?q#f", ("me", "pa@ss")),
        ("https://me:p@ss@index.example", "https://index.example", ("me", "p@ss")),
        ("https://token@index.example/", "https://index.example/", ("token", "")),
        ("https://index.example/me@home/", "https://index.example/me@home/", None),
        ("file:///srv/me@home/", "file:///srv/me@home/", None),
        ("/srv/simple", "/srv/simple", None),
    ],
)
def test_credentials_are_split_off_a_url(url: str, bare: str, credentials: tuple[str, str] | None) -> None:
    assert split_credentials(url) == (bare, credentials)


def test_a_sentence_is_redacted() -> None:
    assert redacted("got https://me:p@ss@a.example/x, ftp://b.example") == "got https://a.example/x, ftp://b.example"


@pytest.mark.slow
def test_credentials_are_found_where_pip_finds_them(
    pip_conf: Path, python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The URL's own, then those of .netrc; a lone user in the URL is a token where nothing else is known.

    Without a keyring pip is asked only if there is a .netrc, and the answer is the same.
    """

    def found(url: str) -> str:
        with_pip = pip_credentials(url, python)
        assert pip_credentials(url, python, keyring=False) == with_pip
        return with_pip

    assert not pip_settings(python).keyring
    assert pip_credentials("https://t@index.example/simple", str(tmp_path / "no python"), keyring=False) == "t"
    assert found("https://index.example/simple") == ""
    assert found("https://t%40ken@index.example/simple") == "t%40ken"
    (tmp_path / ".netrc").write_text("machine index.example login me@home password pa:ss\n")
    (tmp_path / ".netrc").chmod(0o600)
    assert found("https://index.example/simple") == "me%40home:pa%3Ass"
    assert found("https://index.example:8443/simple") == "me%40home:pa%3Ass"
    assert found("https://other.example/simple") == ""
    assert found("https://you:w%2Frd@index.example/simple") == "you:w%2Frd"
    assert found("file:///srv/simple") == ""
    (tmp_path / "elsewhere").write_text("machine index.example login you password word\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "elsewhere"))
    assert found("https://index.example/simple") == "you:word"


@pytest.mark.slow
def test_a_keyring_is_asked_where_pip_is_told_to_use_one(
    pip_conf: Path, python: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = tmp_path / "commands"
    commands.mkdir()
    (commands / "keyring").write_text(
        """#!/bin/sh
        case "$1" in
        get) echo s3cret ;;
        --mode=creds) echo '{"username": "me", "password": "s3cret"}' ;;  # pip 26.3 asks so
        esac
        """
    )
    (commands / "keyring").chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    assert pip_credentials("https://me@index.example/simple", python) == "me"
    pip_conf.write_text("[global]\nkeyring-provider = subprocess\n")
    version = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, text=True, check=True).stdout
    if int(version.split()[1].split(".")[0]) >= 24:  # pip 23.1 made it an option, 23.0 has none
        assert pip_credentials("https://me@index.example/simple", python) == "me:s3cret"
        assert pip_settings(python).keyring
