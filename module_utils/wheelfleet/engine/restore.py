"""Puts a backup back: catalog, wheels and logs. The site is rendered from them afterwards."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from .. import __version__
from ..catalog import schema
from .backup import (
    CATALOG,
    MANIFEST,
    TREES,
    WHEELS,
    BackupError,
    checked_target,
    names_in,
    newest_moment,
    read_manifest,
    rsync,
    sha256_of,
    work_folder,
)

#: The end of the name that the catalog of before gets.
BEFORE = ".before-restore"


@dataclass
class Restored:
    """What was restored: `fetched` are the paths of wheels and logs that the controller did not have, `damaged` a
    sentence for each wheel without the bytes that the catalog knows. Times are in epoch seconds."""

    made_at: float = 0.0
    newest: float = 0.0
    wheels: int = 0
    fetched: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)

    def summary(self, target: str, *, dry_run: bool) -> str:
        """One sentence about what was, or would be, restored."""
        made = f"The backup in {target} was made at {_time(self.made_at)}, and its catalog names {self.wheels} wheels"
        come = f"{len(self.fetched)} wheels and logs"
        if dry_run:
            return f"{made}. The catalog is whole; {come} would come."
        return f"{made}. The catalog is back, and {come} came; each wheel was compared with its hash."


def restore(state_dir: Path, target: str, *, dry_run: bool = False) -> Restored:
    """Restore the backup at `target`; the caller holds the run lock. Raises BackupError, and then nothing changed.

    The catalog comes last, by one rename; the one that was there is kept beside it. With `dry_run` the backup's catalog
    is verified, and nothing is changed.
    """
    target = checked_target(state_dir, target)
    with work_folder(state_dir, dry_run) as work:
        there = names_in(target)
        if MANIFEST not in there or CATALOG not in there:
            raise BackupError(f"{target} holds no backup; playbooks/backup.yml makes one.")
        rsync([], [f"{target}/{CATALOG}", f"{target}/{MANIFEST}"], f"{work}/")
        result = _verified(work, target)
        _refuse_newer(state_dir, result)
        trees = [f"{target}/./{tree}/" for tree in TREES if tree in there]
        if trees:
            # What is there stays: a name never changes its bytes, and `_damaged` looks at each.
            options = ["--recursive", "--relative", "--ignore-existing", "--mkpath"]
            result.fetched = rsync(options, trees, f"{state_dir}/", dry_run)
        if not dry_run:
            result.damaged = _damaged(state_dir, work, target)
            _put_catalog(state_dir, work)
        return result


def _verified(work: Path, target: str) -> Restored:
    manifest = read_manifest(work / MANIFEST)
    catalog = work / CATALOG
    broken = f"The catalog in {target} is damaged ({{}}); take another backup, or make one catalog good by hand."
    if sha256_of(catalog) != manifest["catalog_sha256"]:
        raise BackupError(broken.format("its hash is not the one that was written down; or a backup is at work"))
    try:
        with closing(sqlite3.connect(catalog)) as db:
            (version,) = db.execute("PRAGMA user_version").fetchone()
            if version > schema.VERSION:
                raise BackupError(
                    f"The backup in {target} was made by wheelfleet {manifest['wheelfleet']} (schema {version}), and "
                    f"wheelfleet {__version__} knows only schema {schema.VERSION}; update the checkout (git pull)."
                )
            (answer,) = db.execute("PRAGMA integrity_check").fetchone()
            if answer != "ok":
                raise BackupError(broken.format(answer))
            return Restored(float(manifest["made_at"]), newest_moment(db), int(manifest["wheels"]))
    except sqlite3.Error as error:
        raise BackupError(broken.format(error)) from error


def _refuse_newer(state_dir: Path, backup: Restored) -> None:
    """Raise BackupError if the controller's catalog knows of later things than the backup's."""
    catalog = state_dir / CATALOG
    if not catalog.is_file():
        return
    try:
        with closing(sqlite3.connect(f"{catalog.resolve().as_uri()}?mode=ro", uri=True)) as db:
            newest = newest_moment(db)
    except sqlite3.Error:
        return  # a damaged catalog, or an empty file: the reason for restoring
    if newest > backup.newest:
        raise BackupError(
            f"The catalog in {state_dir} is newer ({_time(newest)}) than the backup ({_time(backup.newest)}); if the "
            f"backup shall replace it, move {catalog} away, with its -wal and -shm, and restore again."
        )


def _damaged(state_dir: Path, work: Path, target: str) -> list[str]:
    """Compare all wheels with their hashes; what differs is fetched once more. Returns a sentence for each that still
    differs."""
    with closing(sqlite3.connect(work / CATALOG)) as db:
        wheels = {f"files/{name}/{filename}": sha256 for name, filename, sha256 in db.execute(WHEELS)}
    again = [path for path, sha256 in wheels.items() if _hash(state_dir / path) != sha256]
    if again:
        there = [f"{target}/./{path}" for path in again]
        for start in range(0, len(there), 500):
            rsync(
                ["--relative", "--ignore-times", "--ignore-missing-args"], there[start : start + 500], f"{state_dir}/"
            )
    sentences = []
    for path in again:
        found = _hash(state_dir / path)
        if found != wheels[path]:
            what = "is missing in the backup" if found is None else "has other bytes than were admitted"
            sentences.append(
                f"{path} {what}; ansible-playbook playbooks/publish.yml -e site_repair=true gives it up, and it is "
                "built again if it is wanted."
            )
    return sentences


def _hash(path: Path) -> str | None:
    """The hash of a file; None if it cannot be read."""
    try:
        return sha256_of(path)
    except OSError:
        return None


def _put_catalog(state_dir: Path, work: Path) -> None:
    """Put the catalog in its place; the one that was there goes aside, with the write-ahead log that belongs to it."""
    os.sync()
    ends = ("", "-wal", "-shm")
    # If it is gone, a restore was killed after it went aside.
    if (state_dir / CATALOG).exists():
        for end in ends:
            (state_dir / f"{CATALOG}{BEFORE}{end}").unlink(missing_ok=True)
    for end in ends:
        if (state_dir / f"{CATALOG}{end}").exists():
            (state_dir / f"{CATALOG}{end}").rename(state_dir / f"{CATALOG}{BEFORE}{end}")
    (work / CATALOG).rename(state_dir / CATALOG)


def _time(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(moment))
