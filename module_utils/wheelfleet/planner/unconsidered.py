"""What was asked for and could not be considered: a misspelt project, a line of a requirements file that says nothing.

It is kept in the catalog, so that the closing summary, the report page with its JSON, and the exit status of the run
(3) all say the same. Every part of planning that finds such things is a *source* with a name of its own. It hands in
all that it has found, each time it has looked, and so takes back what it said before:

    with catalog.writing() as db:
        replace_unconsidered(db, "requirements", [Unconsidered(
            what="nosuchthing>=1", where="/home/pi/requirements.txt:3", code="requirement",
            sentence="Upstream knows no project of this name.", cure="Correct the line, or remove it.")])

An empty list says that there is nothing any more. A source that did not look in this run (upstream was silent, say)
does not call it, and what it said before stands. A package that cannot be built is no such thing: it was considered.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from packaging.utils import canonicalize_name

from ..text import printable

#: The reasons; programs read them in `report.json`, so each new one is described in docs/index-format.md.
CODES = frozenset(
    {
        "unknown-project",  # upstream does not know the project, or has it no longer
        "no-release",  # upstream knows the project, and no release of it is what was asked for
        "requirement",  # a requirements file, or a line of it, cannot be read or resolved
        "unread",  # upstream did not say: its page could not be read, or what it says is not believed
    }
)


@dataclass(frozen=True)
class Unconsidered:
    """One thing asked for: in the operator's words, where they stand (FILE:LINE or the variable), why not, what helps.

    `sentence` and `cure` are whole sentences; the cure may be empty. Raises ValueError for a code not in CODES.
    """

    what: str
    where: str
    code: str
    sentence: str
    cure: str = ""
    #: Path on the site of a log that tells more.
    log: str = ""

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise ValueError(f"{self.code!r} is none of the codes {', '.join(sorted(CODES))}")

    @property
    def project(self) -> str:
        """The normalised name that it begins with, which need not be a project's."""
        word = re.match(r"[A-Za-z0-9._-]*", self.what)
        return canonicalize_name(word[0] if word else "")

    @property
    def line(self) -> str:
        """For people, in the words that a run ends with."""
        return " ".join(printable(f"Not considered: {self.what} ({self.where}): {self.sentence} {self.cure}").split())

    def as_data(self) -> dict[str, str]:
        """For programs."""
        return asdict(self)


_COLUMNS = ", ".join(f'"{field.name}"' for field in fields(Unconsidered))


def replace_unconsidered(db: sqlite3.Connection, source: str, found: Sequence[Unconsidered]) -> bool:
    """Let `found` be all that this source says; returns whether it said something else before.

    Call it inside a transaction (`Catalog.writing`). Nothing is written where nothing changed.
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
    """What all sources say, by source and then as the source ordered it."""
    return _rows(db, None)


def _rows(db: sqlite3.Connection, source: str | None) -> list[Unconsidered]:
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM unconsidered WHERE :source IS NULL OR source = :source ORDER BY source, id",
        {"source": source},
    )
    return [Unconsidered(*row) for row in rows]
