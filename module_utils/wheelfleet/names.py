"""Parses project names and the file names of sdists and wheels by the packaging standards."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

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


#: A part of a file name, of letters and digits with single dots and underscores between.
_PLAIN_PART = re.compile("[A-Za-z0-9]+([._][A-Za-z0-9]+)*", re.ASCII)


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


def read_file_version(filename: str, project: str) -> tuple[Literal["sdist", "wheel"], str]:
    """The kind and the normalised version of a file of a project, whose name is normalised. Raises BadFileName.

    It decides as `read_file_name`, but reads each part of common names once, because pages repeat them.
    """
    if len(filename) <= LONGEST_FILE_NAME and filename.isascii():
        if filename.endswith(".whl"):
            name, version, tags = _wheel_parts(filename)
            if version and _normal(name) == project and _are_tags(tags) and (text := _version(version)):
                return "wheel", text
        elif filename.endswith(".tar.gz"):
            name, dash, version = filename[:-7].partition("-")
            if dash and "-" not in version and _normal(name) == project and (text := _version(version)):
                return "sdist", text
    parsed = read_file_name(filename, project)
    return "wheel" if isinstance(parsed, WheelName) else "sdist", str(parsed.version)


def _wheel_parts(filename: str) -> tuple[str, str, str]:
    """Name, version and tags of a wheel without a build tag; empty for other names."""
    name, _, rest = filename[:-4].partition("-")
    version, _, tags = rest.partition("-")
    return (name, version, tags) if tags.count("-") == 2 else ("", "", "")


@lru_cache(maxsize=1024)
def _normal(name: str) -> str | None:
    """The normalised form of a name of plain characters as file names have it, without runs of `_`; None for others."""
    return normalize(name) if _PLAIN_PART.fullmatch(name) else None


@lru_cache(maxsize=16384)
def _version(text: str) -> str | None:
    """The normalised version; None for one that is not of plain characters, or is none."""
    try:
        return str(Version(text)) if _PLAIN_PART.fullmatch(text) else None
    except InvalidVersion:
        return None


@lru_cache(maxsize=4096)
def _are_tags(tags: str) -> bool:
    """Whether the three parts are tags that a wheel's name may have."""
    try:
        read_wheel_name(f"x-1-{tags}.whl")
    except NotAWheel:
        return False
    return True


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
