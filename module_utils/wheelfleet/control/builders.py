"""Orders about builders: pause, drain, resume, forget."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from ..catalog import controls, events
from ..catalog.controls import Control
from ..catalog.database import Catalog
from ..nearest import hint
from .rule import Asked, BadOrder, Decision, Rule, same_as

#: The verbs that keep a builder from beginning anything.
HOLDS = ("pause", "drain")
#: An order holds the builder {host}, as a condition in SQL.
HELD = """EXISTS (
                SELECT 1 FROM control c
                WHERE c.done_at IS NULL AND c.verb IN ('pause', 'drain') AND c.subject = {host}
            )"""
#: The word that means every builder.
ALL = "all"
#: The answer to a drain, when nothing is left on the builder.
EMPTY = "Nothing is built on it any more; it may be switched off."


def expand(db: sqlite3.Connection, asked: Asked) -> list[str]:
    """One host, or for `all` every builder of the catalog and the inventory to which the verb can apply."""
    if asked.subject != ALL:
        return [asked.subject]
    if asked.verb == "forget":
        raise BadOrder("Name each host that is to be forgotten; all would be the whole fleet.")
    hosts = sorted(_known(db, asked))
    if asked.verb == "resume":
        held = {each.subject for each in controls.in_force(db, HOLDS)}
        hosts = [host for host in hosts if host in held]
        if not hosts:
            raise BadOrder("No builder is paused.")
    if not hosts:
        raise BadOrder("No builder is known yet; the inventory names them in the group builders.")
    return hosts


def note_drained(catalog: Catalog, hold: Control, run: str, now: float) -> bool:
    """Record that a builder is empty, and make it an event; False if it holds builds, or the order is not in force."""
    with catalog.writing() as db:
        if not any(each.id == hold.id for each in controls.in_force(db, ["drain"], hold.subject)):
            return False
        if _builds_of(db, hold.subject):
            return False
        controls.answer(db, hold.id, EMPTY)
        events.note(db, run=run, host=hold.subject, sentence=EMPTY, now=now, who=hold.who, why=hold.reason)
    return True


def _hold(db: sqlite3.Connection, asked: Asked) -> Decision:
    host = _host(db, asked)
    given = controls.in_force(db, HOLDS, host)
    same = same_as(asked, given)
    if asked.verb == "pause":
        return Decision(f"It was paused {asked.because}", host, host, same=same, lifts=given)
    empty = not _builds_of(db, host)
    sentence = f"It was drained {asked.because}" + (f" {EMPTY}" if empty else "")
    return Decision(sentence, host, host, same=same, lifts=given, answer=EMPTY if empty else None)


def _resume(db: sqlite3.Connection, asked: Asked) -> Decision:
    host = _host(db, asked)
    given = controls.in_force(db, HOLDS, host)
    if not given:
        before = controls.latest(db, RULES, host)
        if before is not None and before.verb == "resume":
            return Decision(f"It was resumed by {before.who}.", host, host, same=before)
        raise BadOrder(f"{host} is not paused.")
    return Decision(f"It was resumed {asked.because}", host, host, lifts=given, lasts=False)


def _forget(db: sqlite3.Connection, asked: Asked) -> Decision:
    host = asked.subject
    if db.execute("SELECT 1 FROM builder WHERE host = ?", (host,)).fetchone() is None:
        before = controls.latest(db, RULES, host)
        if before is not None and before.verb == "forget":
            return Decision(f"It was forgotten by {before.who}.", host, host, same=before)
        _host(db, asked)
    if asked.inventory is not None and host in asked.inventory:
        raise BadOrder(
            f"{host} is in the inventory, so the next run would know it again; take its line out of the inventory "
            "first, or pause it."
        )
    if held := _builds_of(db, host):
        builds = "1 build" if held == 1 else f"{held} builds"
        raise BadOrder(
            f"{host} holds {builds}; drain it and wait, or run build.yml without it, which gives its builds to others."
        )
    given = controls.in_force(db, HOLDS, host)
    return Decision(f"It was forgotten {asked.because} What it built stays published.", host, host, lifts=given)


RULES: Mapping[str, Rule] = {"pause": _hold, "drain": _hold, "resume": _resume, "forget": _forget}


def _builds_of(db: sqlite3.Connection, host: str) -> int:
    """The number of builds that the builder holds."""
    (held,) = db.execute("SELECT count(*) FROM attempt WHERE host = ? AND state = 'open'", (host,)).fetchone()
    return int(held)


def _known(db: sqlite3.Connection, asked: Asked) -> set[str]:
    return {row["host"] for row in db.execute("SELECT host FROM builder")} | set(asked.inventory or ())


def _host(db: sqlite3.Connection, asked: Asked) -> str:
    """The host. Raises BadOrder for one that neither the catalog nor the inventory has."""
    known = _known(db, asked)
    if asked.subject in known:
        return asked.subject
    words = known | ({ALL} if asked.verb != "forget" else set())
    raise BadOrder(f"No builder is called {asked.subject}{hint(asked.subject, words)}")
