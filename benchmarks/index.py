"""The cost of publishing: a full publication compared with dumb-pypi on the same files, and one new file.

Both write an HTML and a JSON page for each project, and the list of projects. dumb-pypi's JSON is PyPI's older API, by
default also for each release. wheelfleet's is PEP 691's, also for the list, and long pages have a compressed copy.
Neither moves a wheel: ours are on the site already. Every publication runs in a process of its own; its worker
processes are counted, its imports are not.
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from wheelfleet.catalog.database import Catalog
from wheelfleet.site.publication import MARKER, Settings, publish_site

from benchmarks.catalogs import TARGETS, Generated
from benchmarks.memory import memory_with_children
from benchmarks.timing import Cost, cost, median
from tests.support.catalogs import ControllerState

TEMPLATES = Path(__file__).resolve().parents[1] / "templates"
PROJECTS, FILES, LARGEST = 10_000, 200_000, 7_000
#: The projects, with one wheel each, of the catalogs to which one file is added.
CATALOGS = (1_000, 100_000)
TIMES = 3
SAMPLE_SECONDS = 0.05


@dataclass
class Publication(Cost):
    """The cost of one publication; `memory` is the peak of all its processes together, in bytes (PSS)."""

    memory: int = 0


def measure() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as scratch:
        _full(Path(scratch))
        _one_more(Path(scratch))


def _full(root: Path) -> None:
    _tell(f"making a catalog of {PROJECTS:,} projects with {FILES:,} files")
    catalog = Generated(root / "full", PROJECTS, FILES, largest=LARGEST)
    catalog.place_files()
    _tell("installing and running dumb-pypi")
    dumb = _dumb_pypi(root)
    packages = _package_list(root / "packages.json", catalog)
    plain = dumb(packages, "--no-per-release-json")
    usual = dumb(packages)
    _tell("publishing")
    index = median(TIMES, lambda: _publish(catalog, html_pages=False, rerender=True))
    whole = _publish(catalog, html_pages=True, rerender=True)
    print(f"\nA full render of {PROJECTS:,} projects with {FILES:,} files, {os.cpu_count()} cores:")
    print(f"{'':44}{'wall':>9}{'CPU':>9}{'memory':>11}{'ratio: wall':>13}{'CPU':>7}")
    for title, spent in (
        ("dumb-pypi", usual),
        ("dumb-pypi, without a page for each release", plain),
        (f"wheelfleet, index and JSON, median of {TIMES}", index),
        ("wheelfleet, with the pages for people", whole),
    ):
        memory = f"{spent.memory >> 20} MiB" if isinstance(spent, Publication) else ""
        print(
            f"{title:44}{spent.wall:7.1f} s{spent.cpu:7.1f} s{memory:>11}"
            f"{usual.wall / spent.wall:13.1f}{usual.cpu / spent.cpu:7.1f}"
        )
    _print_largest(catalog)
    shutil.rmtree(catalog.root)


def _print_largest(catalog: Generated) -> None:
    """Print the compressed sizes of the largest project's pages."""
    project = catalog.site / "project" / catalog.largest
    print(f"\nThe largest project, {LARGEST:,} files, bytes on the wire (gzip):")
    for title, data in (
        ("simple JSON", (catalog.site / "simple" / catalog.largest / "index.json.gz").read_bytes()),
        ("simple HTML", (catalog.site / "simple" / catalog.largest / "index.html.gz").read_bytes()),
        (f"page for people, the first of {len(list(project.glob('*.html')))}", _packed(project / "index.html")),
    ):
        print(f"{title:44}{len(data):12,}")


