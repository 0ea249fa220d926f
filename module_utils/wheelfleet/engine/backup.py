"""Backs the controller up by rsync: the catalog as one snapshot, admitted wheels and logs as they are.

It needs no lock, so it may go on beside a run. Wheels and logs never change their bytes, so a second backup costs what
was added. They go before the catalog that names them, and what is gone is removed after it: wherever a backup ends, the
one before is whole.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import __version__
from ..catalog.copies import copy_catalog

#: In a backup: what it is. It goes last, with the catalog.
MANIFEST = "backup.json"
CATALOG = "catalog.sqlite"
#: Folders of the controller that are backed up as they are.
TREES = ("files", "logs")
#: Below the controller's folder, while a backup or a restore is at work.
WORK = "backup"
#: rsync's exit status where some files vanished while it worked.
VANISHED = 24
#: Snapshots that are taken before giving up, if wheels that they name vanish each time.
MOST_SNAPSHOTS = 3


class BackupError(Exception):
    """The backup cannot be made or restored; the message has the cause and the cure."""


@dataclass
class BackedUp:
    """What a backup has now: wheels, their bytes, logs; `sent` and `removed` are the paths that changed in it, beside
    its manifest, which is written each time."""

    wheels: int = 0
    bytes: int = 0
    logs: int = 0
    sent: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)


def back_up(state_dir: Path, target: str, *, dry_run: bool = False) -> BackedUp:
    """Bring the backup at `target` (a folder, or HOST:FOLDER for rsync over SSH) up to date. Raises BackupError.

    With `dry_run` nothing is written to the target.
    """
    if not (state_dir / CATALOG).is_file():
        raise BackupError(f"There is no catalog in {state_dir}, so there is nothing to back up.")
    target = checked_target(state_dir, target)
    with work_folder(state_dir, dry_run) as work:
        there = names_in(target)
        strange = sorted(name for name in there if not name.startswith(".") and name != "lost+found")
        if strange and MANIFEST not in there:
            raise BackupError(
                f"{target} holds files that are no backup of wheelfleet's ({strange[0]}); name an empty folder in "
                "backup_target."
            )
        result = _take_snapshot(state_dir, work)
        if MANIFEST not in there:
            # First of all, so that a backup that was cut off is known for one.
            rsync(["--mkpath"], [str(work / MANIFEST)], f"{target}/", dry_run)
        _send_trees(state_dir, work, target, dry_run, result)
        # By its bytes: within a second, a catalog may change and keep its size.
        sent = rsync(["--checksum", "--mkpath"], [str(work / CATALOG), str(work / MANIFEST)], f"{target}/", dry_run)
        result.sent += [path for path in sent if path != MANIFEST]
        for tree in TREES:
            if tree in there and (state_dir / tree).is_dir():
                options = ["--recursive", "--delete", "--existing", "--ignore-existing"]
                gone = rsync(options, [f"{state_dir}/{tree}/"], f"{target}/{tree}/", dry_run)
                result.removed += [f"{tree}/{path.removeprefix('deleting ')}" for path in gone]
        return result


def _send_trees(state_dir: Path, work: Path, target: str, dry_run: bool, result: BackedUp) -> None:
    """Send wheels and logs, until all that the snapshot names are sent. Raises BackupError if some are missing."""
    trees = [f"{state_dir}/./{tree}/" for tree in TREES if (state_dir / tree).is_dir()]
    for _ in range(MOST_SNAPSHOTS):
        if trees:
            result.sent += rsync(["--recursive", "--relative", "--mkpath"], trees, f"{target}/", dry_run)
        missing = _missing(state_dir, work / CATALOG)
        if not missing:
            return
        # Wheels were removed meanwhile: retention is at work, or a grace period has ended.
        _take_snapshot(state_dir, work)
    raise BackupError(
        f"Wheels that the catalog names are missing in {state_dir}/files, such as {missing[0]}; repair that first: "
        "ansible-playbook playbooks/publish.yml -e site_repair=true"
    )


def checked_target(state_dir: Path, target: str) -> str:
    """The target without a slash at the end. Raises BackupError for one that cannot be."""
    target = target.rstrip("/")
    if not target:
        raise BackupError("Name the folder for the backup in backup_target: a path here, or HOST:PATH of another host.")
    if shutil.which("rsync") is None:
        raise BackupError("The controller has no rsync, which copies the backup; apt-get install rsync.")
    if is_remote(target):
        return target
    path = Path(target)
    if not path.is_absolute():
        raise BackupError(f"backup_target is {target}; give the whole path, beginning with a slash.")
    if path.resolve() == state_dir.resolve() or state_dir.resolve() in path.resolve().parents:
        raise BackupError(
            f"{target} is in the controller's own folder, and would be lost with it; name another folder."
        )
    return target


def is_remote(target: str) -> bool:
    """Whether rsync takes this for a folder of another host: a colon comes before any slash."""
    return ":" in target.partition("/")[0]


@contextlib.contextmanager
def work_folder(state_dir: Path, dry_run: bool) -> Iterator[Path]:
    """An empty folder for one backup or restore at a time; with `dry_run` outside the controller's folder.

    Raises BackupError, also for errors of the disk inside the context.
    """
    if dry_run:
        with tempfile.TemporaryDirectory(prefix="wheelfleet-check-") as folder:
            yield Path(folder)
        return
    try:
        work = state_dir / WORK
        work.mkdir(parents=True, exist_ok=True)
        lock = os.open(work, os.O_RDONLY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _empty(work)
            yield work
        except BlockingIOError:
            raise BackupError(f"Another backup or restore of {state_dir} is at work; wait for its end.") from None
        else:
            _empty(work)
        finally:
            os.close(lock)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"{state_dir} cannot be used ({error}); see whether its disk is full or damaged.") from error


def names_in(target: str) -> list[str]:
    """The names in a folder, here or on another host; empty if there is no such folder. Raises BackupError."""
    if not is_remote(target):
        try:
            return sorted(path.name for path in Path(target).iterdir())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise BackupError(f"{target} cannot be read ({error.strerror}).") from error
    done = subprocess.run([*_command(target), "--list-only", f"{target}/"], capture_output=True, text=True)
    if done.returncode == 0:
        # Mode, size, date, time, name.
        return [line.split(maxsplit=4)[4] for line in done.stdout.splitlines() if len(line.split(maxsplit=4)) == 5]
    if done.returncode == 23 and "No such file" in done.stderr:
        return []
    raise BackupError(_complaint(target, done))


def rsync(options: Sequence[str], sources: Sequence[str], destination: str, dry_run: bool = False) -> list[str]:
    """Run rsync over SSH without prompts; returns its lines about files. Raises BackupError."""
    remote = destination if is_remote(destination) else sources[0]
    command = [
        *(*_command(remote), "--times", "--perms", "--omit-dir-times", "--out-format=%n", *options),
        *(["--dry-run"] if dry_run else []),
        *sources,
        destination,
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if done.returncode not in (0, VANISHED):
        raise BackupError(_complaint(remote, done))
    lines = [line.strip() for line in done.stdout.splitlines()]
    return [line for line in lines if line and not line.endswith("/") and not line.startswith("created ")]


def read_manifest(path: Path) -> dict[str, Any]:
    """What a backup says of itself. Raises BackupError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(data, dict)
        assert data["schema"] == 1
    except (OSError, ValueError, KeyError, AssertionError) as error:
        raise BackupError(f"The backup's {MANIFEST} cannot be read; take another backup.") from error
    return data


