"""Orders about projects: pages, and skip, unskip and first as for releases."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from ..catalog import controls, projects
from . import builds
from .rule import Asked, BadOrder, Decision, Rule


def expand(db: sqlite3.Connection, asked: Asked) -> list[str]:
    """The project itself. Raises BadOrder for a release."""
    releases = builds.releases_of(asked.subject)
    if releases.specifier:
        raise BadOrder(f"{asked.subject} is a release; order that with playbooks/builds.yml, or name {releases.name}.")
    return [releases.name]


def _pages(db: sqlite3.Connection, asked: Asked) -> Decision:
    if asked.target:
        raise BadOrder("Pages are those of all targets; leave the target out.")
    name = builds.known_releases(db, asked.subject).name
    row = db.execute("SELECT pages_stale FROM project WHERE name = ?", (name,)).fetchone()
    before = controls.latest(db, ["pages"], name)
    same = before if before is not None and row["pages_stale"] == 1 else None
    projects.mark_stale(db, name)
    sentence = f"The pages of {name} are rendered again, as ordered {asked.because}"
    return Decision(sentence, name, same=same, lasts=False, answer="They are rendered with the next publication.")


RULES: Mapping[str, Rule] = {
    "pages": _pages,
    **{verb: builds.RULES[verb] for verb in ("skip", "unskip", "first")},
}