def _one_more(root: Path) -> None:
    """Measure one new file in unchanged catalogs of two sizes."""
    spent: dict[int, Publication] = {}
    for projects in CATALOGS:
        _tell(f"publishing a catalog of {projects:,} projects, then one more file in it, {TIMES} times")
        catalog = Generated(root / str(projects), projects, projects, targets=1)
        catalog.place_files()
        _publish(catalog, html_pages=False)
        _take_for_whole(catalog.site)
        runs = []
        with ControllerState(catalog.root) as state:
            for number in range(1 + TIMES):
                state.wheel(catalog.names[projects // 2], f"99.{number}", TARGETS[0][1], serves=[TARGETS[0][0]])
                runs.append(_publish(catalog, html_pages=True))
        # The first run made missing lists.
        spent[projects] = sorted(runs[1:], key=lambda run: run.cpu)[TIMES // 2]
        shutil.rmtree(catalog.root)
    print(f"\nOne new file in an unchanged catalog, index and all other pages, median of {TIMES}:")
    print(f"{'projects':>10}{'wall':>9}{'CPU':>9}")
    for projects, run in spent.items():
        print(f"{projects:10,}{run.wall:7.2f} s{run.cpu:7.2f} s")


def _take_for_whole(site: Path) -> None:
    """Mark a site without the pages for people as one with them. A publication does not read the pages of unchanged
    projects, and making all of them would take minutes."""
    marker = json.loads((site / MARKER).read_text())
    marker["made_with"] = marker["made_with"].replace(" index", " all")
    (site / MARKER).write_text(json.dumps(marker))


def _publish(catalog: Generated, *, html_pages: bool, rerender: bool = False) -> Publication:
    """Measure one publication in a new process; `rerender`: on a site that has only the files."""
    if rerender:
        # Moved, not removed: ext4 continues to remove many files for a while, which would slow the measurement.
        aside = catalog.root / f"aside-{time.time_ns()}"
        aside.mkdir()
        for entry in list(catalog.site.iterdir()):
            if entry.name != "files":
                entry.rename(aside / entry.name)
    # Earlier writes must not reach the disk during the measurement.
    os.sync()
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_child, args=(theirs, catalog.root, html_pages))
    process.start()
    theirs.close()
    assert process.pid
    with _weighed(process.pid) as weight:
        spent: Publication = ours.recv()
        process.join()
    spent.memory = max(weight)
    return spent


def _child(pipe: Connection, root: Path, html_pages: bool) -> None:
    began, before = time.monotonic(), _cpu()
    with Catalog(root / "catalog.sqlite") as catalog:
        published = publish_site(
            catalog,
            files_dir=root / "files",
            logs_dir=root / "logs",
            site_dir=root / "site",
            template_dirs=[TEMPLATES],
            settings=Settings(html_pages=html_pages),
        )
    spent = Publication(time.monotonic() - began, _cpu() - before)
    assert published.projects
    assert not published.problems, published.problems[0]
    pipe.send(spent)


def _cpu() -> float:
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


@contextmanager
def _weighed(process: int) -> Iterator[list[int]]:
    """The bytes (PSS) of a process and its children together, sampled until the end of the block."""
    over = threading.Event()
    weights = [0]

    def sample() -> None:
        while not over.wait(SAMPLE_SECONDS):
            weights.append(memory_with_children(process))

    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield weights
    finally:
        over.set()
        sampler.join()


def _dumb_pypi(root: Path) -> Callable[..., Cost]:
    """Install dumb-pypi from pip's configured index into an environment of its own; returns a function that runs it."""
    home = root / "dumb-pypi"
    venv.create(home, with_pip=True)
    pip: list[str | Path] = [home / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "dumb-pypi"]
    subprocess.run(pip, check=True)

    def run(packages: Path, *options: str) -> Cost:
        out = root / "dumb-site"
        shutil.rmtree(out, ignore_errors=True)
        os.sync()
        command: list[str | Path] = [home / "bin" / "dumb-pypi", "--package-list-json", packages, "--output-dir", out]
        with cost() as spent:
            subprocess.run([*command, "--packages-url", "../../files", *options], check=True)
        shutil.rmtree(out)
        return spent

    return run


def _package_list(path: Path, catalog: Generated) -> Path:
    """Write dumb-pypi's package list, with all fields that it can show."""
    with path.open("w") as lines:
        for wheel in catalog.wheels():
            about = {
                "filename": wheel.filename,
                "hash": f"sha256={wheel.sha256}",
                "requires_python": wheel.requires_python,
                "upload_timestamp": int(wheel.added_at),
                "core_metadata": f"sha256={wheel.metadata_sha256}",
            }
            lines.write(json.dumps(about) + "\n")
    return path


def _packed(page: Path) -> bytes:
    return gzip.compress(page.read_bytes(), 6)


def _tell(what: str) -> None:
    print(f"  {what}", file=sys.stderr, flush=True)
