"""Admission: move a fetched result into files, logs and catalog exactly once, or record why not.

The order makes a kill harmless at any point. First the bytes get their final names, which nobody sees before the
catalog names them. Then one transaction updates result, wheel and queue together. Only then does the builder delete the
result.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from packaging.version import Version

from .. import requires_python
from ..atomic_files import sync
from ..catalog import controls, events, wheels, withdrawals
from ..catalog.database import Catalog
from ..catalog.release_targets import SETTLED_BY_A_WHEEL, is_settled_by_a_wheel
from ..contract.result import Result
from ..contract.shape import ContractError
from ..control.builds import said_of_stop
from ..os_release import newest_known, release_name
from ..planner.builders import offered_targets
from ..planner.outcome import Outcome, record_outcome
from ..planner.rejudge import judge_again
from ..planner.verdicts import serve_targets
from .classify import classify
from .failure import Failure, failure
from .naming import Named, publishable, reserve
from .preinstalled import PREINSTALLED
from .result import log_tail, read_result
from .wheel_archive import Refused
from .wheel_check import CheckedWheel, check_wheel
from .withhold import WITHHELD, withheld

#: The failure class of wheels that no target of the fleet may install because of their Requires-Python.
OTHER_PYTHON: Final = "other-python"


@dataclass(frozen=True)
class Admitted:
    """The outcome of a result: built, failed or refused, or dropped if nothing waits for it."""

    attempt: str
    outcome: str
    name: str = ""
    version: str = ""
    target: str = ""
    seconds: float = 0.0
    failure_class: str = ""
    sentence: str = ""
    wheel: str = ""


#: The sentence for a result that is no longer needed.
_MEANWHILE = "its work was done meanwhile"


class _PublishedMeanwhile(Exception):
    """Another target's build published the same file in the meantime, so this build is no failure."""


@dataclass(frozen=True)
class Storage:
    """The controller's folders for admitted files."""

    files: Path
    logs: Path


