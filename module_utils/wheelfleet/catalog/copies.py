"""Copies of the catalog: one snapshot each, whole or not there, made while other processes read and write."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path


def copy_catalog(path: Path, place: Path) -> None:
    """Copy the catalog at `path` to `place`, by one rename once it is on the disk.

    SQLite's online backup reads one snapshot; in WAL mode it holds up no writer. Raises OSError and sqlite3.Error, and
    leaves nothing half-written then.
    """
    new = place.with_name(f".{place.name}.new")
    try:
        new.unlink(missing_ok=True)
        with (
            closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as original,
            closing(sqlite3.connect(new)) as copy,
        ):
            original.backup(copy)
            # The copy is one file: without this, whoever opens it would leave a write-ahead log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
        with new.open("rb") as written:
            os.fsync(written.fileno())
        new.replace(place)
        _sync_folder(place.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            for each in (new, new.with_name(f"{new.name}-journal")):
                each.unlink(missing_ok=True)
        raise


def copy_before_upgrade(path: Path, newer: int) -> None:
    """Keep a copy of a catalog that is brought to schema `newer` next. Raises OSError and sqlite3.Error."""
    copy_catalog(path, path.with_name(f"{path.name}.before-schema-{newer}"))


def remove_older_copies(path: Path, newer: int) -> None:
    """Remove the copies that earlier upgrades left, once the catalog has schema `newer`."""
    for copy in path.parent.glob(f"{path.name}.before-schema-*"):
        if copy.name != f"{path.name}.before-schema-{newer}":
            copy.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
