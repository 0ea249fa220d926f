"""Finds the Debian package that provides a missing file, by the file's path in the distribution's contents index.

A subject (see `apt_packages`) is for instance a header as it is included. Many packages have a file of that name. The
right one has it where a compiler searches by default, or else in a folder that the subject names.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..apt_packages import MOST_PROVIDERS, PACKAGE, Subject, can_be_looked_up, is_development
from .apt_contents import matching_lines
from .apt_names import OTHER_NAMES, OTHER_TOOLS, PREFERRED

_CONFIG_PROGRAM = re.compile(r"[-_]config$")
_TRIPLET = r"(?:[a-z0-9_]+-linux-gnu[a-z0-9_]*/)?"
#: Packages whose files do not help a build on this host: headers of other machines, debug symbols, documentation.
_NO_PROVIDER = re.compile(
    r"-(?:cross|dbg|dbgsym|doc|docs|examples|source|udeb)$|mingw|^(?:linux-headers-|emscripten|avr-)"
)


@dataclass(frozen=True)
class _Place:
    """A file that may be the right one; `depth` is 0 where tools search by default, and else grows with its depth."""

    package: str
    depth: int
    #: Index of the subject's spelling that matched; 0 is its own.
    spelling: int


def find_providers(index: Path, subjects: Iterable[Subject]) -> dict[Subject, list[str]]:
    """The packages that provide each subject, best first, at most MOST_PROVIDERS; an empty list without one.

    All subjects are searched in one pass over the lists in the folder `index`, which `apt_contents.refresh` makes.
    """
    asked = [subject for subject in dict.fromkeys(subjects) if can_be_looked_up(subject)]
    looks = {subject: list(_spellings(subject)) for subject in asked}
    places: dict[Subject, list[_Place]] = {subject: [] for subject in asked}
    by_file: dict[str, list[tuple[Subject, int, _Look]]] = {}
    for subject, spellings in looks.items():
        for number, look in enumerate(spellings):
            by_file.setdefault(look.ending.rpartition("/")[2], []).append((subject, number, look))
    needles = {needle for spellings in looks.values() for look in spellings for needle in look.needles()}
    for path, packages in matching_lines(index, needles):
        file = path.rpartition("/")[2]
        for known in {file, file.rstrip("0123456789.")}:
            for subject, number, look in by_file.get(known, ()):
                depth = look.depth(path)
                if depth is not None:
                    places[subject] += [_Place(p, depth, number) for p in packages if _may_provide(p)]
    ranked = {subject: _ranked(subject, found) for subject, found in places.items()}
    defaults = default_packages({p for groups in ranked.values() for group in groups[:1] for p in group})
    return {subject: _choose(groups, defaults) for subject, groups in ranked.items()}


@dataclass(frozen=True)
class _Look:
    """Files whose path ends in `ending`, or in that and a version. Those that match `near` have depth 0."""

    ending: str
    near: re.Pattern[str]
    far: re.Pattern[str]
    versioned: bool = False

    def needles(self) -> list[str]:
        """Strings that the index lines of such files contain."""
        return [self.ending] if self.versioned else [f"{self.ending}{gap}" for gap in " \t"]

    def depth(self, path: str) -> int | None:
        if self.near.fullmatch(path):
            return 0
        match = self.far.fullmatch(path)
        return 1 + next(between for between in match.groups() if between).count("/") if match else None


def _header(name: str, alone: bool = False) -> _Look:
    """A header by the name it is included by; `alone` only where compilers search by themselves."""
    quoted = re.escape(name)
    near = re.compile(rf"usr/include/{_TRIPLET}{quoted}")
    if alone:
        return _Look(f"/{name}", near, re.compile(r"(?!)"))
    return _Look(
        f"/{name}",
        near,
        # usr/include/libxml2/NAME, or pkg-config's folders elsewhere: usr/lib/TRIPLET/openmpi/include/NAME.
        re.compile(
            rf"usr/(?:include/{_TRIPLET}((?:[^/]+/)*?[^/]+)"
            rf"|lib/{_TRIPLET}((?:[^/]+/)*?[^/]+)/include)/{quoted}"
        ),
    )


def _file(path: str) -> _Look:
    """A file by its whole path, without the leading slash."""
    return _Look(f"/{path.rpartition('/')[2]}", re.compile(re.escape(path)), re.compile(r"(?!)"))


def _library(name: str) -> _Look:
    quoted = re.escape(name)
    return _Look(
        f"/lib{name}.so",
        re.compile(rf"usr/lib/{_TRIPLET}lib{quoted}\.so"),
        re.compile(rf"usr/lib/{_TRIPLET}([^/]+)/lib{quoted}\.so"),
    )


def _module(name: str) -> _Look:
    quoted = re.escape(name)
    return _Look(
        f"/{name}.pc",
        re.compile(rf"usr/(?:lib/{_TRIPLET}|share/)pkgconfig/{quoted}\.pc"),
        re.compile(rf"usr/lib/{_TRIPLET}([^/]+(?:/[^/]+)?)/pkgconfig/{quoted}\.pc"),
    )


def _program(name: str, versioned: bool = False) -> _Look:
    """`versioned` finds a program whose plain name is an alternative: then packages have only its versioned names."""
    quoted = re.escape(name) + (r"-[0-9.]+" if versioned else "")
    return _Look(
        f"bin/{name}-" if versioned else f"/{name}",
        re.compile(rf"(?:usr/)?s?bin/{quoted}"),
        re.compile(rf"usr/lib/((?:[^/]+/)*[^/]+)/bin/{quoted}"),
        versioned,
    )


def _spellings(subject: Subject) -> Iterator[_Look]:
    """The files to search for, the most certain first."""
    kind, name = subject
    if kind == "tool":
        kind, name = OTHER_TOOLS.get(name.lower(), (kind, name))
    elif kind != "header":
        kind, name = OTHER_NAMES.get(name.lower(), (kind, name))
        if name.endswith(("-config", "_config")):
            kind = "tool"
    if kind == "header" and name.startswith("usr/"):
        yield _file(name)
    elif kind == "header":
        yield _header(name)
        if "/" in name:
            # A build that watches saw its include folder too: /usr/include/SDL/porttime.h, for porttime.h.
            yield _header(name.rpartition("/")[2], alone=True)
    elif kind == "tool":
        yield _program(name)
        yield _program(name, versioned=True)
        stem = _CONFIG_PROGRAM.sub("", name)
        if stem != name:
            # Distributions dropped many of them: freetype-config is the pkg-config module freetype2.
            for each in dict.fromkeys((stem, f"lib{stem}", f"{stem}2")):
                yield _module(each)
    else:
        # A build may name a library by its file or by its pkg-config module, with or without "lib".
        plain = name[3:] if name.startswith("lib") and len(name) > 3 else name
        names = list(dict.fromkeys((name, plain, name.lower(), plain.lower())))
        for first, second in ((_module, _library),) if kind == "pkg-config" else ((_library, _module),):
            for each in names:
                yield first(each)
                yield second(each)
            yield _module(f"lib{names[-1]}")


def _may_provide(package: str) -> bool:
    return PACKAGE.fullmatch(package) is not None and not _NO_PROVIDER.search(package)


def _ranked(subject: Subject, places: Sequence[_Place]) -> list[list[str]]:
    """The packages in groups of equal rank, best group first, sorted within each."""
    stem = re.sub(r"[^a-z0-9]", "", subject.name.rpartition("/")[2].partition(".")[0].lower())
    keys: dict[str, tuple[bool, int, bool, bool, int]] = {}
    for place in places:
        package = place.package
        named = bool(stem) and stem in re.sub(r"[^a-z0-9]", "", package)
        aside = subject.kind != "tool" and not is_development(package)
        key = (aside, place.spelling, place.depth > 0, place.depth > 0 and not named, place.depth)
        keys[package] = min(key, keys.get(package, key))
    groups: dict[tuple[bool, int, bool, bool, int], list[str]] = {}
    for package in sorted(keys, key=_shortest_and_newest):
        groups.setdefault(keys[package], []).append(package)
    return [groups[key] for key in sorted(groups)]


def _shortest_and_newest(package: str) -> tuple[int, list[int], str]:
    """Sort key: a library before its extensions, the newest of several versions first."""
    versions = [-int(number) for number in re.findall(r"[0-9]{1,9}", package)]
    return len(re.sub(r"[0-9.-]", "", package)), versions, package


def _choose(groups: Sequence[Sequence[str]], defaults: Mapping[str, str | None]) -> list[str]:
    """All packages in order. The default of a group comes first, by its unversioned name if it has one."""
    chosen: list[str] = []
    for group in groups:
        names = [(defaults.get(package) or package, package) for package in group]
        names.sort(key=lambda pair: (pair[0] not in PREFERRED, pair[1] not in defaults))
        chosen += [lasting for lasting, _ in names]
    return list(dict.fromkeys(chosen))[:MOST_PROVIDERS]


def default_packages(packages: Iterable[str]) -> dict[str, str | None]:
    """The distribution's defaults among `packages`, each with its unversioned name: libboost-dev for libboost1.74-dev.

    A default is a dependency of a package of the same name without a version or variant (the unversioned name), or of
    one
    called default, such as `mpi-default-dev` (then None). Empty if apt is not available.
    """
    names = sorted(packages)
    if not names:
        return {}
    defaults: dict[str, str | None] = {}
    for package, needed_by in _reverse_depends(names).items():
        for other in needed_by:
            if _shortens(other, package):
                defaults[package] = other
            elif re.search(r"(?:^|-)default-", other):
                defaults.setdefault(package, None)
    lasting = {name for name in defaults.values() if name}
    gone = lasting & _transitional(lasting)
    return {package: None if name in gone else name for package, name in defaults.items()}


def _shortens(name: str, package: str) -> bool:
    """Whether `name` is `package` without a version or variant, as libjpeg-dev is of libjpeg62-turbo-dev."""
    if len(name) >= len(package) or not name.endswith("-dev"):
        return False
    head = name[: -len("-dev")]
    rest = package[len(head) : -len("-dev")]
    return package.endswith("-dev") and package.startswith(head) and bool(re.match(r"[0-9-]", rest))


def _reverse_depends(names: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    weak = (f"--no-{each}" for each in ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances"))
    current: list[str] = []
    for line in _apt_cache(["rdepends", *weak, *names]).splitlines():
        if not line.startswith((" ", "|", "Reverse")):
            current = found.setdefault(line.strip(), [])
        elif line.startswith("  "):
            # One alternative of several ("|") is no default.
            current.append(line.strip())
    return found


def _transitional(names: Iterable[str]) -> set[str]:
    """The transitional packages among them, which exist only for their old name."""
    said = _apt_cache(["show", "--no-all-versions", *sorted(names)])
    return {
        match[1]
        for record in said.split("\n\n")
        if (match := re.search(r"^Package: (\S+)", record, re.MULTILINE))
        and re.search(r"^(?:Section: (?:\w+/)?oldlibs$|Description.*: transitional)", record, re.MULTILINE)
    }


def _apt_cache(arguments: Sequence[str]) -> str:
    try:
        answer = subprocess.run(
            ["apt-cache", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return answer.stdout.decode("utf-8", "replace")
