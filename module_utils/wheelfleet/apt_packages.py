"""Packages of the distribution, and the subjects that they provide: the names that both ends take.

A subject is the kind of a missing thing and its name: a header as it is included, a library as it is linked, a module
of pkg-config, a program as it is called.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from typing import NamedTuple

#: What can be looked for.
KINDS = ("header", "library", "pkg-config", "tool")
#: Names longer than that, or of other letters, are no file's.
LONGEST_SUBJECT = 100
#: Packages named for a subject, at most.
MOST_OWNERS = 5

_SUBJECT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+./-]*")
PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,100}")
_DEVELOPMENT = re.compile(r"-dev(?:-[0-9.]+)?$|-dev-bin$|-headers$")
#: What gives rights, boots or replaces the system, whatever asks for it.
DENIED = re.compile(
    r"(?:sudo|doas|opendoas|policykit-1|polkitd|pkexec|super|passwd|login|util-linux|dpkg|apt|base-files|libc6|init)"
    r"|(?:linux-(?:image|headers)-|grub|systemd|udev|openssh-|raspi-firmware|raspberrypi-|firmware-).*|.*-(?:server|daemon)"
)


class Subject(NamedTuple):
    """`kind` is one of KINDS."""

    kind: str
    name: str


def is_askable(subject: Subject) -> bool:
    """Whether a distribution could have it: no path that leads elsewhere, no pattern, not too long."""
    return (
        subject.kind in KINDS
        and len(subject.name) <= LONGEST_SUBJECT
        and _SUBJECT.fullmatch(subject.name) is not None
        and ".." not in subject.name
    )


def is_development(package: str) -> bool:
    """Whether the package is there for who compiles: headers, libraries to link, modules of pkg-config."""
    return _DEVELOPMENT.search(package) is not None


def is_allowed(package: str, kind: str, permission: bool | Sequence[str]) -> bool:
    """Whether the operator's permission covers a package that provides something a build missed.

    `permission` True: development packages, and for missing programs (`kind` tool) any that is not denied. A list:
    names that match one of its patterns (`lib*-dev`).
    """
    if not permission or not PACKAGE.fullmatch(package) or DENIED.fullmatch(package):
        return False
    if permission is True:
        return kind == "tool" or is_development(package)
    return any(fnmatch.fnmatchcase(package, pattern) for pattern in permission)
