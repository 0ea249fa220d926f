"""Looks for the troubles that an operator is told of, and notes in the catalog which there are and which are over.

What the catalog and the hosts' status say is looked up here. The others (a run, a web node, upstream) are noted by
those whom they happen to, with `trouble` and `over`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..catalog import notifications
from ..catalog.database import Catalog, CatalogError
from ..catalog.notifications import Notification
from ..planner.inputs import PlanInputs
from ..planner.scope import BadScope
from ..text import plain
from ..upstream.client import UpstreamUnreachable
from .host_status import CONTROLLER, HostState, HostStatus, read_statuses, status_folder
from .run_rules import free_bytes

#: Seconds for which a web node may not answer until that is noted.
PATIENCE = 300.0
#: Most failed releases that are noted at once; of more the first run of a fleet tells enough.
MOST_PACKAGES = 200
#: The kinds that are about a builder, or about the controller by this name.
OF_BUILDERS, THE_CONTROLLER = ("builder-suspended", "builder-lost", "disk-low"), "the controller"
#: Characters of a sentence.
LONGEST = 500


@dataclass(frozen=True)
class Trouble:
    """A trouble: its kind (trouble_kinds.KINDS), what it is about, and one sentence."""

    kind: str
    what: str
    sentence: str

    @property
    def subject(self) -> str:
        """The key in the catalog."""
        return f"{self.kind}:{self.what}"


@dataclass(frozen=True)
class Answer:
    """What was found of a kind: troubles, and the subjects of which it is known that they have none.

    A trouble that was noted before and is in neither stays as it was. One in `gone` is forgotten.
    """

    troubles: Sequence[Trouble] = ()
    fine: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()


def trouble(catalog: Catalog, kind: str, what: str, sentence: str, now: float) -> None:
    """Note a trouble."""
    with catalog.writing() as db:
        notifications.raise_trouble(db, kind, what, plain(sentence, LONGEST), now)


def over(catalog: Catalog, kind: str, what: str, now: float) -> None:
    """Note that a trouble is over, if there was one."""
    if catalog.db.execute("SELECT 1 FROM notification WHERE subject = ?", (f"{kind}:{what}",)).fetchone():
        with catalog.writing() as db:
            notifications.clear_trouble(db, f"{kind}:{what}", now)


class WebNodeTrouble:
    """Notes while a run goes on that a web node does not take the site, and that it has it again."""

    def __init__(self, catalog: Path, host: str) -> None:
        self._catalog, self._host = catalog, host
        #: Monotonic time of the first failure since the node had the site; None: there was none.
        self._since: float | None = None
        #: Whether that is noted; None: an earlier run may have noted it.
        self._noted: bool | None = None

    def failed(self, sentence: str, now: float, *, at_once: bool) -> None:
        """Note a failure at the monotonic time `now`: at once, or if it goes on for PATIENCE seconds."""
        self._since = now if self._since is None else self._since
        if not self._noted and (at_once or now - self._since >= PATIENCE):
            self._note(f"{self._host} does not take the site. {sentence}")

    def has_the_site(self) -> None:
        """Note that the node has the site."""
        self._since = None
        if self._noted is not False:
            self._note(None)

    def _note(self, sentence: str | None) -> None:
        with suppress(CatalogError, sqlite3.Error), Catalog(self._catalog) as catalog:
            if sentence is None:
                over(catalog, "webnode-failed", self._host, time.time())
            else:
                trouble(catalog, "webnode-failed", self._host, sentence, time.time())
            self._noted = sentence is not None


@contextmanager
def upstream_is_asked(catalog: Catalog) -> Iterator[None]:
    """Note that upstream does not answer, or that it answers again."""
    try:
        yield
    except UpstreamUnreachable as error:
        trouble(catalog, "upstream-failed", "", str(error), time.time())
        raise
    over(catalog, "upstream-failed", "", time.time())


def look(catalog: Catalog, state_dir: Path, run: str, now: float, min_free: int = 0) -> None:
    """Note the troubles of this moment. `min_free`: bytes that must be free in the controller's folder.

    Writes nothing if nothing changed.
    """
    db = catalog.db
    statuses = [each for each in read_statuses(status_folder(state_dir), run) if each.host != CONTROLLER]
    known = {each.subject: each for each in notifications.notifications(db)}
    answers = [_suspended(db), _lost(statuses), _disks(statuses, state_dir, min_free), _packages(db, set(known))]
    answers.append(_forgotten(db, statuses, known.values()))
    found = {each.subject: each for answer in answers for each in answer.troubles}
    new = [
        each
        for subject, each in found.items()
        if subject not in known or known[subject].cleared_at is not None or known[subject].sentence != each.sentence
    ]
    fine = {subject for answer in answers for subject in answer.fine} - found.keys()
    cleared = [subject for subject in fine & known.keys() if known[subject].cleared_at is None]
    gone = {subject for answer in answers for subject in answer.gone} & known.keys() - found.keys()
    if not (new or cleared or gone):
        return
    with catalog.writing() as writing:
        for each in new:
            notifications.raise_trouble(writing, each.kind, each.what, each.sentence, now)
        for subject in sorted(cleared):
            notifications.clear_trouble(writing, subject, now)
        for subject in sorted(gone):
            notifications.forget_trouble(writing, subject)


def _suspended(db: sqlite3.Connection) -> Answer:
    rows = db.execute("SELECT host, suspended FROM builder ORDER BY host").fetchall()
    troubles = [
        Trouble(
            "builder-suspended",
            row["host"],
            plain(f"{row['host']} is suspended and gets no work until it builds something known. {row['suspended']}"),
        )
        for row in rows
        if row["suspended"] is not None
    ]
    return Answer(troubles, frozenset(f"builder-suspended:{row['host']}" for row in rows))


def _forgotten(db: sqlite3.Connection, statuses: Sequence[HostStatus], known: Iterable[Notification]) -> Answer:
    """The troubles of builders that the fleet does not have any more."""
    present = {row["host"] for row in db.execute("SELECT host FROM builder")} | {each.host for each in statuses}
    of_builders = [each for each in known if each.kind in OF_BUILDERS and each.what != THE_CONTROLLER]
    return Answer(gone=frozenset(each.subject for each in of_builders if each.what not in present))


def _lost(statuses: Sequence[HostStatus]) -> Answer:
    troubles, fine = [], []
    for status in statuses:
        if status.final and status.state in (HostState.UNREACHABLE, HostState.FAILED):
            how = "does not answer" if status.state is HostState.UNREACHABLE else "failed"
            troubles.append(
                Trouble("builder-lost", status.host, plain(f"{status.host} {how}, and others go on. {status.note}"))
            )
        elif status.state not in (HostState.STARTING, HostState.SILENT, HostState.VISITING):
            fine.append(f"builder-lost:{status.host}")
    return Answer(troubles, frozenset(fine))


def _disks(statuses: Sequence[HostStatus], state_dir: Path, min_free: int) -> Answer:
    troubles, fine = [], []
    for status in statuses:
        if status.disk_low:
            troubles.append(
                Trouble(
                    "disk-low", status.host, f"{status.host} has too little disk left, and gets no work until then."
                )
            )
        elif status.metrics:
            fine.append(f"disk-low:{status.host}")
    if free_bytes(state_dir) < min_free:
        troubles.append(
            Trouble(
                "disk-low",
                THE_CONTROLLER,
                f"The controller has less than {min_free >> 20} MiB of disk left in {state_dir}; free some space.",
            )
        )
    else:
        fine.append(f"disk-low:{THE_CONTROLLER}")
    return Answer(troubles, frozenset(fine))


def _packages(db: sqlite3.Connection, known: set[str]) -> Answer:
    """The failures of what controller_packages names. One that is tried again is neither a trouble nor fine."""
    troubles: list[Trouble] = []
    fine, waiting = [], []
    for name in _named(db):
        for row in db.execute(_RELEASES, (name,)):
            what = f"{row['display_name']} {row['version']}"
            subject = f"package-failed:{what}"
            if row["waits"]:
                waiting.append(subject)
            elif row["failed"]:
                if len(troubles) < MOST_PACKAGES:
                    troubles.append(Trouble("package-failed", what, _why(db, row["id"], what)))
            elif row["built"]:
                fine.append(subject)
    # Whatever else was noted is out of scope, skipped, or upstream's matter now.
    seen = {each.subject for each in troubles} | set(fine) | set(waiting)
    gone = {subject for subject in known if subject.startswith("package-failed:")} - seen
    return Answer(troubles, frozenset(fine), frozenset(gone))


def _named(db: sqlite3.Connection) -> Iterator[str]:
    """The projects that controller_packages names."""
    try:
        inputs = PlanInputs.remembered(db)
        if inputs is not None:
            yield from dict.fromkeys(rule.name for rule in inputs.scope().rules)
    except (BadScope, TypeError, ValueError):
        # The next plan refuses them with a sentence.
        return


def _why(db: sqlite3.Connection, release: int, what: str) -> str:
    row = db.execute(
        """
        SELECT a.failure_class, a.sentence, t.name AS target FROM attempt a JOIN target t ON t.id = a.target_id
        WHERE a.release_id = ? AND a.state = 'done' AND a.outcome <> 'built' AND NOT a.superseded
        ORDER BY a.finished_at DESC LIMIT 1
        """,
        (release,),
    ).fetchone()
    why = f" on {row['target']} ({row['failure_class']}). {row['sentence']}" if row else "."
    return plain(f"{what} cannot be built{why}")


#: The releases of a project that are in scope: whether builds of them are to come, ended without a wheel, or gave one.
_RELEASES = """
    SELECT r.id, p.display_name, r.version, max(x.need <> 'none') AS waits,
        max(x.need = 'none' AND w.wheel_id IS NULL AND EXISTS (
            SELECT 1 FROM attempt a WHERE a.release_id = r.id AND a.target_id = x.target_id
                AND a.state = 'done' AND a.outcome <> 'built' AND NOT a.superseded)) AS failed,
        max(w.wheel_id IS NOT NULL) AS built
    FROM project p JOIN release r ON r.project_id = p.id
    JOIN release_target x ON x.release_id = r.id AND x.verdict = 'build'
    LEFT JOIN wheel_target w ON w.release_id = r.id AND w.target_id = x.target_id
    WHERE p.name = ? GROUP BY r.id
    """