def admit(
    catalog: Catalog,
    storage: Storage,
    staging: Path,
    attempt_id: str,
    *,
    host: str,
    now: float,
    max_attempts: int,
    exclude: Collection[str] = (),
    preinstalled: Collection[str] = (),
) -> Admitted:
    """Judge the result in `staging`, fetched from `host`, and record it.

    A result for an attempt that belongs to another host or is already done is dropped. If the lease was lost, the
    result is admitted if its release still needs a build. `exclude` are the libraries that wheels leave to the system
    (`builder_repair_exclude`). `preinstalled` are packages that systems have (`builder_preinstalled_packages`); empty:
    those of the builder's release. Raises OSError when the controller's own disk fails.
    """
    attempt = _attempt(catalog.db, attempt_id)
    if attempt is None or attempt["host"] != host:
        return Admitted(attempt_id, "dropped", sentence=f"{host} was not given {attempt_id}")
    if attempt["state"] == "done" or (attempt["state"] == "lost" and not attempt["still_wanted"]):
        return Admitted(attempt_id, "dropped", sentence=_MEANWHILE)
    log_name = _keep_log(staging, storage.logs, attempt["name"], attempt_id)
    result: Result | None = None
    #: The Requires-Python that sdist or wheel states.
    stated: str | None = None
    wheel: Named | None = None
    why: Failure | None = None
    meanwhile = ""
    try:
        result = read_result(staging, attempt_id)
        if result["outcome"] == "built":
            checked = _checked_wheel(result, staging, attempt, exclude)
            stated = checked.requires_python
            _check_python(catalog.db, checked, attempt)
            why = withheld(catalog.db, result["check"], log_tail(storage.logs, log_name))
            wheel = None if why else _named(catalog, checked, staging, attempt, storage, exclude, result)
        else:
            why = classify(result, log_tail(storage.logs, log_name), attempt["name"])
            if why.failure_class == "stopped":
                why = _stopped(catalog.db, attempt_id, why)
            stated = requires_python.constraint(result["about"])
    except _PublishedMeanwhile as error:
        meanwhile = str(error)
    except ContractError as error:
        why = failure("refused", str(error))
    except Refused as error:
        why = failure(error.failure_class, str(error))
        if (
            result
            and result["check"]
            and result["check"]["reason"] == "not-installable"
            and error.failure_class == "refused"
        ):
            # Users would meet the installer's message, so it is the better reason.
            why = withheld(catalog.db, result["check"], log_tail(storage.logs, log_name)) or why
    if wheel is not None:
        _move(wheel.path, storage.files / attempt["name"] / wheel.checked.filename)
    with catalog.writing() as db:
        # Check the state again: another run may have admitted the same late result.
        if db.execute("SELECT state FROM attempt WHERE id = ?", (attempt_id,)).fetchone()["state"] == "done":
            return Admitted(attempt_id, "dropped", sentence=_MEANWHILE)
        if wheel is not None:
            if wheels.is_rebuilt_the_same(db, wheel.checked.filename, wheel.checked.sha256):
                # Nothing changes on the site, and the operator who asked for the rebuild waits for a new file.
                sentence = f"The requested rebuild of {wheel.checked.filename} gave the same bytes, so it stays."
                events.note(db, run=attempt["run"], host=host, sentence=sentence, now=now)
            _record_wheel(db, attempt, wheel, result, preinstalled, now)
        outcome = _outcome(result, wheel, why, log_name)
        if meanwhile:
            outcome = replace(outcome, outcome="built", sentence=meanwhile)
        elif wheel is not None and not _serves(db, attempt):
            # Another build of it would serve the target no better.
            sentence = f"{wheel.checked.filename} does not serve the target it was built for."
            outcome = replace(outcome, blocks="target", sentence=sentence)
        if wheel is not None or (why and why.failure_class == OTHER_PYTHON):
            outcome = _with_python(outcome, attempt, stated)
        outcome = record_outcome(db, attempt_id, outcome, now=now, max_attempts=max_attempts)
        if outcome.requires_python:
            judge_again(db, attempt["project_id"], now)
    if meanwhile:
        return Admitted(attempt_id, "dropped", sentence=_MEANWHILE)
    return Admitted(
        attempt_id,
        outcome.outcome,
        attempt["name"],
        attempt["version"],
        attempt["target"],
        result["seconds"] if result else 0.0,
        outcome.failure_class or "",
        outcome.sentence or "",
        wheel.checked.filename if wheel else "",
    )


def _outcome(result: Result | None, wheel: Named | None, why: Failure | None, log_name: str | None) -> Outcome:
    withheld_or_failed = result and (result["outcome"] == "failed" or (why and why.failure_class in WITHHELD))
    outcome = Outcome("built" if wheel else "failed" if withheld_or_failed else "refused", log=log_name)
    if why:
        outcome = replace(
            outcome,
            failure_class=why.failure_class,
            blocks=why.blocks,
            sentence=why.sentence,
            evidence="\n".join(why.evidence) or None,
            advice=why.advice,
            subject=why.subject,
            missing_kind=why.missing_kind,
            declared=why.declared,
        )
        if why.failure_class == "out-of-disk" and result and result["stopped_by"] != "disk":
            # The builder's disk was full, and not the build's limit reached.
            outcome = replace(outcome, blocks=None, retry_on="elsewhere")
    if result:
        outcome = replace(
            outcome,
            seconds=result["seconds"],
            cpu_seconds=result["cpu_seconds"],
            peak_memory=result["peak_memory"],
            interpreter=result["interpreter"] or "",
            summary=result["summary"],
            build_requires=result["build_requires"],
            phase=result["phase"],
            backend=result["project"]["backend"] if result["project"] else None,
        )
    return outcome


def _stopped(db: sqlite3.Connection, attempt_id: str, why: Failure) -> Failure:
    """The failure of a build that an operator stopped, with who and why. No builder may stop one by itself."""
    stop = controls.latest(db, ["stop"], attempt_id)
    if stop is None:
        return failure("killed", "Its builder says that an operator stopped it, and nobody did.")
    return replace(why, sentence=said_of_stop(stop))


