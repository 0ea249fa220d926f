"""Wheels per minute of real sdists, compared with a loop of `pip wheel` over the same sdists.

The loop runs `pip wheel --no-deps --no-binary NAME` for one sdist after another, with pip's default isolation. Both
sides have the same machine, Python, pip and files, all from loopback (`real_packages`), and begin without caches. The
builder has made one trivial build before, because a new builder first gets a single build. The cost of each further
build is reported apart from the cost of a run, because a fleet's run has hundreds of builds. The worker is detached;
this process adopts it, and so knows the CPU time of the builder apart from the controller's.

The same loop with `--no-build-isolation`, with all build requirements installed, shows the cost of isolation for pip.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from wheelfleet.processes import adopt_orphans, marked_processes, reap

from benchmarks.timing import Cost, cost
from tests.support import real_packages
from tests.support.artifacts import Artifact
from tests.support.operator import Operator
from tests.support.rust import USUAL, cargo_here, path_with_cargo
from tests.support.sdists import pure_sdist
from tests.support.upstream import Upstream

_SDISTS = Path(__file__).with_name("sdists.yml")
Release = tuple[str, str]


class _Place(NamedTuple):
    """The common parts of both sides: working folder, index, tool environments, and PATH."""

    root: Path
    upstream: Upstream
    tools: Path
    path: str

    @property
    def python(self) -> Path:
        """The Python of the tool environment, which has pip."""
        (python,) = self.tools.glob("*/bin/python")
        return python


class _Fleet(NamedTuple):
    """A run's cost on the controller, and the seconds from the claim of the first build to the end of the last."""

    run: Cost
    building: float
    #: CPU seconds of controller and builder, for one more build than the single one of a run before.
    one_more: float


def measure() -> None:
    """Print the table."""
    listed = yaml.safe_load(_SDISTS.read_text())
    small: list[Release] = [tuple(row) for row in listed["small"]]
    everything = small + [tuple(row) for row in listed["medium"]]
    with tempfile.TemporaryDirectory() as scratch, Upstream() as upstream:
        upstream.add_release(*(real_packages.sdist(*release) for release in everything))
        upstream.add_release(*real_packages.wheels(listed["requirements"]))
        upstream.add_release(*real_packages.wheels(listed["requirements_besides"]))
        root = Path(scratch)
        tools = _warm_up(root, upstream, small[:1])
        place = _Place(root, upstream, tools, _with_rust(tools))
        rows = [
            [*_compare("small", place, small, 1), _bare(place, small, real_packages.wheels(listed["requirements"]))],
            _compare("all", place, everything, 0),
        ]
    print(f"\nBuilding real sdists, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the end:")
    print(f"{'':38}{'sdists':>7}{'pip':>9}{'wheelfleet':>12}{'ratio':>7}")
    print(*chain.from_iterable(rows), sep="\n")


def _compare(title: str, place: _Place, releases: list[Release], parallel: int) -> list[str]:
    place = place._replace(root=place.root / title)
    loop, fleet = _pip_loop(place, releases, place.python), _fleet(place, releases, parallel)
    how = "one build at a time" if parallel else "as many at once as it chooses"
    count = len(releases)
    seconds = ((loop.wall, fleet.run.wall, "the whole run"), (loop.wall, fleet.building, "the builds alone"))
    lines = [f"{title}, {how}:"]
    for pip, ours, what in seconds:
        rates = f"{60 * count / pip:9.1f}{60 * count / ours:12.1f}{pip / ours:7.2f}"
        lines.append(f"{f'  wheels per minute, {what}':38}{count:7}{rates}")
    pip, ours = loop.cpu / count, fleet.one_more
    return [
        *lines,
        f"{'  CPU seconds of the controller a build':38}{count:7}{'-':>9}{fleet.run.cpu / count:12.3f}",
        # Here less is better.
        f"{'  CPU seconds of one more build, in all':38}{count:7}{pip:9.3f}{ours:12.3f}{ours / pip:7.2f}",
    ]


