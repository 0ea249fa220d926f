"""Crates: which manifests a build would give to cargo, what an index says, and what cargo's words mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from wheelfleet import crate_index
from wheelfleet.admission.classify import classify
from wheelfleet.builder import cargo, crates, prepare

from tests.support.rust import cargo_here, cargo_version

# ---------------------------------------------------------------------------------------------------- manifests


def tree(folder: Path, *files: str, pyproject: str | None = None) -> Path:
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    if pyproject is not None:
        (folder / "pyproject.toml").write_text(pyproject)
    return folder


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (["setup.py", "src/demo.c"], []),
        (["Cargo.toml", "other/Cargo.toml"], ["Cargo.toml"]),
        (["rust/Cargo.toml", "rust/inner/Cargo.toml"], ["rust/Cargo.toml"]),
        (["src/rust/Cargo.toml", "tests/data/Cargo.toml", "vendor/tiny/Cargo.toml"], ["src/rust/Cargo.toml"]),
        (["b/Cargo.toml", "a/Cargo.toml", ".git/Cargo.toml"], ["a/Cargo.toml", "b/Cargo.toml"]),
        (["a/b/c/Cargo.toml", "e/f/g/h/Cargo.toml"], ["a/b/c/Cargo.toml"]),
        ([f"{letter}/Cargo.toml" for letter in "abcdefghijkl"], [f"{letter}/Cargo.toml" for letter in "abcdefgh"]),
    ],
)
def test_manifests_are_found_at_the_root_or_not_deep_below(tmp_path: Path, files: list[str], found: list[str]) -> None:
    assert prepare.cargo_manifests(tree(tmp_path, *files)) == found


@pytest.mark.parametrize(
    ("pyproject", "found"),
    [
        ('[tool.maturin]\nmanifest-path = "py/Cargo.toml"\n', ["py/Cargo.toml"]),
        ('[tool.maturin]\nmanifest-path = "./py/../py/Cargo.toml"\n', ["Cargo.toml"]),
        ('[tool.maturin]\nmanifest-path = "/etc/Cargo.toml"\n', ["Cargo.toml"]),
        ('[tool.maturin]\nmanifest-path = "nowhere/Cargo.toml"\n', ["Cargo.toml"]),
        ('[tool.maturin]\nmanifest-path = 3\n[build-system]\nrequires = ["setuptools-rust"]', ["Cargo.toml"]),
        (
            '[[tool.setuptools-rust.ext-modules]]\ntarget = "a"\npath = "py/Cargo.toml"\n'
            '[[tool.setuptools-rust.bins]]\ntarget = "b"\n',
            ["py/Cargo.toml", "Cargo.toml"],
        ),
        ('[tool]\nsetuptools-rust = "?"\nmaturin = []\n', ["Cargo.toml"]),
    ],
)
def test_manifests_that_pyproject_names_go_before_others(tmp_path: Path, pyproject: str, found: list[str]) -> None:
    assert prepare.cargo_manifests(tree(tmp_path, "Cargo.toml", "py/Cargo.toml", pyproject=pyproject)) == found


# -------------------------------------------------------------------------------------------------------- index


@pytest.mark.parametrize("url", ["https://crates.example/index", "sparse+https://crates.example/index/"])
def test_an_index_is_named_with_or_without_cargos_prefix(url: str) -> None:
    assert crate_index.checked_index(url) == "https://crates.example/index/"


@pytest.mark.parametrize(
    "url", ["ftp://crates.example/", "crates.example", "file:///srv/crates", "https://u:secret@x/"]
)
def test_what_is_no_index_for_builds_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(crate_index.NoIndex, match="see builder_crates_index") as error:
        crate_index.checked_index(url)
    assert "secret" not in str(error.value)


def test_the_server_for_downloads_is_the_one_that_the_index_names() -> None:
    for path in ("/crates", "", "/api/{crate}/{prefix}?x={sha256-checksum}"):
        assert crate_index.downloads_of(json.dumps({"dl": f"https://dl.example:8443{path}"}).encode()) == (
            "https://dl.example:8443/"
        )


@pytest.mark.parametrize(
    "config",
    [
        *(b"", b"<html>", b"[]", b"{}", b'{"dl": 3}', b'{"dl": "ftp://dl.example/"}', b'{"dl": "https://{crate}.x/"}'),
        *(b'{"dl": "https://u:p@dl.example/"}', b'{"dl": "https://dl.example:port/"}', b'{"dl": "https://[/"}'),
    ],
)
def test_what_is_no_configuration_of_an_index_is_refused(config: bytes) -> None:
    with pytest.raises(ValueError):
        crate_index.downloads_of(config)


@pytest.mark.parametrize(("version", "old"), [("0.66", True), ("1.67", True), ("1.68", False), ("1.100", False)])
def test_cargo_is_old_before_1_68(version: str, old: bool) -> None:
    assert (crates.numbers(version) < (1, 68)) is old


@pytest.mark.skipif(cargo_here() is None, reason="this machine has no cargo; install it")
def test_cargos_own_index_is_learned_from_cargo_without_reaching_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", f"{Path(cargo_here() or '').parent}:/usr/bin:/bin")
    assert cargo.main(["index", str(tmp_path)]) == 0
    url = json.loads((tmp_path / "crates.json").read_bytes())["index"]
    if cargo_version() < (1, 68):
        # Its own is a git repository.
        assert url is None
    else:
        assert crate_index.checked_index(url) == url


# -------------------------------------------------------------------------------------------------- cargo's words

UNREACHED = """error: failed to get `tiny` as a dependency of package `demo v0.1.0 (/build/source/demo-1)`

