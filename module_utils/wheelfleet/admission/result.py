"""Reads a fetched result: the document, and the end of its log."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import deque
from pathlib import Path

from ..contract.result import Result, check_result, sanitized
from ..contract.shape import ContractError
from .classify import LOG_END

#: A result document has a few kilobytes; a larger one is an attack or a mistake.
LARGEST_RESULT_BYTES = 1_000_000
#: Bytes of a log that are decompressed at most, because the builder may not have kept its limit.
LARGEST_LOG_BYTES = 1 << 30


def read_result(staging: Path, attempt_id: str) -> Result:
    """Read `result.json` from a folder. Raises ContractError."""
    path = staging / "result.json"
    try:
        if path.stat().st_size > LARGEST_RESULT_BYTES:
            raise ContractError("The builder's result.json is too large to be one.")
        document = json.loads(path.read_bytes())
    except ContractError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise ContractError(f"The builder's result.json cannot be read ({error}).") from error
    check_result(document, attempt_id)
    return sanitized(document)


def log_tail(logs: Path, log_name: str | None) -> str:
    """The end of a compressed log as text; a damaged log ends where it cannot be decompressed."""
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
