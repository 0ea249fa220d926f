"""The failures pages: failure classes with the projects they block, and names that clients request in vain.

They are read from counters and from the first rows of indexes (catalog/schema.sql), so the cost follows the rows shown.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from packaging.utils import is_normalized_name

from ...catalog.counters import totals
from ...failure_classes import FAILURE_CLASSES
from ...planner.remedy_table import REMEDIES
from ...text import printable
from ..proposals import Proposal, inventory_line, proposals
from ..renderer import Renderer, as_json

#: Projects named as examples of a class; on a class's page: shown with their newest log, and named in all.
EXAMPLES, MOST_WITH_LOG, MOST_NAMED = 5, 30, 200
#: Names requested most that are considered; of these, names without a wheel that are shown.
MOST_ASKED, MOST_WANTED = 1000, 50
#: Remedies shown; those that helped most come first.
MOST_REMEDIES = 50
#: Characters shown of a name: names come from untrusted requests.
_LONGEST_NAME = 80

#: Meaning and advice of classes that only the site has (site/status_rows.py).
_OTHER_CLASSES = {
    "lost": ("The builder did not come back with a result.", "Nothing to do: it is tried again."),
}

_NOT_IN_SCOPE = "This fleet was not asked to build it; the operator names it in controller_packages."
_NO_NAME = "Upstream can have no project of this name."

_BLOCKED = """
    SELECT project.name, project.display_name, top.builds, top.lookups
    FROM (
        SELECT project_id, builds, lookups FROM blocked_by_class
        WHERE failure_class = :class ORDER BY lookups DESC, project_id LIMIT :most
    ) top
    JOIN project ON project.id = top.project_id
    ORDER BY top.lookups DESC, top.project_id
    """

#: The same projects, each with the attempt of its newest failure. The attempt's target may differ from the failure's,
#: because some failures block all targets of a release.
_NEWEST_FAILURES = """
    WITH top AS MATERIALIZED (
        SELECT project_id, builds, lookups FROM blocked_by_class
        WHERE failure_class = :class ORDER BY lookups DESC, project_id LIMIT :most
    ),
    newest AS MATERIALIZED (
        SELECT top.*, (
            SELECT release_id FROM site_release
            WHERE project_id = top.project_id AND failure_class = :class
            ORDER BY finished_at DESC, release_id DESC LIMIT 1) AS release_id
        FROM top
    ),
    examples AS MATERIALIZED (
        SELECT newest.*, (
            SELECT id FROM attempt
            WHERE release_id = newest.release_id AND outcome IS NOT 'built' AND state <> 'open' AND NOT superseded
              AND coalesce(failure_class, CASE state WHEN 'lost' THEN 'lost' ELSE 'unknown' END) = :class
            ORDER BY finished_at DESC, id LIMIT 1) AS attempt_id
        FROM newest
    )
    SELECT project.name, project.display_name, examples.builds, examples.lookups, release.version,
           target.name AS target, attempt.log, attempt.sentence
    FROM examples
    JOIN project ON project.id = examples.project_id
    LEFT JOIN release ON release.id = examples.release_id
    LEFT JOIN attempt ON attempt.id = examples.attempt_id
    LEFT JOIN target ON target.id = attempt.target_id
    ORDER BY examples.lookups DESC, examples.project_id
    """

_WANTED = """
    SELECT asked.name, asked.lookups, site_project.project_id, site_project.display_name, site_project.status
    FROM (SELECT name, lookups FROM use_total WHERE lookups > 0 ORDER BY lookups DESC, name LIMIT :most) asked
    LEFT JOIN site_project ON site_project.name = asked.name
    WHERE site_project.project_id IS NULL OR (NOT site_project.listed AND site_project.status <> 'upstream')
    ORDER BY asked.lookups DESC, asked.name LIMIT :shown
    """


@dataclass(frozen=True)
class BlockedClass:
    """A failure class that blocks projects. `lookups` counts clients' requests for those projects."""

    name: str
    projects: int
    builds: int
    lookups: int

    @property
    def meaning(self) -> str:
        known = FAILURE_CLASSES.get(self.name)
        return known.meaning if known else _OTHER_CLASSES.get(self.name, ("", ""))[0]

    @property
    def advice(self) -> str:
        known = FAILURE_CLASSES.get(self.name)
        return known.advice if known else _OTHER_CLASSES.get(self.name, ("", ""))[1]

    @property
    def settles(self) -> str:
        known = FAILURE_CLASSES.get(self.name)
        return known.again if known else "Tried again by itself."


