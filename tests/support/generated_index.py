"""A package index of any size, made of numbers: names, releases and pages follow from a project's number.

It is as heavy-tailed as PyPI: half of the projects have at most three releases, some have thousands, and on average
there are eleven releases with two files each. Nothing but the list is stored.
The server is a process of its own that speaks the part of HTTP that mirrors use: keep-alive and conditional requests.

Paths: `/simple/` and `/simple/NAME/` (PEP 691), `/pypi/NAME/json` (PyPI's older JSON, which bandersnatch reads), and
`/-/advance`: of all projects a few get a new release. Files are somewhere else and cannot be had, but for the sdists of
an index that is `buildable`: those are made when they are asked for, from `/files/`.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import socket
import string
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from urllib.request import urlopen

from tests.support import sdists

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
#: PyPI's projects in March 2026.
PYPI_PROJECTS = 740_000
#: The parameters of a Pareto distribution with a mean of 10.8, cut off at the largest.
TAIL, LEAST, LARGEST = 1.1, 1.7, 5_000
#: Projects that get a release with each advance.
NEWS = 200

_SYLLABLES = ("ba", "co", "da", "fu", "gel", "hi", "jin", "ka", "lo", "mar", "ne", "op", "py", "qua", "ro", "si", "tor")
_DIGITS = string.digits + string.ascii_lowercase
_SUMMARY = "Something that was made from a number, to measure with"
#: Cumulated shares of projects by kind.
_KINDS = ((0.30, "sdist"), (0.90, "pure"), (0.96, "wheel"), (1.0, "native"))
_PYTHONS = ("cp310", "cp311", "cp312", "cp313")
_PLATFORMS = ("manylinux_2_28_x86_64", "macosx_11_0_arm64", "win_amd64", "manylinux_2_28_aarch64")
_FIRST_SERIAL, _SPAN = 10_000_000, 20_000_000


@dataclass(frozen=True)
class GeneratedIndex:
    """An index of so many projects, none with more releases than `largest`. `age` counts its advances; the same numbers
    give the same index. If it is `buildable`, projects of sdists alone have real ones, of unknown size and hash."""

    projects: int
    age: int = 0
    largest: int = LARGEST
    buildable: bool = False

    def name(self, number: int) -> str:
        """The project's name: some syllables, then its number in base 36, by which `number_of` finds it."""
        draw = _mixed(number)
        word = "".join(_SYLLABLES[(draw >> shift & 0xFF) % len(_SYLLABLES)] for shift in range(0, 8 + draw % 16, 8))
        digits = ""
        rest = number
        while rest or not digits:
            rest, digit = divmod(rest, 36)
            digits = _DIGITS[digit] + digits
        return f"{word}-{digits}"

    def number_of(self, name: str) -> int | None:
        """The number of a project; None if there is none of this name."""
        try:
            number = int(name.rpartition("-")[2], 36)
        except ValueError:
            return None
        return number if 0 <= number < self.projects and self.name(number) == name else None

    def news(self, number: int) -> int:
        """How many releases the project got since the beginning."""
        step = max(self.projects // NEWS, 1)
        first = number % step
        return (self.age - first - 1) // step + 1 if self.age > first else 0

    def serial(self, number: int) -> int:
        """The serial of the project's last change."""
        news = self.news(number)
        if not news:
            return _FIRST_SERIAL + _mixed(number) % _SPAN
        step = max(self.projects // NEWS, 1)
        return _FIRST_SERIAL + _SPAN + (number % step + 1 + (news - 1) * step) * self.projects + number

    @property
    def last_serial(self) -> int:
        """The serial of the index."""
        return _FIRST_SERIAL + _SPAN + (self.age + 1) * self.projects

    def releases(self, number: int) -> int:
        """How many releases the project has."""
        chance = (_mixed(number * 3 + 1) % (1 << 32) + 1) / (1 << 32)
        return min(int(LEAST * chance ** (-1 / TAIL)), self.largest) + self.news(number)

    def kind(self, number: int) -> str:
        """What the project uploads: sdists alone, pure wheels too, pure wheels alone, or wheels for platforms too."""
        share = _mixed(number * 5 + 2) % 1000 / 1000
        return next(kind for most, kind in _KINDS if share < most)

    def version(self, release: int) -> str:
        """The version of a release; one in eight is a pre-release."""
        text = f"{release // 100}.{release // 10 % 10}.{release % 10}"
        return f"{text}rc1" if self.is_prerelease(release) else text

    def is_prerelease(self, release: int) -> bool:
        """Whether it is a pre-release (PEP 440)."""
        return release % 8 == 5

    def endings(self, number: int) -> list[str]:
        """What follows the version in the names of a release's files."""
        kind = self.kind(number)
        if kind == "native":
            platforms = _PLATFORMS[: 3 + number % 2]
            return [".tar.gz", *(f"-{each}-{each}-{platform}.whl" for each in _PYTHONS for platform in platforms)]
        return {"sdist": [".tar.gz"], "pure": [".tar.gz", "-py3-none-any.whl"], "wheel": ["-py3-none-any.whl"]}[kind]

    # ------------------------------------------------------------------ pages

    def root(self) -> bytes:
        """The list of all projects (PEP 691), with PyPI's serials, in the order of names as PyPI has it."""
        rows = sorted((self.name(number), self.serial(number)) for number in range(self.projects))
        listed = ",".join(f'{{"_last-serial":{serial},"name":"{name}"}}' for name, serial in rows)
        return f'{{"meta":{{"_last-serial":{self.last_serial},"api-version":"1.4"}},"projects":[{listed}]}}'.encode()

    def page(self, number: int) -> bytes:
        """The project's page (PEP 691, 700)."""
        name = self.name(number)
        releases = range(self.releases(number))
        real = self.buildable and self.kind(number) == "sdist"
        files = ",".join(self._files(number, _REAL_FILE if real else _FILE))
        versions = ",".join(f'"{self.version(release)}"' for release in releases)
        return (
            f'{{"alternate-locations":[],"files":[{files}],"meta":{{"_last-serial":{self.serial(number)},'
            f'"api-version":"1.4"}},"name":"{name}","project-status":{{"status":"active"}},"versions":[{versions}]}}'
        ).encode()

    def older_page(self, number: int) -> bytes:
        """The project in PyPI's older JSON."""
        files = self._files(number, _OLDER_FILE)
        each = len(self.endings(number))
        releases = ",".join(
            f'"{self.version(release)}":[{",".join(files[release * each : (release + 1) * each])}]'
            for release in range(self.releases(number))
        )
        newest = self.version(self.releases(number) - 1)
        return (
            f'{{"info":{{"author":"","name":"{self.name(number)}","summary":"{_SUMMARY}","version":"{newest}",'
            f'"yanked":false,"requires_python":">=3.8"}},"last_serial":{self.serial(number)},'
            f'"releases":{{{releases}}},"urls":[],"vulnerabilities":[]}}'
        ).encode()

    def sdist(self, filename: str) -> bytes | None:
        """A real sdist by its name; None if the index has no such file."""
        stem, _, version = filename.removesuffix(".tar.gz").rpartition("-")
        number = self.number_of(stem.replace("_", "-"))
        if not self.buildable or number is None or self.kind(number) != "sdist":
            return None
        return sdists.pure_sdist(self.name(number), version).data

    def _files(self, number: int, form: str) -> list[str]:
        """All files of a project in one of the forms below, in the order of releases."""
        stem = self.name(number).replace("-", "_")
        endings = self.endings(number)
        digest = _mixed(number) << 192
        files = []
        for release in range(self.releases(number)):
            begin, size, moment = f"{stem}-{self.version(release)}", 1000 + release * 977, _time(release)
            for ending in endings:
                digest = (digest * 0x5851F42D4C957F2D + 0x14057B7EF767814F) % (1 << 256)
                sha = f"{digest:064x}"
                # The metadata of a wheel has a hash of its own; any other one does.
                other = f'{{"sha256":"{sha[::-1]}"}}' if ending[-1] == "l" else "false"
                files.append(form % {"name": begin + ending, "sha": sha, "other": other, "size": size, "time": moment,
                                     "day": moment[:19], "a": sha[:2], "b": sha[2:4], "c": sha[4:]})  # fmt: skip
        return files


_PLACE = "https://files.example.org/packages/%(a)s/%(b)s/%(c)s/%(name)s"
_FILE = (
    '{"core-metadata":%(other)s,"data-dist-info-metadata":%(other)s,"filename":"%(name)s","hashes":{"sha256":"%(sha)s"}'
    ',"provenance":null,"requires-python":">=3.8","size":%(size)d,"upload-time":"%(time)s","url":"'
    + _PLACE
    + '","yanked":false}'
)
_REAL_FILE = (
    '{"filename":"%(name)s","hashes":{},"requires-python":">=3.8","upload-time":"%(time)s","url":"/files/%(name)s"'
    ',"yanked":false}'
)
_OLDER_FILE = (
    '{"comment_text":"","digests":{"blake2b_256":"%(sha)s","md5":"%(c)s","sha256":"%(sha)s"},"downloads":-1,'
    '"filename":"%(name)s","has_sig":false,"md5_digest":"%(c)s","packagetype":"sdist","python_version":"py3",'
    '"requires_python":">=3.8","size":%(size)d,"upload_time":"%(day)s","upload_time_iso_8601":"%(time)s","url":"'
    + _PLACE
    + '","yanked":false,"yanked_reason":null}'
)


def _mixed(number: int) -> int:
    """A number that looks random, of 64 bits (splitmix64)."""
    number = (number + 1) * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    number = (number ^ number >> 30) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    number = (number ^ number >> 27) * 0x94D049BB133111EB & 0xFFFFFFFFFFFFFFFF
    return number ^ number >> 31


def _time(release: int) -> str:
    return f"20{10 + release // 400 % 15:02d}-{release // 28 % 12 + 1:02d}-{release % 28 + 1:02d}T10:00:00.123456Z"


# ---------------------------------------------------------------------- server


class _Server(asyncio.Protocol):
    """One connection. Requests have no body; the state is shared by all connections."""

    def __init__(self, holdings: _Holdings) -> None:
        self.holdings = holdings
        self.transport: asyncio.Transport | None = None
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        while True:
            head, end, rest = self.received.partition(b"\r\n\r\n")
            if not end:
                return
            self.received = rest
            assert self.transport is not None
            self.transport.write(self.holdings.answer(head))


class _Holdings:
    """The index as it is now."""

    def __init__(self, index: GeneratedIndex) -> None:
        self.index = index
        self.root = index.root()

    def answer(self, head: bytes) -> bytes:
        path = head.split(b" ", 2)[1].decode()
        if path == "/-/advance":
            self.index = replace(self.index, age=self.index.age + 1)
            self.root = self.index.root()
            return _answer(200, b"", "")
        etag = condition = ""
        for line in head.split(b"\r\n")[1:]:
            if line[:14].lower() == b"if-none-match:":
                condition = line[14:].strip().decode()
        if path.rstrip("/") == "/simple":
            etag = f'"{self.index.age}"'
            return _answer(304, b"", etag) if etag == condition else _answer(200, self.root, etag)
        parts = path.strip("/").split("/")
        if parts[0] == "files":
            sdist = self.index.sdist(parts[-1])
            return _answer(404, b"", "") if sdist is None else _answer(200, sdist, "", None, "application/gzip")
        number = self.index.number_of(parts[1]) if len(parts) > 1 else None
        if number is None or parts[0] not in ("simple", "pypi"):
            return _answer(404, b"not here", "")
        serial = self.index.serial(number)
        etag = f'"{serial}"'
        if etag == condition:
            return _answer(304, b"", etag, serial)
        body = self.index.page(number) if parts[0] == "simple" else self.index.older_page(number)
        return _answer(200, body, etag, serial, JSON_TYPE if parts[0] == "simple" else "application/json")


def _answer(status: int, body: bytes, etag: str, serial: int | None = None, content_type: str = JSON_TYPE) -> bytes:
    head = [f"HTTP/1.1 {status} OK", f"Content-Length: {len(body)}"]
    if status == 304:
        head.pop()
    else:
        head.append(f"Content-Type: {content_type}")
    if etag:
        head.append(f"ETag: {etag}")
    if serial is not None:
        head.append(f"X-PyPI-Last-Serial: {serial}")
    return "\r\n".join([*head, "", ""]).encode() + body


@contextmanager
def served(index: GeneratedIndex) -> Iterator[str]:
    """Serve the index from a process of its own until the block ends; gives the URL of its root."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(index, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield f"http://127.0.0.1:{ours.recv()}"
    finally:
        process.terminate()
        process.join()
        process.close()


def _serve(index: GeneratedIndex, told: Connection) -> None:
    async def serve() -> None:
        holdings = _Holdings(index)
        server = await asyncio.get_running_loop().create_server(lambda: _Server(holdings), "127.0.0.1", 0, backlog=500)
        told.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


def advance(url: str) -> None:
    """Let the index at this URL have news."""
    with urlopen(f"{url}/-/advance", timeout=300) as answer:
        answer.read()


def ceiling(url: str, index: GeneratedIndex, requests: int = 5_000) -> float:
    """Pages that the server gives in a second to a plain client that reads nothing of them."""
    numbers = random.Random(1).sample(range(index.projects), min(requests, index.projects))
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection, connection.makefile("rb") as answers:
        began = time.monotonic()
        for start in range(0, len(numbers), 50):
            some = numbers[start : start + 50]
            connection.sendall(
                b"".join(f"GET /simple/{index.name(number)}/ HTTP/1.1\r\nHost: x\r\n\r\n".encode() for number in some)
            )
            for _ in some:
                length = 0
                while (line := answers.readline().strip()) != b"":
                    if line.startswith(b"Content-Length:"):
                        length = int(line[15:])
                answers.read(length)
        return len(numbers) / (time.monotonic() - began)
