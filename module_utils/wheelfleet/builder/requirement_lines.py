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


def are_plain(requirements: Iterable[str]) -> bool:
    """Whether each is a name with versions, extras and markers, and nothing else."""
    listed = list(requirements)
    return len(listed) <= _MOST and all(len(line) <= _LONGEST and _PLAIN.fullmatch(line) for line in listed)


def unpinned(requirements: Iterable[str], constraints: Iterable[str]) -> list[str]:
    """The requirements with numpy for oldest-supported-numpy, if a constraint says which numpy is meant instead."""
    if not any(_OF_NUMPY.match(constraint) for constraint in constraints):
        return list(requirements)
    found = ((line, _OLDEST_NUMPY.fullmatch(line.strip())) for line in requirements)
    return [f"numpy{oldest[1] or ''}" if oldest else line for line, oldest in found]


def normalized(name: str) -> str:
    """A project's name in the normalised form of indexes (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