def newest_moment(db: sqlite3.Connection) -> float:
    """When the catalog last learned of something, in epoch seconds; 0 for one that knows nothing."""
    (moment,) = db.execute(
        """
        SELECT max((SELECT coalesce(max(read_at), 0) FROM project), (SELECT coalesce(max(added_at), 0) FROM wheel),
            (SELECT coalesce(max(finished_at), 0) FROM attempt), (SELECT coalesce(max(claimed_at), 0) FROM attempt),
            (SELECT coalesce(max(at), 0) FROM event))
        """
    ).fetchone()
    return float(moment)


def sha256_of(path: Path) -> str:
    """The hash of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _take_snapshot(state_dir: Path, work: Path) -> BackedUp:
    """Write a snapshot of the catalog and its manifest into the work folder."""
    copy = work / CATALOG
    copy_catalog(state_dir / CATALOG, copy)
    with closing(sqlite3.connect(copy)) as db:
        (version,) = db.execute("PRAGMA user_version").fetchone()
        wheels, size = db.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM wheel WHERE removed_at IS NULL"
        ).fetchone()
        (logs,) = db.execute("SELECT count(*) FROM attempt WHERE log IS NOT NULL").fetchone()
        newest = newest_moment(db)
    manifest = {
        "schema": 1,
        "made_at": round(time.time()),
        "wheelfleet": __version__,
        "catalog_schema": version,
        "catalog_sha256": sha256_of(copy),
        "newest": newest,
        "wheels": wheels,
        "bytes": size,
        "logs": logs,
    }
    (work / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    return BackedUp(wheels, size, logs)


def _missing(state_dir: Path, catalog: Path) -> list[str]:
    """The wheels that a snapshot names and the controller does not have."""
    with closing(sqlite3.connect(catalog)) as db:
        rows = db.execute(WHEELS).fetchall()
    return [f"{name}/{filename}" for name, filename, _ in rows if not (state_dir / "files" / name / filename).is_file()]


#: Project, file name and hash of each wheel whose bytes the controller has.
WHEELS = """
    SELECT p.name, w.filename, w.sha256 FROM wheel w JOIN release r ON r.id = w.release_id
    JOIN project p ON p.id = r.project_id WHERE w.removed_at IS NULL ORDER BY p.name, w.filename
    """


def _command(place: str) -> list[str]:
    return ["rsync", "--protect-args", *(["--rsh=ssh -o BatchMode=yes"] if is_remote(place) else [])]


def _complaint(place: str, done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    # What ssh says names the cause; what rsync says then is only that the connection ended.
    causes = [line for line in lines if not line.startswith("rsync")] or lines
    why = "; ".join(causes[-2:]) or f"exit status {done.returncode}"
    cure = "see that ssh reaches the host without a question, and " if is_remote(place) else ""
    return f"rsync could not copy between the controller and {place} ({why}); {cure}run it again: it carries on."


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
