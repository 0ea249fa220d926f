"""Everything mode at PyPI's size: the first reading beside bandersnatch's, the list and its news, and what they leave.

The index is made of numbers (`tests/support/generated_index.py`) and served on loopback. Pages are read of a sample, by
wheelfleet and by bandersnatch (metadata only), one after the other; the list has all 740,000 projects. Each measurement
runs in a process of its own. bandersnatch is installed from pip's configured index and needs Python 3.12.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from wheelfleet.catalog.database import Catalog
from wheelfleet.planner.delta import Options, run_delta
from wheelfleet.planner.inputs import PlanInputs
from wheelfleet.site.html.packed import BUCKETS
from wheelfleet.site.publication import Settings, publish_site
from wheelfleet.upstream.client import Upstream

from benchmarks.memory import memory, memory_with_children
from tests.support.generated_index import PYPI_PROJECTS, GeneratedIndex, advance, ceiling, served
from tests.support.interpreters import cpythons
from tests.support.processes import children

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
#: Projects whose pages are read; WHEELFLEET_BENCH_PROJECTS is another number.
SAMPLE = int(os.environ.get("WHEELFLEET_BENCH_PROJECTS", "10000"))
#: Seconds of the first portion of reading at full size.
PORTION_SECONDS = 30.0
#: Seconds between two measurements of memory.
LOOK = 0.2
BANDERSNATCH = "bandersnatch==8.*"
TARGET = {
    "name": "cp311-cp311-linux_aarch64-glibc2.36",
    "python_version": "3.11.2",
    "implementation": "cpython",
    "platform": "linux_aarch64",
    "tags": ["cp311-cp311-manylinux_2_28_aarch64", "cp311-cp311-linux_aarch64", "py3-none-any"],
    "tools": "/tools",
    "interpreter": "/usr/bin/python3",
}
_CONFIGURATION = """[mirror]
directory = {mirror}
master = {url}
allow-non-https = true
json = false
release-files = false
simple-format = JSON
hash-index = false
stop-on-error = false
timeout = 60
global-timeout = 18000
workers = 10
verifiers = 3
compare-method = stat
storage-backend = filesystem
"""


@dataclass
class Spent:
    """What one process took: seconds, bytes at the peak, and figures of its own by name."""

    wall: float = 0.0
    cpu: float = 0.0
    memory: int = 0
    figures: dict[str, float] = field(default_factory=dict)


def measure() -> None:
    """Print the figures."""
    with tempfile.TemporaryDirectory() as scratch:
        _first_reading(Path(scratch))
        _whole_size(Path(scratch))


def _first_reading(root: Path) -> None:
    index = GeneratedIndex(SAMPLE)
    _tell(f"installing {BANDERSNATCH}")
    bandersnatch = _bandersnatch(root)
    with served(index) as url:
        print(f"\nThe first reading of {SAMPLE:,} projects, {os.cpu_count()} cores:")
        print(f"the server alone gives {ceiling(url, index):,.0f} pages a second")
        print(f"{'':32}{'wall':>9}{'CPU':>9}{'memory':>10}{'projects/s':>12}", flush=True)
        path = root / "sample.sqlite"
        ours = _in_process(_read, path, url, None)
        _print("wheelfleet", ours, SAMPLE)
        theirs = bandersnatch(url) if bandersnatch else None
        if theirs:
            _print(BANDERSNATCH, theirs, SAMPLE)
            wall, cpu = theirs.wall / ours.wall, theirs.cpu / ours.cpu
            print(f"wheelfleet is {wall:.1f} times as fast, and bandersnatch takes {cpu:.1f} times as much CPU")
        later = _in_process(_read, path, url, None)
        print(f"a reading without news: {later.wall:.2f} s, {later.cpu:.2f} s of CPU")
        advance(url)
        news = _in_process(_read, path, url, None)
        print(f"with news of {news.figures['asked']:,.0f} projects: {news.wall:.2f} s, {news.cpu:.2f} s of CPU")
    figures = ours.figures
    print(
        f"catalog: {path.stat().st_size / SAMPLE:,.0f} bytes for each project, {figures['files'] / SAMPLE:.1f} of "
        f"{figures['offered'] / SAMPLE:.1f} files kept, {figures['queued']:,.0f} builds in the queue"
    )
    _tell("publishing")
    site = _in_process(_publish, path, root / "site")
    print(
        f"site of {SAMPLE:,} projects without wheels: {site.figures['packed']:,.0f} files below projects/ "
        f"({BUCKETS:,} at most), {site.figures['search']:,.0f} of the search, {site.figures['others']:,.0f} others; "
        f"{site.wall:.0f} s, {site.memory >> 20} MiB"
    )


def _whole_size(root: Path) -> None:
    _tell(f"making the list of {PYPI_PROJECTS:,} projects")
    index = GeneratedIndex(PYPI_PROJECTS)
    path = root / "whole.sqlite"
    with served(index) as url:
        print(f"\nAn index of {PYPI_PROJECTS:,} projects:")
        print(f"{'':32}{'wall':>9}{'CPU':>9}{'memory':>10}{'pages':>12}", flush=True)
        first = _in_process(_read, path, url, PORTION_SECONDS)
        _print(f"first start, {PORTION_SECONDS:.0f} s of reading", first, None)
        hours = PYPI_PROJECTS / (first.figures["asked"] / PORTION_SECONDS) / 3600
        print(
            f"    {first.figures['queued']:,.0f} builds wait after {first.wall:.0f} s; so fast, all takes {hours:.1f} h"
        )
        _take_for_read(path)
        print("    as if all had been read:")
        _print("the list again, unchanged", _in_process(_read, path, url, None), None)
        for title in ("the list with news", "the list with further news"):
            advance(url)
            _print(title, _in_process(_read, path, url, None), None)
        print(f"catalog of the list alone: {path.stat().st_size / PYPI_PROJECTS:,.0f} bytes for each project")


def _take_for_read(path: Path) -> None:
    """Mark all projects as read: pages that do not change again cost nothing, and reading them would take hours."""
    with Catalog(path) as catalog, catalog.writing() as db:
        db.execute("UPDATE project SET state = 'present', have_serial = want_serial, judged = 1, pages_stale = 0")


def _print(title: str, spent: Spent, projects: int | None) -> None:
    last = f"{projects / spent.wall:12,.0f}" if projects else f"{spent.figures['asked']:12,.0f}"
    print(f"{title:32}{spent.wall:7.1f} s{spent.cpu:7.1f} s{spent.memory >> 20:6} MiB{last}", flush=True)


# ---------------------------------------------------------------------- wheelfleet


def _read(path: Path, url: str, seconds: float | None) -> dict[str, float]:
    inputs = PlanInputs([], [], True, "1", {"cooldown_hours": 0})
    with Catalog(path) as catalog, Upstream(f"{url}/simple/", timeout=60) as upstream:
        delta = run_delta(
            catalog,
            upstream,
            inputs.scope(),
            inputs.as_policy(),
            {"pi": {"facts": {}, "targets": [TARGET]}},
            Options(run="run", read_seconds=seconds),
        )
        with catalog.writing() as db:
            inputs.remember(db)
        (files,) = catalog.db.execute("SELECT count(*) FROM upstream_file").fetchone()
    index = GeneratedIndex(SAMPLE)
    offered = sum(index.releases(each) * len(index.endings(each)) for each in range(SAMPLE)) if seconds is None else 0
    return {"asked": delta.asked, "queued": delta.queue.left, "files": files, "offered": offered}


def _publish(path: Path, site: Path) -> dict[str, float]:
    with Catalog(path) as catalog:
        publish_site(
            catalog,
            files_dir=site.parent / "files",
            logs_dir=site.parent / "logs",
            site_dir=site,
            template_dirs=[TEMPLATES],
            settings=Settings(),
        )
    inodes = Counter(path.relative_to(site).parts[0] for path in site.rglob("*"))
    packed, search = inodes.pop("projects"), inodes.pop("search")
    return {"packed": packed - 1, "search": search, "others": inodes.total()}


def _in_process(work: Callable[..., dict[str, float]], *arguments: object) -> Spent:
    """Run it in a new process, whose imports are not counted."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_child, args=(theirs, work, arguments))
    process.start()
    theirs.close()
    assert process.pid
    most = 0
    while not ours.poll(LOOK):
        # Of a command that was run, its own.
        family = sum(map(memory_with_children, children(process.pid)))
        most = max(most, family if work is _run else family + memory(process.pid))
    spent: Spent = ours.recv()
    process.join()
    spent.memory = most
    return spent


