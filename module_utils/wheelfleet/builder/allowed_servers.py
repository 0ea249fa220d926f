"""The servers that a command behind the proxy may reach: those of the indexes, and those that their pages name.

The projects that such a command needs are not known before, because pip finds them while it runs. So it starts with the
known servers. If the proxy refused one, `named_servers` reads the pages of the projects in the command's output. If one
of them names that server, the command runs again. The output decides only which pages are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from .proxy import servers_of

#: Runs of a command, at most. Each opens at least one server, and no index has files on more.
_MOST_TIMES = 8
#: Projects whose pages are read at a time: the last ones of the output, because the command failed at one of them.
_MOST_PAGES = 24
#: Projects whose pages are read before the first run, because most indexes have all files on one server.
_FIRST_PAGES = 3
_OFTEN_NEEDED = "setuptools"
#: pip's messages with names of projects. A missed name costs an error message about the refused server.
_NAMED = re.compile(
    r"^\s*(?:Collecting|ERROR: .* requirement|ERROR: No matching distribution found for) ([A-Za-z0-9._-]+)",
    re.MULTILINE,
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

#: Reads the pages of projects; its arguments are the file for the answer, and the names.
ReadPages = Callable[[Path, list[str]], None]


class AllowedServers:
    """The allowed servers of one kind of command, which runs several times.

    `urls` are the indexes and other known servers; `folder` belongs to the attempt and is not writable inside.
    """

    def __init__(self, urls: Iterable[str | None], folder: Path, read_pages: ReadPages) -> None:
        self._servers = set(servers_of(urls))
        self._answer = folder / "servers.json"
        self._read_pages = read_pages
        self._asked: set[str] = set()
        #: The proxy's file of refused servers.
        self.refused = folder / "refused"
        #: Why no page of the index could be read, in pip's words.
        self.trouble: str | None = None

    @property
    def servers(self) -> list[str]:
        """The servers that are allowed now, as in `proxy.servers_of`."""
        return sorted(self._servers)

    def begin(self, requirements: Iterable[str]) -> None:
        """Read the pages of a few projects that are certainly needed."""
        names = [match[0] for line in requirements if (match := _NAME.match(line))]
        self._learn([*names[:_FIRST_PAGES], _OFTEN_NEEDED])

    def run(self, command: Callable[[], int], said: Callable[[], str]) -> int:
        """Run a command until it succeeds or no more servers can be allowed; returns its exit code.

        `said` returns the log of the last run.
        """
        for _ in range(_MOST_TIMES):
            self.refused.unlink(missing_ok=True)
            code = command()
            if not code or not self._open_more(said()):
                break
        return code

    def closed(self) -> list[str]:
        """The servers that the last run requested and that are still not allowed."""
        try:
            lines = self.refused.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return []
        return [line for line in lines if line not in self._servers]

    def _open_more(self, said: str) -> bool:
        refused = set(self.closed())
        if refused:
            self._learn(_NAMED.findall(said)[::-1])
        return bool(refused & self._servers)

    def _learn(self, names: Iterable[str]) -> None:
        fresh = [name for name in dict.fromkeys(map(str.lower, names)) if name not in self._asked][:_MOST_PAGES]
        if not fresh:
            return
        self._answer.unlink(missing_ok=True)
        self._read_pages(self._answer, fresh)
        with suppress(OSError, ValueError, KeyError, TypeError):
            answer = json.loads(self._answer.read_text(encoding="utf-8"))
            self._servers.update(servers_of(answer["servers"]))
            self.trouble = answer["trouble"]
            # A page that could not be read may be readable when a command failed for want of it.
            self._asked.update(set(fresh).difference(answer["unread"]))