Caused by:
  download of config.json failed

Caused by:
  failed to download from `https://crates.example/index/config.json`

Caused by:
  [7] Could not connect to server (Failed to connect to 127.0.0.1 port 9 after 0 ms: Could not connect to server)"""


#: What cargo 1.96 notes before an error that does not name the address.
UNREACHED_1_96 = '   0.0493s DEBUG main:exec:resolve: network::fetch: url="https://crates.example/index/config.json"'


def test_what_cargo_did_not_reach_tells_its_index() -> None:
    assert cargo.own_index(UNREACHED) == "https://crates.example/index/"
    assert cargo.own_index(UNREACHED_1_96) == "https://crates.example/index/"
    assert cargo.own_index("error: no matching package named `any` found") is None


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        (UNREACHED, "transient", "failed to get `tiny` as a dependency"),
        (
            "error: failed to download from `http://x/a`\n\nCaused by:\n  failed to get successful HTTP response from "
            "`http://x/a` (x), got 503\n  body:\n  no",
            "transient",
            "got 503)",
        ),
        (
            "error: failed to download from `http://x/a`\n\nCaused by:\n  failed to get successful HTTP response from "
            "`http://x/a` (x), got 404\n  body:\n",
            "lasting",
            "got 404)",
        ),
        (
            "error: failed to download from `https://x/a`\n\nCaused by:\n  [56] Recv failure (CONNECT tunnel failed, "
            "response 403)",
            "refused",
            "response 403",
        ),
        (
            "error: failed to get `tiny` as a dependency of package `demo`\n\nCaused by:\n  failed to load source for "
            "dependency `tiny`\n\nCaused by:\n  unable to update https://x/tiny.git\n\nCaused by:\n  invalid version 0 "
            "on git_proxy_options; class=Invalid (3)",
            "refused",
            "git_proxy_options",
        ),
        (
            "error: failed to get `tiny` as a dependency of package `demo`\n\nCaused by:\n  failed to load source for "
            "dependency `tiny`\n\nCaused by:\n  unable to update registry `http://x/`\n\nCaused by:\n  early EOF",
            "transient",
            "early EOF",
        ),
        (
            'error: failed to select a version for the requirement `yank = "^1"`\n  version 1.0.0 is yanked\n'
            "location searched: crates.io index\nrequired by package `demo`",
            "lasting",
            'requirement `yank = "^1"` (version 1.0.0 is yanked)',
        ),
        (
            "error: no matching package named `a` found\nlocation searched: x",
            "lasting",
            "no matching package named `a`",
        ),
        ("error: cargo ended with 101", "lasting", "cargo ended with 101"),
        ("error: " + "long " * 1000, "lasting", "long"),
    ],
)
def test_cargos_error_is_one_line_and_of_a_kind(text: str, kind: str, said: str) -> None:
    found = cargo.explained(text.split("\n"))
    assert found["kind"] == kind
    assert said in found["said"]
    assert len(found["said"]) <= 400
    assert "\n" not in found["said"]


@pytest.mark.parametrize(
    ("reason", "about", "name"),
    [
        ("cargo-too-old", None, "toolchain-too-old"),
        ("crates-unreachable", None, "network"),
        ("crates-unusable", "no matching package named `x` found", "build-requirements"),
        ("crates-unusable", "lock file version 4 requires `-Znext-lockfile-bump`", "toolchain-too-old"),
        ("crates-refused", "failed to get `x` (403)", "download-in-build"),
        ("crates-misconfigured", None, "builder-fault"),
        ("builder-failed", None, "builder-fault"),
    ],
)
def test_failures_of_the_phase_have_their_class(reason: str, about: str | None, name: str) -> None:
    result = {"phase": "crates", "message": "The crates are not there.", "reason": reason, "about": about}
    found = classify(result, "", "demo")
    assert (found.failure_class, found.sentence) == (name, "The crates are not there.")
