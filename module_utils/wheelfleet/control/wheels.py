"""Orders about published wheels: withdraw, restore, yank, unyank, rebuild. Each is carried out as it is given.

What they change is the catalog alone, so one transaction has the order, its effect and its event.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence

from ..catalog import attempts, controls, projects, release_targets, releases, wheels, withdrawals
from ..catalog.controls import Control
from ..catalog.meta import get_meta
from .published import PublishedWheel, Words, find_wheels, read_words
from .rule import Asked, BadOrder, Decision, Rule

NOUN = "wheel"


def expand(db: sqlite3.Connection, asked: Asked) -> list[str]:
    """The words themselves: one order about a release stands for all its wheels."""
    return [asked.subject]


def withdraw(
    db: sqlite3.Connection, chosen: Sequence[PublishedWheel], *, reason: str, now: float, held: str | None = None
) -> list[str]:
    """Take wheels off the index, and hold the builds of what they serve until `restore`; returns what changed.

    The controller keeps their bytes (docs/decisions/0063). `held` is a part of the names of the targets for which their
    releases are not built any more (empty: all); None: those that no other listed wheel serves. In the caller's
    transaction.
    """
    changed = [wheel for wheel in chosen if wheel.withdrawn != reason]
    for wheel in changed:
        wheels.withdraw(db, wheel.id, reason, now)
    for release in dict.fromkeys(wheel.release_id for wheel in changed):
        if held is None:
            _hold_what_is_left(db, release, now)
        else:
            withdrawals.put(db, release, held, reason, now)
    _touch(db, changed)
    return [wheel.filename for wheel in changed]


def restore(db: sqlite3.Connection, chosen: Sequence[PublishedWheel], now: float) -> list[str]:
    """Undo the withdrawal of wheels; returns what changed. In the caller's transaction."""
    changed = [wheel for wheel in chosen if wheel.withdrawn is not None and not wheel.removed]
    for wheel in changed:
        wheels.restore(db, wheel.id)
    for release in dict.fromkeys(wheel.release_id for wheel in changed):
        withdrawals.lift(db, release)
        _hold_what_is_left(db, release, now)
    _touch(db, changed)
    return [wheel.filename for wheel in changed]


# ---------------------------------------------------------------- rules


def _withdraw(db: sqlite3.Connection, asked: Asked) -> Decision:
    words, found = _find(db, asked)
    there = [wheel for wheel in found if not wheel.removed]
    if not there:
        raise BadOrder(f"The bytes of {words} are gone already: upstream deleted it, or retention took it.")
    held = None if words.filename else asked.target
    changed = withdraw(db, there, reason=asked.reason, now=asked.now, held=held)
    many = _files(changed or [wheel.filename for wheel in there])
    sentence = f"Withdrawn {asked.because} Off the index: {many}."
    return _decided(db, asked, words, sentence, changed)


def _restore(db: sqlite3.Connection, asked: Asked) -> Decision:
    words, found = _find(db, asked)
    withdrawn = [wheel for wheel in found if wheel.withdrawn is not None]
    if not withdrawn:
        before = controls.latest(db, ["withdraw", "restore"], str(words), asked.target)
        if before is not None and before.verb == "restore":
            return Decision(f"{words} was restored by {before.who}.", str(words), same=before)
        raise BadOrder(f"Nothing of {words} is withdrawn.")
    changed = restore(db, withdrawn, asked.now)
    if not changed:
        raise BadOrder(f"The bytes of {words} are gone; rebuild it instead.")
    return _decided(db, asked, words, f"Restored {asked.because} On the index again: {_files(changed)}.", changed)


