"""Orders about builders: pause, drain, resume, forget."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from ..catalog import controls
from ..nearest import nearest
from .rule import Asked, BadOrder, Decision, Rule, same_as

#: The verbs that keep a builder from beginning anything.
HOLDS = ("pause", "drain")
#: The word that means every builder.
ALL = "all"


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


def _hold(db: sqlite3.Connection, asked: Asked) -> Decision:
    host = _host(db, asked)
    given = controls.in_force(db, HOLDS, host)
    sentence = f"It was {'paused' if asked.verb == 'pause' else 'drained'} {asked.because}"
    return Decision(sentence, host, host, same=same_as(asked, given), lifts=given)


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
    (held,) = db.execute("SELECT count(*) FROM attempt WHERE host = ? AND state = 'open'", (host,)).fetchone()
    if held:
        builds = "1 build" if held == 1 else f"{held} builds"
        raise BadOrder(
            f"{host} holds {builds}; drain it and wait, or run build.yml without it, which gives its builds to others."
        )
    given = controls.in_force(db, HOLDS, host)
    return Decision(f"It was forgotten {asked.because} What it built stays published.", host, host, lifts=given)


RULES: Mapping[str, Rule] = {"pause": _hold, "drain": _hold, "resume": _resume, "forget": _forget}


def _known(db: sqlite3.Connection, asked: Asked) -> set[str]:
    return {row["host"] for row in db.execute("SELECT host FROM builder")} | set(asked.inventory or ())


def _host(db: sqlite3.Connection, asked: Asked) -> str:
    """The host. Raises BadOrder for one that neither the catalog nor the inventory has."""
    known = _known(db, asked)
    if asked.subject in known:
        return asked.subject
    near = nearest(asked.subject, known)
    raise BadOrder(f"No builder is called {asked.subject}" + (f"; do you mean {near}?" if near else "."))
