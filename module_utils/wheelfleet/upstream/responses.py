"""The meaning of an upstream's HTTP response for a project: a closed set of answers."""

from __future__ import annotations

import re
import time
from collections.abc import Container
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Literal, Union

from .pages import ProjectPage, RootList, read_project_page, read_root_list, read_serial
from .transport import Response

_LONGEST_WAIT = 86400.0


@dataclass(frozen=True)
class ProjectRequest:
    """The known state of a project, so that nothing is sent twice and an older page does not count as a change."""

    name: str
    etag: str | None = None
    last_modified: str | None = None
    #: The serial that upstream announced.
    want_serial: int | None = None
    #: The serial of the page that was read last.
    have_serial: int | None = None
    have_digest: str | None = None
    #: Upstream had the project. Its absence, and that of an announced one, must be confirmed bypassing all caches.
    known: bool = False
    #: The list of all projects no longer has it. Its page counts only if it was requested bypassing all caches.
    delisted: bool = False


@dataclass(frozen=True)
class Unchanged:
    """The page has not changed; `serial`, `etag` and `last_modified` are the current ones."""

    serial: int | None
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True)
class Page:
    """A page that changed."""

    page: ProjectPage
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True)
class Absent:
    """Upstream has no such project. `forbidden`: the status was 403, as object stores return it."""

    forbidden: bool = False


@dataclass(frozen=True)
class Stale:
    """The page is older than the announced or known one: it is not used, and requested again next time."""

    serial: int
    sentence: str


@dataclass(frozen=True)
class Problem:
    """No page could be read this time."""

    sentence: str
    #: Seconds to wait, from upstream's Retry-After.
    retry_after: float | None = None
    #: There was an HTTP response.
    answered: bool = True
    #: The retry that may help at once.
    retry: Literal["again", "slower", "past caches"] | None = None
    #: The status was 403.
    forbidden: bool = False


@dataclass(frozen=True)
class Root:
    """The list of all projects; `from_cache`: its headers show that a cache returned it."""

    root: RootList
    etag: str | None
    last_modified: str | None
    from_cache: bool = False


@dataclass(frozen=True)
class RootUnchanged:
    """The list of all projects has not changed."""


Answer = Union[Unchanged, Page, Absent, Stale, Problem]
RootAnswer = Union[Root, RootUnchanged, Problem]


def read_project_answer(
    request: ProjectRequest, url: str, response: Response, *, bypass_caches: bool = False
) -> Answer:
    """The answer to a request for a project; `bypass_caches` is how it was requested. Raises BadPage.

    An index may go back, because a mirror is restored or another server takes over the URL. So a page older than the
    known one is accepted if it comes from the index itself, but never one older than the index announced.
    """
    etag, last_modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
    header_serial = response.headers.get("X-PyPI-Last-Serial")
    if response.status in (404, 410):
        return Absent()
    if response.status == 304:
        serial = read_serial(header_serial, request.have_serial)
        # "Not modified" may come from a cache that does not have the new page either.
        if serial is not None and serial < (request.want_serial or 0):
            return _stale(url, serial, request)
        if serial is not None:
            serial = max(serial, request.have_serial or 0)
        return Unchanged(serial, etag or request.etag, last_modified or request.last_modified)
    if response.status != 200:
        return _problem(url, response)
    content_type = response.headers.get("Content-Type", "")
    page = read_project_page(response.body, content_type, project=request.name, url=response.url, serial=header_serial)
    if page.serial is not None and (
        page.serial < (request.want_serial or 0)
        or (page.serial < (request.have_serial or 0) and not (bypass_caches and not _from_cache(response)))
    ):
        return _stale(url, page.serial, request)
    if page.digest == request.have_digest:
        return Unchanged(page.serial, etag, last_modified)
    return Page(page, etag, last_modified)


def read_root_answer(url: str, response: Response, known: Container[int] = ()) -> RootAnswer:
    """The answer to a request for the list of all projects, without its parts of `known` digests. Raises BadPage."""
    if response.status == 304:
        return RootUnchanged()
    if response.status in (404, 410):
        return Problem(f"{url} has no list of all projects ({response.status}); check the index URL.")
    if response.status != 200:
        return _problem(url, response)
    headers = response.headers
    serial = headers.get("X-PyPI-Last-Serial")
    root = read_root_list(response.body, headers.get("Content-Type", ""), serial=serial, known=known)
    return Root(root, headers.get("ETag"), headers.get("Last-Modified"), _from_cache(response))


def _from_cache(response: Response) -> bool:
    """Whether a cache returned the response, by Age (RFC 9111, 5.1) or one of the usual headers."""
    if response.headers.get("Age", "0").strip() not in ("", "0"):
        return True
    stated = (value for name, value in response.headers.items() if name.lower().endswith(("cache", "cache-status")))
    return re.search(r"\b(hit|stale|updating)\b", " ".join(stated), re.IGNORECASE) is not None


def _stale(url: str, serial: int, request: ProjectRequest) -> Stale:
    wanted = max(request.want_serial or 0, request.have_serial or 0)
    return Stale(
        serial,
        f"{url} is still at serial {serial}, behind {wanted}; it is asked for again next time. "
        "If upstream was restored from an older state, that is believed once no cache before it answers.",
    )


def _problem(url: str, response: Response) -> Problem:
    status = response.status
    wait = _retry_after(response)
    if status in (401, 403):
        return Problem(
            f"{url} is not for us ({status}): check the credentials in the index URL and what they may read.",
            forbidden=status == 403,
        )
    if status == 429:
        asks = f" for {wait:g} seconds" if wait else ""
        return Problem(f"{url} wants fewer requests{asks} (429).", retry_after=wait, retry="slower")
    if status >= 500:
        return Problem(f"{url} is out of order ({status}).", retry_after=wait, retry="again")
    return Problem(f"{url} answered with the HTTP status {status}, which no index gives for a page.")


def _retry_after(response: Response) -> float | None:
    """Seconds, from either form of the header (RFC 9110, 10.2.3); a date is relative to the server's Date."""
    stated = response.headers.get("Retry-After", "").strip()
    if stated.isascii() and stated.isdigit():
        return min(float(stated), _LONGEST_WAIT)
    then = _timestamp(stated)
    now = _timestamp(response.headers.get("Date", "")) or time.time()
    return None if then is None else min(max(then - now, 0.0), _LONGEST_WAIT)


def _timestamp(http_date: str) -> float | None:
    try:
        return parsedate_to_datetime(http_date).timestamp()
    except (ValueError, OverflowError):
        return None
