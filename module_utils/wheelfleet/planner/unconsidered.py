"""Requested things that could not be considered: a misspelt project, an unreadable line of a requirements file.

They are kept in the catalog, so that the run's summary, the report page with its JSON, and the exit status (3) agree.
Every part of planning that finds some is a *source* with a name. After each check it passes all its findings, which
replace its earlier ones:

    with catalog.writing() as db:
        replace_unconsidered(db, "requirements", [Unconsidered(
            what="nosuchthing>=1", where="/home/pi/requirements.txt:3", code="requirement",
            sentence="Upstream knows no project of this name.", cure="Correct the line, or remove it.")])

An empty list means that there are none any more. A source that could not check in this run does not call it, and its
earlier findings stay. A package that cannot be built was considered, so it is not one of these things.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from packaging.utils import canonicalize_name

from ..text import printable

#: The reasons. Programs read them in `report.json`, so docs/index-format.md describes each.
CODES = frozenset(
    {
        "unknown-project",  # upstream does not have the project, or not any longer
        "no-release",  # upstream has the project, but no release that matches
        "requirement",  # a requirements file, or a line of it, cannot be read or resolved
        "unread",  # the project's page could not be read, or is not plausible
    }
)


@dataclass(frozen=True)
class Unconsidered:
    """One requested thing: `what` in the operator's words, `where` it stands (FILE:LINE or the variable), and why not.

    `sentence` and `cure` are whole sentences; the cure may be empty. Raises ValueError for a code not in CODES.
    """

    what: str
    where: str
    code: str
    sentence: str
    cure: str = ""
    #: Path on the site of a log with details, or empty.
    log: str = ""

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"{self.code!r} is none of the codes {', '.join(sorted(CODES))}")

    @property
    def project(self) -> str:
        """The normalised name at its beginning; it need not be a project's."""
        word = re.match(r"[A-Za-z0-9._-]*", self.what)
        return canonicalize_name(word[0] if word else "")

    @property
    def line(self) -> str:
        """The line for people in the summary of a run."""
        return " ".join(printable(f"Not considered: {self.what} ({self.where}): {self.sentence} {self.cure}").split())

    def as_data(self) -> dict[str, str]:
        """The fields by name, for programs."""
        return asdict(self)


_COLUMNS = ", ".join(f'"{field.name}"' for field in fields(Unconsidered))


def replace_unconsidered(db: sqlite3.Connection, source: str, found: Sequence[Unconsidered]) -> bool:
    """Replace the findings of a source; returns whether they changed.

    Call it inside a transaction (`Catalog.writing`). Without a change nothing is written.
    """
    if _rows(db, source) == list(found):
        return False
    db.execute("DELETE FROM unconsidered WHERE source = ?", (source,))
    db.executemany(
        f"INSERT INTO unconsidered (source, {_COLUMNS}) VALUES (:source, :what, :where, :code, :sentence, :cure, :log)",
        [{"source": source, **each.as_data()} for each in found],
    )
    return True


def read_unconsidered(db: sqlite3.Connection) -> list[Unconsidered]:
    """The findings of all sources, ordered by source and then as the source ordered them."""
    return _rows(db, None)


def _rows(db: sqlite3.Connection, source: str | None) -> list[Unconsidered]:
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM unconsidered WHERE :source IS NULL OR source = :source ORDER BY source, id",
        {"source": source},
    )
    return [Unconsidered(*row) for row in rows]
