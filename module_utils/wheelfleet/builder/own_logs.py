"""What the logs of a failed configure step say (`config.log`, CMake's, meson's): more than the step printed.

The files are the build's, and as little trusted as its output: of a bounded number of files a bounded part is read, no
link is followed, and what is taken is text of bounded length.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ..text import printable

#: Files and folders that are looked at, bytes of a file's end that are read, and lines that are taken of it.
MOST_ENTRIES, MOST_BYTES, MOST_LINES = 20_000, 1 << 20, 25
_LONGEST_LINE = 200

_CHECKING = re.compile(r"configure:\d+: checking ")
_STOPPED = re.compile(r"configure:\d+: error: ")
#: The beginning of what CMake tried, in CMakeError.log and since CMake 3.26 in CMakeConfigureLog.yaml.
_TRIED = re.compile(r"^(?:Performing |Determining |Checking |Compiling |  -$)")
_WORKED = re.compile(r"exitCode: 0$")
_FAILED = re.compile(r"failed with the following|exitCode: [1-9]|^Return value: [1-9]")


def excerpts(*folders: Path) -> list[tuple[str, list[str]]]:
    """By file name, the lines of the newest log of each kind below `folders` that show why its step failed."""
    newest: dict[str, tuple[float, Path]] = {}
    for path in _files(folders):
        if path.name in _READERS:
            changed = path.lstat().st_mtime
            newest[path.name] = max(newest.get(path.name, (0.0, path)), (changed, path))
    found = []
    for name, (_, path) in sorted(newest.items()):
        lines = [printable(line[:_LONGEST_LINE]).rstrip() for line in _READERS[name](_lines(path))]
        if lines:
            found.append((name, lines[-MOST_LINES:]))
    return found


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    left = MOST_ENTRIES
    for folder in folders:
        for path, below, files in os.walk(folder):
            left -= len(below) + len(files)
            if left < 0:
                return
            yield from (Path(path, name) for name in files)


def _lines(path: Path) -> list[str]:
    """The lines at the end of a regular file; none of anything else."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return []
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return []
        file.seek(max(0, file.seek(0, os.SEEK_END) - MOST_BYTES))
        return file.read(MOST_BYTES).decode("utf-8", "replace").splitlines()


def _of_configure(lines: Sequence[str]) -> list[str]:
    """autoconf's: from the last check before the error on, without the program that it tried."""
    end = next((index for index, line in enumerate(lines) if _STOPPED.match(line)), None)
    if end is None:
        return []
    begin = max((index for index in range(end) if _CHECKING.match(lines[index])), default=max(0, end - MOST_LINES))
    return [line for line in lines[begin : end + 1] if not line.startswith("| ")]


def _of_cmake(lines: Sequence[str]) -> list[str]:
    """CMake's: the last try that failed. Where others went well after it, the step got past it."""
    failed = max((index for index, line in enumerate(lines) if _FAILED.search(line)), default=None)
    if failed is None:
        return []
    begin = max((index for index in range(failed + 1) if _TRIED.match(lines[index])), default=0)
    end = next((index for index in range(failed + 1, len(lines)) if _TRIED.match(lines[index])), len(lines))
    if any(_WORKED.search(line) for line in lines[end:]):
        return []
    return [line.strip() for line in lines[begin:end] if line.strip()]


def _of_meson(lines: Sequence[str]) -> list[str]:
    """meson's: the lines before the error."""
    end = max((index for index, line in enumerate(lines) if "ERROR: " in line), default=None)
    return [] if end is None else [line for line in lines[max(0, end - MOST_LINES) : end + 1] if line.strip()]


_READERS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "CMakeConfigureLog.yaml": _of_cmake,
    "CMakeError.log": _of_cmake,
    "config.log": _of_configure,
    "meson-log.txt": _of_meson,
}
