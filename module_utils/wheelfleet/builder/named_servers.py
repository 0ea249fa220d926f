"""Lists the servers of projects' files, by the pages of the indexes, which pip itself reads by its own rules.

    PYTHON -I named_servers.py ANSWER NAME...

It runs outside the sandbox, by the tools' Python, and runs no package code. It uses the environment as pip does: the
indexes, their certificates, proxies and passwords. ANSWER becomes JSON: "servers" are URLs of scheme, host and port,
including those to which an index redirects; "unread" are the names of which a page could not be read; "trouble" is the
error if the first index could not be read at all, else null.

This file imports nothing of this package, so it can run by itself.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_PAGES = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01"


def main(arguments: Sequence[str]) -> None:
    # pip has no API; these names exist since pip 22.
    from pip._internal.commands import create_command
    from pip._internal.index.collector import LinkCollector
    from pip._vendor.requests import RequestException

    answer, *names = arguments
    command = create_command("download")
    options, _ = command.parse_args([])
    servers: set[str] = set()
    unread: set[str] = set()
    troubles: list[str] = []
    reached = False
    with command.main_context():
        session: Any = command.get_default_session(options)  # type: ignore[attr-defined]
        scope = LinkCollector.create(session, options=options).search_scope
        pages = [
            (name, number == 0, url)
            for name in names
            for number, url in enumerate(scope.get_index_urls_locations(name))
        ]
        for name, first, url in [*pages, *(("", False, url) for url in scope.find_links)]:
            if urlsplit(url).scheme not in ("http", "https"):
                reached = reached or first
                continue
            try:
                response = session.get(url, headers={"Accept": _PAGES})
                servers.update(_servers_of(session, response))
            except (RequestException, ValueError) as error:
                troubles += [f"{type(error).__name__}: {error}"] if first else []
                unread.add(name)
                continue
            refused = response.status_code in (401, 403, 407) or response.status_code >= 500
            reached = reached or (first and not refused)
            if response.status_code >= 500:
                unread.add(name)
            if first and refused:
                troubles.append(f"{response.url} answers {response.status_code} {response.reason}")
    found = {
        "servers": sorted(servers),
        "unread": sorted(unread),
        "trouble": troubles[0] if troubles and not reached else None,
    }
    Path(answer).write_text(json.dumps(found), encoding="utf-8")


def _servers_of(session: Any, response: Any) -> Iterator[str]:
    """The servers that one page links or redirects to."""
    from pip._internal.index.collector import IndexContent, parse_links
    from pip._vendor.requests import RequestException

    for each in (*response.history, response):
        yield _server(each.url)
    if response.status_code != 200:
        return
    page = IndexContent(
        response.content,
        response.headers.get("Content-Type", ""),
        response.encoding,
        response.url,
        cache_link_parsing=False,
    )
    # The last file of each server, because the newest come last.
    newest = {_server(link.url): link.url_without_fragment for link in parse_links(page)}
    for server, url in newest.items():
        yield server
        if urlsplit(url).scheme not in ("http", "https"):
            continue
        try:
            with session.get(url, stream=True, headers={"Accept-Encoding": "identity"}) as file:
                for each in (*file.history, file):
                    yield _server(each.url)
        except RequestException:
            # The server stays unresolved; the step that needs the file reports the error.
            continue


def _server(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


if __name__ == "__main__":
    main(sys.argv[1:])
