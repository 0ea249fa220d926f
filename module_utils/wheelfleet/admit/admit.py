"""Step 4: take a fetched result into files, logs and catalog, exactly once, or say why not.

The order makes a kill harmless at any point: first the bytes get their final names (a name the catalog does not know
yet is visible to nobody), then one transaction makes result, wheel and queue true together. Only then is the builder
told to forget the result.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..build.protocol import sync
from ..catalog.database import Catalog
from ..plan.builders import offered_targets
from ..plan.outcome import Outcome, record_outcome
from ..plan.verdicts import serve_targets
from .archive import Refused
from .classify import Failure, classify, failure
from .result import BadResult, Result, log_tail, read_result
from .wheel_check import CheckedWheel, check_wheel
from .withhold import WITHHELD, withheld


@dataclass(frozen=True)
class Admitted:
    """What became of a result. `outcome` is built, failed or refused, or dropped for what nobody waits for."""

    attempt: str
    outcome: str
    name: str = ""
    version: str = ""
    target: str = ""
    seconds: float = 0.0
    failure_class: str = ""
    sentence: str = ""
    wheel: str = ""


@dataclass(frozen=True)
class Places:
    """The controller's folders for admitted bytes."""

    files: Path
    logs: Path


def admit(
    catalog: Catalog,
    places: Places,
    staging: Path,
    attempt_id: str,
    *,
    host: str,
    now: float,
    tries: int,
    exclude: Collection[str] = (),
) -> Admitted:
    """Judge the result fetched into `staging` as the answer of `host` to an attempt, and take it in.

    A result for an attempt that is not this host's or is already done is dropped; one whose lease was lost is
    taken if its release still needs a build. `exclude` are the libraries that wheels leave to the system
    (`builder_repair_exclude`). Raises OSError when the controller's own disk fails.
    """
    attempt = _attempt(catalog.db, attempt_id)
    if attempt is None or attempt["host"] != host:
        return Admitted(attempt_id, "dropped", sentence=f"{host} was not given {attempt_id}")
    if attempt["state"] == "done" or (attempt["state"] == "lost" and not attempt["still_wanted"]):
        return Admitted(attempt_id, "dropped", sentence="its work was done meanwhile")
    log_name = _keep_log(staging, places.logs, attempt["name"], attempt_id)
    result: Result | None = None
    wheel: CheckedWheel | None = None
    why: Failure | None = None
    try:
        result = read_result(staging, attempt_id)
        if result.outcome == "built":
            wheel = _checked_wheel(catalog.db, result, staging, attempt, exclude)
            why = withheld(catalog.db, result.imported, log_tail(places.logs, log_name))
            wheel = None if why else wheel
        else:
            why = classify(result.document, log_tail(places.logs, log_name), attempt["name"])
    except BadResult as error:
        why = failure("refused", str(error))
    except Refused as error:
        why = failure(error.failure, str(error))
    if wheel is not None:
        _move(staging / wheel.filename, places.files / attempt["name"] / wheel.filename)
    with catalog.writing() as db:
        # Asked again: two controllers' halves may hold the same late result.
        if db.execute("SELECT state FROM attempt WHERE id = ?", (attempt_id,)).fetchone()["state"] == "done":
            return Admitted(attempt_id, "dropped", sentence="its work was done meanwhile")
        if wheel is not None:
            _record_wheel(db, attempt, wheel, result, now)
        outcome = record_outcome(db, attempt_id, _outcome(result, wheel, why, log_name), now=now, tries=tries)
    return Admitted(
        attempt_id,
        outcome.outcome,
        attempt["name"],
        attempt["version"],
        attempt["target"],
        result.seconds if result else 0.0,
        outcome.failure or "",
        outcome.sentence or "",
        wheel.filename if wheel else "",
    )


