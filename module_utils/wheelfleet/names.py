"""Parses project names and the file names of sdists and wheels by the packaging standards."""

from __future__ import annotations

import re
from dataclasses import dataclass

from packaging.tags import Tag
from packaging.utils import (
    BuildTag,
    InvalidWheelFilename,
    canonicalize_name,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from .sdist_endings import SDIST_ENDINGS

#: Longer file names cannot be stored (NAME_MAX); the limit also excludes absurd versions.
LONGEST_FILE_NAME = 255

#: Compressed tag sets multiply (PEP 425). Real wheels have a few dozen tags, a hostile name could have 50,000.
MOST_TAGS = 2048

_PROJECT_NAME = re.compile("[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


class BadFileName(ValueError):
    """A file name is invalid; the message is a sentence with the name and the reason."""


class NotAnSdist(BadFileName):
    """Not the name of an sdist of this project."""


class NotAWheel(BadFileName):
    """Not the name of a wheel that pip accepts."""


@dataclass(frozen=True)
class SdistName:
    """The parts of an sdist's file name."""

    version: Version
    extension: str


@dataclass(frozen=True)
class WheelName:
    """The parts of a wheel's file name (PEP 427); `name` is normalised, `build` is `()` or `(number, rest)`."""

    name: str
    version: Version
    build: BuildTag
    tags: frozenset[Tag]


def normalize(name: str) -> str:
    """The PEP 503 form of a project's name: `RPi.GPIO` is `rpi-gpio`. The name is not checked."""
    return canonicalize_name(name)


def is_project_name(name: str) -> bool:
    """Whether `name` is a valid project name (core metadata's `Name`: ASCII, no spaces)."""
    # packaging's own check accepts a final line end before version 26.
    return len(name) <= LONGEST_FILE_NAME and _PROJECT_NAME.fullmatch(name) is not None


def is_archive_name(filename: str) -> bool:
    """Whether a name ends like an sdist or a wheel, of any project."""
    return filename.endswith((*SDIST_ENDINGS, ".whl"))


def read_sdist_name(filename: str, project: str) -> SdistName:
    """Parse an sdist's file name for a known project, as pip does. Raises NotAnSdist.

    Before PEP 625 names and versions could contain dashes, so only the project's name shows where the version begins:
    at the dash whose left part normalises to that name. The rest must be a PEP 440 version.
    """
    _check_characters(filename, NotAnSdist)
    extension = next((known for known in SDIST_ENDINGS if filename.endswith(known)), None)
    if extension is None:
        raise NotAnSdist(f"{filename} is not an sdist: pip unpacks only {', '.join(SDIST_ENDINGS)}.")
    stem = filename.removesuffix(extension)
    wanted = normalize(project)
    for dash in re.finditer("-", stem):
        if normalize(stem[: dash.start()]) == wanted:
            version = stem[dash.end() :]
            break
    else:
        raise NotAnSdist(f"{filename} is not an sdist of {project}: it does not begin with that name and a dash.")
    try:
        return SdistName(Version(version), extension)
    except InvalidVersion:
        raise NotAnSdist(f"{filename} is not an sdist of {project}: {version!r} is not a version (PEP 440).") from None


def read_wheel_name(filename: str) -> WheelName:
    """Parse a wheel's file name (PEP 427), and two old spellings that pip accepts. Raises NotAWheel.

    They are `_` for `-` in the version (`1.0_1` is 1.0.post1) and runs of `_` in the name.
    """
    _check_characters(filename, NotAWheel)
    tags_named = 1
    for part in filename.removesuffix(".whl").split("-")[-3:]:
        tags_named *= part.count(".") + 1
    if tags_named > MOST_TAGS:
        raise NotAWheel(f"{filename} is not a wheel's name: it would carry {tags_named} tags.")
    try:
        return WheelName(*parse_wheel_filename(filename))
    except InvalidWheelFilename as error:
        reason = str(error)
    except InvalidVersion:  # packaging < 23.2
        reason = "invalid version"
    try:
        return WheelName(*parse_wheel_filename(_modern_spelling(filename)))
    except (InvalidWheelFilename, InvalidVersion):
        raise NotAWheel(f"{filename} is not a wheel's name (PEP 427): {reason}.") from None


def read_file_name(filename: str, project: str) -> SdistName | WheelName:
    """Parse the name of a file on a project's page. Raises BadFileName if it is neither, or another project's."""
    if not filename.endswith(".whl"):
        return read_sdist_name(filename, project)
    wheel = read_wheel_name(filename)
    if wheel.name != normalize(project):
        raise NotAWheel(f"{filename} is not a wheel of {project}: it belongs to {wheel.name}.")
    return wheel


def _modern_spelling(wheel_filename: str) -> str:
    name, _, rest = wheel_filename.partition("-")
    version, _, tags = rest.partition("-")
    return f"{re.sub('__+', '_', name)}-{Version(version.replace('_', '-'))}-{tags}"


def _check_characters(filename: str, problem: type[BadFileName]) -> None:
    """Allow only printable ASCII without spaces or slashes, which is safe in paths, URLs, logs and HTML."""
    if len(filename) > LONGEST_FILE_NAME:
        raise problem(f"{filename[:60]}… is a file name of {len(filename)} characters, which cannot be stored.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+!-]*", filename):
        raise problem(f"{filename!r} is not a safe file name: only ASCII letters, digits and . _ + ! - may be in it.")
