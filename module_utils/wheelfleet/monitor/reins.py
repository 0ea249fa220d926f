"""The reins: what a key orders about the chosen row, the question before it, and giving the order."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..catalog.database import Catalog, CatalogError
from ..control.operator_name import login_name
from ..control.orders import WITHOUT_REASON, expand, order
from ..control.rule import BadOrder
from ..engine.lock import run_at_work
from ..site.queue_head import Queued
from .place import Row, View
from .snapshot import Host, RunningBuild

_NO_UNDO = "There is no undo; the order ends when that is built."


@dataclass(frozen=True)
class Rein:
    """An order that can be given: `subject` is a word that `control` understands, `question` says what will happen."""

    verb: str
    noun: str
    subject: str
    question: str

    @property
    def asks_why(self) -> bool:
        """Whether the order needs a reason."""
        return self.verb not in WITHOUT_REASON


def _builder(verb: str, question: str) -> Callable[[Row | None], Rein | None]:
    def make(row: Row | None) -> Rein | None:
        return Rein(verb, "builder", row.name, question.format(row.name)) if isinstance(row, Host) else None

    return make


def _all(verb: str, question: str) -> Callable[[Row | None], Rein | None]:
    return lambda row: Rein(verb, "builder", "all", question)


def _stop(row: Row | None) -> Rein | None:
    # By its attempt: by its name, builds of it for other targets would be stopped too.
    if not isinstance(row, RunningBuild) or not row.attempt:
        return None
    question = (
        f"Stop the build of {row.name} {row.version} on {row.host}: it is killed within seconds, with all that it "
        "started, and is not tried again by itself. Undo: playbooks/builds.yml with the action first."
    )
    return Rein("stop", "build", row.attempt, question)


def _skip(row: Row | None) -> Rein | None:
    if not isinstance(row, RunningBuild | Queued):
        return None
    what = f"{row.name}=={row.version}"
    question = (
        f"Skip {what}: it is not built any more. A build of it that goes on is not stopped, and its wheels stay. "
        "Undo: playbooks/builds.yml with the action unskip."
    )
    return Rein("skip", "build", what, question)


def _first(row: Row | None) -> Rein | None:
    if not isinstance(row, RunningBuild | Queued):
        return None
    what = f"{row.name}=={row.version}"
    question = f"Build {what} next, before everything else; what failed of it is tried again. {_NO_UNDO}"
    return Rein("first", "build", what, question)


def _project_first(row: Row | None) -> Rein | None:
    if not isinstance(row, RunningBuild | Queued):
        return None
    question = f"Put {row.name} first: its releases are built next, and what failed of them is tried again. {_NO_UNDO}"
    return Rein("first", "project", row.name, question)


_FLEET: Mapping[str, Callable[[Row | None], Rein | None]] = {
    "p": _builder(
        "pause",
        "Pause {}: it begins nothing new. What it builds goes on. Undo: r.",
    ),
    "d": _builder(
        "drain", "Drain {}: it begins nothing new, and an event says when it is empty and may be off. Undo: r."
    ),
    "r": _builder("resume", "Resume {}: it gets builds again, within seconds. Undo: p."),
    "P": _all("pause", "Pause all builders: none begins anything new. What they build goes on. Undo: R."),
    "D": _all(
        "drain", "Drain all builders: none begins anything new, and an event for each says when it is empty. Undo: R."
    ),
    "R": _all(
        "resume", "Resume all builders that are paused or drained: they get builds again, within seconds. Undo: P."
    ),
}
#: By view and key.
REINS: Mapping[View, Mapping[str, Callable[[Row | None], Rein | None]]] = {
    View.FLEET: _FLEET,
    View.BUILDS: {"x": _stop, "s": _skip, "f": _first},
    View.QUEUE: {"s": _skip, "f": _first, "F": _project_first},
}


def rein(view: View, key: str, row: Row | None) -> Rein | None:
    """The order that a key means for the chosen row; None if it means none."""
    make = REINS.get(view, {}).get(key)
    return make(row) if make else None


def refused(state_dir: Path, wanted: Rein) -> str:
    """Why the order makes no sense now, in a sentence; empty if it does. Nothing is kept."""
    return _give(state_dir, wanted, "none yet", dry_run=True)[0]


def give(state_dir: Path, wanted: Rein, reason: str) -> str:
    """Give the order; returns what came of it, in sentences."""
    trouble, said = _give(state_dir, wanted, reason, dry_run=False)
    return trouble or said


def _give(state_dir: Path, wanted: Rein, reason: str, *, dry_run: bool) -> tuple[str, str]:
    """The trouble, and else what was ordered."""
    path = state_dir / "catalog.sqlite"
    # Opening would make a catalog, or upgrade one, which is a run's business.
    if not path.exists():
        return "There is no catalog yet to keep an order in.", ""
    try:
        with Catalog(path) as catalog, closing(catalog.db.cursor()):
            catalog.db.execute("PRAGMA busy_timeout = 5000")
            said = []
            for subject in expand(catalog, verb=wanted.verb, noun=wanted.noun, word=wanted.subject):
                given = order(
                    catalog,
                    who=login_name(),
                    verb=wanted.verb,
                    noun=wanted.noun,
                    subject=subject,
                    reason=reason,
                    run=run_at_work(state_dir) or "",
                    dry_run=dry_run,
                )
                before = "" if given.changed else " It was ordered before."
                said.append(f"{given.host}: {given.sentence}{before}")
            more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
            return "", f"Ordered: {said[0]}{more}" if said else "Nothing was ordered."
    except (BadOrder, CatalogError) as error:
        return str(error), ""
    except sqlite3.Error as error:
        return f"The order could not be kept ({error}); give it as the account that runs build.yml.", ""
