"""What the newest wheel's METADATA says of its project: links, licence, Pythons, people and dependencies.

The text is a stranger's. Each field has a limit of lines and characters, links are http(s) alone, and no address of a
person is kept. Source: the core metadata specification; PEP 639 (licence), PEP 753 (the labels of links).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from email.message import Message
from email.parser import HeaderParser
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ...text import plain
from ..listing import is_on_the_web

#: Characters of METADATA that are read, of a value, of an address, and of a summary (PyPI's limit).
_MOST_READ, _LONGEST, _LONGEST_URL, _LONGEST_SUMMARY = 1 << 18, 120, 500, 512
#: Links, people and dependencies that are kept.
_MOST_LINKS, _MOST_PEOPLE, _MOST_DEPENDENCIES = 20, 5, 200

#: The labels of PEP 753, normalised, and what a page calls them, in its order.
_WELL_KNOWN = {
    "homepage": "Home page",
    "documentation": "Documentation",
    "source": "Source",
    "issues": "Issues",
    "changelog": "Changelog",
}
_ALIASES = {
    "home": "homepage", "website": "homepage", "docs": "documentation", "repository": "source", "sourcecode": "source",
    "code": "source", "github": "source", "gitlab": "source", "issue": "issues", "tracker": "issues",
    "bugs": "issues", "issuetracker": "issues", "bugtracker": "issues", "bugreports": "issues",
    "changes": "changelog", "whatsnew": "changelog", "history": "changelog", "releasenotes": "changelog",
}  # fmt: skip
#: What markers are tried for: the minor versions that wheels are built for, processors and implementations.
_PYTHONS = range(9, 16)
_MACHINES = ("aarch64", "armv7l", "armv6l", "x86_64", "i686", "riscv64")
_IMPLEMENTATIONS = ("CPython", "PyPy")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LICENSES = "License :: "


class Link(NamedTuple):
    """A link of the project's own; `known` is the page's word for it, None where it is none of the well-known ones."""

    label: str
    url: str
    known: str | None


class Dependency(NamedTuple):
    """What an installation takes, too. `versions` and `marker` (PEP 508) may be empty; `is_extra`: an extra decides."""

    name: str
    versions: str
    marker: str
    is_extra: bool
    #: Whether the marker can hold on Linux.
    on_linux: bool = True


class About(NamedTuple):
    """What a wheel says of its project; empty where it does not say. `people` are names of authors and maintainers."""

    version: str
    summary: str = ""
    license: str = ""
    requires_python: str = ""
    people: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()
    dependencies: tuple[Dependency, ...] = ()

    @property
    def known_links(self) -> tuple[Link, ...]:
        """One link for each of the well-known labels, in the order of a page."""
        first = {link.known: link for link in reversed(self.links) if link.known}
        return tuple(first[known] for known in _WELL_KNOWN.values() if known in first)

    @property
    def needed(self) -> tuple[Dependency, ...]:
        """The dependencies on Linux that need no extra, each project once."""
        return tuple({each.name: each for each in self.dependencies if each.on_linux and not each.is_extra}.values())

    @property
    def says_anything(self) -> bool:
        """Whether there is more than the summary."""
        return any((self.license, self.requires_python, self.people, self.known_links, self.needed))


def read_about(metadata: bytes, version: str) -> About:
    """What the METADATA of this version's wheel says. Only its headers are read: a description may be long."""
    head = metadata[:_MOST_READ].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    header = HeaderParser().parsestr(head.decode("utf-8", "replace"))
    return About(
        version,
        _line(header["Summary"], _LONGEST_SUMMARY),
        _license(header),
        _line(header["Requires-Python"]),
        tuple(dict.fromkeys(_people(header)))[:_MOST_PEOPLE],
        tuple(_links(header))[:_MOST_LINKS],
        tuple(_dependencies(_all(header, "Requires-Dist", _MOST_DEPENDENCIES))),
    )


def _line(value: object, longest: int = _LONGEST) -> str:
    text = plain(" ".join(str(value or "").split()), longest)
    # What old tools write where nothing was said.
    return "" if text == "UNKNOWN" else text


def _all(header: Message, name: str, most: int) -> list[str]:
    return [str(value) for value in header.get_all(name, [])[:most]]


def _license(header: Message) -> str:
    """The expression (PEP 639), else a short text, else the classifier: many a License field has the whole licence."""
    if expression := _line(header["License-Expression"]):
        return expression
    text = str(header["License"] or "").strip()
    if len(text) <= _LONGEST and "\n" not in text and (line := _line(text)):
        return line
    named = (_line(value) for value in _all(header, "Classifier", 200) if value.startswith(_LICENSES))
    return ", ".join([value.rpartition(" :: ")[2] for value in named][:3])


def _people(header: Message) -> Iterator[str]:
    """Names alone: addresses are for those who read METADATA itself."""
    for field in ("Author", "Maintainer"):
        name = _line(header[field])
        if name and "@" not in name:
            yield name
        for part in str(header[f"{field}-email"] or "")[:1000].split(","):
            name, _, address = part.partition("<")
            if address and (shown := _line(name.strip().strip('"'))) and "@" not in shown:
                yield shown


def _links(header: Message) -> Iterator[Link]:
    said = [("Homepage", str(header["Home-page"] or ""))]
    for line in _all(header, "Project-URL", _MOST_LINKS):
        label, _, url = line.partition(",")
        said.append((label, url))
    for label, url in said:
        url = url.strip()
        if len(url) <= _LONGEST_URL and url.isprintable() and not re.search(r"\s", url) and is_on_the_web(url):
            # PEP 753: without punctuation and spaces, in lower case.
            normal = re.sub(r"[\W_]+", "", label).lower()
            yield Link(_line(label), url, _WELL_KNOWN.get(_ALIASES.get(normal, normal)))


def _dependencies(lines: Iterable[str]) -> Iterator[Dependency]:
    for line in lines:
        if len(line) <= _LONGEST_URL and (dependency := _dependency(" ".join(line.split()))):
            yield dependency


@lru_cache(maxsize=65536)
def _dependency(line: str) -> Dependency | None:
    """A line of Requires-Dist; None if it is no requirement. Many projects have the same."""
    try:
        required = Requirement(line)
    except InvalidRequirement:
        return None
    name = canonicalize_name(required.name)
    if len(name) > _LONGEST or not _NAME.fullmatch(name):
        return None
    marker = str(required.marker or "")
    on_linux = required.marker is None or _may_hold(required.marker)
    # An extra decides wherever a marker names one: without it the comparison is false.
    return Dependency(
        name, _line(str(required.specifier)), _line(marker), bool(re.search(r"\bextra\b", marker)), on_linux
    )


def _may_hold(marker: Marker) -> bool:
    """Whether a marker holds for any machine, Python and implementation; nothing of this machine decides."""
    text = str(marker)
    machines = _MACHINES if "platform_machine" in text else _MACHINES[:1]
    implementations = _IMPLEMENTATIONS if "implementation" in text else _IMPLEMENTATIONS[:1]
    for machine, implementation, minor in product(machines, implementations, _PYTHONS):
        environment = {
            "os_name": "posix", "sys_platform": "linux", "platform_system": "Linux", "platform_machine": machine,
            "platform_release": "", "platform_version": "", "extra": "",
            "implementation_name": implementation.lower(), "platform_python_implementation": implementation,
            "implementation_version": f"3.{minor}.0", "python_full_version": f"3.{minor}.0",
            "python_version": f"3.{minor}",
        }  # fmt: skip
        try:
            if marker.evaluate(environment):
                return True
        except ValueError:
            # What cannot be compared may hold.
            return True
    return False
