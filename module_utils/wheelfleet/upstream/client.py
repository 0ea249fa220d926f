"""Requests to upstream: conditional, concurrent, bypassing caches that may be stale, fewer when upstream is overloaded.

Whatever goes wrong with one project is an answer about that project (Problem, Stale); the others go on.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Generator, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any, TypeVar
from urllib.parse import quote

from .. import USER_AGENT
from ..names import normalize
from .backoff import Backoff
from .pages import HTML_TYPE, JSON_TYPE, PLAIN_HTML_TYPE, BadPage
from .pip_config import split_credentials
from .responses import (
    Absent,
    Answer,
    Page,
    Problem,
    ProjectRequest,
    Root,
    RootAnswer,
    RootUnchanged,
    Stale,
    Unchanged,
    read_project_answer,
    read_root_answer,
)
from .transport import FolderTransport, HttpTransport, NoAnswer, Response, Transport, UpstreamUnreachable

__all__ = [
    "Absent",
    "Answer",
    "Page",
    "Problem",
    "ProjectRequest",
    "Root",
    "RootAnswer",
    "RootUnchanged",
    "Stale",
    "Unchanged",
    "Upstream",
    "UpstreamUnreachable",
]

T = TypeVar("T")

_ACCEPT = f"{JSON_TYPE}, {HTML_TYPE};q=0.2, {PLAIN_HTML_TYPE};q=0.1"
_USUAL = {"Accept": _ACCEPT, "Accept-Encoding": "gzip"}
#: Caches keep one copy per Accept-Encoding, so another one plus no-cache most likely reaches the origin.
_BYPASS_CACHES = {"Accept": _ACCEPT, "Accept-Encoding": "identity", "Cache-Control": "no-cache"}

_LARGEST_PAGE = 64 << 20
_LARGEST_ROOT = 512 << 20
#: Seconds before the second and third try after a transient error; other errors wait for the next run.
_TRY_AGAIN_AFTER = (0.2, 0.8)
#: A Retry-After of at most this many seconds is waited for within the run.
_SHORT_WAIT = 4.0


class Upstream:
    """An index, requested with backoff. Use it in a `with` statement, or close it."""

    def __init__(
        self,
        index_url: str,
        *,
        cert: str | None = None,
        client_cert: str | None = None,
        proxy: str | None = None,
        trusted_hosts: Iterable[str] = (),
        user_agent: str = USER_AGENT,
        timeout: float = 30.0,
        workers: int = 16,
    ) -> None:
        """`index_url` is the base of the simple API and may hold credentials; the others are as in `PipSettings`.

        `timeout` is the number of seconds that upstream may be silent, `workers` the number of requests at once. Raises
        UpstreamUnreachable for settings that cannot work.
        """
        self.index_url = split_credentials(index_url.strip())[0].rstrip("/") + "/"
        self.workers = workers
        self.transport: Transport
        if self.index_url.startswith("file:"):
            self.transport = FolderTransport(self.index_url)
        else:
            self.transport = HttpTransport(
                index_url.strip(),
                cert=cert,
                client_cert=client_cert,
                proxy=proxy,
                trusted_hosts=tuple(trusted_hosts),
                user_agent=user_agent,
                timeout=timeout,
                connections=workers,
            )

    def project(self, request: ProjectRequest) -> Answer:
        """Request the page of one project."""
        return self._project(request, Backoff(self.workers))

    def projects(
        self, requests: Iterable[ProjectRequest], *, readable: bool = False
    ) -> Generator[tuple[str, Answer], None, None]:
        """Request many pages; yields (name as requested, answer) as they arrive, and holds few of them at a time.

        A static index in an object store answers 403 for what it does not have: that is Absent, and for all others
        Problem, when another page could be read. `readable` says that one could already.
        Raises UpstreamUnreachable when nothing answered at all: at the end, or as soon as that is clear.
        """
        forbidden: list[tuple[str, Answer]] = []
        for name, answer in self._projects(requests):
            readable = readable or isinstance(answer, (Page, Unchanged, Stale))
            if isinstance(answer, Problem) and answer.forbidden:
                forbidden.append((name, answer))
            else:
                yield name, answer
            if readable:
                yield from ((name, Absent(forbidden=True)) for name, _ in forbidden)
                forbidden.clear()
        yield from forbidden

    def _projects(self, requests: Iterable[ProjectRequest]) -> Generator[tuple[str, Answer], None, None]:
        backoff = Backoff(self.workers)
        remaining = iter(requests)
        under_way = 0
        finished: SimpleQueue[Future[tuple[str, Answer]]] = SimpleQueue()
        first_trouble = None
        with ThreadPoolExecutor(self.workers, thread_name_prefix="upstream") as pool:
            try:
                while True:
                    while under_way < 2 * self.workers and (request := next(remaining, None)) is not None:
                        pool.submit(self._named_project, request, backoff).add_done_callback(finished.put)
                        under_way += 1
                    if not under_way:
                        break
                    name, answer = finished.get().result()
                    under_way -= 1
                    if first_trouble is None and isinstance(answer, Problem):
                        first_trouble = answer
                    if backoff.is_unreachable:
                        break
                    yield name, answer
            finally:
                backoff.stop()
        if first_trouble is not None and not backoff.has_answered:
            raise UpstreamUnreachable(
                f"The upstream {self.index_url} did not answer at all: {first_trouble.sentence} Check the network, and "
                "the index URL that pip is configured for (pip config list) or that the inventory names."
            )

    def root(
        self,
        etag: str | None = None,
        last_modified: str | None = None,
        *,
        bypass_caches: bool = False,
        known: Container[int] = (),
    ) -> RootAnswer:
        """Request the list of all projects; `known` are digests of parts of it that need not be read."""
        headers = _BYPASS_CACHES if bypass_caches else {**_USUAL, **_conditions(etag, last_modified)}

        def request() -> RootAnswer:
            return self._request(
                self.index_url, headers, _LARGEST_ROOT, lambda got: read_root_answer(self.index_url, got, known)
            )

        return self._with_retries(request, Backoff(1))

    def close(self) -> None:
        """Close the persistent connections."""
        self.transport.close()

    @classmethod
    def from_pip(cls, index_url: str, pip_options: Mapping[str, Any], *, timeout: float) -> Upstream:
        """The index with pip's settings on the controller; `pip_options` are pip's options by their long names."""
        return cls(
            index_url,
            cert=pip_options.get("cert"),
            client_cert=pip_options.get("client_cert"),
            proxy=pip_options.get("proxy"),
            trusted_hosts=pip_options.get("trusted_host") or (),
            timeout=timeout,
        )

    def __enter__(self) -> Upstream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _named_project(self, request: ProjectRequest, backoff: Backoff) -> tuple[str, Answer]:
        return request.name, self._project(request, backoff)

    def _project(self, request: ProjectRequest, backoff: Backoff) -> Answer:
        """Request conditionally, and repeat it bypassing caches if a cache may have given a wrong answer."""
        url = f"{self.index_url}{quote(normalize(request.name), safe='')}/"

        def request_with(headers: Mapping[str, str], *, bypass_caches: bool = False) -> Answer:
            def read(got: Response) -> Answer:
                return read_project_answer(request, url, got, bypass_caches=bypass_caches)

            return self._with_retries(lambda: self._request(url, headers, _LARGEST_PAGE, read), backoff)

        answer = request_with({**_USUAL, **_conditions(request.etag, request.last_modified)})
        gone = isinstance(answer, Absent) or (isinstance(answer, Problem) and answer.forbidden)
        if (
            isinstance(answer, Stale)
            or (request.delisted and not gone)
            or (gone and (request.known or request.want_serial is not None))
            or (isinstance(answer, Problem) and answer.retry == "past caches")
        ):
            answer = request_with(_BYPASS_CACHES, bypass_caches=True)
        if isinstance(answer, Problem):
            backoff.failed(answered=answer.answered, forbidden=answer.forbidden)
        else:
            backoff.succeeded()
        return answer

    def _with_retries(self, request: Callable[[], T | Problem], backoff: Backoff) -> T | Problem:
        """Try again within seconds, where that may help."""
        wait = 0.0
        for pause in (*_TRY_AGAIN_AFTER, None):
            started = backoff.wait(wait)
            if started is None:
                return Problem(f"{self.index_url} was not asked any more: {backoff.gave_up}.", answered=False)
            answer = request()
            if not isinstance(answer, Problem):
                return answer
            if answer.retry == "slower":
                backoff.throttled(started)
            stated_wait = answer.retry_after or 0.0
            if answer.retry not in ("again", "slower") or stated_wait > _SHORT_WAIT or pause is None:
                break
            wait = max(pause, stated_wait)
        return answer

    def _request(
        self, url: str, headers: Mapping[str, str], limit: int, read: Callable[[Response], T | Problem]
    ) -> T | Problem:
        try:
            return read(self.transport.request("GET", url, headers, limit))
        except NoAnswer as error:
            return Problem(f"{url} {error}.", answered=error.answered, retry="again" if error.transient else None)
        except BadPage as error:
            return Problem(f"{url} answered with {error}.", retry="past caches")


def _conditions(etag: str | None, last_modified: str | None) -> dict[str, str]:
    conditions = {"If-None-Match": etag, "If-Modified-Since": last_modified}
    return {header: value for header, value in conditions.items() if value}
