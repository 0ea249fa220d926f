"""Whatever else one project's answer is, it is trouble in one sentence, after a few tries and no long wait."""

from __future__ import annotations

import contextlib
import datetime
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import format_datetime

import pytest
from wheelfleet.upstream import client
from wheelfleet.upstream.client import ProjectRequest
from wheelfleet.upstream.client import Upstream as Client
from wheelfleet.upstream.pages import JSON_TYPE

from tests.support.asking import Canned, trouble_of, versions
from tests.support.loopback import Answer as HttpAnswer
from tests.support.upstream import Upstream


@pytest.mark.parametrize(
    ("kind", "words", "tries", "answered"),
    [
        ("401", "credentials", 1, True),
        ("403", "credentials", 1, True),
        ("429", "fewer requests", 3, True),
        ("500", "out of order (500)", 3, True),
        ("503", "out of order (503)", 3, True),
        ("garbage", "not JSON", 2, True),
        ("empty", "not JSON", 2, True),
        ("truncated", "broke off", 3, True),
        ("close", "closed the connection", 3, False),
    ],
)
def test_trouble_is_one_sentence_after_a_few_tries(
    upstream: Upstream, asking: Client, kind: str, words: str, tries: int, answered: bool
) -> None:
    upstream.fault("spam", kind)  # type: ignore[arg-type]
    trouble = trouble_of(asking.project(ProjectRequest("spam")))
    assert trouble.sentence.startswith(f"{upstream.index_url}spam/ ")
    assert words in trouble.sentence
    assert trouble.sentence.endswith(".")
    assert trouble.answered is answered
    assert upstream.requests.count("/simple/spam/") == tries


@pytest.mark.parametrize("kind", ["429", "500", "502", "503", "garbage", "empty", "truncated", "close"])
def test_what_passes_at_once_is_no_trouble(upstream: Upstream, asking: Client, kind: str) -> None:
    upstream.fault("spam", kind, times=1)  # type: ignore[arg-type]
    assert versions(asking.project(ProjectRequest("spam"))) == ["1.0", "2.0"]


@pytest.mark.parametrize("sent", [0, 20])
def test_a_hanging_upstream_is_left_after_the_time_out(upstream: Upstream, sent: int) -> None:
    upstream.fault("spam", "hang", sent=sent)
    with Client(upstream.index_url, timeout=0.2) as asking:
        trouble = trouble_of(asking.project(ProjectRequest("spam")))
    assert "sent nothing for 0.2 seconds" in trouble.sentence
    assert trouble.answered is bool(sent)
    assert upstream.requests.count("/simple/spam/") == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_long_wait_upstream_asks_for_is_passed_on_and_not_waited_for(
    upstream: Upstream, asking: Client, form: str
) -> None:
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=600)
    upstream.fault("spam", "429", retry_after=600 if form == "seconds" else format_datetime(then, usegmt=True))
    trouble = trouble_of(asking.project(ProjectRequest("spam")))
    assert 590 < (trouble.retry_after or 0) <= 601
    assert upstream.requests.count("/simple/spam/") == 1


@pytest.mark.parametrize(("stated", "seconds"), [("soon", None), ("-5", None), ("٣", None), ("9" * 30, 86400)])
def test_a_senseless_retry_after_does_no_harm(
    upstream: Upstream, asking: Client, stated: str, seconds: int | None
) -> None:
    upstream.fault("spam", "503", retry_after=stated if stated.isascii() else "\xb3")
    assert trouble_of(asking.project(ProjectRequest("spam"))).retry_after == seconds


def test_a_retry_after_that_is_over_already_is_no_wait(upstream: Upstream, asking: Client) -> None:
    upstream.fault("spam", "503", retry_after="Fri, 31 Dec 1999 23:59:59 GMT", times=1)
    assert versions(asking.project(ProjectRequest("spam"))) == ["1.0", "2.0"]


def test_a_page_that_unpacks_to_more_than_a_page_can_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_LARGEST_PAGE", 1 << 20)
    headers = {"Content-Type": JSON_TYPE, "Content-Encoding": "gzip"}
    with Canned(HttpAnswer(200, gzip.compress(b" " * (20 << 20)), headers)) as server, Client(server.url) as asking:
        trouble = trouble_of(asking.project(ProjectRequest("spam")))
    assert "sent more than 1 MiB" in trouble.sentence


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (HttpAnswer(200, b"not gzip", {"Content-Type": JSON_TYPE, "Content-Encoding": "gzip"}), "unpacked"),
        (HttpAnswer(200, b"{}", {"Content-Type": "application/json"}), "content of the type application/json"),
        (HttpAnswer(200, b"{}"), "content of the type unknown"),
        (HttpAnswer(204), "HTTP status 204"),
        (HttpAnswer(302), "HTTP status 302"),
        (HttpAnswer(418), "HTTP status 418"),
        (HttpAnswer(302, headers={"Location": "ftp://127.0.0.1/"}), "not an http(s) URL"),
        (HttpAnswer(302, headers={"Location": "javascript:alert(1)"}), "not an http(s) URL"),
        (HttpAnswer(302, headers={"Location": "http://[/"}), "not an http(s) URL"),
        (HttpAnswer(302, headers={"Location": "http://127.0.0.1:99999/"}), "not an http(s) URL"),
        (HttpAnswer(302, headers={"Location": "/again"}), "redirects more than 5 times"),
    ],
)
def test_answers_that_no_index_gives_are_trouble(answer: HttpAnswer, words: str) -> None:
    with Canned(answer) as server, Client(server.url) as asking:
        assert words in trouble_of(asking.project(ProjectRequest("spam"))).sentence


@contextlib.contextmanager
def raw_server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that lets `talk` say what it likes on each connection, byte by byte; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.recv(65536)
                        talk(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/simple/"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_an_answer_that_only_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            connection.sendall(b" ")
            time.sleep(0.01)

    with raw_server(drip) as url, Client(url, timeout=0.05) as asking:
        assert "too slowly" in trouble_of(asking.project(ProjectRequest("spam"))).sentence


def test_html_that_ends_with_the_connection_is_believed_only_when_whole() -> None:
    whole = (
        b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html><h1>Links for spam</h1>"
        b'<a href="spam-1.0.tar.gz">x</a><a href="spam-2.0.tar.gz">x</a></html>\n'
    )
    with raw_server(lambda connection: connection.sendall(whole)) as url, Client(url) as asking:
        assert versions(asking.project(ProjectRequest("spam"))) == ["1.0", "2.0"]
    cut = whole[: whole.index(b"<a href", whole.index(b"</a>"))]
    with raw_server(lambda connection: connection.sendall(cut)) as url, Client(url) as asking:
        assert "broke off" in trouble_of(asking.project(ProjectRequest("spam"))).sentence


@pytest.mark.parametrize(
    "line", [b"", b"\x00\xff\r\n\r\n", b"HTTP/9.9 abc\r\n\r\n", b"HTTP/1.1 200 OK\r\n" + b"a" * 99999]
)
def test_what_is_not_even_http_is_trouble(line: bytes) -> None:
    with raw_server(lambda connection: connection.sendall(line)) as url, Client(url) as asking:
        assert not trouble_of(asking.project(ProjectRequest("spam"))).answered
