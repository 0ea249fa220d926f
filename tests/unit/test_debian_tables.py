"""The tables of packages are modules that a command writes."""

from __future__ import annotations

import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from wheelfleet.admission.preinstalled import PREINSTALLED
from wheelfleet.os_release import newest_known, packages_on, release_name

from tests.support import debian_tables


def run(module: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(module, names)
    return names


def test_what_was_renamed_is_known_by_its_name_before() -> None:
    module = debian_tables.time64_module({"libssl3", "libz1", "libcurl3-gnutls"}, {"libssl3t64", "libz1",
                                         "libcurl3t64-gnutls", "libnew1t64", "gcc-mingw-w64-ucrt64"})  # fmt: skip
    assert run(module)["TIME64_PACKAGES"] == {"libssl3": "libssl3t64", "libcurl3-gnutls": "libcurl3t64-gnutls"}


def test_what_is_preinstalled_is_known_by_release() -> None:
    names = [f"libfoo{number}" for number in range(40)]
    module = debian_tables.preinstalled_module({"12": names, "13": ["libbar1"]})
    assert max(map(len, module.splitlines())) <= 120
    assert run(module)["PREINSTALLED"] == {"debian 12": {*names}, "debian 13": {"libbar1"}}


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("apt-cache") is None, reason="needs apt")
def test_the_command_of_the_docs_lists_what_this_system_has() -> None:
    """By the shell, as an operator runs it, on whatever distribution this is."""
    if not subprocess.run(["apt-cache", "show", "python3-venv"], capture_output=True, check=False).stdout:
        pytest.skip("apt has no lists here; apt-get update")
    page = (Path(__file__).resolve().parents[2] / "docs/reference/wheel-checks.md").read_text()
    command = page.split("```sh\n")[1].partition("```")[0]
    said = subprocess.run(["sh", "-c", command], capture_output=True, check=True, text=True).stdout
    (listed,) = yaml.safe_load(said).items()
    assert listed[0] == "builder_preinstalled_packages"
    assert {"libc6", "libgcc-s1"} <= {*listed[1]}
    system = platform.freedesktop_os_release()
    release = release_name({"id": system["ID"], "version": system.get("VERSION_ID")})
    assert PREINSTALLED.get(release, set()) <= {*listed[1]}


@pytest.mark.parametrize(
    ("release", "names"),
    [
        ("debian 12", ("libssl3", "zlib1g", "libfoo1t64")),
        ("debian 13", ("libssl3t64", "zlib1g", "libfoo1t64")),
        ("debian 14", ("libssl3t64", "zlib1g", "libfoo1t64")),
        ("ubuntu 22.04", ("libssl3", "zlib1g", "libfoo1t64")),
        ("ubuntu 24.04", ("libssl3t64", "zlib1g", "libfoo1t64")),
        ("debian forky", ("libssl3t64", "zlib1g", "libfoo1t64")),
        ("fedora 42", None),
        ("arch", None),
    ],
)
def test_packages_have_the_names_of_the_release(release: str, names: tuple[str, ...] | None) -> None:
    for own in ("libssl3", "libssl3t64"):
        assert packages_on(release, [own, "zlib1g", "libfoo1t64"]) == names


def test_what_is_not_released_yet_is_like_the_newest_release() -> None:
    """Debian testing has a code name and no number."""
    known = ["debian 9", "debian 13", "ubuntu 24.04"]
    assert newest_known("debian forky", known) == "debian 13"
    assert newest_known("debian 9", known) == "debian 9"
    assert newest_known("debian 14", known) == "debian 14"
    assert newest_known("fedora rawhide", known) == "fedora rawhide"
    assert newest_known("", known) == ""


def test_raspberry_pi_os_has_debians_packages() -> None:
    assert release_name({"id": "raspbian", "version": "13"}) == release_name({"id": "debian", "version": "13"})
    assert release_name({"id": "arch", "version": None}) == ""
