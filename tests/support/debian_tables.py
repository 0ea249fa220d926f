"""Writes the tables of Debian's packages that code and pages use, from the lists of this host's mirror:

    python -m tests.support.debian_tables

Nothing is installed: apt reads the lists of each release into a temporary folder, as if for an empty system.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import textwrap
from collections.abc import Collection, Mapping
from pathlib import Path

ROOM = Path(__file__).resolve().parents[2] / "module_utils" / "wheelfleet"
#: Debian's releases with their suites. The time_t of 32-bit ARM changed between these two.
RELEASES = {"12": "bookworm", "13": "trixie"}
#: All installations have these; the last is the Python that wheels are installed with.
BASE = ("?essential", "apt", "python3-venv")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_NOTE = "Made by `python -m tests.support.debian_tables`; do not edit."


class Release:
    """The packages of one release for one architecture."""

    def __init__(self, folder: Path, mirror: str, suite: str, architecture: str) -> None:
        for name in ("lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "etc/sources.list").write_text(f"deb [signed-by={KEYRING}] {mirror} {suite} main\n")
        config = folder / "apt.conf"
        config.write_text(
            f'Dir::State "{folder}"; Dir::State::status "{folder}/status"; Dir::State::lists "{folder}/lists";\n'
            f'Dir::Cache "{folder}/cache"; Dir::Etc "{folder}/etc"; Dir::Etc::sourceparts "-";\n'
            f'APT::Architecture "{architecture}"; APT::Architectures {{ "{architecture}"; }};\n'
            'Acquire::Languages "none";\n'
        )
        self._environment = {**os.environ, "APT_CONFIG": str(config), "LC_ALL": "C"}
        self._said("apt-get", "update")

    def names(self) -> set[str]:
        return set(self._said("apt-cache", "pkgnames").split())

    def base_libraries(self) -> list[str]:
        """The packages of libraries that an installation with Python has."""
        plan = self._said("apt-get", "install", "--simulate", "--no-install-recommends", *BASE)
        installed = re.findall(r"^Inst (\S+)", plan, re.MULTILINE)
        return sorted(
            name for name in installed if re.match(r"lib(?!python|perl|.*-(?:common|bin|perl)$)|zlib1g$", name)
        )

    def _said(self, *command: str) -> str:
        return subprocess.run(command, env=self._environment, check=True, capture_output=True, text=True).stdout


def mirror() -> str:
    """The address of Debian's archive in this host's apt."""
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(REPO_URI)"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return next(line.split()[2] for line in targets.splitlines() if line.startswith("Debian Debian "))


def time64_module(old: Collection[str], new: Collection[str]) -> str:
    """The module of the packages that got another name with the 64-bit time_t."""
    renamed = sorted(name for name in new if re.search(r"t64(?:$|-)", name) and name.replace("t64", "", 1) in old)
    return (
        '"""The packages of Debian 13 that are named for their 64-bit time_t, and what they were called before.\n\n'
        f"{_NOTE}\n"
        '"""\n\n_RENAMED = """\n'
        + _wrapped(renamed)
        + '\n"""\n\n#: The name in Debian 13 by the name before. The library in it has the same file name.\n'
        'TIME64_PACKAGES = {name.replace("t64", "", 1): name for name in _RENAMED.split()}\n'
    )


def preinstalled_module(base: Mapping[str, Collection[str]]) -> str:
    """The module of the packages that installations have."""
    tables = "".join(f'    "debian {release}": """\n{_wrapped(names)}\n""",\n' for release, names in base.items())
    return (
        '"""The packages of libraries that each installation of a release has, since Python, apt or dpkg need them.'
        f"\n\n{_NOTE}\n"
        '"""\n\n_BY_RELEASE = {\n' + tables + "}\n\n#: By ID and VERSION_ID of os-release (`debian 12`).\n"
        "PREINSTALLED = {release: frozenset(names.split()) for release, names in _BY_RELEASE.items()}\n"
    )


def _wrapped(names: Collection[str]) -> str:
    return textwrap.fill(" ".join(names), 118, break_long_words=False, break_on_hyphens=False)


def main() -> None:
    at = mirror()
    with tempfile.TemporaryDirectory() as scratch:
        armhf = {number: Release(Path(scratch, suite), at, suite, "armhf") for number, suite in RELEASES.items()}
        (ROOM / "time64_packages.py").write_text(time64_module(armhf["12"].names(), armhf["13"].names()))
        base = {number: release.base_libraries() for number, release in armhf.items()}
        (ROOM / "admission" / "preinstalled.py").write_text(preinstalled_module(base))


if __name__ == "__main__":
    main()