def _child(told: Connection, work: Callable[..., dict[str, float]], arguments: tuple[object, ...]) -> None:
    began, before = time.monotonic(), _cpu()
    figures = work(*arguments)
    told.send(Spent(time.monotonic() - began, _cpu() - before, figures=figures))


def _cpu() -> float:
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


# ---------------------------------------------------------------------- bandersnatch


def _bandersnatch(root: Path) -> Callable[[str], Spent] | None:
    """Install bandersnatch into an environment of its own; None without a Python that it accepts."""
    home = root / "bandersnatch"
    for python in reversed(cpythons()):
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([python, "-m", "venv", home], check=True)
        pip: list[str | Path] = [
            home / "bin" / "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            BANDERSNATCH,
        ]
        if subprocess.run(pip, check=False, capture_output=True).returncode == 0:
            break
    else:
        print(f"{BANDERSNATCH} cannot be installed here, so nothing is compared with it.")
        return None

    def run(url: str) -> Spent:
        configuration = root / "bandersnatch.conf"
        configuration.write_text(_CONFIGURATION.format(mirror=root / "mirror", url=url))
        command: list[str | Path] = [home / "bin" / "bandersnatch", "-c", configuration, "mirror"]
        return _in_process(_run, command)

    return run


def _run(command: list[str | Path]) -> dict[str, float]:
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return {}


def _tell(what: str) -> None:
    print(f"  {what}", file=sys.stderr, flush=True)
