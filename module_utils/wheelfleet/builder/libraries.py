"""Finds the system packages of the libraries that a wheel needs and does not contain.

Libraries are found as by the loader, in ldconfig's cache. Of several with one name, the one with the right machine and
the needed symbol versions counts. dpkg knows the package of the file.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ..elf import Elf, UnreadableElf, read_elf

_CACHED = re.compile(r"^\t(\S+) \(.*\) => (/.+)$", re.MULTILINE)

#: Present on every Debian, because dpkg and apt need them.
_EVERYWHERE = {"libc6", "libgcc-s1", "libstdc++6", "zlib1g"}


def foreign_libraries(code: Mapping[str, Elf]) -> dict[str, list[Elf]]:
    """The libraries that a wheel's machine code (by path) needs and the wheel does not have, with the code that needs
    each.
    """
    carried = {path.rpartition("/")[2] for path in code} | {elf.soname for elf in code.values()}
    wanted: dict[str, list[Elf]] = {}
    for elf in code.values():
        for name in elf.needed:
            if name not in carried:
                wanted.setdefault(name, []).append(elf)
    return wanted


def packages_of(libraries: Mapping[str, Iterable[Elf]]) -> list[str]:
    """The packages of these libraries, sorted, without those of every Debian. Empty without dpkg."""
    cache = _cached_libraries() if libraries else {}
    found = [file for name, users in libraries.items() if (file := _library(cache.get(name, []), name, users))]
    return sorted(_owners(found) - _EVERYWHERE)


def _library(files: list[Path], name: str, users: Iterable[Elf]) -> Path | None:
    """The first of these files that the loader would use for `name`, which the code in `users` needs."""
    wanted = list(users)
    versions = {version for user in wanted for library, version in user.versions if library == name}
    for file in files:
        try:
            with file.open("rb") as opened:
                elf = read_elf(opened)
        except (OSError, UnreadableElf):
            continue
        if (elf.machine, elf.bits) == (wanted[0].machine, wanted[0].bits) and versions <= elf.defines:
            return file
    return None


def _cached_libraries() -> dict[str, list[Path]]:
    cached: dict[str, list[Path]] = {}
    for name, path in _CACHED.findall(_print("/sbin/ldconfig", "-p")):
        cached.setdefault(name, []).append(Path(path))
    return cached


def _owners(files: list[Path]) -> set[str]:
    """The packages that own these files. For a link, as of an alternative, it is the package of its target."""
    spellings = {spelling: file for file in files for spelling in _spellings(file)}
    if not spellings:
        return set()
    owners: dict[Path, dict[str, str]] = {}
    for line in _print("dpkg-query", "--search", *spellings).splitlines():
        packages, separator, path = line.rpartition(": ")
        if separator and path in spellings and not packages.startswith("diversion "):
            owners.setdefault(spellings[path], {})[path] = packages.split(",")[0].partition(":")[0].strip()
    return {
        next(by_spelling[spelling] for spelling in _spellings(file) if spelling in by_spelling)
        for file, by_spelling in owners.items()
    }


def _spellings(file: Path) -> Iterator[str]:
    """The paths under which dpkg may know a file: its real path or its link's, each with and without /usr."""
    for path in dict.fromkeys((str(file.resolve()), str(file))):
        yield path
        yield path[len("/usr") :] if path.startswith("/usr/lib") else f"/usr{path}"


def _print(*command: str) -> str:
    """What a command says, which may have found a part only; nothing where there is no such command."""
    try:
        ran = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace", check=False
        )
    except OSError:
        return ""
    return ran.stdout
