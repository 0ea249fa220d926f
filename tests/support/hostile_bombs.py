"""Sdists that use more than a build may, each with the limit that must end it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Mapping

from tests.support.artifacts import Artifact, file_stem
from tests.support.sdists import hostile_sdist, pure_sdist

_MIB = 1 << 20
_ONLY_INSIDE = """
import os
if os.uname().nodename != "build":
    raise SystemExit("This is no sandbox; here it would do harm.")
"""
_FORK = """
import mmap, os, signal, time
forked = mmap.mmap(-1, 8)
while True:
    try:
        if os.fork() == 0:
            os.setsid()
            count = int.from_bytes(forked[:8], "little") + 1
            forked[:8] = count.to_bytes(8, "little")
            if count > 3000:
                # Nobody stopped it; whoever runs this test needs the machine for more.
                os.kill(-1, signal.SIGKILL)
                os._exit(1)
    except OSError:
        time.sleep(0.01)
"""
_MEMORY = """
import os, time
held = []
for _ in range(3):
    os.fork()
while True:
    held.append(os.urandom(8 << 20))
"""
_UNMAPPED = """
import os, time
held = os.memfd_create("held")
while True:
    try:
        os.write(held, bytes(8 << 20))
    except OSError:
        # As large as one file may be.
        time.sleep(0.1)
"""
_LARGE = """
with open("large", "wb") as file:
    while True:
        file.write(bytes(8 << 20))
"""
_MANY = """
import itertools
for number in itertools.count():
    with open(f"file{number}", "wb") as file:
        file.write(bytes(1 << 20))
"""
_EMPTY = """
import itertools, os
for number in itertools.count():
    if number % 1000 == 0:
        os.mkdir(f"folder{number}")
    open(f"folder{number // 1000 * 1000}/{number}", "wb").close()
"""
_UNNAMED = """
import os
held = []
while True:
    held.append(os.open("gone", os.O_CREAT | os.O_WRONLY))
    os.unlink("gone")
    for _ in range(8):
        os.write(held[-1], bytes(4 << 20))
"""
_EVERYWHERE = """
import itertools
for number in itertools.count():
    for folder in ("/tmp", "/var/tmp", "/dev/shm"):
        with open(f"{folder}/file{number}", "wb") as file:
            file.write(bytes(1 << 20))
"""
_DEEP = """
import os
os.chdir(source)
while True:
    os.mkdir("d" * 200)
    os.chdir("d" * 200)
    open("e" * 200, "w").close()
    os.chmod(".", 0o100)
    os.chmod(".", 0o700)
"""
_LOG = """
import sys
while True:
    sys.stdout.write("endless " * 10000)
"""
_SILENCE = """
import time
while True:
    time.sleep(1)
"""

Sdist = Callable[[str], Artifact]


def _script(text: str) -> Sdist:
    return lambda name: pure_sdist(name, "1", script=_ONLY_INSIDE + text)


def _crowd(name: str) -> Artifact:
    """An sdist of 100,000 empty files, small to download."""
    good = pure_sdist(name, "1")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
        for number in range(100_000):
            archive.addfile(tarfile.TarInfo(f"{file_stem(name, '1')}/{number}"))
    return Artifact(good.filename, packed.getvalue(), good.name, good.version, "sdist", None)


#: By name: the sdist, the limit that stops it, and limits that differ from the tests' usual ones.
BOMBS: Mapping[str, tuple[Sdist, str | None, Mapping[str, float]]] = {
    "fork-bomb": (_script(_FORK), "processes", {"processes": 48}),
    "memory-bomb": (_script(_MEMORY), "memory", {"memory": 200 * _MIB}),
    "unmapped-memory-bomb": (_script(_UNMAPPED), "memory", {"memory": 200 * _MIB}),
    "one-file-bomb": (_script(_LARGE), "disk", {"disk": 64 * _MIB}),
    "many-files-bomb": (_script(_MANY), "disk", {"disk": 64 * _MIB}),
    "inode-bomb": (_script(_EMPTY), "disk", {"disk": 64 * _MIB}),
    "unnamed-file-bomb": (_script(_UNNAMED), "disk", {"disk": 64 * _MIB}),
    "everywhere-bomb": (_script(_EVERYWHERE), "disk", {"disk": 64 * _MIB}),
    "deep-bomb": (_script(_DEEP), "disk", {"disk": 64 * _MIB}),
    "log-bomb": (_script(_LOG), "log", {"log": 200_000}),
    "silence": (_script(_SILENCE), "silence", {"silence_seconds": 1}),
    "archive-bomb": (lambda name: hostile_sdist(name, "1", "bomb"), "disk", {"disk": 64 * _MIB}),
    "crowd": (_crowd, "disk", {"disk": 64 * _MIB}),
    "path-traversal": (lambda name: hostile_sdist(name, "1", "path-traversal"), None, {}),
    "absolute-path": (lambda name: hostile_sdist(name, "1", "absolute-path"), None, {}),
    "link-out": (lambda name: hostile_sdist(name, "1", "symlink-out"), None, {}),
    "hard-link-out": (lambda name: hostile_sdist(name, "1", "hardlink-out"), None, {}),
    "device-in-archive": (lambda name: hostile_sdist(name, "1", "device"), None, {}),
}
