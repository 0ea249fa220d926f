"""The sandbox's only way to the network: an HTTP proxy that reaches the index and nothing else.

    PYTHON proxy.py [--refused FILE] HOST:PORT... -- COMMAND...

It runs outside, as the parent of the sandbox that COMMAND starts, and ends with its exit code. `proxy_client` opens the
listening socket inside and passes it out, so no other process of this host can connect. Each refused server is printed
to the log and written to FILE, one a line. https passes as bytes, so the client itself verifies the index.

This file imports nothing of this package, so it can run by itself.
"""

from __future__ import annotations

import base64
import ctypes
import os
import selectors
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies_environment, proxy_bypass

_LIBRARY = Path(__file__).resolve().parents[2]
#: The same as in `proxy_client` and `sandbox`, which this file cannot import.
_SOCKET_VARIABLE = "WHEELFLEET_PROXY_SOCKET"
_PROXY_PORT = 3128
_PORTS = {"http": 80, "https": 443}
_LONGEST_HEAD = 1 << 16
_CHUNK = 1 << 16
#: Connections at once; more wait.
_MOST = 48
#: Seconds to wait for a connection, and for the next byte on one.
_PATIENCE = 60.0
_SILENCE = 300.0
#: Refusals that are printed to the log, and servers that are written to the file.
_MOST_WORDS = 20
_PR_SET_PDEATHSIG = 1
#: pip prefers this variable to the environment's proxies.
_PIPS_PROXY = "PIP_PROXY"


class Refusal(Exception):
    """A request that is not served; `code` is the HTTP status of the response."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def servers_of(urls: Iterable[str | None]) -> list[str]:
    """The servers of these URLs as "HOST:PORT", sorted: the servers that a proxy may let through."""
    found = set()
    for url in urls:
        parts = urlsplit(url or "")
        if parts.scheme in _PORTS and parts.hostname:
            found.add(_server(parts.hostname, parts.port or _PORTS[parts.scheme]))
    return sorted(found)


def behind_proxy(
    command: Sequence[str],
    servers: Sequence[str],
    python: str = sys.executable,
    library: Path = _LIBRARY,
    refused: Path | None = None,
) -> list[str]:
    """The command line that runs `command`, a sandbox with a proxy client, behind a proxy to `servers`.

    `library` is the folder of the package `wheelfleet`. Each refused server is added to the file `refused`. Run the
    command line in the command's environment plus the host's own proxies: this proxy uses them and hides them from the
    command. A proxy that is configured for pip alone has precedence.
    """
    options = [] if refused is None else ["--refused", str(refused)]
    program = library / "wheelfleet" / "builder" / "proxy.py"
    return [python, "-I", "-S", str(program), *options, *servers, "--", *command]


def proxied_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` for the sandboxed command, with this proxy as its only one."""
    proxies = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy", _PIPS_PROXY.lower())
    kept = {name: value for name, value in environment.items() if name.lower() not in proxies}
    url = f"http://127.0.0.1:{_PROXY_PORT}"
    return {**kept, **{name: url for both in proxies[:2] for name in (both, both.upper())}}