def _yank(db: sqlite3.Connection, asked: Asked) -> Decision:
    words, found = _find(db, asked)
    found = [wheel for wheel in found if not wheel.removed]
    if not found:
        raise BadOrder(f"The bytes of {words} are gone already: upstream deleted it, or retention took it.")
    if words.filename or asked.target:
        changed = [wheel for wheel in found if wheel.yanked != asked.reason]
        for wheel in changed:
            wheels.yank(db, wheel.id, asked.reason)
    else:
        changed = [wheel for wheel in found if wheel.release_yanked != asked.reason]
        for release in dict.fromkeys(wheel.release_id for wheel in changed):
            releases.yank(db, release, asked.reason)
    _touch(db, changed)
    names = [wheel.filename for wheel in changed or found]
    return _decided(db, asked, words, f"Yanked {asked.because} Marked: {_files(names)}.", changed)


def _unyank(db: sqlite3.Connection, asked: Asked) -> Decision:
    words, found = _find(db, asked)
    single = bool(words.filename or asked.target)
    whole = next((wheel for wheel in found if wheel.release_yanked is not None), None)
    if single and whole is not None:
        raise BadOrder(
            f"The whole release is yanked ({whole.release_yanked}); unyank {whole.project}=={whole.version}."
        )
    changed = [wheel for wheel in found if wheel.yanked is not None or wheel.release_yanked is not None]
    if not changed:
        before = controls.latest(db, ["yank", "unyank"], str(words), asked.target)
        if before is not None and before.verb == "unyank":
            return Decision(f"{words} was unyanked by {before.who}.", str(words), same=before)
        theirs = next((wheel.upstream_yanked for wheel in found if wheel.upstream_yanked is not None), None)
        if theirs is not None:
            why = f" ({theirs})" if theirs else ""
            raise BadOrder(f"Upstream yanked {words}{why}; only upstream can undo that.")
        raise BadOrder(f"Nothing of {words} is yanked.")
    for wheel in changed:
        wheels.yank(db, wheel.id, None)
    for release in dict.fromkeys(wheel.release_id for wheel in changed):
        releases.yank(db, release, None)
    _touch(db, changed)
    names = [wheel.filename for wheel in changed]
    return _decided(db, asked, words, f"Unyanked {asked.because} No longer marked: {_files(names)}.", changed)


def _rebuild(db: sqlite3.Connection, asked: Asked) -> Decision:
    words, found = _find(db, asked)
    rows = _verdicts(db, words, found, asked.target)
    if not rows:
        raise BadOrder(f"{words} is not in scope, so it is not built; put it into controller_packages.")
    build = [row for row in rows if row["verdict"] == "build" or row["held"]]
    if not build:
        raise BadOrder(f"{words} is not built here: {rows[0]['reason'].rstrip('.')}.")
    keys = [(row["release_id"], row["target_id"]) for row in build]
    waiting = all(row["need"] != "none" or row["open"] for row in build)
    if not waiting:
        for release in {row["release_id"] for row in build if row["held"]}:
            withdrawals.lift(db, release)
            _hold_what_is_left(db, release, asked.now, free={row["target"] for row in build})
        served = {row["wheel_id"] for row in _serving(db, keys)}
        # Only what serves a target is replaced: a withdrawn wheel stays withdrawn.
        wheels.request_rebuild(db, served)
        attempts.requeue(db, _ended(db, keys), _max_attempts(db))
        for release in {release for release, _ in keys}:
            release_targets.settle(db, release, _max_attempts(db))
        _touch(db, found)
    sentence = (
        f"To be built again, as ordered {asked.because} The old files stay: {_files([w.filename for w in found])}."
    )
    return _decided(db, asked, words, sentence, [] if waiting else build)


RULES: Mapping[str, Rule] = {
    "withdraw": _withdraw,
    "restore": _restore,
    "yank": _yank,
    "unyank": _unyank,
    "rebuild": _rebuild,
}


# ---------------------------------------------------------------- helpers


def _find(db: sqlite3.Connection, asked: Asked) -> tuple[Words, list[PublishedWheel]]:
    words = read_words(asked.subject)
    return words, find_wheels(db, words, asked.target)


