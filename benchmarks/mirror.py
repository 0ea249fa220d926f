"""What one changed page costs a mirror, by the size of the site, and how long a comparison holds up publications.

The node is a folder of this machine, by real rsync. `locked` is the time for which no publication can be at work.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from wheelfleet.site import mirror
from wheelfleet.site.journal import Journal
from wheelfleet.site.publication import MARKER

from benchmarks.publishing import Folder

FILES = (2_000, 200_000)
TIMES = 3


def measure() -> None:
    """Print the table."""
    if shutil.which("rsync") is None:
        print("mirror needs rsync; apt-get install rsync", file=sys.stderr)
        return
    print("\nA mirror of one changed page to a folder, medians:")
    print(f"{'files of the site':>18}{'by the journal':>16}{'locked':>10}{'compared':>12}{'locked':>10}", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for files in FILES:
            site = _site(Path(scratch) / f"site{files}", files)
            node = Folder(Path(scratch) / f"node{files}", "node", 0.0)
            shutil.rmtree(node.root)
            # rsync renames a new file over an old one, so that the site keeps its own.
            subprocess.run(["cp", "-al", str(site), node.root], check=True)
            (Path(node.root) / mirror.MARKER).touch()
            mirror.bring_up_to_date(site, node)
            changes = _median(partial(mirror.bring_up_to_date, site, node), site, "changes")
            everything = _median(partial(mirror.bring_up_to_date, site, node, full=True), site, "everything")
            print(
                f"{files:18,}{changes[0]:14.2f} s{changes[1]:8.3f} s{everything[0]:10.2f} s{everything[1]:8.3f} s",
                flush=True,
            )


def _site(site: Path, files: int) -> Path:
    for number in range(files // 2):
        folder = site / "simple" / f"p{number}"
        folder.mkdir(parents=True)
        for name in ("index.html", "index.json"):
            (folder / name).write_text(f"{name} of {number}")
    (site / MARKER).write_text("{}")
    journal = Journal(site)
    journal.begin()
    journal.end(["simple/p0/index.html"])
    return site


def _median(bring: Callable[[], mirror.Mirrored], site: Path, compared: str) -> tuple[float, float]:
    """The seconds of the mirror, and those for which it locked the site."""
    took, locked = [], []
    for turn in range(TIMES):
        path, journal = f"simple/p{turn}/index.html", Journal(site)
        journal.begin()
        new = site / ".new"
        new.write_text(f"{compared} {turn} {time.time()}")
        new.replace(site / path)
        journal.end([path])
        with _locks_timed() as holds:
            began = time.monotonic()
            done = bring()
            took.append(time.monotonic() - began)
        assert (done.compared, done.sent) == (compared, [path]), done
        locked.append(sum(holds))
    return statistics.median(took), statistics.median(locked)


@contextmanager
def _locks_timed() -> Iterator[list[float]]:
    """The seconds of each time that the site is locked inside the block."""
    holds: list[float] = []
    original = mirror._Mirror._undisturbed

    @contextmanager
    def undisturbed(self: mirror._Mirror) -> Iterator[None]:
        with original(self):
            began = time.monotonic()
            yield
            holds.append(time.monotonic() - began)

    mirror._Mirror._undisturbed = undisturbed  # type: ignore[method-assign]
    try:
        yield holds
    finally:
        mirror._Mirror._undisturbed = original  # type: ignore[method-assign]