class Proxy:
    """Serves each connection in its own thread."""

    def __init__(self, servers: Iterable[str], refused: Path | None = None) -> None:
        self._servers = frozenset(servers)
        self._refused = refused
        self._proxies = getproxies_environment()
        self._proxies.update(dict.fromkeys(_PORTS, os.environ[_PIPS_PROXY]) if os.environ.get(_PIPS_PROXY) else {})
        self._free = threading.BoundedSemaphore(_MOST)
        self._words = 0
        self._noted: set[str] = set()

    def serve(self, listener: socket.socket) -> None:
        """Serve until the listening socket fails. Never returns otherwise."""
        while True:
            self._free.acquire()
            try:
                client = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._attend, args=(client,), daemon=True).start()

    def _attend(self, client: socket.socket) -> None:
        try:
            with client:
                client.settimeout(_PATIENCE)
                with suppress(OSError):
                    self._answer(client)
        finally:
            self._free.release()

    def _answer(self, client: socket.socket) -> None:
        try:
            head, rest = _read_head(client)
            words = head[0].split(" ")
            if len(words) != 3:
                raise Refusal(400, "This is no HTTP request.")
            method, target, _ = words
            if method == "CONNECT":
                server, said = self._tunnel(target)
                with server:
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n" + said)
                    server.sendall(rest)
                    _carry(client, server)
                return
            if method not in ("GET", "HEAD"):
                raise Refusal(405, "The index is read here, and not written to.")
            with self._request(method, target, head[1:]) as server:
                _carry(client, server, one_way=True)
        except Refusal as error:
            text = f"wheelfleet: {error}\n".encode()
            client.sendall(
                f"HTTP/1.1 {error.code} Closed\r\nContent-Type: text/plain\r\nContent-Length: {len(text)}\r\n"
                "Connection: close\r\n\r\n".encode()
                + text
            )

    def _tunnel(self, target: str) -> tuple[socket.socket, bytes]:
        """A connection to "HOST:PORT", and the bytes that were already read from it. Raises Refusal."""
        parts = _split(f"//{target}")
        host, port = self._allowed(parts, parts.port)
        proxy = self._proxy("https", host, port)
        if proxy is None:
            return _connect(host, port), b""
        server = _connect_to_proxy(proxy)
        lines = [f"CONNECT {_server(host, port)} HTTP/1.1", f"Host: {_server(host, port)}", *_authorization(proxy)]
        server.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        try:
            head, rest = _read_head(server)
        except Refusal as error:
            raise Refusal(502, "This host's proxy does not answer in HTTP.") from error
        if head[0].split(" ")[1:2] != ["200"]:
            server.close()
            raise Refusal(502, f"This host's proxy refuses the way to {_server(host, port)}: {head[0][:200]}")
        return server, rest

    def _request(self, method: str, target: str, headers: Sequence[str]) -> socket.socket:
        """A connection on which the http URL `target` was requested; all that it carries is the response. Raises
        Refusal.
        """
        parts = _split(target)
        if parts.scheme != "http":
            raise Refusal(400, "This is a proxy, and needs a whole http URL.")
        host, port = self._allowed(parts, parts.port or 80)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        authority = _server(host, port) if port != 80 else _server(host, port).rpartition(":")[0]
        # These could hide another server's name or a second request.
        dropped = ("host", "connection", "keep-alive", "upgrade", "te", "transfer-encoding", "content-length")
        kept = [
            line
            for line in headers
            if (name := line.partition(":")[0].strip().lower()) not in dropped and not name.startswith("proxy-")
        ]
        proxy = self._proxy("http", host, port)
        asked = path if proxy is None else f"http://{authority}{path}"
        more = [] if proxy is None else _authorization(proxy)
        lines = [f"{method} {asked} HTTP/1.1", f"Host: {authority}", *kept, *more, "Connection: close"]
        server = _connect(host, port) if proxy is None else _connect_to_proxy(proxy)
        server.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        return server

    def _allowed(self, parts: SplitResult, port: int | None) -> tuple[str, int]:
        host = parts.hostname or ""
        server = _server(host, port or 0)
        if server in self._servers:
            return host, port or 0
        self._words += 1
        shown = "".join(letter if letter.isprintable() else "?" for letter in server)[:200]
        if self._words <= _MOST_WORDS:
            print(f"wheelfleet: the network beyond the index is closed here: {shown} was refused", flush=True)
        if self._refused is not None and shown not in self._noted and len(self._noted) < _MOST_WORDS:
            self._noted.add(shown)
            with self._refused.open("a", encoding="utf-8") as file:
                file.write(f"{shown}\n")
        raise Refusal(403, "The network beyond the index is closed here.")

    def _proxy(self, scheme: str, host: str, port: int) -> SplitResult | None:
        """The host's own proxy for this server, if the environment names one. Raises Refusal for other kinds."""
        url = self._proxies.get(scheme) or self._proxies.get("all")
        if not url or proxy_bypass(_server(host, port)):
            return None
        parts = _split(url if "://" in url else f"http://{url}")
        if parts.scheme not in _PORTS or not parts.hostname:
            raise Refusal(502, f"This host's proxy is of a kind ({parts.scheme}) that builds cannot use; http can be.")
        return parts