def _hold_what_is_left(db: sqlite3.Connection, release_id: int, now: float, free: Collection[str] = ()) -> None:
    """Hold the builds of a release for the targets that withdrawn wheels alone could serve, except those in `free`."""
    (name,) = db.execute(
        "SELECT p.name FROM release r JOIN project p ON p.id = r.project_id WHERE r.id = ?", (release_id,)
    ).fetchone()
    siblings = [wheel for wheel in find_wheels(db, Words(project=name)) if wheel.release_id == release_id]
    listed = {target for wheel in siblings if wheel.withdrawn is None and not wheel.removed for target in wheel.targets}
    for wheel in siblings:
        for target in wheel.targets:
            if wheel.withdrawn is not None and target not in listed and target not in free:
                withdrawals.put(db, release_id, target, wheel.withdrawn, now)


def _touch(db: sqlite3.Connection, changed: Iterable[PublishedWheel]) -> None:
    """Have the projects judged and rendered again."""
    for project_id, name in dict.fromkeys((wheel.project_id, wheel.project) for wheel in changed):
        projects.rejudge(db, project_id)
        projects.mark_stale(db, name)


def _verdicts(db: sqlite3.Connection, words: Words, found: Sequence[PublishedWheel], target: str) -> list[sqlite3.Row]:
    """The verdicts on the releases of these wheels; of a file for its own targets. `held`: they are withdrawn."""
    served = {(wheel.release_id, name) for wheel in found for name in wheel.targets}
    rows = db.execute(
        """
        SELECT w.*, t.name AS target, EXISTS (
                SELECT 1 FROM withdrawal h WHERE h.release_id = w.release_id AND instr(t.name, h.target)) AS held,
            EXISTS (SELECT 1 FROM attempt a WHERE a.release_id = w.release_id AND a.target_id = w.target_id
                AND a.state = 'open') AS open
        FROM release_target w JOIN target t ON t.id = w.target_id
        WHERE w.release_id IN (SELECT value FROM json_each(?)) ORDER BY w.release_id, t.preference
        """,
        (json.dumps(sorted({wheel.release_id for wheel in found})),),
    ).fetchall()
    rows = [row for row in rows if target in row["target"]]
    return [row for row in rows if not words.filename or (row["release_id"], row["target"]) in served]


def _serving(db: sqlite3.Connection, keys: Sequence[tuple[int, int]]) -> list[sqlite3.Row]:
    """The rows of `wheel_target` for these releases and targets."""
    return [
        row
        for release, target in keys
        for row in db.execute("SELECT * FROM wheel_target WHERE release_id = ? AND target_id = ?", (release, target))
    ]


def _ended(db: sqlite3.Connection, keys: Sequence[tuple[int, int]]) -> list[str]:
    """The attempts that keep these releases from being built for these targets."""
    return [
        row["id"]
        for release, target in keys
        for row in db.execute(
            """
            SELECT id FROM attempt WHERE release_id = ? AND (target_id = ? OR blocks = 'release')
              AND state <> 'open' AND NOT superseded AND (outcome IS NOT 'built' OR blocks IS NOT NULL)
            """,
            (release, target),
        )
    ]


def _max_attempts(db: sqlite3.Connection) -> int:
    """The policy's largest number of attempts, of the last run that was planned."""
    plan = json.loads(get_meta(db, "plan") or "{}")
    return int(plan.get("policy", {}).get("max_attempts", 5))


def _decided(db: sqlite3.Connection, asked: Asked, words: Words, sentence: str, changed: Sequence[object]) -> Decision:
    """The decision; if nothing changed, it is the same as the last order that said so."""
    same: Control | None = None
    if not changed:
        same = controls.latest(db, [asked.verb], str(words), asked.target) or Control(
            0, asked.now, asked.who, asked.verb, NOUN, str(words), asked.target, asked.reason, None, asked.now, None
        )
    return Decision(sentence, str(words), same=same, lasts=False, answer=sentence)


def _files(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
