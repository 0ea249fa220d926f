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


def are_plain(requirements: Iterable[str]) -> bool:
    """Whether each is a name with versions, extras and markers, and nothing else."""
    listed = list(requirements)
    return len(listed) <= _MOST and all(len(line) <= _LONGEST and _PLAIN.fullmatch(line) for line in listed)


def normalized(name: str) -> str:
    """A project's name in the normalised form of indexes (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
