"""Seconds and controller CPU for a build, beside a plain loop of `pip wheel` over the same sdists.

Both build C extensions with setuptools in isolation, from the same upstream on loopback, without caches. The loop is
what one would write by hand: `pip wheel --no-deps --no-binary :all:` for one after another. The builds' own CPU is not
the controller's: the worker has detached from it.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from benchmarks.timing import Cost, cost
from tests.support import sdists, wheels
from tests.support.operator import Operator
from tests.support.upstream import Upstream

#: Two sizes, so that what a run costs once and what each build costs can be told apart.
FEW, MANY = 4, 20


def measure() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as scratch, Upstream() as upstream:
        upstream.add_release(wheels.installed_wheel("setuptools"))
        names = [f"bench{number}" for number in range(MANY)]
        for name in names:
            upstream.add_release(sdists.c_sdist(name, "1.0", backend="setuptools"))
        root = Path(scratch)
        tools = _warm_up(root, upstream, names[:1])
        few, many = (_fleet(root / f"fleet{n}", upstream, names[:n], tools, 0) for n in (FEW, MANY))
        one = _fleet(root / "alone", upstream, names, tools, 1)
        loop = _pip_loop(root, upstream, names, tools)
    once = few.wall - FEW * (many.wall - few.wall) / (MANY - FEW)
    print(f"\nBuilding {MANY} C extensions with setuptools, {os.cpu_count()} cores, seconds:")
    print(f"{'':34}{'wall':>8}{'a build':>10}{'controller CPU a build':>25}")
    rows = (("build.yml", many), ("build.yml, one build at a time", one), ("pip wheel, in a loop", loop))
    for title, spent in rows:
        cpu = f"{spent.cpu / MANY:.3f}" if spent is not loop else "-"
        print(f"{title:34}{spent.wall:8.1f}{spent.wall / MANY:10.2f}{cpu:>25}")
    print(f"build.yml, each further build     {'':8}{(many.wall - few.wall) / (MANY - FEW):10.2f}"
          f"{(many.cpu - few.cpu) / (MANY - FEW):25.3f}")  # fmt: skip
    print(f"What a run costs once: {once:.1f} s.")
    print(f"Wall time as a ratio to the loop: {many.wall / loop.wall:.2f}; one at a time: {one.wall / loop.wall:.2f}")


def _warm_up(root: Path, upstream: Upstream, names: list[str]) -> Path:
    """Make the builder's tool environment once: provisioning is not what is measured."""
    operator = _operator(root / "warm", upstream, names)
    operator.build()
    return operator.home / "tools"


def _operator(root: Path, upstream: Upstream, names: list[str], parallel: int = 0) -> Operator:
    return Operator(
        root,
        {
            "controller_upstream_url": upstream.index_url,
            "controller_packages": names,
            "builder_parallel": parallel,
        },
    )


def _fleet(root: Path, upstream: Upstream, names: list[str], tools: Path, parallel: int) -> Cost:
    operator = _operator(root, upstream, names, parallel)
    operator.home.mkdir(parents=True)
    (operator.home / "tools").symlink_to(tools)
    with cost() as spent:
        operator.build()
    built = [name for name, outcome in operator.attempts() if outcome == "built"]
    assert sorted(built) == sorted(names), built
    return spent


def _pip_loop(root: Path, upstream: Upstream, names: list[str], tools: Path) -> Cost:
    (python,) = tools.glob("*/bin/python")
    environment = {"PATH": os.environ["PATH"], "HOME": str(root), "PIP_CONFIG_FILE": os.devnull}
    with cost() as spent:
        for name in names:
            subprocess.run(
                [
                    *(str(python), "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-cache-dir", "--no-binary", name),
                    *("--index-url", upstream.index_url, "--wheel-dir", str(root / "wheels"), f"{name}==1.0"),
                ],
                env=environment,
                check=True,
            )
    assert len(list((root / "wheels").glob("*.whl"))) == len(names)
    return spent