def pages(
    db: sqlite3.Connection, render: Renderer, has: Callable[[str], bool] = lambda path: True
) -> Iterator[tuple[str, bytes]]:
    """The pages below `failures/`: the list, its JSON, and one page for each class that blocks projects.

    `has` returns whether the site has a path: the page of a lost log is not linked.
    """
    classes = _blocked_classes(db)
    blocked = {
        entry.name: [_row(row) for row in db.execute(_BLOCKED, {"class": entry.name, "most": MOST_NAMED})]
        for entry in classes
    }
    examples = {name: projects[:EXAMPLES] for name, projects in blocked.items()}
    wanted = _wanted(db, render)
    proposed = proposals(db)
    path = "failures/index.html"
    most_projects = max((entry.projects for entry in classes), default=0)
    remedies = _remedies(db)
    values = {
        "classes": classes,
        "examples": examples,
        "most_projects": most_projects,
        "tried": db.execute("SELECT max(finished_at) FROM attempt").fetchone()[0] is not None,
        "wanted": wanted,
        "remedies": remedies,
        "proposals": proposed,
        "inventory_line": inventory_line(proposed),
    }
    yield path, render.page(path, "failures.html.j2", **values)
    yield "failures/failures.json", as_json(_as_data(classes, examples, wanted, remedies, proposed))
    for entry in classes:
        path = f"failures/{entry.name}/index.html"
        shown = [_row(row) for row in db.execute(_NEWEST_FAILURES, {"class": entry.name, "most": MOST_WITH_LOG})]
        for row in shown:
            row["has_log"] = row["log_page"] is not None and has(row["log_page"])
        others = blocked[entry.name][len(shown) :]
        yield path, render.page(path, "failure_class.html.j2", entry=entry, shown=shown, others=others)


def _blocked_classes(db: sqlite3.Connection) -> list[BlockedClass]:
    """The classes, those that block most projects first, then those whose projects clients request most."""
    builds, lookups = totals(db, "class-builds"), totals(db, "class-lookups")
    classes = [
        BlockedClass(name, projects, builds.get(name, 0), lookups.get(name, 0))
        for name, projects in totals(db, "class-projects").items()
        if projects > 0
    ]
    return sorted(classes, key=lambda entry: (-entry.projects, -entry.lookups, -entry.builds, entry.name))


def _wanted(db: sqlite3.Connection, render: Renderer) -> list[dict[str, Any]]:
    """The names requested most that the index has no page of, without those that upstream serves."""
    wanted = []
    for row in db.execute(_WANTED, {"most": MOST_ASKED, "shown": MOST_WANTED}):
        classes: list[str] = []
        if row["project_id"] is None:
            why = _NOT_IN_SCOPE if is_normalized_name(row["name"]) else render.for_readers(_NO_NAME)
        else:
            why = render.states[row["status"]].wanted if row["status"] in render.states else ""
            if row["status"] == "failed":
                failures = db.execute(
                    "SELECT failure_class FROM blocked_by_class WHERE project_id = ? "
                    "ORDER BY builds DESC, failure_class",
                    (row["project_id"],),
                )
                classes = [failure["failure_class"] for failure in failures]
        wanted.append(
            {
                "name": _short(row["name"]),
                "display_name": _short(row["display_name"] or row["name"]),
                "lookups": row["lookups"],
                "status": row["status"],
                "classes": classes,
                "why": why,
            }
        )
    return wanted


def _remedies(db: sqlite3.Connection) -> list[dict[str, Any]]:
    """The remedies that were applied, the most helpful first. Their names are from REMEDIES, except that some contain
    the name of a module, which is untrusted."""
    why = {remedy.name: remedy.why for remedy in REMEDIES if "{" not in remedy.why}
    rows = db.execute("SELECT * FROM remedy_use top ORDER BY helped DESC, applied DESC, name LIMIT ?", (MOST_REMEDIES,))
    return [
        {
            "name": printable(row["name"]),
            "why": why.get(row["name"], ""),
            "tried": row["applied"],
            "helped": row["helped"],
        }
        for row in rows
    ]


def _short(name: str) -> str:
    shown = printable(name[: _LONGEST_NAME + 1])
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[: _LONGEST_NAME - 1]}…"


def _row(row: sqlite3.Row) -> dict[str, Any]:
    """A row of _BLOCKED or _NEWEST_FAILURES for templates; `log_page` is a path below the site, None without a log."""
    values: dict[str, Any] = {**dict(row), "display_name": printable(row["display_name"])}
    if "log" in values:
        values["sentence"] = printable(values["sentence"]) if values["sentence"] else None
        values["log_page"] = f"logs/{values['log'].removesuffix('.log.gz')}.html" if values["log"] else None
    return values


def _as_data(
    classes: list[BlockedClass],
    examples: dict[str, list[dict[str, Any]]],
    wanted: list[dict[str, Any]],
    remedies: list[dict[str, Any]],
    proposed: list[Proposal],
) -> dict[str, Any]:
    return {
        "classes": [
            {
                "name": entry.name,
                "meaning": entry.meaning,
                "advice": entry.advice,
                "projects": entry.projects,
                "builds": entry.builds,
                "lookups": entry.lookups,
                "examples": [
                    {key: example[key] for key in ("name", "builds", "lookups")} for example in examples[entry.name]
                ],
            }
            for entry in classes
        ],
        "remedies": remedies,
        "proposals": [proposal.as_data() for proposal in proposed],
        "wanted": [{key: value for key, value in name.items() if key != "display_name"} for name in wanted],
    }
