"""Which servers are open to a command behind the proxy: those of the indexes, and those that their pages name.

What such a command will ask for is not known before: pip finds out on its way which projects it needs. So it is started
with what is known. If it was refused a server, the pages of the projects that it named are read (`named_servers`), and
if one of them names that server, it is started again. What a command says decides only whose pages are read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from .proxy import servers_of

#: Each time opens a server at least; no index has its files on more.
_MOST_TIMES = 8
#: Projects whose pages are read at a time, the last ones named, for with one of them it came to an end.
_MOST_PAGES = 24
#: Before the first time, as most indexes have all files on one server; and what nearly every sdist needs.
_FIRST_PAGES = 3
_OFTEN_NEEDED = "setuptools"
#: How pip names the projects that it needs. A name that is missed costs a sentence on the server that was refused.
_NAMED = re.compile(
    r"^\s*(?:Collecting|ERROR: .* requirement|ERROR: No matching distribution found for) ([A-Za-z0-9._-]+)",
    re.MULTILINE,
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

#: Reads the pages of projects: the file for the answer, and their names.
ReadPages = Callable[[Path, list[str]], None]


class AllowedServers:
    """The servers that are open to one kind of command, which is run several times.

    `urls` are the indexes and what else is known, `folder` is one of the attempt's that nothing inside can write to.
    """

    def __init__(self, urls: Iterable[str | None], folder: Path, read_pages: ReadPages) -> None:
        self._servers = set(servers_of(urls))
        self._answer = folder / "servers.json"
        self._read_pages = read_pages
        self._asked: set[str] = set()
        #: Where the proxy notes what it refuses.
        self.refused = folder / "refused"
        #: Why no index could be asked for any page, in pip's words.
        self.trouble: str | None = None

    @property
    def servers(self) -> list[str]:
        """What is open now, as `proxy.servers_of` has it."""
        return sorted(self._servers)

    def begin(self, requirements: Iterable[str]) -> None:
        """Read the pages of a few projects that are certainly needed."""
        names = [match[0] for line in requirements if (match := _NAME.match(line))]
        self._learn([*names[:_FIRST_PAGES], _OFTEN_NEEDED])

    def run(self, command: Callable[[], int], said: Callable[[], str]) -> int:
        """Run a command until it succeeds or no more servers can be opened for it; returns its exit code.

        `said` is what the last run of it wrote to the log.
        """
        for _ in range(_MOST_TIMES):
            self.refused.unlink(missing_ok=True)
            code = command()
            if not code or not self._open_more(said()):
                break
        return code

    def closed(self) -> list[str]:
        """The servers that the last run asked for and was refused."""
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
        self._asked.update(fresh)
        self._answer.unlink(missing_ok=True)
        self._read_pages(self._answer, fresh)
        with suppress(OSError, ValueError, KeyError, TypeError):
            answer = json.loads(self._answer.read_text(encoding="utf-8"))
            self._servers.update(servers_of(answer["servers"]))
            self.trouble = answer["trouble"]