def _attempt(db: sqlite3.Connection, attempt_id: str) -> sqlite3.Row | None:
    row: sqlite3.Row | None = db.execute(
        f"""
        SELECT a.*, p.id AS project_id, p.name, r.version, t.name AS target, t.tags AS target_tags,
               t.python_version, w.verdict = 'build' AND NOT {SETTLED_BY_A_WHEEL.format(row="w")} AS still_wanted
        FROM attempt a
        JOIN release r ON r.id = a.release_id
        JOIN project p ON p.id = r.project_id
        JOIN target t ON t.id = a.target_id
        LEFT JOIN release_target w ON w.release_id = a.release_id AND w.target_id = a.target_id
        WHERE a.id = ?
        """,
        (attempt_id,),
    ).fetchone()
    return row


def _checked_wheel(result: Result, staging: Path, attempt: sqlite3.Row, exclude: Collection[str]) -> CheckedWheel:
    if len(result["wheels"]) != 1:
        raise Refused(f"The build should have made one wheel and made {len(result['wheels'])}.", "no-wheel")
    return check_wheel(
        staging / result["wheels"][0]["filename"],
        name=attempt["name"],
        version=attempt["version"],
        target_tags=json.loads(attempt["target_tags"]),
        exclude=exclude,
        from_sdist=result["from_sdist"],
        packages=result["apt"],
    )


def _check_python(db: sqlite3.Connection, wheel: CheckedWheel, attempt: sqlite3.Row) -> None:
    """Raise Refused if no target of the fleet that can install the wheel has a Python that it is for."""
    if wheel.requires_python is None or requires_python.allows(
        wheel.requires_python, Version(attempt["python_version"])
    ):
        return
    if not any(
        set(wheel.tags) & target.tags and requires_python.allows(wheel.requires_python, target.python_version)
        for target in offered_targets(db)
    ):
        raise Refused(_needs_python(attempt, wheel.requires_python), OTHER_PYTHON)


def _named(
    catalog: Catalog,
    wheel: CheckedWheel,
    staging: Path,
    attempt: sqlite3.Row,
    storage: Storage,
    exclude: Collection[str],
    result: Result,
) -> Named:
    """The wheel under the name it will be published by; the name is reserved for its bytes. Raises Refused."""
    path, tags = staging / wheel.filename, json.loads(attempt["target_tags"])
    while True:
        try:
            chosen = publishable(catalog.db, path, wheel, storage.files / attempt["name"], tags)
        except ValueError as error:
            raise Refused(f"{wheel.filename} cannot be given another build tag: {error}") from error
        named = Named(wheel, path, None)
        if chosen != path:
            if is_settled_by_a_wheel(catalog.db, attempt["release_id"], attempt["target_id"]):
                raise _PublishedMeanwhile(f"{wheel.filename} was published meanwhile and serves the target.")
            again = check_wheel(
                chosen,
                name=attempt["name"],
                version=attempt["version"],
                target_tags=tags,
                exclude=exclude,
                from_sdist=result["from_sdist"],
                packages=result["apt"],
            )
            if name := _would_hide(catalog.db, again, attempt):
                # Installers take the higher build tag, and the tags say nothing of the C library.
                raise Refused(f"{wheel.filename} needs {again.libc}, and would hide the published wheel from {name}.")
            named = Named(again, chosen, wheel)
        if reserve(catalog, named.checked):
            return named


def _would_hide(db: sqlite3.Connection, wheel: CheckedWheel, attempt: sqlite3.Row) -> str | None:
    """A target that takes a published wheel with the same tags, and on which this one does not work; None without."""
    if wheel.libc is None:
        return None
    rows = db.execute(
        """
        SELECT DISTINCT t.name FROM wheel_target s JOIN wheel w ON w.id = s.wheel_id JOIN target t ON t.id = s.target_id
        WHERE s.release_id = ? AND w.tags = ? ORDER BY t.name
        """,
        (attempt["release_id"], json.dumps(wheel.tags)),
    )
    return next((row["name"] for row in rows if not wheel.libc.works_on(row["name"])), None)


