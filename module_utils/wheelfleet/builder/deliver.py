"""Makes a result from the files of a build, and moves it to the outbox by one rename."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import shutil
import stat
from pathlib import Path

from ..atomic_files import remove, sync, visible, write_json
from ..contract.assignment import checked_filename
from ..contract.reasons import Failed
from ..contract.result import LOG, BuiltWheel, Result
from ..contract.shape import ContractError
from .folders import BuilderHome, WorkDir

#: Facts of the result that are stored while a build runs.
PROGRESS = ("kind", "phase", "interpreter", "build_requires", "summary", "sdist_sha256", "sandbox", "project")


def take_progress(work_dir: WorkDir, result: Result) -> None:
    """Add the facts that the runner had stored before it was killed."""
    try:
        progress = json.loads(work_dir.progress.read_bytes())
        result.update({key: progress[key] for key in PROGRESS})  # type: ignore[typeddict-item]
    except (OSError, ValueError, KeyError, TypeError):
        # The build had not begun.
        return
    if result["phase"] == "requires" and building(work_dir):
        result["phase"] = "build"


def building(work_dir: WorkDir) -> bool:
    """Whether the build itself has begun. The mark is untrusted, but it decides only the phase's name."""
    return os.path.lexists(work_dir.control / "building")


def make_room(work_dir: WorkDir) -> None:
    """Remove large files that are no longer needed, because a full disk has no space for the result."""
    for part in ("source", "tmp", "home", "wheels", "sdist", "environment", "rootfs", "control"):
        remove(work_dir.path / part)


def clear_result(work_dir: WorkDir) -> None:
    """Make the result's folder and empty it; anything that a build left there is removed."""
    remove(work_dir.result)
    work_dir.result.mkdir()


def collect_wheels(work_dir: WorkDir) -> list[BuiltWheel]:
    """Move the build's wheels into the empty result folder. Raises Failed, also without a wheel."""
    if work_dir.wheels.is_symlink():
        raise Failed("The build put a link in the place of the folder for its wheels.", "no-wheel")
    wheels = []
    for name in visible(work_dir.wheels):
        if name.endswith(".whl"):
            wheels.append(_collect(work_dir.wheels / name, work_dir.result))
    if not wheels:
        raise Failed("The build ended without an error, but left no wheel.", "no-wheel")
    return wheels


def finish(home: BuilderHome, work_dir: WorkDir, result: Result) -> None:
    """Add the compressed log to `result`, sync it to disk, and deliver it."""
    result["log"] = {"filename": LOG, "size": _compress(work_dir.log, work_dir.result / LOG)}
    write_json(work_dir.result / "result.json", result)
    work_dir.assignment.rename(work_dir.finished)
    sync(work_dir.result)
    deliver(home, work_dir)


def deliver(home: BuilderHome, work_dir: WorkDir) -> None:
    """Move a finished result to the outbox, and remove the build's folder."""
    work_dir.result.rename(home.delivered(work_dir.attempt))
    sync(home.outbox)
    remove(work_dir.path)


def _collect(built: Path, folder: Path) -> BuiltWheel:
    try:
        checked_filename(built.name)
    except ContractError as error:
        raise Failed(f"The build's wheel is refused: {error}", "no-wheel") from error
    # A link would give any file of this machine away.
    if not stat.S_ISREG(built.lstat().st_mode):
        raise Failed(f"The build's wheel {built.name} is refused: it is not a regular file.", "no-wheel")
    wheel = folder / built.name
    built.rename(wheel)
    wheel.chmod(0o644)
    digest = hashlib.sha256()
    with wheel.open("rb") as file:
        while chunk := file.read(1 << 18):
            digest.update(chunk)
        os.fsync(file.fileno())
    return {"filename": wheel.name, "size": wheel.stat().st_size, "sha256": digest.hexdigest()}


def _compress(log: Path, target: Path) -> int:
    with target.open("wb") as file:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0) as packed:
            if log.is_file() and not log.is_symlink():
                with log.open("rb") as plain:
                    shutil.copyfileobj(plain, packed, 1 << 18)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()
