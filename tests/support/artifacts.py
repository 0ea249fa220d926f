"""The files that tests publish: their bytes, and their facts on the index page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from packaging.utils import canonicalize_name
from packaging.version import Version

Kind = Literal["sdist", "wheel"]


@dataclass(frozen=True)
class Artifact:
    """One sdist or wheel. `name` is in its author's spelling, `version` is canonical (PEP 440).

    `announced_sha256` and `announced_size` are wrong values for the index page.
    """

    filename: str
    data: bytes
    name: str
    version: str
    kind: Kind
    requires_python: str | None = None
    metadata: bytes | None = None
    announced_sha256: str | None = None
    announced_size: int | None = None

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @cached_property
    def metadata_sha256(self) -> str:
        return hashlib.sha256(self.metadata or b"").hexdigest()

    @property
    def size(self) -> int:
        return len(self.data)

    def announcing(self, *, sha256: str | None = None, size: int | None = None) -> Artifact:
        """The same file with a wrong hash or size on the index page."""
        return replace(self, announced_sha256=sha256, announced_size=size)


def module_name(name: str) -> str:
    """The importable spelling of a project name: `RPi.Fake` becomes `rpi_fake`."""
    return canonicalize_name(name).replace("-", "_")


def file_stem(name: str, version: str) -> str:
    """`name-version` as in the file names of today's sdists and wheels: `rpi_fake-1.0.post1`."""
    return f"{module_name(name)}-{Version(version)}"


def core_metadata(
    name: str,
    version: str,
    *,
    requires_python: str | None = None,
    requires_dist: Iterable[str] = (),
    extras: Iterable[str] = (),
    fields: Mapping[str, str | Sequence[str]] | None = None,
) -> bytes:
    """The text of a METADATA or PKG-INFO file; a field with several values has a line for each."""
    lines = ["Metadata-Version: 2.2", f"Name: {name}", f"Version: {version}"]
    for field, values in (fields or {}).items():
        lines += [f"{field}: {value}" for value in ([values] if isinstance(values, str) else values)]
    if requires_python is not None:
        lines.append(f"Requires-Python: {requires_python}")
    lines += [f"Requires-Dist: {requirement}" for requirement in requires_dist]
    lines += [f"Provides-Extra: {extra}" for extra in extras]
    return ("\n".join(lines) + "\n").encode()
