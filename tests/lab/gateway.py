"""The only way out of a lab: it connects the nodes' streams to the allowed registries by name.

Nodes resolve a registry's name to the gateway. The gateway reads the name from the TLS ClientHello or the HTTP Host
header, and connects to the registry from the machine's network. TLS is end to end; nodes need no proxy settings.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Collection
from pathlib import Path

from tests.lab.namespaces import in_network

HTTP, HTTPS = 80, 443
REFUSAL = b"HTTP/1.1 403 not in the lab\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def serve(address: str, namespace: Path, hosts: Collection[str], closed: Path) -> None:
    """Serve for ever on `address` inside `namespace`; while the file `closed` exists, every name is refused."""
    sockets = {port: in_network(namespace, socket.create_server, (address, port)) for port in (HTTP, HTTPS)}

    async def main() -> None:
        for port, listening in sockets.items():
            await asyncio.start_server(_joiner(port, hosts, closed), sock=listening)
        await asyncio.Event().wait()

    asyncio.run(main())


def server_name(hello: bytes) -> str | None:
    """The server name in a TLS ClientHello (RFC 6066): empty without one, None while the message is incomplete."""
    if len(hello) < 5 or len(hello) < 5 + int.from_bytes(hello[3:5], "big"):
        return None
    at = 43
    at += 1 + hello[at]  # session id
    at += 2 + int.from_bytes(hello[at : at + 2], "big")  # cipher suites
    at += 1 + hello[at]  # compression methods
    end = at + 2 + int.from_bytes(hello[at : at + 2], "big")
    at += 2
    while at + 4 <= end:
        extension, length = struct.unpack("!HH", hello[at : at + 4])
        if extension == 0:
            return hello[at + 9 : at + 4 + length].decode("ascii", "replace")
        at += 4 + length
    return ""


def host_header(request: bytes) -> str | None:
    """The Host header of an HTTP request, without port: empty without one, None while the headers are incomplete."""
    if b"\r\n\r\n" not in request:
        return None
    found = re.search(rb"\r\nhost:[ \t]*([^\s:]+)", request, re.IGNORECASE)
    return found[1].decode("ascii", "replace") if found else ""


async def _asked_for(reader: asyncio.StreamReader, port: int) -> tuple[str, bytes]:
    """The host name in a client's first bytes, and those bytes."""
    sent = b""
    name = None
    while name is None and len(sent) < 65536:
        data = await asyncio.wait_for(reader.read(65536), 30)
        if not data:
            break
        sent += data
        name = host_header(sent) if port == HTTP else server_name(sent)
    return (name or "").lower().rstrip("."), sent


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


def _joiner(port: int, hosts: Collection[str], closed: Path) -> Serve:
    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        beyond = None
        name = "?"
        try:
            name, sent = await _asked_for(reader, port)
            if name not in hosts or closed.exists():
                print(time.strftime("%T"), writer.get_extra_info("peername")[0], port, name, "refused", flush=True)
                if port == HTTP:
                    writer.write(REFUSAL)
                    await writer.drain()
                return
            answers, beyond = await asyncio.open_connection(name, port)
            beyond.write(sent)
            await asyncio.gather(_carry(reader, beyond), _carry(answers, writer))
        except (OSError, IndexError, asyncio.TimeoutError) as error:
            print(time.strftime("%T"), port, name, repr(error), flush=True)
        finally:
            for end in (writer, beyond):
                if end is not None:
                    end.close()

    return join