def _serves(db: sqlite3.Connection, attempt: sqlite3.Row) -> bool:
    """Whether a wheel serves the attempt's target; True, because unknown, if no builder offers the target now."""
    row = db.execute(
        """
        SELECT NOT EXISTS (SELECT 1 FROM builder_target WHERE target_id = :target)
            OR EXISTS (SELECT 1 FROM wheel_target WHERE release_id = :release AND target_id = :target) AS serves
        """,
        {"release": attempt["release_id"], "target": attempt["target_id"]},
    ).fetchone()
    return bool(row["serves"])


def _with_python(outcome: Outcome, attempt: sqlite3.Row, stated: str | None) -> Outcome:
    """The outcome for a wheel that is not for the target's Python: another build would give the same one."""
    if stated is None or requires_python.allows(stated, Version(attempt["python_version"])):
        return outcome
    return replace(outcome, blocks="target", requires_python=stated, sentence=_needs_python(attempt, stated))


def _needs_python(attempt: sqlite3.Row, stated: str) -> str:
    return f"It needs Python {stated}; the target has {attempt['python_version']}."


def _keep_log(staging: Path, logs: Path, name: str, attempt_id: str) -> str | None:
    source = staging / "log.gz"
    if not source.is_file():
        return None
    relative = f"{name}/{attempt_id}.log.gz"
    _move(source, logs / relative)
    return relative


def _move(source: Path, destination: Path) -> None:
    """Give fetched bytes their final name; they are on disk before the catalog names them."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    sync(source)
    source.chmod(0o644)
    source.replace(destination)
    sync(destination.parent)


def _record_wheel(
    db: sqlite3.Connection,
    attempt: sqlite3.Row,
    named: Named,
    result: Result | None,
    preinstalled: Collection[str],
    now: float,
) -> None:
    repair, check = (result["repair"], result["check"]) if result else (None, None)
    wheel, sent = named.checked, named.sent
    wheels.put(
        db,
        {
            "release_id": attempt["release_id"],
            "attempt_id": attempt["id"],
            "filename": wheel.filename,
            "sha256": wheel.sha256,
            "size": wheel.size,
            "metadata_sha256": wheel.metadata_sha256,
            "requires_python": wheel.requires_python,
            "tags": json.dumps(list(wheel.tags)),
            "libc": str(wheel.libc) if wheel.libc else None,
            "copied": json.dumps(dict(wheel.copied)),
            "added_at": now,
            "repaired": json.dumps(repair) if repair else None,
            "apt_packages": json.dumps(_to_install(db, attempt["host"], result, preinstalled) if result else []),
            "imports": check["verdict"] if check else None,
            "import_facts": json.dumps({"modules": check["modules"], "message": check["message"]}) if check else None,
            "built_as": json.dumps({"filename": sent.filename, "sha256": sent.sha256}) if sent else None,
        },
    )
    # Also if the same bytes are there already, because this sdist gives them too.
    sdist_sha256 = attempt["sdist_sha256"] or (result and result["sdist_sha256"])
    wheels.note_sdist(db, wheel.filename, attempt["sdist_filename"], sdist_sha256 or None)
    reason = withdrawals.reason(db, attempt["release_id"], attempt["target"])
    if reason is not None:
        # Its release was withdrawn while it was built.
        (wheel_id,) = db.execute("SELECT id FROM wheel WHERE filename = ?", (wheel.filename,)).fetchone()
        wheels.withdraw(db, wheel_id, reason, now)
    serve_targets(db, attempt["project_id"], offered_targets(db))
    wheels.end_rebuild_requests(db, attempt["release_id"])


def _to_install(db: sqlite3.Connection, host: str, result: Result, preinstalled: Collection[str]) -> list[str]:
    """The packages that the wheel needs, without those that systems have."""
    facts = db.execute("SELECT facts FROM builder WHERE host = ?", (host,)).fetchone()
    system = json.loads(facts["facts"]).get("os", {}) if facts else {}
    there = preinstalled or PREINSTALLED.get(newest_known(release_name(system), PREINSTALLED), frozenset())
    return [package for package in result["apt"] if package not in there]
