"""The proxy: through it the index is reached, and nothing else."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from wheelfleet.builder.proxy import Proxy, behind_proxy, proxied_environment, servers_of


class _Index(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        said = f"{self.path} {self.headers['Host']} {self.headers['Proxy-Authorization']}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def do_CONNECT(self) -> None:
        self.server.asked.append((self.path, self.headers["Proxy-Authorization"]))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()
        self.connection.sendall(b"through the proxy")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def index() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Index) as server:
        server.asked = []  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def ask(servers: list[str], request: str) -> bytes:
    """All that a proxy to these servers answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=Proxy(servers).serve, args=(listener,), daemon=True).start()
        with socket.create_connection(listener.getsockname(), timeout=10) as client:
            client.sendall(request.encode())
            said = b""
            while data := client.recv(4096):
                said += data
            return said


def test_the_servers_of_urls_are_named_once_with_their_ports() -> None:
    urls = ["https://u:p@Index.Example/simple/", "https://index.example:443/x", "http://[::1]:8080/", "file:///srv/x"]
    assert servers_of([*urls, None, ""]) == ["[::1]:8080", "index.example:443"]


def test_a_page_of_the_index_is_had_under_its_own_host_name(index: ThreadingHTTPServer) -> None:
    port = index.server_port
    said = ask(
        [f"127.0.0.1:{port}"],
        f"GET http://127.0.0.1:{port}/simple/?a=b HTTP/1.1\r\n"
        "Host: other.example\r\nProxy-Authorization: Basic x\r\n\r\n"
        "GET /second HTTP/1.1\r\nHost: other.example\r\n\r\n",
    )
    assert said.endswith(f"\r\n\r\n/simple/?a=b 127.0.0.1:{port} None".encode())


def test_a_tunnel_to_the_index_carries_bytes_both_ways(index: ThreadingHTTPServer) -> None:
    port = index.server_port
    said = ask(
        [f"127.0.0.1:{port}"],
        f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\nGET /inner HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    )
    assert said.startswith(b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200")
    assert said.endswith(b"/inner h None")


@pytest.mark.parametrize(
    "request_line",
    [
        "CONNECT 127.0.0.1:22",
        "CONNECT index.example.evil:443",
        "CONNECT index.example:80",
        "CONNECT index.example",
        "CONNECT user@elsewhere:443",
        "GET http://index.example:443@elsewhere/",
        "GET http://169.254.169.254/",
        "GET http://localhost:8000/",
    ],
)
def test_everything_else_is_refused_and_said_to_the_log(request_line: str, capsys: pytest.CaptureFixture[str]) -> None:
    said = ask(["index.example:443"], f"{request_line} HTTP/1.1\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 403 ")
    assert "the network beyond the index is closed here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("request_line", "code"),
    [
        ("POST http://index.example/", 405),
        ("GET /simple/", 400),
        ("GET ftp://index.example/", 400),
        ("GET http://[/", 400),
        ("GET http://index.example:99999/", 400),
        ("nonsense", 400),
        ("GET http://index.example/\nX: y", 400),
    ],
)
def test_what_is_no_request_to_read_is_refused(request_line: str, code: int) -> None:
    said = ask(["index.example:80"], f"{request_line} HTTP/1.1\r\n\r\n")
    assert said.startswith(f"HTTP/1.1 {code} ".encode())


def test_a_name_with_control_characters_does_not_reach_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    ask(["index.example:443"], "CONNECT \x1b[31m:443 HTTP/1.1\r\n\r\n")
    assert "\x1b" not in capsys.readouterr().out


def test_refusals_fill_no_log(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=Proxy([]).serve, args=(listener,), daemon=True).start()
        for _ in range(40):
            with closing(http.client.HTTPConnection(*listener.getsockname(), timeout=10)) as client:
                client.request("GET", "http://elsewhere/")
                assert client.getresponse().status == 403
    assert len(capsys.readouterr().out.splitlines()) == 20


def test_the_hosts_own_proxy_is_used_and_the_inside_learns_no_password(
    index: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = f"http://user:secret@127.0.0.1:{index.server_port}"
    monkeypatch.setenv("https_proxy", proxy)
    monkeypatch.setenv("http_proxy", proxy)
    said = ask(["index.example:443"], "CONNECT index.example:443 HTTP/1.1\r\n\r\n")
    assert said.endswith(b"through the proxy")
    assert index.asked == [("index.example:443", "Basic dXNlcjpzZWNyZXQ=")]  # type: ignore[attr-defined]
    said = ask(["index.example:80"], "GET http://index.example/simple/ HTTP/1.1\r\n\r\n")
    assert said.endswith(b"http://index.example/simple/ index.example Basic dXNlcjpzZWNyZXQ=")
    environment = proxied_environment({"https_proxy": proxy, "NO_PROXY": "*", "PATH": "/bin"})
    assert "secret" not in str(environment)
    assert environment["https_proxy"] == environment["HTTP_PROXY"] == "http://127.0.0.1:3128"
    assert "NO_PROXY" not in environment


def test_a_server_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    said = ask([f"127.0.0.1:{port}"], f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 502 ")
    assert f"127.0.0.1:{port} cannot be reached".encode() in said


def test_the_gate_is_a_program_before_the_sandboxs() -> None:
    command = behind_proxy(["bwrap", "true"], ["index.example:443"], "/usr/bin/python3")
    assert command[:3] == ["/usr/bin/python3", "-I", "-S"]
    assert command[4:] == ["index.example:443", "--", "bwrap", "true"]
