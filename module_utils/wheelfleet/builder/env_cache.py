"""Build environments that are made once and shared by many builds, which cannot write to them.

    envs/KEY/          an environment, complete since it has this name
    envs/.KEY.new/     one in progress
    envs/KEY.lock      locked exclusively while it is made, shared while builds use it; its time is the last use
    envs/locked/HASH   the index's answer for a set of requirements, for some minutes
    cache/uv/          uv's cache, which shares files with the environments by hard links
    cache/bytecode/    the compiled bytecode of these files, also shared

KEY is a hash of everything that determines an environment. uv does not sync its files, so those of an earlier boot are
not trusted and are deleted. If there are too many environments, the least recently used ones are deleted.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..atomic_files import remove, visible, write_atomically
from ..processes import boot_id
from . import bytecode
from .folders import BuilderHome
from .measure import disk_use

#: Limits: number of environments, bytes of uv's cache and of them together, and their part of the file system.
MOST, LARGEST, LARGEST_PART = 48, 4 << 30, 0.2
#: Seconds for which an index's answer is valid: PyPI lets clients cache its pages as long.
FRESH = 600.0
_PAUSE = 0.05
_BOOT = "boot"


def clear_untrusted(home: BuilderHome) -> None:
    """Delete the files of earlier boots and unfinished environments. Only the worker may call it, before any build."""
    stamp = home.envs / _BOOT
    with suppress(OSError):
        if stamp.read_text(encoding="ascii") == boot_id():
            for name in os.listdir(home.envs):  # noqa: PTH208 - names only
                if name.startswith("."):
                    remove(home.envs / name)
            return
    for folder in (home.envs, home.cache):
        if folder.is_dir():
            for name in os.listdir(folder):  # noqa: PTH208
                remove(folder / name)
    home.create()
    write_atomically(stamp, boot_id().encode(), durable=False)


@contextmanager
def environment(home: BuilderHome, key: str, make: Callable[[Path], None], patience: float) -> Iterator[Path]:
    """The environment `key`, protected from removal; if there is none, `make` fills the folder that it gets.

    If `make` raises, nothing is left. Raises TimeoutError when another build takes longer than `patience` seconds to
    make it.
    """
    folder = home.envs / key
    deadline = time.monotonic() + patience
    with (home.envs / f"{key}.lock").open("a") as lock:
        while not _taken(home, folder, lock.fileno(), make):
            if time.monotonic() >= deadline:
                raise TimeoutError("Another build makes the same build environment and does not come to an end.")
            time.sleep(_PAUSE)
        os.utime(lock.fileno())
        yield folder


def _taken(home: BuilderHome, folder: Path, lock: int, make: Callable[[Path], None]) -> bool:
    """Whether the environment exists and is locked shared; False while another build makes or removes it."""
    if not folder.is_dir() and _locked(lock, fcntl.LOCK_EX) and not folder.is_dir():
        with cache_in_use(home):
            _make(home, folder, make)
        _evict(home, folder)
    # Converting a lock releases it for a moment, so the environment may be gone afterwards.
    return _locked(lock, fcntl.LOCK_SH) and folder.is_dir()


def _make(home: BuilderHome, folder: Path, make: Callable[[Path], None]) -> None:
    unfinished = home.envs / f".{folder.name}.new"
    remove(unfinished)
    try:
        make(unfinished)
        unfinished.rename(folder)
    finally:
        remove(unfinished)


def _evict(home: BuilderHome, newest: Path) -> None:
    """Remove the least recently used environments, except those in use."""
    names = [name for name in visible(home.envs) if name.endswith(".lock") and (home.envs / name[:-5]).is_dir()]
    by_age = sorted(names, key=lambda name: (home.envs / name).stat().st_mtime)
    system = os.statvfs(home.envs)
    largest = min(LARGEST, int(system.f_blocks * system.f_frsize * LARGEST_PART))
    # Measured together, because they share files, and only after one was made, which took longer.
    if disk_use(home.cache).size > largest / 2:
        _empty_cache(home)
    used = disk_use(home.envs).size
    for name in by_age:
        if len(by_age) <= MOST and used <= largest:
            return
        folder = home.envs / name[:-5]
        if folder != newest and _remove_unused(home.envs / name, folder):
            by_age = by_age[1:]
            used = disk_use(home.envs).size


@contextmanager
def cache_in_use(home: BuilderHome) -> Iterator[None]:
    """Protect uv's cache from being emptied."""
    with (home.cache / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def _empty_cache(home: BuilderHome) -> None:
    with (home.cache / "lock").open("a") as lock, suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for name in ("uv", bytecode.FOLDER):
            remove(home.cache / name)


def _remove_unused(lock_file: Path, folder: Path) -> bool:
    with lock_file.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        gone = folder.with_name(f".{folder.name}.gone")
        # A build that was killed may have left a part of it.
        remove(gone)
        # Another build may have removed the environment since the list was read.
        if folder.is_dir():
            folder.rename(gone)
            remove(gone)
        return True


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def remembered(home: BuilderHome, name: str) -> str | None:
    """The text that `remember` stored under this name, if it is younger than `FRESH` seconds."""
    path = home.envs / "locked" / name
    try:
        age = time.time() - path.stat().st_mtime
        return path.read_text(encoding="utf-8") if 0 <= age < FRESH else None
    except OSError:
        return None


def remember(home: BuilderHome, name: str, text: str) -> None:
    """Store an answer for `FRESH` seconds. If another build stores the same one, either may win."""
    folder = home.envs / "locked"
    old = time.time() - FRESH
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            if path.stat().st_mtime < old:
                path.unlink()
        write_atomically(folder / name, text.encode(), durable=False)