def _bare(place: _Place, releases: list[Release], requirements: list[Artifact]) -> str:
    """Measure the loop without isolation, with the requirements installed; returns its line of the table."""
    environment = place.root / "bare"
    subprocess.run([str(place.python), "-m", "venv", str(environment)], check=True)
    pip = [str(environment / "bin" / "python"), "-m", "pip"]
    files = place.root / "requirements"
    files.mkdir()
    for wheel in requirements:
        (files / wheel.filename).write_bytes(wheel.data)
    names = [wheel.filename.partition("-")[0] for wheel in requirements]
    subprocess.run([*pip, "install", "--quiet", "--no-index", "--find-links", str(files), *names], check=True)
    spent = _pip_loop(place._replace(root=place.root / "without"), releases, Path(pip[0]), "--no-build-isolation")
    title = "  the same loop without isolation"
    return f"{title:38}{len(releases):7}{60 * len(releases) / spent.wall:9.1f}"


def _warm_up(root: Path, upstream: Upstream, releases: list[Release]) -> Path:
    """Make the builder's tool environment once, because provisioning is not measured; returns its folder."""
    operator = _operator(root / "warm", upstream, releases)
    operator.build()
    return operator.home / "tools"


def _with_rust(tools: Path) -> str:
    """The PATH of builds: the usual folders, and this machine's Rust if there is one."""
    (python,) = tools.glob("*/bin/python")
    return path_with_cargo(python.parents[1]) if cargo_here() else USUAL


def _operator(root: Path, upstream: Upstream, releases: list[Release], **variables: Any) -> Operator:
    return Operator(
        root,
        {
            "controller_upstream_url": upstream.index_url,
            "controller_packages": [f"{name}=={version}" for name, version in releases],
            "controller_build": "always",
            "builder_limit_seconds": 1800,
            **variables,
        },
    )


def _fleet(place: _Place, releases: list[Release], parallel: int) -> _Fleet:
    operator = _operator(place.root / "fleet", place.upstream, releases, builder_parallel=parallel)
    operator.home.mkdir(parents=True)
    tools = operator.home / "tools"
    tools.symlink_to(place.tools)
    # The sandbox binds this path.
    operator.variables["builder_environment"] = {"PATH": _with_rust(tools)}
    first, second = pure_sdist("first-of-this-builder", "1"), pure_sdist("second-of-this-builder", "1")
    place.upstream.add_release(first, second)
    wanted = operator.variables["controller_packages"]
    operator.variables["controller_packages"] = [first.name]
    operator.build()
    operator.variables["controller_packages"] = [second.name]
    controller, builder = _play(operator)
    single = controller.cpu + builder
    ((proven,),) = operator.query("SELECT max(finished_at) FROM attempt WHERE outcome = 'built'")
    operator.variables["controller_packages"] = wanted
    controller, builder = _play(operator)
    outcomes = operator.attempts()
    assert [outcome for _, outcome in outcomes] == ["built"] * (len(releases) + 2), outcomes
    ((begun, ended),) = operator.query(
        "SELECT min(claimed_at), max(finished_at) FROM attempt WHERE finished_at > ?", proven
    )
    return _Fleet(controller, ended - begun, (controller.cpu + builder - single) / max(1, len(releases) - 1))


def _play(operator: Operator) -> tuple[Cost, float]:
    """Run `build.yml`; returns its cost, and the CPU seconds of the worker that it detached, with its builds."""
    adopt_orphans()
    with cost() as spent:
        operator.play("build.yml", timeout=7200)
    with cost() as detached:
        while any(marked_processes(operator.home.resolve())):
            time.sleep(0.1)
        reap({})
    return spent, detached.cpu


def _pip_loop(place: _Place, releases: list[Release], python: Path, *more: str) -> Cost:
    home, wheels = place.root / "pip", place.root / "wheels"
    home.mkdir(parents=True)
    environment = {"PATH": place.path, "HOME": str(home), "PIP_CONFIG_FILE": os.devnull}
    with cost() as spent:
        for name, version in releases:
            pip = [str(python), "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-binary", name, *more]
            where = ["--index-url", place.upstream.index_url, "--wheel-dir", str(wheels), f"{name}=={version}"]
            subprocess.run([*pip, *where], env=environment, check=True)
    assert len(list(wheels.glob("*.whl"))) == len(releases)
    return spent
