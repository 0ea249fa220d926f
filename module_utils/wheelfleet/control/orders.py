"""Takes an operator's order: asks the rules of its noun, keeps it in the table `control`, and makes it an event.

An order is in force until it is carried out, another one lifts it, or its time is over. Stages look for what concerns
them: sessions for builders and running builds, the planner for releases, the site for pages. So an order is obeyed
within seconds while a run is at work, and else by the next run.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass

from ..catalog import controls, events, release_targets
from ..catalog.controls import Control
from ..catalog.database import Catalog
from ..nearest import do_you_mean
from ..text import plain
from . import builders, builds, projects, wheels
from .rule import Asked, BadOrder, Expand, Rule

#: By noun and verb, the rule that decides.
RULES: Mapping[str, Mapping[str, Rule]] = {
    "builder": builders.RULES,
    "build": builds.RULES,
    "project": projects.RULES,
    "wheel": wheels.RULES,
}
#: By noun, what an operator's word may mean beside one subject.
EXPAND: Mapping[str, Expand] = {
    "builder": builders.expand,
    "build": builds.expand,
    "project": projects.expand,
    "wheel": wheels.expand,
}
#: The verbs that need no reason, because nobody waits for what they end.
WITHOUT_REASON = frozenset({"resume", "unskip", "first", "pages", "restore", "unyank", "rebuild"})
#: The verbs that may end by themselves.
WITH_END = frozenset({"pause", "drain", "skip", "first"})
#: Characters of a reason.
LONGEST_REASON = 300


@dataclass(frozen=True)
class Order(Control):
    """An order that was taken: `changed` is False if the same one was given before. `host` is that of its event."""

    changed: bool = True
    sentence: str = ""
    host: str = ""


def order(
    catalog: Catalog,
    *,
    who: str,
    verb: str,
    noun: str,
    subject: str,
    reason: str = "",
    target: str = "",
    until: float | None = None,
    run: str = "",
    inventory: Collection[str] | None = None,
    now: float | None = None,
    dry_run: bool = False,
) -> Order:
    """Take one order about one subject (see `expand`); returns it as it stands in the catalog.

    `who` is a login name, `until` (epoch seconds) its end, `run` the run at work, in which its event is shown.
    `inventory` has the builders of the inventory, None if they are not known. With `dry_run` nothing is kept. Raises
    BadOrder, and then nothing changes.
    """
    moment = time.time() if now is None else now
    asked = _asked(who, verb, noun, subject, reason, target, until, inventory, moment)
    if not dry_run:
        with catalog.writing() as db:
            return _give(db, noun, asked, run)
    catalog.db.execute("BEGIN IMMEDIATE")
    try:
        return _give(catalog.db, noun, asked, run)
    finally:
        catalog.db.execute("ROLLBACK")


def _give(db: sqlite3.Connection, noun: str, asked: Asked, run: str) -> Order:
    decision = RULES[noun][asked.verb](db, asked)
    if decision.same is not None:
        return Order(**asdict(decision.same), changed=False, sentence=decision.sentence, host=decision.host)
    controls.end(db, [each.id for each in decision.lifts], asked.now)
    given = controls.add(
        db,
        at=asked.now,
        who=asked.who,
        verb=asked.verb,
        noun=noun,
        subject=decision.subject,
        target=asked.target,
        reason=asked.reason,
        until=asked.until,
        done_at=None if decision.lasts else asked.now,
        answer=decision.answer,
    )
    events.note(
        db,
        run=run,
        host=decision.host,
        sentence=decision.sentence,
        now=asked.now,
        who=asked.who,
        why=asked.reason or None,
    )
    return Order(**asdict(given), sentence=decision.sentence, host=decision.host)


def expand(
    catalog: Catalog, *, verb: str, noun: str, word: str, inventory: Collection[str] | None = None, target: str = ""
) -> list[str]:
    """The subjects that an operator's word means: every builder for `all`, running attempts for NAME==VERSION.

    Raises BadOrder if it means none.
    """
    asked = _asked("", verb, noun, word, "none", target, None, inventory, 0.0)
    return EXPAND[noun](catalog.db, asked)


def end_overdue(catalog: Catalog, now: float) -> None:
    """End the orders whose time is over; each is an event."""
    if not controls.overdue(catalog.db, now):
        return
    with catalog.writing() as db:
        for each in controls.overdue(db, now):
            controls.end(db, [each.id], now)
            if each.verb == "skip":
                # So that its verdicts are looked at again.
                builds.unskip(db, each, now)
            if each.verb == "first":
                release_targets.put_first(db, builds.keys(db, each), None)
            events.note(
                db,
                run="",
                host=each.subject if each.noun == "builder" else "controller",
                sentence=f"{each.who}'s order ({each.verb} {each.subject}) has ended, because its time is over.",
                now=now,
                who=each.who,
                why=each.reason,
            )


# ------------------------------------------------------------------------------------------------- what is in force


def hold_on(db: sqlite3.Connection, host: str) -> Control | None:
    """The order that keeps a builder from beginning anything (pause or drain); None if it may."""
    return next(iter(reversed(controls.in_force(db, builders.HOLDS, host))), None)


def holds(db: sqlite3.Connection) -> dict[str, Control]:
    """By host, the order that keeps a builder from beginning anything."""
    return {each.subject: each for each in controls.in_force(db, builders.HOLDS)}


def stops(db: sqlite3.Connection) -> list[Control]:
    """The orders to stop running builds; their subjects are attempts."""
    return controls.in_force(db, ["stop"])


def skips(db: sqlite3.Connection) -> list[Control]:
    """The orders by which releases are not built; their subjects are names with specifiers or without (PEP 508)."""
    return controls.in_force(db, ["skip"])


def firsts(db: sqlite3.Connection) -> list[Control]:
    """The orders by which releases are built next, in the order of their giving; subjects as in `skips`."""
    return controls.in_force(db, ["first"])


def _asked(
    who: str,
    verb: str,
    noun: str,
    subject: str,
    reason: str,
    target: str,
    until: float | None,
    inventory: Collection[str] | None,
    now: float,
) -> Asked:
    """What was asked, with texts that can be shown. Raises BadOrder for an unknown word, and without a reason."""
    if noun not in RULES:
        raise BadOrder(f"Nobody can order anything about a {noun}{do_you_mean(noun, RULES)}")
    if verb not in RULES[noun]:
        raise BadOrder(f"{verb} cannot be ordered for a {noun}{do_you_mean(verb, RULES[noun])}")
    why = plain(reason, LONGEST_REASON).strip()
    if not why and verb not in WITHOUT_REASON:
        raise BadOrder(f"Say why, with reason='…': people read on the site why {verb} was ordered for {subject}.")
    if until is not None and verb not in WITH_END:
        raise BadOrder(f"{verb} has no end; leave hours out.")
    if not subject.strip():
        raise BadOrder(f"Say what to {verb}, with what=….")
    return Asked(plain(who, 100) or "somebody", verb, subject.strip(), target.strip(), why, until, now, inventory)
