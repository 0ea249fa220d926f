"""The wheel of demo 1.0, made by hand, and its admission check."""

from __future__ import annotations

import base64
import hashlib
import stat
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.admission.wheel_check import CheckedWheel, Refused, check_wheel
from wheelfleet.failure_classes import FAILURE_CLASSES

from tests.support.artifacts import Artifact
from tests.support.raw_zips import RawEntry, raw_zip

PURE = "py3-none-any"
NATIVE = "cp311-cp311-linux_aarch64"
TARGET = {NATIVE, "cp311-abi3-linux_aarch64", "py3-none-linux_aarch64", PURE, "py2.py3-none-any"}


def check(
    folder: Path, wheel: Artifact | bytes, filename: str = "demo-1.0-py3-none-any.whl", **how: Any
) -> CheckedWheel:
    if isinstance(wheel, Artifact):
        filename, wheel = wheel.filename, wheel.data
    path = folder / filename
    path.write_bytes(wheel)
    asked: dict[str, Any] = {"name": "demo", "version": "1.0", "target_tags": TARGET, **how}
    return check_wheel(path, **asked)


def refusal(folder: Path, wheel: Artifact | bytes, *arguments: str, **how: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        check(folder, wheel, *arguments, **how)
    assert str(refused.value).endswith(".")
    assert refused.value.failure_class in FAILURE_CLASSES
    return refused.value


def record_line(path: str, data: bytes, algorithm: str = "sha256", size: str | None = None) -> str:
    digest = base64.urlsafe_b64encode(hashlib.new(algorithm, data).digest()).rstrip(b"=").decode()
    return f"{path},{algorithm}={digest},{len(data) if size is None else size}\n"


WHEEL = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
METADATA = b"Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n"
ANSWER = b"answer = 42\n"


def contents(
    *,
    wheel: bytes = WHEEL,
    metadata: bytes = METADATA,
    record: str | bytes | None = None,
    more: dict[str, bytes] | None = None,
) -> dict[str, bytes]:
    """The files of demo-1.0-py3-none-any.whl; `more` is payload, `record` replaces the right RECORD."""
    files = {"demo.py": ANSWER, **(more or {})}
    files["demo-1.0.dist-info/WHEEL"] = wheel
    files["demo-1.0.dist-info/METADATA"] = metadata
    right = "".join(record_line(path, data) for path, data in files.items() if not path.endswith("/"))
    text = f"{right}demo-1.0.dist-info/RECORD,,\n" if record is None else record
    files["demo-1.0.dist-info/RECORD"] = text.encode() if isinstance(text, str) else text
    return files


def entries_of(files: dict[str, bytes]) -> list[RawEntry]:
    return [
        RawEntry(
            name.encode(),
            data,
            flags=0 if name.isascii() else 0x800,
            mode=stat.S_IFDIR | 0o755 if name.endswith("/") else stat.S_IFREG | 0o644,
        )
        for name, data in files.items()
    ]


def packed(**changes: Any) -> bytes:
    return raw_zip(entries_of(contents(**changes)))
