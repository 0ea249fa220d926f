"""Shared parts of the upstream client's tests: assertions on answers, and simple servers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from email.message import Message
from socketserver import BaseServer

from wheelfleet.upstream.client import Answer, Page, Problem, ProjectRequest

from tests.support.loopback import Answer as HttpAnswer
from tests.support.loopback import LoopbackServer


def page_of(answer: Answer) -> Page:
    assert isinstance(answer, Page), answer
    return answer


def trouble_of(answer: object) -> Problem:
    assert isinstance(answer, Problem), answer
    return answer


def versions(answer: Answer) -> list[str]:
    return [file.version for file in page_of(answer).page.files]


def as_known(answer: Answer, name: str = "spam", want_serial: int | None = None) -> ProjectRequest:
    """The conditional request that follows a page."""
    known = page_of(answer)
    return ProjectRequest(
        name, known.etag, known.last_modified, want_serial, known.page.serial, known.page.digest, known=True
    )


class Canned(LoopbackServer):
    """Gives one answer to all requests and records their headers."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__()
        self.canned = answer
        self.asked: list[Message] = []

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> HttpAnswer:
        self.asked.append(headers)
        return self.canned


@contextlib.contextmanager
def serving(server: BaseServer) -> Iterator[int]:
    """Run a server of the standard library and close it at the end; yields its port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
