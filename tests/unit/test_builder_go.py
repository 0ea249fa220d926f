"""Go modules: which go.mod files a build would use, what go's words mean, which address is a module proxy."""

from __future__ import annotations

from pathlib import Path

import pytest
from wheelfleet.admission.classify import classify
from wheelfleet.builder import go, go_modules, prepare
from wheelfleet.builder.fetched import Fetched
from wheelfleet.contract.reasons import Failed, Reason

REQUIRES = "module example.org/demo\n\nrequire example.org/answer v1.2.3\n"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"setup.py": ""}, []),
        ({"go.mod": REQUIRES, "tools/go.mod": REQUIRES}, ["go.mod"]),
        ({"go.mod": "module example.org/demo\n"}, []),
        ({"src/go.mod": REQUIRES, "vendor/x/go.mod": REQUIRES, "tests/go.mod": REQUIRES}, ["src/go.mod"]),
        ({"go.mod": REQUIRES, "vendor/modules.txt": "# example.org/answer v1.2.3\n"}, []),
        ({"a/b/c/d/go.mod": REQUIRES}, []),
        ({"go.mod": "\udcff\udcfe require x"}, ["go.mod"]),
    ],
)
def test_only_go_code_that_requires_modules_has_some_fetched(tmp_path: Path, files: dict[str, str], found: list[str]):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    assert prepare.go_manifests(tmp_path) == found


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("go: example.org/x@v1.0.0: reading http://127.1:1/example.org/x/@v/v1.0.0.mod: 404 Not Found", "refused"),
        ("go: example.org/x@v1.0.0: reading https://p.example/x/@v/v1.0.0.zip: 403 Forbidden", "refused"),
        ("go: example.org/x@v1.0.0: reading https://p.example/x/@v/v1.0.0.zip: 502 Bad Gateway", "transient"),
        ('go: x@v1: Get "https://p.example/x/@v/v1.mod": dial tcp 127.0.0.1:3128: connect: refused', "transient"),
        ("verifying example.org/x@v1.0.0: checksum mismatch", "lasting"),
        ("go: go.mod requires go >= 1.24 (running go 1.19; GOTOOLCHAIN=local)", "lasting"),
        ("", "lasting"),
    ],
)
def test_what_go_says_is_a_matter_of_the_network_the_proxy_or_the_module(line: str, kind: str):
    assert go.explained(["go: downloading example.org/y v1.0.0", line])["kind"] == kind


@pytest.mark.parametrize(
    ("reason", "about", "failure_class"),
    [
        ("modules-unreachable", "dial tcp", "network"),
        ("modules-refused", "404 Not Found", "download-in-build"),
        ("modules-unusable", "checksum mismatch", "build-requirements"),
        ("modules-unusable", "go.mod requires go >= 1.24 (running go 1.19)", "toolchain-too-old"),
        ("modules-misconfigured", None, "builder-fault"),
    ],
)
def test_each_reason_has_its_class(reason: Reason, about: str | None, failure_class: str):
    result = {"phase": "modules", "message": "It failed.", "reason": reason, "about": about}
    assert classify(result, "", "demo").failure_class == failure_class


@pytest.mark.parametrize("url", ["https://proxy.example/", "http://127.1:8080/go"])
def test_a_module_proxy_is_an_address_without_a_password(url: str):
    assert go_modules.checked_proxy(url) == url.rstrip("/")


@pytest.mark.parametrize(
    "url", ["direct", "off", "file:///srv/go", "https://", "https://[::1", "https://a:b@c.example"]
)
def test_any_other_address_is_refused_with_the_variable_to_correct(url: str):
    with pytest.raises(Failed, match="see builder_go_proxy") as error:
        go_modules.checked_proxy(url)
    assert error.value.reason == "modules-misconfigured"
    assert "a:b" not in str(error.value)


def test_crates_and_modules_add_up(tmp_path: Path):
    missing = Failed("No.", "crates-refused")
    both = Fetched({"A": "1"}, (tmp_path,), (("crates", missing),)).also(Fetched({"B": "2"}))
    assert both == Fetched({"A": "1", "B": "2"}, (tmp_path,), (("crates", missing),))
