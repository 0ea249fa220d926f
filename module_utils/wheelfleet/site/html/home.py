"""The first page: for which machines, install commands, counts, new releases, and the fleet's last builds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from ...catalog.counters import totals
from ...text import printable
from ..kinds import read_kinds
from ..renderer import Renderer
from .feed import NewWheel, newest_wheels
from .help_pages import EXAMPLE, install_commands

#: Releases shown as new.
MOST_RELEASES = 8

#: Projects shown as installed most.
MOST_INSTALLED = 8

#: Wheels read to find the newest releases: a release may have a wheel for each target.
_WHEELS_LOOKED_AT = 32


@dataclass(frozen=True)
class NewRelease:
    """A release with new wheels: the newest of them, and the systems of all of them (`64-bit ARM: CPython 3.11`)."""

    newest: NewWheel
    systems: tuple[str, ...]


@dataclass(frozen=True)
class Machines:
    """Boards with one system; `pythons` has each Python with the number of wheels that it can install."""

    boards: str
    system: str
    pythons: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Installed:
    """A project by its downloads; the normalised name, then the author's spelling."""

    name: str
    display_name: str
    downloads: int


@dataclass(frozen=True)
class Lately:
    """The end of the last build, in seconds since the epoch, and the builds of that day (UTC)."""

    ended_at: float
    built: int
    failed: int


def pages(db: sqlite3.Connection, render: Renderer) -> Iterator[tuple[str, bytes]]:
    """The page at the site's address."""
    releases = _new_releases(newest_wheels(db, _WHEELS_LOOKED_AT))
    # The pasted command must work, so its project is one that the index has.
    example = releases[0].newest.name if releases else EXAMPLE
    yield (
        "index.html",
        render.page(
            "index.html",
            "home.html.j2",
            commands=install_commands(render.site, example),
            machines=_machines(db),
            count=_counts(db),
            releases=releases,
            installed_most=_installed_most(db),
            lately=_lately(db),
            builders=db.execute("SELECT count(*) FROM builder").fetchone()[0],
        ),
    )


def _new_releases(wheels: list[NewWheel]) -> list[NewRelease]:
    by_release: dict[int, list[NewWheel]] = {}
    for wheel in wheels:
        by_release.setdefault(wheel.release_id, []).append(wheel)
    newest = list(by_release.values())[:MOST_RELEASES]
    return [NewRelease(wheels[0], _by_machine(wheels)) for wheels in newest]


def _by_machine(wheels: list[NewWheel]) -> tuple[str, ...]:
    """The machines of a release's wheels, each with its Pythons."""
    pythons: dict[str, set[str]] = {}
    for wheel in wheels:
        for system in wheel.systems:
            python, _, platform = system.partition(", ")
            machine = platform.partition(", ")[0].removeprefix("Linux on ")
            pythons.setdefault(machine, set()).add(python)
    return tuple(f"{machine}: {', '.join(sorted(those))}" for machine, those in sorted(pythons.items()))


def _machines(db: sqlite3.Connection) -> list[Machines]:
    """The machines that builders build for, and others that there are wheels for."""
    wheels = dict(
        db.execute(
            "SELECT t.name, c.value FROM counter c JOIN target t ON t.id = CAST(c.key AS INTEGER) "
            "WHERE c.kind = 'target-wheels'"
        ).fetchall()
    )
    found: dict[tuple[str, str], dict[str, int]] = {}
    for kind in read_kinds(db):
        many = wheels.get(kind.target, 0)
        if kind.offered or many:
            found.setdefault((kind.boards, kind.system), {})[kind.python] = many
    return [Machines(*where, tuple(pythons.items())) for where, pythons in found.items()]


def _counts(db: sqlite3.Connection) -> dict[str, float]:
    """The catalog's counters that the page shows."""
    values = {kind: totals(db, kind).get("", 0) for kind in ("listed", "wheels", "bytes", "downloads", "saved-seconds")}
    status = totals(db, "status")
    return {**values, **{each: status.get(each, 0) for each in ("waiting", "failed")}}


def _installed_most(db: sqlite3.Connection) -> list[Installed]:
    """The listed projects with most downloads, the most popular first."""
    rows = db.execute(
        """
        SELECT p.name, p.display_name, used.downloads FROM (
            SELECT name, downloads FROM use_total WHERE downloads > 0 ORDER BY downloads DESC, name LIMIT ?
        ) used CROSS JOIN site_project p ON p.name = used.name AND p.listed
        ORDER BY used.downloads DESC, used.name LIMIT ?
        """,
        (MOST_INSTALLED * 4, MOST_INSTALLED),
    )
    return [Installed(row["name"], printable(row["display_name"]), row["downloads"]) for row in rows]


def _lately(db: sqlite3.Connection) -> Lately | None:
    last = db.execute("SELECT max(finished_at) AS at FROM attempt").fetchone()["at"]
    if last is None:
        return None
    day = dict(
        db.execute(
            "SELECT outcome = 'built', sum(builds) FROM build_day WHERE day = ? GROUP BY 1", (int(last) // 86400,)
        ).fetchall()
    )
    return Lately(last, built=day.get(1, 0), failed=day.get(0, 0))
