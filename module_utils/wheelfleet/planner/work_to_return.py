"""Which builds a host should give back before it begins them: idle hosts ask for them, the order changed, they are
needless, or they would end too late."""

from __future__ import annotations

from dataclasses import dataclass

from ..catalog import priorities
from ..catalog.database import Catalog
from ..catalog.release_targets import SETTLED_BY_A_WHEEL
from ..control.builders import HELD
from . import sizing
from .choice import IDLE_SECONDS, host_load, rest_of_queue


@dataclass(frozen=True)
class WorkToReturn:
    """Attempts that a host should return. `idle`: because other hosts are idle; `overtaken`: because the order changed
    since they were handed over; else because the host would begin them much later than planned."""

    attempts: tuple[str, ...] = ()
    idle: bool = False
    overtaken: bool = False


def work_to_return(catalog: Catalog, host: str, run: str, now: float) -> WorkToReturn:
    """The unstarted attempts of this host that should go back to the queue.

    If other hosts are idle, these are attempts that one of them could begin at once; else attempts that this host would
    begin much later than planned. Attempts for targets that no other host of the run offers stay.

    Some go back in any case, to be handed out in the order of now: those that became urgent since (`put_first`); urgent
    ones that the host does not come to; and those that others overtake all the time.
    """
    db = catalog.db
    waiting = db.execute(
        f"""
        SELECT id, priority <= :urgent AS urgent, :now - claimed_at AS held,
               priority > :urgent AND EXISTS (
                   SELECT 1 FROM release_target w WHERE w.release_id = attempt.release_id
                     AND w.target_id = attempt.target_id AND w.need = 'now' AND w.priority <= :urgent) AS raised,
               EXISTS (SELECT 1 FROM attempt b WHERE b.host = :host AND b.state = 'open' AND b.begun_at IS NOT NULL
                         AND b.claimed_at > attempt.claimed_at) AS overtaken,
               EXISTS (SELECT 1 FROM attempt b WHERE b.host = :host AND b.state = 'open'
                         AND b.begun_at > attempt.claimed_at) AS moving,
               EXISTS (SELECT 1 FROM builder_target o JOIN builder b ON b.host = o.host
                       WHERE o.target_id = attempt.target_id AND o.host <> :host AND b.idle_since > :since) AS asked,
               EXISTS (SELECT 1 FROM builder_target o JOIN builder b ON b.host = o.host
                       WHERE o.target_id = attempt.target_id AND o.host <> :host AND b.suspended IS NULL
                         AND NOT {HELD.format(host="b.host")}) AS shared
        FROM attempt WHERE host = :host AND state = 'open' AND begun_at IS NULL
        ORDER BY priority, predicted_normal DESC, id
        """,
        {"host": host, "since": now - IDLE_SECONDS, "now": now, "urgent": max(priorities.URGENT)},
    ).fetchall()
    if not waiting:
        return WorkToReturn()
    if again := [
        row["id"]
        for row in waiting
        if row["raised"]
        or (row["overtaken"] and row["held"] > sizing.OVERTAKEN_SECONDS)
        or (row["urgent"] and row["shared"] and not row["moving"] and row["held"] > sizing.STUCK_SECONDS)
    ]:
        return WorkToReturn(tuple(again), overtaken=True)
    idle = any(row["asked"] for row in waiting)
    kept = sizing.keep(host_load(db, host, now), rest_of_queue(db, run), others_idle=idle)
    return WorkToReturn(tuple(row["id"] for row in waiting[kept:] if row["asked" if idle else "shared"]), idle)


def too_late(catalog: Catalog, host: str, now: float, end_at: float) -> list[str]:
    """The unstarted attempts of this host that would end after `end_at` (epoch seconds)."""
    waiting = catalog.db.execute(
        """
        SELECT id FROM attempt WHERE host = ? AND state = 'open' AND begun_at IS NULL
        ORDER BY priority, predicted_normal DESC, id
        """,
        (host,),
    ).fetchall()
    late = sizing.too_late(host_load(catalog.db, host, now, end_at=end_at)) if waiting else []
    return [waiting[number]["id"] for number in late]


def settled_meanwhile(catalog: Catalog, host: str) -> list[str]:
    """The unstarted attempts of this host that became needless: another build gave a wheel that serves their target, or
    an operator skips them now."""
    rows = catalog.db.execute(
        f"""
        SELECT a.id FROM attempt a JOIN release_target w ON w.release_id = a.release_id AND w.target_id = a.target_id
        WHERE a.host = ? AND a.state = 'open' AND a.begun_at IS NULL
          AND (w.verdict = 'skip' OR {SETTLED_BY_A_WHEEL.format(row="w")})
        """,
        (host,),
    )
    return [row["id"] for row in rows]
