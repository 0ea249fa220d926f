"""The pages about many projects, and the order in which they are made."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from typing import NamedTuple

from ..planner.requirements_files import resolution_logs
from ..text import printable
from .html import browse, failures, feed, fleet, help_pages, home, packed, search, sitemap, statistics
from .renderer import Renderer
from .report import make_report

#: Modules whose pages are rendered each time, and may fill a folder of their own.
_WHOLE = (fleet, statistics, help_pages, feed, home)
#: Below these nothing else belongs: what is no longer made goes.
_OWN_FOLDERS = ("failures", "fleet", "report", "statistics", "use", "faq")


class OverviewPage(NamedTuple):
    """A page about many projects."""

    path: str
    #: None: remove the page.
    data: bytes | None
    #: Whether a `.gz` goes beside it.
    compressed: bool = False
    #: Whether this pass yields every file of the page's folder, so that other files there are removed.
    owns_folder: bool = False


def overview_pages(
    db: sqlite3.Connection, render: Renderer, changed: Collection[str] | None, has: Callable[[str], bool]
) -> Iterator[OverviewPage]:
    """Render the pages about many projects.

    `changed` are the projects whose entries in lists changed; None: any may have. `has` returns whether the site has a
    path: files that could not be published are not linked.
    """
    for path, data in search.pages(db, render, changed):
        yield OverviewPage(path, data, compressed=True, owns_folder=changed is None)
    for path, data in browse.pages(db, render, changed):
        yield OverviewPage(path, data, owns_folder=changed is None)
    for path, data in sitemap.pages(db, render, changed):
        yield OverviewPage(path, data, owns_folder=changed is None and "/" in path)
    # Before the report, which links the pages of classes.
    for path, page in failures.pages(db, render, has):
        yield OverviewPage(path, page, owns_folder=True)
    for path, page in _report(db, render, has):
        yield OverviewPage(path, page, owns_folder=True)
    for module in _WHOLE:
        for path, page in module.pages(db, render):
            yield OverviewPage(path, page, owns_folder=path.partition("/")[0] in _OWN_FOLDERS)
    for path, page in packed.pages(db, render):
        yield OverviewPage(path, page)


def _report(db: sqlite3.Connection, render: Renderer, has: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """The report, and the logs of pip's resolution of requirements files."""
    for name, log in resolution_logs(db):
        path = f"report/requirements/{name}.html"
        yield path, render.page(path, "resolution.html.j2", lines=[printable(line) for line in log.splitlines()])
    report = make_report(db)
    for rows in report.rows.values():
        rows[:] = [
            replace(
                row,
                log=row.log if row.log and has(row.log) else None,
                file=row.file if row.file and has(row.file) else None,
            )
            for row in rows
        ]
    packed_names = packed.packed_among(db, {row.project for rows in report.rows.values() for row in rows})
    yield "report/index.html", render.page("report/index.html", "report.html.j2", report=report, packed=packed_names)
    data = json.dumps(report.as_data(), indent=1, ensure_ascii=False) + "\n"
    yield "report/report.json", data.encode()
