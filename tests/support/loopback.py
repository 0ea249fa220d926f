"""A threading HTTP/1.1 server, on loopback or in the lab, that records its requests and leaves no thread behind."""

from __future__ import annotations

import contextlib
import selectors
import socket
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from types import TracebackType
from typing import TYPE_CHECKING

from tests.lab.namespaces import in_network

if TYPE_CHECKING:
    from typing import Self


RECORDED_HEADERS = (
    "accept",
    "accept-encoding",
    "authorization",
    "if-none-match",
    "if-modified-since",
    "range",
    "user-agent",
)


@dataclass(frozen=True)
class Request:
    """One request at the server; `path` is without the query. `status` 0 means that no answer was sent."""

    method: str
    path: str
    status: int
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class RequestLog:
    """The requests in the order of their answers. A request is recorded before its answer is sent."""

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._changed = threading.Condition()

    def add(self, request: Request) -> None:
        with self._changed:
            self._requests.append(request)
            self._changed.notify_all()

    def clear(self) -> None:
        with self._changed:
            self._requests.clear()

    def matching(
        self, path_prefix: str = "/", *, status: int | None = None, method: str | None = None
    ) -> list[Request]:
        return [
            request
            for request in self
            if request.path.startswith(path_prefix)
            and status in (None, request.status)
            and method in (None, request.method)
        ]

    def count(self, path_prefix: str = "/", *, status: int | None = None, method: str | None = None) -> int:
        return len(self.matching(path_prefix, status=status, method=method))

    def wait_for(self, path_prefix: str, *, times: int = 1, timeout: float = 30) -> None:
        """Return once `path_prefix` was requested `times` times; AssertionError after `timeout` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.count(path_prefix) >= times, timeout):
                raise AssertionError(f"{path_prefix} was not asked {times} times within {timeout} seconds")

    def __iter__(self) -> Iterator[Request]:
        return iter(list(self._requests))

    def __len__(self) -> int:
        return len(self._requests)

    def __repr__(self) -> str:
        return "\n".join(f"{each.status} {each.method} {each.path}" for each in self)


@dataclass(frozen=True)
class Answer:
    """The answer to a request. With `sent`, only the first bytes of the body are sent; with `silent`, nothing. After
    either the connection closes; with `hangs` it stays open until one side closes it.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int | None = None
    silent: bool = False
    hangs: bool = False


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _Server

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        answer = self.server.owner.answer(self.command, self.path, self.headers, body)
        path, _, query = self.path.partition("?")
        headers = {name: value for name in RECORDED_HEADERS if (value := self.headers.get(name)) is not None}
        status = 0 if answer.silent else answer.status
        self.server.owner.requests.add(Request(self.command, path, status, query, headers))
        if not answer.silent:
            self._send(answer)
        if answer.hangs:
            self._wait_until_either_side_gives_up()
        if answer.silent or answer.hangs or answer.sent is not None:
            self.close_connection = True

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 304:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: answer.sent])
        self.wfile.flush()

    def _wait_until_either_side_gives_up(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.connection, selectors.EVENT_READ)
            selector.select()

    do_GET = do_HEAD = do_POST = _handle  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing, because tests use the request log."""


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 1024

    def __init__(self, owner: LoopbackServer) -> None:
        self.owner = owner
        self.connections: set[socket.socket] = set()
        super().__init__((owner.address, owner.port), _Handler)

    def server_bind(self) -> None:
        """Bind without the DNS look-up of HTTPServer."""
        TCPServer.server_bind(self)

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        self.connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore lost clients; other exceptions are errors of the test's server."""
        error = sys.exc_info()[1]
        if error is not None and not isinstance(error, OSError):
            self.owner.errors.append(error)


class LoopbackServer:
    """The base class of the tests' servers: a context manager that can be restarted on the same port.

    It listens on `address`, in the network `namespace` if one is given (`**lab.listening` of tests/lab has both).
    """

    def __init__(self, port: int = 0, *, address: str = "127.0.0.1", namespace: Path | None = None) -> None:
        self.port = port
        self.address = address
        self.namespace = namespace
        self.requests = RequestLog()
        self.errors: list[BaseException] = []
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        raise NotImplementedError

    @property
    def url(self) -> str:
        """The server's address without a slash at the end."""
        return f"http://{self.address}:{self.port}"

    def start(self) -> None:
        self._server = in_network(self.namespace, _Server, self) if self.namespace else _Server(self)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name=self.url)
        self._thread.start()

    def stop(self) -> None:
        """Close every connection; returns when the server's threads have ended."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()
        self._server = self._thread = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        if self.errors and error is None:
            raise self.errors[0]
