"""Checks untrusted requirements before a program outside the sandbox gets them as lines.

A line of a requirements file may be more than a requirement: an option, a file, a URL, a variable. So uv outside gets
only lines that are certainly a name with versions, extras and markers (PEP 508). Other requirements are installed
inside the sandbox.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_VERSION = r"(?:===|~=|==|!=|<=|>=|<|>) *[A-Za-z0-9][A-Za-z0-9.*+!_-]*"
_PLAIN = re.compile(
    rf" *{_NAME} *(?:\[ *{_NAME}(?: *, *{_NAME})* *\])? *"
    rf"(?:\(? *{_VERSION}(?: *, *{_VERSION})* *,? *\)?)? *(?:;[A-Za-z0-9 ._,\"'()<>=!~+*-]*)?"
)
#: Characters of one requirement, and requirements of one build.
_LONGEST, _MOST = 500, 500
#: A project that is nothing but exact versions of numpy, and such a requirement; a limit of numpy.
_OLDEST_NUMPY = re.compile(r"oldest[-_.]supported[-_.]numpy\s*(?:[=<>!~ ][^;]*)?(;.*)?", re.IGNORECASE)
_OF_NUMPY = re.compile(r"numpy\s*[=<>!~]", re.IGNORECASE)
#: A constraint that begins with the oldest version; a requirement with versions and perhaps a marker.
_AT_LEAST = re.compile(rf"({_NAME})>=")
_WITH_VERSIONS = re.compile(rf"({_NAME})\s*\(?\s*[=<>!~][^;]*(;.*)?")


def are_plain(requirements: Iterable[str]) -> bool:
    """Whether each is a name with versions, extras and markers, and nothing else."""
    listed = list(requirements)
    return len(listed) <= _MOST and all(len(line) <= _LONGEST and _PLAIN.fullmatch(line) for line in listed)


def unpinned(requirements: Iterable[str], constraints: Iterable[str]) -> list[str]:
    """The requirements, without their versions where a constraint asks for newer ones of the same project.

    A constraint of numpy also replaces oldest-supported-numpy, which is nothing but exact versions of it.
    """
    limits = list(constraints)
    newer = {normalized(found[1]) for limit in limits if (found := _AT_LEAST.match(limit))}
    other_numpy = any(_OF_NUMPY.match(limit) for limit in limits)
    lines = []
    for line in requirements:
        oldest, plain = _OLDEST_NUMPY.fullmatch(line.strip()), _WITH_VERSIONS.fullmatch(line.strip())
        if oldest and other_numpy:
            line = f"numpy{oldest[1] or ''}"
        elif plain and normalized(plain[1]) in newer:
            line = f"{plain[1]}{plain[2] or ''}"
        lines.append(line)
    return lines


def normalized(name: str) -> str:
    """A project's name in the normalised form of indexes (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
