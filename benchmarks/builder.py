"""What one more small build costs a builder, and each of its commands, beside the same build by `pip wheel`.

The sdist is a small C extension with setuptools. Its build environment exists already, as for all but the first builds
of a batch. A worker builds it once, and then several times in one go: the difference is the cost of one more. One build
alone shows its commands. pip has the index's answers and wheels in its cache, but not the wheel that it builds. All
files come from loopback or the disk. On a busy machine only CPU time says anything.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from wheelfleet.builder import attempt as attempts
from wheelfleet.builder import forked, runner
from wheelfleet.builder.folders import BuilderHome
from wheelfleet.builder.supervise import Ending, run
from wheelfleet.contract.assignment import Assignment

from benchmarks.timing import Cost, cost, median
from tests.support import real_packages
from tests.support.artifacts import Artifact
from tests.support.builder import LIBRARY, Builder
from tests.support.toolenv import tools
from tests.support.upstream import Upstream

_SDISTS = Path(__file__).with_name("sdists.yml")
#: Further builds in one run of a worker, and repetitions of what is measured alone.
_MORE, _TIMES = 6, 3
#: The programs of a build's commands.
_PROGRAMS = ("prepare", "hooks", "finish", "import_check", "uv")


def measure() -> None:
    """Print the table."""
    listed = yaml.safe_load(_SDISTS.read_text())
    name, version = listed["small"][0]
    sdist = real_packages.sdist(name, version)
    with tempfile.TemporaryDirectory() as scratch, Upstream() as upstream:
        upstream.add_release(sdist, *real_packages.wheels(listed["requirements"]))
        with Builder(Path(scratch)) as builder:
            builds = _Builds(builder, sdist, upstream.index_url)
            builds.run(1)
            one = median(_TIMES, lambda: builds.run(1))
            many = builds.run(1 + _MORE)
            commands = builds.commands()
        pip = _pip(Path(scratch), upstream, name, version)
    more = Cost((many.wall - one.wall) / _MORE, (many.cpu - one.cpu) / _MORE)
    rows = {"pip wheel": pip, "a worker with one build": one, "one more build": more, **commands}
    print(f"\nOne build of {sdist.filename}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end:")
    print(f"{'':34}{'seconds':>9}{'CPU s':>9}{'CPU ÷ pip':>11}")
    for what, spent in rows.items():
        print(f"{what:34}{spent.wall:9.3f}{spent.cpu:9.3f}{spent.cpu / pip.cpu:11.2f}")


class _Builds:
    """Builds of one sdist on one builder, each an attempt of its own."""

    def __init__(self, builder: Builder, sdist: Artifact, index_url: str) -> None:
        self._builder = builder
        self._sdist = sdist
        self._index_url = index_url
        self._count = 0

    def run(self, count: int) -> Cost:
        """Have a worker build it so often, one at a time."""
        wanted = [self._assignment() for _ in range(count)]
        self._builder.hand_over(*wanted)
        worker = [sys.executable, "-S", "-m", "wheelfleet.builder.worker", str(self._builder.home)]
        with cost() as spent:
            subprocess.run(worker, cwd=LIBRARY, check=True, stderr=subprocess.DEVNULL)
        for assignment in wanted:
            self._assert_built(assignment)
        return spent

    def commands(self) -> dict[str, Cost]:
        """What each command of one build costs, and what is left for the runner, by a fork that notes it."""
        assignment = self._assignment()
        self._builder.hand_over(assignment)
        home = BuilderHome(self._builder.home)
        work_dir = home.work_dir(assignment["attempt"])
        work_dir.path.mkdir()
        home.waiting(assignment["attempt"]).rename(work_dir.assignment)
        notes = self._builder.home / "commands.json"

        def build() -> None:
            spent: list[tuple[str, float, float]] = []

            def noted(command: Any, **options: Any) -> Ending:
                ending = run(command, **options)
                spent.append((_program(command), ending.seconds, ending.cpu_seconds))
                return ending

            attempts.run = noted  # type: ignore[attr-defined]
            began, before = time.monotonic(), _own_cpu()
            runner.build(home, work_dir)
            rest = time.monotonic() - began - sum(seconds for _, seconds, _ in spent)
            spent.append(("the runner", rest, _own_cpu() - before))
            notes.write_text(json.dumps(spent))

        assert forked.wait(forked.fork(build)) == 0
        self._assert_built(assignment)
        return {f"  {name}": Cost(wall, cpu) for name, wall, cpu in json.loads(notes.read_text())}

    def _assert_built(self, assignment: Assignment) -> None:
        result = self._builder.result(assignment["attempt"])
        assert (result["outcome"], result["check"]["verdict"]) == ("built", "imported"), result

    def _assignment(self) -> Assignment:
        self._count += 1
        return self._builder.assignment(
            self._sdist,
            position=self._count,
            index_url=self._index_url,
            sandbox=True,
            finish={"repair": True, "exclude": [], "check": True},
        )


def _program(command: list[str]) -> str:
    inside = command[command.index("--") + 1 :] if command[0] == "bwrap" else command
    words = " ".join(inside[:5])
    return next((program for program in _PROGRAMS if program in words), inside[0])


def _own_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _pip(root: Path, upstream: Upstream, name: str, version: str) -> Cost:
    home, wheels = root / "pip", root / "wheels"
    home.mkdir()
    pip = [str(tools()), "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-binary", name]
    where = ["--index-url", upstream.index_url, "--wheel-dir", str(wheels), f"{name}=={version}"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PIP_CONFIG_FILE": os.devnull}

    def build() -> Cost:
        for built in (wheels, home / ".cache" / "pip" / "wheels"):
            shutil.rmtree(built, ignore_errors=True)
        with cost() as spent:
            subprocess.run([*pip, *where], env=environment, check=True)
        return spent

    build()
    return median(_TIMES, build)
