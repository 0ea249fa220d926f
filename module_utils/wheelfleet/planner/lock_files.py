"""Lock files as scope (PEP 751: pylock.toml): each release of an index that the file locks becomes a line with a pin.

pip resolves these lines on a builder, as those of a requirements file, so markers count for each target. Extras and
dependency groups mean something in lock files alone: what a plain installation of the file leaves out is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import chain, repeat
from pathlib import Path

import tomllib
from packaging.markers import Marker
from packaging.pylock import Package, Pylock, PylockUnsupportedVersionError, PylockValidationError

from .requirements_files import Line, RequirementsFile
from .scope import BadScope

#: A comparison that only lock files have: "docs" in extras, "test" not in dependency_groups.
_CHOICE = re.compile(r"""(["'])(?P<name>[^"']*)\1\s+(?P<absent>not\s+)?in\s+(?P<kind>extras|dependency_groups)""")
#: Comparisons with the same meaning everywhere.
_ALWAYS, _NEVER = 'python_version >= "0"', 'python_version < "0"'
_PACKAGE = re.compile(r"^\s*\[\[\s*packages\s*\]\]", re.MULTILINE)


def read_lock_file(path: str) -> RequirementsFile:
    """Read a lock file. Raises BadScope if it cannot be read, or is none of version 1."""
    try:
        text = Path(path).read_bytes().decode()
        lock = Pylock.from_dict(tomllib.loads(text))
    except PylockUnsupportedVersionError as error:
        raise BadScope(f"controller_requirements names {path}, but {error}; lock again as version 1.0.") from None
    except (OSError, ValueError, PylockValidationError) as error:
        raise BadScope(
            f"controller_requirements names {path}, which is no lock file that can be read ({error}); "
            "correct the name, or lock again."
        ) from None
    # tomllib knows no line numbers; packages that are written in another way have none.
    numbers = chain((text.count("\n", 0, found.end()) + 1 for found in _PACKAGE.finditer(text)), repeat(None))
    lines: list[Line] = []
    problems: list[Line] = []
    ignored: list[Line] = []
    for package, number in zip(lock.packages, numbers):
        requirement = f"{package.name}=={package.version}" if package.version else package.name
        if why := _no_release(package):
            problems.append(Line(requirement, path, number, why))
            continue
        marker = _for_a_plain_installation(package.marker, lock.default_groups or ())
        if marker == _NEVER:
            why = "a plain installation of the lock file leaves it out"
            ignored.append(Line(requirement, path, number, why))
        else:
            lines.append(Line(requirement + (f" ; {marker}" if marker else ""), path, number))
    return RequirementsFile(path, tuple(lines), problems=tuple(problems), ignored=tuple(ignored))


def _no_release(package: Package) -> str:
    """Why a package is no release of an index, as a clause; empty if it is one."""
    if package.vcs or package.directory:
        return "it is a folder or a repository, and no release of the index"
    if package.archive or package.version is None:
        return "it is a URL or a file, and no release of the index"
    return ""


def _for_a_plain_installation(marker: Marker | None, groups: Sequence[str]) -> str:
    """The marker without extras, and with these dependency groups; empty or _NEVER if nothing else is asked."""
    if marker is None:
        return ""

    def settled(found: re.Match[str]) -> str:
        chosen = found["kind"] == "dependency_groups" and found["name"] in groups
        return _ALWAYS if chosen is not bool(found["absent"]) else _NEVER

    text = _CHOICE.sub(settled, str(marker))
    if text == str(marker):
        return text
    asked = {each for each in re.split(r"\s+(?:and|or)\s+|[()]", text) if each.strip()}
    if asked <= {_ALWAYS, _NEVER}:
        return "" if Marker(text).evaluate() else _NEVER
    return text