def _outcome(result: Result | None, wheel: CheckedWheel | None, why: Failure | None, log_name: str | None) -> Outcome:
    withheld_or_failed = result and (result.outcome == "failed" or (why and why.class_name == WITHHELD))
    outcome = Outcome("built" if wheel else "failed" if withheld_or_failed else "refused", log=log_name)
    if why:
        outcome = replace(
            outcome,
            failure=why.class_name,
            blocks=why.blocks,
            sentence=why.sentence,
            evidence="\n".join(why.evidence) or None,
            remedy=why.remedy,
            subject=why.subject,
            lacks=why.lacks,
        )
        if why.class_name == "out-of-disk" and result and result.document.get("stopped_by") != "disk":
            # Not what it may use, but what its builder had left.
            outcome = replace(outcome, blocks=None, again="elsewhere")
    if result:
        outcome = replace(
            outcome,
            seconds=result.seconds,
            cpu_seconds=result.cpu_seconds,
            peak_memory=result.peak_memory,
            interpreter=result.interpreter,
            summary=result.summary,
            build_requires=result.build_requires,
        )
    return outcome


def _attempt(db: sqlite3.Connection, attempt_id: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        """
        SELECT a.*, p.id AS project_id, p.name, r.version, t.name AS target, t.tags AS target_tags,
               w.verdict = 'build' AND NOT EXISTS (
                   SELECT 1 FROM serves s WHERE s.release_id = a.release_id AND s.target_id = a.target_id
               ) AS still_wanted
        FROM attempt a
        JOIN release r ON r.id = a.release_id
        JOIN project p ON p.id = r.project_id
        JOIN target t ON t.id = a.target_id
        LEFT JOIN wanted w ON w.release_id = a.release_id AND w.target_id = a.target_id
        WHERE a.id = ?
        """,
        (attempt_id,),
    ).fetchone()
    return row


def _checked_wheel(
    db: sqlite3.Connection, result: Result, staging: Path, attempt: sqlite3.Row, exclude: Collection[str]
) -> CheckedWheel:
    if len(result.wheels) != 1:
        raise Refused(f"The build should have made one wheel and made {len(result.wheels)}.", "no-wheel")
    wheel = check_wheel(
        staging / result.wheels[0],
        name=attempt["name"],
        version=attempt["version"],
        target_tags=json.loads(attempt["target_tags"]),
        exclude=exclude,
    )
    upstream = db.execute(
        """
        SELECT 1 FROM upstream_file f JOIN release r ON r.id = f.release_id
        WHERE r.project_id = ? AND f.filename = ?
        """,
        (attempt["project_id"], wheel.filename),
    ).fetchone()
    if upstream:
        raise Refused(f"Upstream itself serves a file named {wheel.filename}; ours would shadow it.")
    ours = db.execute("SELECT sha256 FROM wheel WHERE filename = ?", (wheel.filename,)).fetchone()
    if ours and ours["sha256"] != wheel.sha256:
        raise Refused(f"{wheel.filename} is published with other bytes; a file name never changes its bytes.")
    return wheel


def _keep_log(staging: Path, logs: Path, name: str, attempt_id: str) -> str | None:
    source = staging / "log.gz"
    if not source.is_file():
        return None
    relative = f"{name}/{attempt_id}.log.gz"
    _move(source, logs / relative)
    return relative


def _move(source: Path, destination: Path) -> None:
    """Give fetched bytes their final name, so that they are on disk before the catalog says so."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    sync(source)
    source.chmod(0o644)
    source.replace(destination)
    sync(destination.parent)


def _record_wheel(
    db: sqlite3.Connection, attempt: sqlite3.Row, wheel: CheckedWheel, result: Result | None, now: float
) -> None:
    repaired, imported = (result.repaired, result.imported) if result else (None, None)
    db.execute(
        """
        INSERT INTO wheel
            (release_id, attempt_id, filename, sha256, size, metadata_sha256, requires_python, tags, added_at,
             repaired, apt, imports, import_facts)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (filename) DO UPDATE SET removed_at = NULL, added_at = excluded.added_at,
            attempt_id = excluded.attempt_id, repaired = excluded.repaired, apt = excluded.apt,
            imports = excluded.imports, import_facts = excluded.import_facts WHERE removed_at IS NOT NULL
        """,
        (
            attempt["release_id"],
            attempt["id"],
            wheel.filename,
            wheel.sha256,
            wheel.size,
            wheel.metadata_sha256,
            wheel.requires_python,
            json.dumps(list(wheel.tags)),
            now,
            json.dumps(asdict(repaired)) if repaired else None,
            json.dumps(result.apt if result else []),
            imported.verdict if imported else None,
            json.dumps({"modules": imported.modules, "message": imported.message}) if imported else None,
        ),
    )
    serve_targets(db, attempt["project_id"], offered_targets(db))
