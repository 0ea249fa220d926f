"""Names what a build wanted to download, from the address in the log beside the failure.

A build that downloads a program often takes an installed one instead, so the program counts as missing: the builders
look for the package that has it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from ..text import plain
from .failure import Failure

#: Lines before and after the failure in which its address is looked for.
_BEFORE, _AFTER = 80, 8
_ADDRESS = re.compile(r"\b((?:https?|ftp|git)://[^\s'\"`<>()\[\],;]{1,500})")
_TRAILING = ".:…"

#: By the beginning of a file's name: the program that is in it.
_PROGRAMS = (
    (re.compile(r"protoc-\d|protobuf-|protoc\b"), "protoc"),
    (re.compile(r"cmake-\d"), "cmake"),
    (re.compile(r"ninja-|ninja\b"), "ninja"),
    (re.compile(r"node-v\d"), "node"),
    (re.compile(r"go\d+\.\d+"), "go"),
    (re.compile(r"rustup|rust-\d"), "cargo"),
    (re.compile(r"swig-?\d"), "swig"),
    (re.compile(r"bazel"), "bazel"),
    (re.compile(r"chromedriver"), "chromedriver"),
    (re.compile(r"patchelf-\d"), "patchelf"),
    (re.compile(r"flatc\b|flatbuffers"), "flatc"),
)
_KINDS = (
    (re.compile(r"\.git$"), "a git repository"),
    (re.compile(r"\.whl$"), "a wheel"),
    (re.compile(r"\.(?:tar(?:\.\w{1,4})?|tgz|tbz2?|txz|zip|7z)$"), "an archive"),
    (re.compile(r"\.(?:so(?:\.\d+)*|a|dll|dylib|jar|exe|bin)$"), "machine code"),
)
_ADVICE = (
    "Builds get nothing but the index. See in the project's documentation how its build takes what is installed, and "
    "say that in a recipe; else build the wheel elsewhere and import it (docs/how-to/published-wheels.md)."
)


def with_download(found: Failure, lines: Sequence[str]) -> Failure:
    """The failure, with what was to be downloaded if the log has its address near the failure."""
    if found.failure_class != "download-in-build" or found.subject is not None:
        return found
    address = _address(found, lines)
    if address is None:
        return found
    try:
        parts = urlsplit(address)
        host, path = parts.hostname or "", unquote(parts.path).rstrip("/")
    except ValueError:
        return found
    name = path.rpartition("/")[2]
    if not host:
        return found
    program = next((program for pattern, program in _PROGRAMS if pattern.match(name.lower())), None)
    kind = next((kind for pattern, kind in _KINDS if pattern.search(name.lower())), "a file")
    what = f"the program {program} ({name})" if program else f"{name} ({kind})" if name else "something"
    sentence = plain(f"The build wanted to download {what} from {host}, and could not.", 600)
    if program is None:
        return replace(found, sentence=sentence, advice=_ADVICE, subject=plain(name or host, 200))
    advice = f"Install {program} on the builder, if the build takes an installed one. {_ADVICE}"
    return replace(found, sentence=sentence, advice=advice, subject=program, missing_kind="tool")


def _address(found: Failure, lines: Sequence[str]) -> str | None:
    """The address that is nearest to the failure, of those before it, else of those after it."""
    shown = set(found.evidence)
    places = [index for index, line in enumerate(lines) if plain(line) in shown]
    if not places:
        return None
    near = [*lines[max(0, places[-1] - _BEFORE) : places[-1] + 1][::-1], *lines[places[-1] + 1 :][:_AFTER]]
    for line in near:
        addresses = _ADDRESS.findall(line)
        if addresses:
            return str(addresses[0]).rstrip(_TRAILING)
    return None
