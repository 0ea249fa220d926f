"""The faults of one answer of the test upstream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from packaging.utils import canonicalize_name

from tests.support.loopback import Answer

Kind = Literal[
    "401",
    "403",
    "404",
    "429",
    "500",
    "502",
    "503",
    "garbage",
    "truncated",
    "hang",
    "close",
    "stale",
    "empty",
    "redirect",
]
_FILE_SUFFIXES = (".tar.gz", ".zip", ".whl", ".metadata")


@dataclass
class Fault:
    """A fault at one place: a project's name, a path (`/simple/`, `/pypi`), a file name, or `*` for everything.

    It strikes `times` times, or always if that is None. `serial` is the index's serial of a stale page (by default just
    before the last change). `retry_after` (seconds or an HTTP date) is sent with any error status. `location` is the
    target of a redirect (by default the good answer). `sent` is the number of bytes before a hang.
    """

    where: str
    kind: Kind
    times: int | None = None
    retry_after: int | str | None = None
    serial: int | None = None
    location: str | None = None
    sent: int = 0

    @property
    def spoils_the_body(self) -> bool:
        """Whether the fault needs a body, so that a conditional request must not get a 304."""
        return self.kind in ("garbage", "truncated", "empty", "hang")

    def strikes(self, path: str, query: str) -> bool:
        if self.times == 0 or (self.kind == "redirect" and self.location is None and query):
            return False
        if self.where in ("*", path):
            return True
        if self.where.startswith("/"):
            return False
        if self.where.endswith(_FILE_SUFFIXES):
            return path.rpartition("/")[2] == self.where
        return path == f"/simple/{canonicalize_name(self.where)}/"

    def applied_to(self, good: Answer, path: str) -> Answer:
        """The faulty answer, made from the good one."""
        headers: Mapping[str, str] = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.kind.isdigit():
            return Answer(int(self.kind), b"The test wants it so.\n", headers)
        if self.kind == "redirect":
            return Answer(302, headers={"Location": self.location or f"{path}?redirected"})
        if self.kind == "garbage":
            return replace(good, body=_garbled(good.body, path), headers=_without_encoding(good.headers))
        if self.kind == "empty":
            return replace(good, body=b"", headers=_without_encoding(good.headers))
        if self.kind == "truncated":
            return replace(good, sent=len(good.body) // 2)
        if self.kind == "close":
            return replace(good, silent=True)
        if self.kind == "hang":
            return replace(good, hangs=True, silent=self.sent == 0, sent=self.sent)
        return good


def _garbled(body: bytes, path: str) -> bytes:
    """An invalid page, or a file of the right size with wrong bytes."""
    if path.startswith("/files/"):
        return bytes(byte ^ 0xFF for byte in body)
    return b'{"meta": {"api-version": "1.0"}, "files": [{"filename": '


def _without_encoding(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name != "Content-Encoding"}
