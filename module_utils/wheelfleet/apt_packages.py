"""Packages of the distribution and the subjects that they provide, as controller and builders name them.

A subject is the kind and the name of a missing thing: a header by its include path, a library by its name for the
linker, a pkg-config module, or a program.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .text import human_size

#: The kinds that can be looked up.
KINDS = ("header", "library", "pkg-config", "tool")
#: Characters of a subject's name; files have no longer ones.
LONGEST_SUBJECT = 100
#: Packages per subject, at most.
MOST_PROVIDERS = 5

_SUBJECT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+./-]*")
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,100}")
_DEVELOPMENT = re.compile(r"-dev(?:-(?:[0-9.]+|bin|compat|tools|all))?$|-headers$")
#: Packages that grant rights, boot or replace the system. They are refused, whatever the permission.
DENIED = re.compile(
    r"(?:sudo|doas|opendoas|policykit-1|polkitd|pkexec|super|passwd|login|util-linux|dpkg|apt|base-files|libc6|init)"
    r"|(?:linux-(?:image|headers)-|grub|systemd|udev|openssh-|raspi-firmware|raspberrypi-|firmware-).*|.*-(?:server|daemon)"
)


class Subject(NamedTuple):
    """A missing thing; `kind` is one of KINDS."""

    kind: str
    name: str


def has_apt(packages: Collection[str] | None) -> bool:
    """Whether a host installs packages with apt, by those that it reports to have."""
    return packages is not None and "apt" in packages


def can_be_looked_up(subject: Subject) -> bool:
    """Whether a package could provide it: its name is no path to elsewhere, no pattern, and not too long."""
    return (
        subject.kind in KINDS
        and len(subject.name) <= LONGEST_SUBJECT
        and _SUBJECT.fullmatch(subject.name) is not None
        and ".." not in subject.name
    )


def is_development(package: str) -> bool:
    """Whether the package is for compiling: headers, libraries to link, pkg-config modules."""
    return _DEVELOPMENT.search(package) is not None


def is_allowed(package: str, kind: str, permission: bool | Sequence[str]) -> bool:
    """Whether the operator's permission covers a package that provides a missing thing of the kind `kind`.

    `permission` True allows development packages, and for programs (`kind` tool) any that is not denied. A list allows
    names that match one of its patterns (`lib*-dev`).
    """
    if not permission or not PACKAGE.fullmatch(package) or DENIED.fullmatch(package):
        return False
    if permission is True:
        return kind == "tool" or is_development(package)
    return any(fnmatch.fnmatchcase(package, pattern) for pattern in permission)


@dataclass(frozen=True)
class Cost:
    """What an installation adds to a host: packages, and bytes on the disk."""

    packages: int
    bytes: int

    def __str__(self) -> str:
        packages = "1 package" if self.packages == 1 else f"{self.packages} packages"
        return f"{packages}, {human_size(self.bytes)}"

    @classmethod
    def read(cls, value: object) -> Cost | None:
        """The cost as a builder says it; None if it has not the form."""
        if not isinstance(value, Mapping):
            return None
        packages, size = value.get("packages"), value.get("bytes")
        if not isinstance(packages, int) or not isinstance(size, int):
            return None
        return cls(packages, size) if 0 <= packages < 1 << 20 and 0 <= size < 1 << 50 else None
