"""The table `attempt`. Every write to it stands here, in the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping

from ..failure_classes import ClassName
from .release_targets import settle


def open_all(db: sqlite3.Connection, attempts: Iterable[Mapping[str, object]]) -> None:
    """Add the attempts of a new batch, each by its first columns."""
    db.executemany(
        """
        INSERT INTO attempt (id, batch_id, run, host, release_id, target_id, sdist_filename, sdist_sha256,
                             predicted_normal, predicted_seconds, claimed_at, alone, remedies, priority)
        VALUES (:id, :batch_id, :run, :host, :release_id, :target_id, :sdist_filename, :sdist_sha256,
                :predicted_normal, :predicted_seconds, :claimed_at, :alone, :remedies, :priority)
        """,
        attempts,
    )


def adopt(db: sqlite3.Connection, host: str, run: str) -> None:
    """Move the builder's open attempts to this run, which takes their results in."""
    db.execute("UPDATE attempt SET run = ? WHERE host = ? AND state = 'open' AND run <> ?", (run, host, run))


def begin(db: sqlite3.Connection, attempts: Collection[str], now: float) -> None:
    """Record the moment at which builds were first seen going on."""
    db.executemany(
        "UPDATE attempt SET begun_at = ? WHERE id = ? AND begun_at IS NULL", [(now, each) for each in attempts]
    )


def unbegin(db: sqlite3.Connection, host: str, sentence: str) -> None:
    """Count the builder's open attempts as never begun; `sentence` is the reason."""
    db.execute("UPDATE attempt SET begun_at = NULL, sentence = ? WHERE host = ? AND state = 'open'", (sentence, host))


def finish(db: sqlite3.Connection, attempt: str, result: Mapping[str, object]) -> None:
    """End an attempt with the columns of its result; the builder's facts and the sdist's URL are kept with it."""
    assignments = ", ".join(f"{column} = :{column}" for column in result)
    db.execute(
        f"""
        UPDATE attempt SET state = 'done', begun_at = coalesce(begun_at, claimed_at), {assignments},
            built_with = json_object(
                'builder', json((SELECT b.facts FROM builder b WHERE b.host = attempt.host)),
                'sdist_url', (SELECT f.url FROM upstream_file f
                              WHERE f.release_id = attempt.release_id AND f.filename = attempt.sdist_filename))
        WHERE id = :id
        """,
        {**result, "id": attempt},
    )


def lose(db: sqlite3.Connection, attempts: Collection[str]) -> None:
    """End attempts whose results are no longer expected."""
    db.executemany("UPDATE attempt SET state = 'lost' WHERE id = ?", [(each,) for each in attempts])


def fail_lost(
    db: sqlite3.Connection, attempt: str, failure_class: ClassName, sentence: str, advice: str, now: float
) -> None:
    """Fail a lost attempt on its target for good."""
    db.execute(
        """
        UPDATE attempt SET failure_class = ?, blocks = 'target', outcome = 'failed', finished_at = ?,
            sentence = ?, advice = ?
        WHERE id = ?
        """,
        (failure_class, now, sentence, advice, attempt),
    )


def retry_elsewhere(db: sqlite3.Connection, attempt: str) -> None:
    """Give the next attempt of this run to another builder."""
    db.execute("UPDATE attempt SET retry_on = 'elsewhere' WHERE id = ?", (attempt,))


def withdraw(db: sqlite3.Connection, attempt: str, max_attempts: int) -> bool:
    """Delete an open attempt that its builder returned unbegun; False if it is not open."""
    row = db.execute("SELECT release_id FROM attempt WHERE id = ? AND state = 'open'", (attempt,)).fetchone()
    if row is None:
        return False
    db.execute("DELETE FROM attempt WHERE id = ?", (attempt,))
    settle(db, row["release_id"], max_attempts)
    return True


def requeue(db: sqlite3.Connection, attempts: Collection[str], max_attempts: int) -> None:
    """Put builds back into the queue: these attempts are superseded."""
    ids = json.dumps(list(attempts))
    db.execute("UPDATE attempt SET superseded = 1 WHERE id IN (SELECT value FROM json_each(?))", (ids,))
    _settle_releases(db, ids, max_attempts)


def requeue_with_earlier(db: sqlite3.Connection, attempts: Collection[str], max_attempts: int) -> None:
    """Put builds back into the queue: all failures of their releases and targets are superseded."""
    ids = json.dumps(list(attempts))
    db.execute(
        """
        UPDATE attempt SET superseded = 1
        WHERE NOT superseded AND state = 'done' AND (outcome <> 'built' OR requires_python IS NOT NULL)
          AND (release_id, target_id) IN (
              SELECT release_id, target_id FROM attempt WHERE id IN (SELECT value FROM json_each(?)))
        """,
        (ids,),
    )
    _settle_releases(db, ids, max_attempts)


def advise(db: sqlite3.Connection, attempt: str, advice: str) -> None:
    """Set the advice, one sentence."""
    db.execute("UPDATE attempt SET advice = ? WHERE id = ?", (advice, attempt))


def name_package(db: sqlite3.Connection, attempt: str, package: str, advice: str) -> None:
    """Set the package that has the missing thing, and the advice."""
    db.execute("UPDATE attempt SET package = ?, advice = ? WHERE id = ?", (package, advice, attempt))


def retry_with(db: sqlite3.Connection, attempt: str, remedies: object, needs_memory: int | None = None) -> None:
    """Give the next attempt these remedies, and a builder with more memory than `needs_memory` bytes."""
    db.execute(
        "UPDATE attempt SET retry_with = ?, needs_memory = coalesce(?, needs_memory) WHERE id = ?",
        (json.dumps(remedies), needs_memory, attempt),
    )


def wait(db: sqlite3.Connection, attempt: str, until: float) -> None:
    """Delay the next attempt until this time (epoch seconds)."""
    db.execute("UPDATE attempt SET wait_until = ? WHERE id = ?", (until, attempt))


def note_dependencies(db: sqlite3.Connection, attempt: str, digests: Mapping[str, str | None]) -> None:
    """Keep the digests of the things that the outcome depended on."""
    db.execute("UPDATE attempt SET depended_on = ? WHERE id = ?", (json.dumps(digests), attempt))


def forget_log(db: sqlite3.Connection, log: str) -> None:
    """Remove the path of a log that is lost."""
    db.execute("UPDATE attempt SET log = NULL WHERE log = ?", (log,))


def _settle_releases(db: sqlite3.Connection, ids: str, max_attempts: int) -> None:
    rows = db.execute(
        "SELECT DISTINCT release_id FROM attempt WHERE id IN (SELECT value FROM json_each(?))", (ids,)
    ).fetchall()
    for row in rows:
        settle(db, row["release_id"], max_attempts)
