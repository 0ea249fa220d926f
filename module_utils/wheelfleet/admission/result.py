"""A builder's `result.json` as a type: every field is untrusted input and is believed only in shape and bounds."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..contract.result import CHECK_REASONS, PHASES
from ..text import plain, printable
from .classify import LOG_END
from .project_names import Project

#: A result document is a few kilobytes; more is an attack or a mistake.
LARGEST_RESULT_BYTES = 1_000_000
#: A log is bounded when it is written; its decompression here, for whoever wrote it may have lied.
LARGEST_LOG_BYTES = 1 << 30


class BadResult(Exception):
    """The builder's answer is not what was agreed; the message says what is wrong with it."""


_PLATFORM = re.compile(r"[a-z0-9_]{1,64}")
_LIBRARY = re.compile(r"[A-Za-z0-9_.+-]{1,128}")
#: A Debian package's name (Debian Policy 5.6.7).
_PACKAGE = re.compile(r"[a-z0-9][a-z0-9+.-]{1,100}")
_MODULE = re.compile(r"\w{1,100}(?:\.\w{1,100}){0,20}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_WORDS = 200
_LONGEST_SENTENCE = 500


@dataclass(frozen=True)
class Repaired:
    """What the builder says of the wheel's libraries (contract/result.py)."""

    tool: str
    outcome: str
    platform: str | None
    vendored: list[str]
    message: str | None


@dataclass(frozen=True)
class Imported:
    """What the builder says of installing and importing the wheel (contract/result.py)."""

    verdict: str
    modules: list[str]
    message: str | None
    reason: str | None = None
    subject: str | None = None


@dataclass(frozen=True)
class Result:
    """One attempt as its builder tells it; `wheels` are plain file names in the staging folder."""

    outcome: str
    seconds: float
    cpu_seconds: float
    peak_memory: int
    interpreter: str
    summary: str | None
    build_requires: list[dict[str, str]]
    wheels: tuple[str, ...]
    repaired: Repaired | None
    #: Packages of the builder's distribution that the wheel needs where it runs.
    apt: list[str]
    #: Files of machine code in the wheel that are the sdist's own.
    from_sdist: list[str]
    #: How far it came, and the build backend (PEP 517); None of a builder that does not tell.
    phase: str | None
    backend: str | None
    imported: Imported | None
    #: Of the sdist that the builder fetched; None if it does not say.
    sdist_sha256: str | None
    document: Mapping[str, Any]


def read_result(staging: Path, attempt_id: str) -> Result:
    """Read `result.json` from a folder. Raises BadResult."""
    path = staging / "result.json"
    try:
        if path.stat().st_size > LARGEST_RESULT_BYTES:
            raise BadResult("The builder's result.json is too large to be one.")
        document = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise BadResult(f"The builder's result.json cannot be read ({error}).") from error
    if not isinstance(document, dict) or document.get("schema") != 1:
        raise BadResult("The builder's result.json is of no schema we know; provision the builder again.")
    if document.get("attempt") != attempt_id:
        raise BadResult("The builder's result.json speaks of another attempt.")
    if document.get("outcome") not in ("built", "failed"):
        raise BadResult("The builder's result.json names no outcome.")
    wheels = document.get("wheels")
    filenames = tuple(str(w.get("filename")) for w in wheels if isinstance(w, dict)) if isinstance(wheels, list) else ()
    if any("/" in name or name.startswith(".") or not name.endswith(".whl") for name in filenames):
        raise BadResult("The builder's result.json names a file that is no wheel.")
    return Result(
        outcome=document["outcome"],
        seconds=_number(document, "seconds"),
        cpu_seconds=_number(document, "cpu_seconds"),
        peak_memory=int(_number(document, "peak_memory")),
        interpreter=str(document.get("interpreter") or "")[:200],
        summary=_summary(document.get("summary")),
        build_requires=_build_requires(document.get("build_requires")),
        wheels=filenames,
        repaired=_repaired(document.get("repair")),
        apt=sorted(set(_words(document.get("apt"), _PACKAGE))),
        from_sdist=_paths(document.get("from_sdist")),
        imported=_imported(document.get("check")),
        sdist_sha256=_sha256(document.get("sdist_sha256")),
        phase=phase if isinstance(phase := document.get("phase"), str) and phase in PHASES else None,
        backend=Project.of(document).backend,
        document=document,
    )


def log_tail(logs: Path, log_name: str | None) -> str:
    """The end of a compressed log as text; what cannot be decompressed ends where it breaks."""
    if log_name is None:
        return ""
    blocks: deque[bytes] = deque(maxlen=2)
    read = 0
    try:
        with gzip.open(logs / log_name) as file:
            while read < LARGEST_LOG_BYTES and (block := file.read(LOG_END)):
                blocks.append(block)
                read += len(block)
    except (OSError, EOFError, zlib.error):
        pass
    return b"".join(blocks)[-LOG_END:].decode("utf-8", "replace")


def _number(document: Mapping[str, Any], key: str) -> float:
    value = document.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e15:
        raise BadResult(f"The builder's result.json has no sensible {key}.")
    return float(value)


def _repaired(value: Any) -> Repaired | None:
    if not isinstance(value, dict) or value.get("outcome") not in ("repaired", "unneeded", "impossible"):
        return None
    platform = value.get("platform")
    return Repaired(
        tool=printable(str(value.get("tool")))[:100],
        outcome=value["outcome"],
        platform=platform if isinstance(platform, str) and _PLATFORM.fullmatch(platform) else None,
        vendored=_words(value.get("vendored"), _LIBRARY),
        message=_sentence(value.get("message")),
    )


def _imported(value: Any) -> Imported | None:
    if not isinstance(value, dict) or value.get("verdict") not in ("imported", "failed", "unchecked"):
        return None
    reason = value.get("reason")
    return Imported(
        value["verdict"],
        _words(value.get("modules"), _MODULE),
        _sentence(value.get("message")),
        reason if reason in CHECK_REASONS else None,
        _sentence(value.get("subject")),
    )


def _paths(value: Any) -> list[str]:
    """Paths, which are only compared with those in the wheel."""
    paths = value[:_MOST_WORDS] if isinstance(value, list) else []
    return [path for path in paths if isinstance(path, str)]


def _sha256(value: Any) -> str | None:
    return value if isinstance(value, str) and _SHA256.fullmatch(value) else None


def _words(value: Any, form: re.Pattern[str]) -> list[str]:
    """Those of a list that have the form, and not too many."""
    words = value[:_MOST_WORDS] if isinstance(value, list) else []
    return [word for word in words if isinstance(word, str) and form.fullmatch(word)]


def _sentence(value: Any) -> str | None:
    return plain(value, _LONGEST_SENTENCE) or None if isinstance(value, str) else None


def _summary(value: Any) -> str | None:
    """One line of text that can be stored and shown, whatever the builder sent."""
    return printable(" ".join(value.split()))[:512] or None if isinstance(value, str) else None


def _build_requires(value: Any) -> list[dict[str, str]]:
    if not isinstance(value, list):
        return []
    return [
        {"name": str(item.get("name"))[:200], "version": str(item.get("version"))[:100]}
        for item in value[:500]
        if isinstance(item, dict)
    ]
