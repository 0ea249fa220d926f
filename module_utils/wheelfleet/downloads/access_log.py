"""Adds up a web node's access log: look-ups of projects and downloads of wheels by day and kind of client, and visits
of pages by day.

It runs on the web node; only sums without addresses leave it. The log is nginx's, one JSON object a line
(roles/webnode/templates/etc/nginx/sites-available/wheelfleet.j2). Its text is untrusted.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote

from .log_rotation import LogFile, Position, find_positions, open_log
from .user_agents import OTHER, Client, is_browser, read_agent

DAY = 86400
#: Days before and after now within which a line's time is plausible.
LONGEST_AGO, AHEAD = 400, 1

_WHEEL = re.compile(r"/files/([a-z0-9]+(?:-[a-z0-9]+)*)/([A-Za-z0-9][A-Za-z0-9._+!-]{0,250}\.whl)")
_PAGE = re.compile(r"/simple/([A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)/(?:index\.(?:html|json))?")
_LOOKED_UP = (200, 304, 404)
#: The kinds of visits by the first part of an address: of pages that people read.
_PEOPLE = {
    "index.html": "home",
    "search": "search",
    "project": "project",
    "logs": "log",
    "failures": "failures",
    "fleet": "fleet",
    "statistics": "statistics",
    "report": "report",
    "use": "help",
    "faq": "help",
}
#: Folders with documents for programs. What is below search/ and projects/ is read by the scripts of pages.
_PROGRAMS = ("failures", "fleet", "project", "provenance", "report", "statistics")
#: Every kind of visit.
VISIT_KINDS = (*dict.fromkeys(_PEOPLE.values()), "json")


class Download(NamedTuple):
    """A complete download of a wheel, on a day, by a kind of client."""

    day: int
    project: str
    filename: str
    client: Client


class Lookup(NamedTuple):
    """An installer's request for a project's page, on a day, whether the page exists or not."""

    day: int
    project: str


class Visit(NamedTuple):
    """A page that somebody read in a browser, or a document that a program read (`json`), on a day."""

    day: int
    kind: str


@dataclass
class Reading:
    """The result of one reading. Days are days since the epoch, UTC."""

    #: The positions up to which the files were counted.
    positions: list[Position] = field(default_factory=list)
    #: The positions in files that are missing.
    lost: list[Position] = field(default_factory=list)
    #: Whether there is more to read.
    more: bool = False
    lines: int = 0
    #: Lines that are not in the log's format or have an implausible time.
    garbage: int = 0
    downloads: Counter[Download] = field(default_factory=Counter)
    lookups: Counter[Lookup] = field(default_factory=Counter)
    visits: Counter[Visit] = field(default_factory=Counter)

    def as_answer(self) -> dict[str, Any]:
        """The reading as JSON data; downloads name their client by index."""
        clients = sorted({download.client for download in self.downloads})
        number = {client: index for index, client in enumerate(clients)}
        return {
            "positions": [list(position) for position in self.positions],
            "lost": [list(position) for position in self.lost],
            "more": self.more,
            "lines": self.lines,
            "garbage": self.garbage,
            "clients": [list(client) for client in clients],
            "downloads": [[d.day, d.project, d.filename, number[d.client], n] for d, n in self.downloads.items()],
            "lookups": [[lookup.day, lookup.project, n] for lookup, n in self.lookups.items()],
            "visits": [[visit.day, visit.kind, n] for visit, n in self.visits.items()],
        }


def read_log(log: Path, counted: Sequence[Position], *, most_bytes: int, now: float | None = None) -> Reading:
    """Add up the lines of a log after the positions `counted`, about `most_bytes` at most. Raises Unreadable.

    An incomplete line is left for the next reading.
    """
    now = time.time() if now is None else now
    reading = Reading()
    with ExitStack() as files:
        places = find_positions(open_log(log, files), counted)
        reading.lost = places.lost
        for file, position in places.files:
            most_bytes -= _read_file(
                file, position, reading, most_bytes=most_bytes, counted_until=places.counted_until, now=now
            )
    return reading


def _read_file(
    file: LogFile, position: Position | None, reading: Reading, *, most_bytes: int, counted_until: float, now: float
) -> int:
    """Add the new lines of a file; returns the number of bytes read.

    At least one line of a new file is counted, so that the file has a position if another one is lost later.
    """
    start = end = position.offset if position else 0
    newest = position.at if position else 0.0
    is_known = position is not None
    for line, end in file.lines(start) if most_bytes > 0 or not is_known else ():
        reading.lines += 1
        request = _read_line(line)
        if request is None or not -LONGEST_AGO * DAY < request.at - now < AHEAD * DAY:
            reading.garbage += 1
        else:
            newest = max(newest, request.at)
            is_known = is_known or request.at > counted_until
            if is_known:
                _add(request, reading)
        if end - start >= most_bytes and is_known:
            break
    if end - start >= most_bytes:
        reading.more |= file.size > end
    if end > start:
        position = file.position(end, newest)
    if position is not None and position not in reading.positions:
        reading.positions.append(position)
    return end - start


class _Request(NamedTuple):
    at: float
    method: str
    path: str
    status: int
    agent: str


def _read_line(line: bytes) -> _Request | None:
    try:
        data = json.loads(line.decode(errors="replace"))
        request = _Request(_seconds(data["time"]), data["method"], data["path"], data["status"], data["agent"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return None
    texts: Iterable[object] = (request.method, request.path, request.agent)
    return request if all(isinstance(text, str) for text in texts) and type(request.status) is int else None


@lru_cache(maxsize=64)
def _seconds(time_iso8601: str) -> float:
    """Seconds since the epoch. Raises ValueError for text that is no time with an offset from UTC."""
    moment = datetime.fromisoformat(time_iso8601)
    if moment.tzinfo is None:
        raise ValueError(time_iso8601)
    return moment.timestamp()


def _add(request: _Request, reading: Reading) -> None:
    if request.method != "GET":
        return
    path = unquote(request.path.partition("?")[0])
    day = int(request.at // DAY)
    # Installers read the metadata in a wheel by parts (206); a wheel in a client's cache (304) is no download.
    wheel = _WHEEL.fullmatch(path) if request.status == 200 else None
    page = _PAGE.fullmatch(path) if request.status in _LOOKED_UP else None
    if wheel is None and page is None:
        if request.status in (200, 304) and (kind := _visited(path, request.agent)):
            reading.visits[Visit(day, kind)] += 1
        return
    client = read_agent(request.agent)
    if client is None:
        return
    if wheel:
        reading.downloads[Download(day, wheel[1], wheel[2], client)] += 1
    elif page and client.installer != OTHER:
        reading.lookups[Lookup(day, re.sub(r"[-_.]+", "-", page[1]).lower())] += 1


def _visited(path: str, agent: str) -> str | None:
    """The kind of a visit; None for what is none, such as a style, or anything that a bot reads."""
    path = "/index.html" if path == "/" else path
    first = path[1:].partition("/")[0] if path.startswith("/") else ""
    if path.endswith(("/", ".html")):
        return _PEOPLE.get(first) if is_browser(agent) else None
    if first in _PROGRAMS and path.endswith((".json", "/json")):
        return "json" if read_agent(agent) is not None else None
    return None
