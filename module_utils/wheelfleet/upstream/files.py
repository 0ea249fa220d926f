"""The files on a project's page: each is usable, or left out with a reason."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from typing import Any, Literal, NamedTuple
from urllib.parse import quote, urljoin, urlsplit

from ..names import BadFileName, normalize, read_file_version
from ..requires_python import constraint

#: The catalog stores numbers in SQLite's 64 bits.
_LARGEST_NUMBER = 2**63 - 1
_LONGEST_URL = 8192
_LONGEST_TEXT = 1000
_SHA256 = re.compile("[0-9A-Fa-f]{64}", re.ASCII)
#: A whole URL in which nothing has to be resolved or quoted.
_PLAIN_URL = re.compile("https?://[A-Za-z0-9][A-Za-z0-9.-]*/[A-Za-z0-9_.~%/:=&+!$,;'@()*-]*", re.ASCII)


class UpstreamFile(NamedTuple):
    """A file that upstream offers.

    `version` is normalised (PEP 440), `url` absolute and without fragment, `size` in bytes, `upload_time` UTC as
    `YYYY-MM-DDTHH:MM:SS[.ffffff]Z`. `yanked` is None or the reason, which may be empty (PEP 592). `metadata_sha256` is
    the hash of `URL.metadata` (PEP 714), empty if it is offered without a hash. `provenance` is a URL (PEP 740).
    """

    filename: str
    kind: Literal["sdist", "wheel"]
    version: str
    url: str
    sha256: str | None
    size: int | None
    upload_time: str | None
    requires_python: str | None
    yanked: str | None
    metadata_sha256: str | None = None
    provenance: str | None = None


class _Unusable(Exception):
    """A file is left out; the message is a sentence with the reason."""


class FileList:
    """Collects the files of one page. Its entries have the form of PEP 691 and are untrusted."""

    def __init__(self, project: str, url: str, base: str) -> None:
        """`url` is the page's URL, `base` the base of its links."""
        self.project = project
        self.normalized = normalize(project)
        self.base = base
        self.schemes = ("file", "http", "https") if url.startswith("file:") else ("http", "https")
        self.usable: dict[str, UpstreamFile] = {}
        self.unusable: list[tuple[str, str]] = []

    def take(self, row: Any) -> None:
        """Add one entry to `usable` by file name, or to `unusable` as (file name, sentence)."""
        filename = row.get("filename") if isinstance(row, dict) else None
        if not isinstance(filename, str) or not filename:
            self.unusable.append(("", "An entry of the page has no file name."))
            return
        try:
            file = self._read(filename, row)
            known = self.usable.setdefault(filename, file)
            if known is not file and known != file:
                raise _Unusable(f"{filename} is listed twice, and the two differ: the first one counts.")
        except (_Unusable, BadFileName) as problem:
            self.unusable.append((shown(filename), shown(str(problem))))

    def _read(self, filename: str, row: dict[str, Any]) -> UpstreamFile:
        """Raises _Unusable for errors that matter for safety (name, URL, hash, yank); other errors become None."""
        kind, version = read_file_version(filename, self.normalized)
        size = row.get("size")
        return UpstreamFile(
            filename=filename,
            kind=kind,
            version=version,
            url=self._absolute(filename, row.get("url")),
            sha256=_sha256(filename, row.get("hashes")),
            size=size if is_number(size) else None,
            upload_time=_utc(row.get("upload-time")),
            requires_python=constraint(row.get("requires-python")),
            yanked=_yank(filename, row.get("yanked")),
            metadata_sha256=_metadata(row.get("core-metadata", row.get("dist-info-metadata"))),
            provenance=self._optional_url(row.get("provenance")),
        )

    def _optional_url(self, link: Any) -> str | None:
        if link is None:
            return None
        try:
            return self._absolute("", link)
        except _Unusable:
            return None

    def _absolute(self, filename: str, link: Any) -> str:
        if isinstance(link, str) and len(link) <= _LONGEST_URL and _PLAIN_URL.fullmatch(link):
            return link
        if not isinstance(link, str) or not link.strip() or len(link) > _LONGEST_URL:
            raise _Unusable(f"{filename} has no URL of a sensible length.")
        link = link.strip()
        if re.search(r"[\x00-\x1f\x7f\\\ud800-\udfff]", link):
            raise _Unusable(f"{filename} has a URL with characters that no URL has.")
        try:
            url = urljoin(self.base, link).partition("#")[0]
            parts = urlsplit(url)
            host = parts.hostname or ""
            is_url = parts.scheme not in ("http", "https") or (host != "" and host.isascii() and parts.port != 0)
        except ValueError:
            is_url = False
        if not is_url:
            raise _Unusable(f"{filename} has {link[:200]!r} for a URL, which is none.")
        if parts.scheme not in self.schemes:
            raise _Unusable(f"{filename} has a {parts.scheme or 'relative'} URL, but only http and https can be taken.")
        return quote(url, safe="%/:=&?~#+!$,;'@()*[]|")


def _sha256(filename: str, hashes: Any) -> str | None:
    stated = hashes.get("sha256") if isinstance(hashes, dict) else hashes
    if stated is None:
        return None
    if not isinstance(stated, str) or not _SHA256.fullmatch(stated):
        raise _Unusable(f"{filename} has a hash that is not a SHA-256.")
    return stated.lower()


def _metadata(stated: Any) -> str | None:
    """The hash of the metadata beside a wheel; "" if it is offered without a SHA-256, None if it is not offered."""
    if isinstance(stated, dict):
        sha256 = stated.get("sha256")
        known = isinstance(sha256, str) and _SHA256.fullmatch(sha256)
        return str(sha256).lower() if known else ""
    return "" if stated is True else None


def _yank(filename: str, yanked: Any) -> str | None:
    if yanked is None or yanked is False or yanked == "":
        return None
    if yanked is True:
        return ""
    if isinstance(yanked, str):
        return shown(yanked)
    raise _Unusable(f'{filename} has a "yanked" that is neither true, false nor a reason.')


def _utc(stated: Any) -> str | None:
    try:
        moment = datetime.fromisoformat(stated)
        if moment.tzinfo is not timezone.utc:
            moment = moment.replace(tzinfo=moment.tzinfo or timezone.utc).astimezone(timezone.utc)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment.replace(tzinfo=None).isoformat() + "Z"


def is_number(value: Any) -> bool:
    """Whether an untrusted value is a size or a serial: a whole number from 0 that the catalog can store."""
    return type(value) is int and 0 <= value <= _LARGEST_NUMBER


def shown(text: str) -> str:
    """Untrusted text made safe to store and show: one line of printable characters, of limited length."""
    letters = (letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:_LONGEST_TEXT])
    return "".join(letters).strip()
