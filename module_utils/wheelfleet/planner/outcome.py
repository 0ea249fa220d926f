"""Records the outcome of an attempt in the catalog, with its effects on queue, predictions and builder."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..catalog import attempts, release_targets, states
from ..contract.result import Phase, Requirement
from ..control.builds import end_firsts, end_stop
from ..failure_classes import Blocks, ClassName
from . import batches, missing_packages, requeue, suspension
from .retries import follow_up

#: Failure classes that are tried again in the same run: on another builder, or alone on its host.
ELSEWHERE = {"builder-fault", "network"}
ALONE = {"killed", "out-of-memory"}


@dataclass(frozen=True)
class Outcome:
    """The outcome of an attempt; the fields are columns of the table `attempt` (catalog/schema.sql)."""

    outcome: states.Outcome
    failure_class: ClassName | None = None
    blocks: Blocks | None = None
    retry_on: states.RetryOn | None = None
    sentence: str | None = None
    evidence: str | None = None
    advice: str | None = None
    subject: str | None = None
    missing_kind: states.MissingKind | None = None
    #: Requires-Python of sdist or wheel, where it leaves the target's Python out.
    requires_python: str | None = None
    declared: str | None = None
    phase: Phase | None = None
    backend: str | None = None
    seconds: float | None = None
    cpu_seconds: float | None = None
    peak_memory: int | None = None
    interpreter: str | None = None
    summary: str | None = None
    build_requires: Sequence[Requirement] = ()
    log: str | None = None


def record_outcome(
    db: sqlite3.Connection, attempt_id: str, outcome: Outcome, *, now: float, max_attempts: int
) -> Outcome:
    """Record the outcome of an attempt and settle its release; returns it as the catalog has it.

    A failure that may come from the builder is tried again: elsewhere, or alone on its host because other builds may
    have used up the memory.
    """
    attempt = db.execute(
        """
        SELECT a.release_id, a.target_id, a.host, a.alone, r.project_id, b.speed FROM attempt a
        JOIN release r ON r.id = a.release_id LEFT JOIN builder b ON b.host = a.host WHERE a.id = ?
        """,
        (attempt_id,),
    ).fetchone()
    if outcome.failure_class in ELSEWHERE:
        outcome = replace(outcome, retry_on="elsewhere")
    elif not attempt["alone"] and outcome.failure_class in ALONE:
        outcome = replace(outcome, retry_on="alone", blocks=None)
    stopped = outcome.failure_class == "stopped"
    # What was stopped says nothing about the time that it takes.
    normal = outcome.seconds * (attempt["speed"] or 1.0) if outcome.seconds is not None and not stopped else None
    attempts.finish(
        db,
        attempt_id,
        {
            "finished_at": now,
            "outcome": outcome.outcome,
            "failure_class": outcome.failure_class,
            "blocks": outcome.blocks,
            "retry_on": outcome.retry_on,
            "sentence": outcome.sentence,
            "evidence": outcome.evidence,
            "advice": outcome.advice,
            "subject": outcome.subject,
            "missing_kind": outcome.missing_kind,
            "requires_python": outcome.requires_python,
            "declared": outcome.declared,
            "phase": outcome.phase,
            "backend": outcome.backend,
            "seconds": outcome.seconds,
            "normal_seconds": normal,
            "cpu_seconds": outcome.cpu_seconds,
            "peak_memory": outcome.peak_memory,
            "interpreter": outcome.interpreter,
            "summary": outcome.summary,
            "build_requires": json.dumps(list(outcome.build_requires)) if outcome.seconds is not None else None,
            "log": outcome.log,
        },
    )
    if outcome.missing_kind:
        missing_packages.name_package(db, attempt_id)
    if outcome.failure_class == "interrupted" and batches.note_host_down(db, attempt_id, now):
        row = db.execute("SELECT failure_class, blocks, sentence FROM attempt WHERE id = ?", (attempt_id,)).fetchone()
        outcome = replace(outcome, failure_class=row["failure_class"], blocks=row["blocks"], sentence=row["sentence"])
    requeue.record_dependencies(db, attempt_id)
    follow_up(db, attempt_id, now)
    if normal is not None:
        # The measured time replaces the predictions of the project's other builds.
        release_targets.predict(db, attempt["project_id"], max(normal, 0.1))
    ended = "It was stopped." if stopped else f"It had ended by itself: {outcome.failure_class or 'built'}."
    end_stop(db, attempt_id, now, ended)
    # A failure that comes after another build's wheel is nobody's.
    served = release_targets.is_settled_by_a_wheel(db, attempt["release_id"], attempt["target_id"])
    counts = outcome.blocks != "release" and not outcome.requires_python and not served
    if not stopped and (outcome.outcome == "built" or counts):
        suspension.note_outcome(db, attempt["host"], built=outcome.outcome == "built", now=now)
    release_targets.settle(db, attempt["release_id"], max_attempts, now)
    end_firsts(db, attempt["release_id"], now)
    return outcome
