"""Finds the system packages of the libraries that a wheel needs and does not contain.

Libraries are found as by the loader, in ldconfig's cache. Of several with one name, the one with the right machine and
the needed symbol versions counts. dpkg knows the package of the file.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from ..elf import Elf, UnreadableElf, read_elf
from ..time64_packages import TIME64_PACKAGES

_CACHED = re.compile(r"^\t(\S+) \(.*\) => (/.+)$", re.MULTILINE)

#: Present on every Debian, because dpkg and apt need them.
_EVERYWHERE = {"libc6", "libgcc-s1", "libstdc++6", "zlib1g"}
#: Libraries of the first of these, which nobody replaces. Most wheels need no other, and dpkg takes long to say so.
_OF_LIBC = re.compile(r"(?:ld-linux[\w.-]*|lib(?:c|m|dl|rt|util|pthread))\.so\.\d+")


class SystemLibraries(NamedTuple):
    """What a wheel needs of the system."""

    #: Sorted, without those of every Debian.
    packages: list[str]
    #: The names of libraries that this system has and that no package owns.
    unowned: list[str]


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


def packages_of(libraries: Mapping[str, Iterable[Elf]]) -> SystemLibraries:
    """The packages of these libraries, and the libraries without one. Empty without dpkg."""
    libraries = {name: users for name, users in libraries.items() if not _OF_LIBC.fullmatch(name)}
    cache = _cached_libraries() if libraries else {}
    found = {
        name: file for name, users in libraries.items() if (file := _library(cache.get(name, []), name, list(users)))
    }
    owners = _owners(found.values())
    # Without dpkg none has an owner, and that says nothing.
    unowned = sorted(name for name, file in found.items() if file not in owners) if owners else []
    return SystemLibraries(sorted(set(owners.values()) - _EVERYWHERE), unowned)


def without_time64(patterns: Sequence[str]) -> list[str]:
    """Those of the patterns that mean no library of a package that got another name for its 64-bit time_t.

    On a 32-bit ARM of before, code that uses such a library of the system breaks silently on the next release.
    """
    cache = _cached_libraries() if patterns else {}
    meant = {
        pattern: [file for name in cache if fnmatchcase(name, pattern) for file in cache[name]] for pattern in patterns
    }
    owners = _owners({file for files in meant.values() for file in files})
    return [
        pattern for pattern, files in meant.items() if not any(owners.get(file) in TIME64_PACKAGES for file in files)
    ]


def packages_of_copies(copies: Mapping[str, Elf]) -> dict[str, str]:
    """The packages of library files of this system, by name their versions. Empty without dpkg.

    `copies` are by the names of the files, each with a copy of it.
    """
    folders = dict.fromkeys(path.parent for paths in _cached_libraries().values() for path in paths) if copies else {}
    found = [file for name, elf in copies.items() if (file := _library([f / name for f in folders], name, [elf]))]
    owners = sorted(set(_owners(found).values()))
    if not owners:
        return {}
    said = _print("dpkg-query", "--show", "--showformat=${Package} ${Version}\\n", *owners)
    return dict(line.split(" ", 1) for line in said.splitlines())


def _library(files: list[Path], name: str, wanted: Sequence[Elf]) -> Path | None:
    """The first of these files that the loader would use for `name`, which the code in `wanted` needs."""
    versions = {version for user in wanted for library, version in user.versions if library == name}
    for file in files:
        try:
            with file.open("rb") as opened:
                elf = read_elf(opened, symbols=False)
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


def _owners(files: Iterable[Path]) -> dict[Path, str]:
    """The package of each of these files that one owns. For a link, as of an alternative, it is that of its target."""
    spellings = {spelling: file for file in files for spelling in _spellings(file)}
    if not spellings:
        return {}
    owners: dict[Path, dict[str, str]] = {}
    for line in _print("dpkg-query", "--search", *spellings).splitlines():
        packages, separator, path = line.rpartition(": ")
        if separator and path in spellings and not packages.startswith("diversion "):
            owners.setdefault(spellings[path], {})[path] = packages.split(",")[0].partition(":")[0].strip()
    return {
        file: next(by_spelling[spelling] for spelling in _spellings(file) if spelling in by_spelling)
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
