"""Build environments that are made once and used by many builds, none of which can write to them.

    envs/KEY/          an environment, whole as soon as it has this name
    envs/.KEY.new/     one being made
    envs/KEY.lock      held while it is made (exclusively) and while builds use it (shared); its time is the last use
    envs/locked/HASH   what the index answered for a set of requirements, for some minutes
    cache/uv/          uv's cache, which shares its files with the environments
    cache/bytecode/    what these files were compiled to, likewise

KEY stands for everything an environment is made of. uv writes nothing durably, so what another boot of the machine left
is not trusted and thrown away. What is used least goes when there are too many.
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

#: Environments kept, and bytes of them and of uv's cache together, also as a part of the file system.
MOST, LARGEST, LARGEST_PART = 48, 4 << 30, 0.2
#: Seconds for which an index's answer holds: as long as the best known index lets clients keep its pages.
FRESH = 600.0
_PAUSE = 0.05
_BOOT = "boot"


def clear_untrusted(home: BuilderHome) -> None:
    """Throw away what another boot left, and what was being made; for the worker alone, before any build."""
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
    """The environment `key`, which is not removed meanwhile; `make` fills the folder it is given if there is none.

    What `make` raises leaves nothing behind. Raises TimeoutError when another build makes it for too long.
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
    """Whether the environment is there and its lock is held, shared; false while somebody else makes or removes it."""
    if not folder.is_dir() and _locked(lock, fcntl.LOCK_EX) and not folder.is_dir():
        with cache_in_use(home):
            _make(home, folder, make)
        _evict(home, folder)
    # Changing the kind of a lock lets go of it for a moment, in which others may do what they like.
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
    """Remove the environments that were unused for longest, except those in use."""
    names = [name for name in visible(home.envs) if name.endswith(".lock") and (home.envs / name[:-5]).is_dir()]
    by_age = sorted(names, key=lambda name: (home.envs / name).stat().st_mtime)
    system = os.statvfs(home.envs)
    largest = min(LARGEST, int(system.f_blocks * system.f_frsize * LARGEST_PART))
    # Measured as one, for they share files; and only when something was made, which took longer.
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
    """uv's cache is not emptied meanwhile."""
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
    """What `remember` was given under this name, if that is not long ago."""
    path = home.envs / "locked" / name
    try:
        age = time.time() - path.stat().st_mtime
        return path.read_text(encoding="utf-8") if 0 <= age < FRESH else None
    except OSError:
        return None


def remember(home: BuilderHome, name: str, text: str) -> None:
    """Keep an answer for `FRESH` seconds. Another build may be keeping the same one, which will do."""
    folder = home.envs / "locked"
    old = time.time() - FRESH
    with suppress(OSError):
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            if path.stat().st_mtime < old:
                path.unlink()
        write_atomically(folder / name, text.encode(), durable=False)