def _server(host: str, port: int) -> str:
    host = host.lower().rstrip(".")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise Refusal(400, "This is no URL.") from error
    return parts


def _read_head(connection: socket.socket) -> tuple[list[str], bytes]:
    """The lines of an HTTP message's head, and the bytes read after it. Raises Refusal."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(_CHUNK)
        data += more
        if not more or len(data) > _LONGEST_HEAD:
            raise Refusal(400, "This is no HTTP message.")
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    if any(letter in line for line in lines for letter in "\r\n\0"):
        raise Refusal(400, "This is no HTTP message.")
    return lines, rest


def _connect(host: str, port: int) -> socket.socket:
    try:
        return socket.create_connection((host, port), timeout=_PATIENCE)
    except OSError as error:
        raise Refusal(502, f"{_server(host, port)} cannot be reached: {error}.") from error


def _connect_to_proxy(proxy: SplitResult) -> socket.socket:
    host = proxy.hostname or ""
    server = _connect(host, proxy.port or _PORTS[proxy.scheme])
    if proxy.scheme == "https":
        try:
            return ssl.create_default_context().wrap_socket(server, server_hostname=host)
        except (OSError, ValueError) as error:
            raise Refusal(502, f"This host's proxy cannot be trusted: {error}.") from error
    return server


def _authorization(proxy: SplitResult) -> list[str]:
    if proxy.username is None:
        return []
    secret = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return [f"Proxy-Authorization: Basic {base64.b64encode(secret).decode()}"]


def _carry(client: socket.socket, server: socket.socket, one_way: bool = False) -> None:
    """Carry bytes both ways, or only from the server, until both ends have finished or are silent for `_SILENCE`."""
    for end in (client, server):
        end.settimeout(_SILENCE)
    to = {server: client} if one_way else {server: client, client: server}
    with selectors.DefaultSelector() as selector:
        for end in to:
            selector.register(end, selectors.EVENT_READ)
        while to:
            ready = selector.select(_SILENCE)
            # TLS to a proxy may buffer bytes that the selector cannot see. A read takes a whole record, so none are
            # left.
            for key, _ in ready:
                speaker: socket.socket = key.fileobj  # type: ignore[assignment]
                data = speaker.recv(_CHUNK)
                if data:
                    to[speaker].sendall(data)
                    continue
                selector.unregister(speaker)
                with suppress(OSError):
                    to.pop(speaker).shutdown(socket.SHUT_WR)
            if not ready:
                return


def main(arguments: Sequence[str]) -> int:
    split = list(arguments).index("--")
    servers, command = arguments[:split], arguments[split + 1 :]
    refused = None
    if servers[:1] == ["--refused"]:
        refused, servers = Path(servers[1]), servers[2:]
    ours, theirs = socket.socketpair()
    environment = {**proxied_environment(os.environ), _SOCKET_VARIABLE: str(theirs.fileno())}
    parent = os.getpid()

    def in_the_child() -> None:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    # Started in the main thread, because the kernel sends PDEATHSIG when the parent's thread ends.
    process = subprocess.Popen(command, env=environment, pass_fds=[theirs.fileno()], preexec_fn=in_the_child)
    theirs.close()
    with ours:
        _, handed, _, _ = socket.recv_fds(ours, 16, 1)
    if handed:
        listener = socket.socket(fileno=handed[0])
        threading.Thread(target=Proxy(servers, refused).serve, args=(listener,), daemon=True).start()
    code = process.wait()
    return 128 - code if code < 0 else code


if __name__ == "__main__":
    # Do not wait for the threads, because their command has ended.
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)
