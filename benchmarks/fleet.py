"""A fleet for measurements: builders and a web node with local connections, and builds that sleep."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import sdists
from tests.support.artifacts import Artifact
from tests.support.operator import Operator
from tests.support.processes import family, kill
from tests.support.upstream import Upstream

BUILDERS = 5
#: Seconds that a run may take to begin or to end.
PATIENCE = 600.0


def fleet(
    root: Path, upstream: Upstream, names: list[str], warm: Operator | None, hosts: int = BUILDERS, **variables: str
) -> Operator:
    """An operator with this machine as all its hosts, each of which builds one at a time, in a home of its own with the
    tool environment of `warm`."""
    builders = [f"pi{number}" for number in range(hosts)]
    operator = Operator(
        root,
        {
            "controller_upstream_url": upstream.index_url,
            "controller_packages": names,
            "builder_home": str(root / "homes" / "{{ inventory_hostname }}"),
            "builder_parallel": 1,
            # Many builds at once on one machine are slow, and other work on it must not end one.
            "builder_limit_seconds": 600,
            **variables,
        },
        builders,
    )
    if warm:
        for builder in builders:
            home = root / "homes" / builder
            home.mkdir(parents=True)
            (home / "tools").symlink_to(next((warm.root / "homes").glob("*/tools/..")).resolve() / "tools")
    return operator


def fleet_with_node(root: Path, upstream: Upstream, names: list[str], warm: Operator | None) -> Operator:
    """A fleet whose web node is a folder of its own."""
    node = root / "node"
    node.mkdir(parents=True)
    return fleet(root, upstream, names, warm, webnode_root=str(node))


def sleeping_sdist(name: str, version: str, seconds: float) -> Artifact:
    """An sdist whose build sleeps."""
    return sdists.pure_sdist(name, version, script=f"import time\ntime.sleep({seconds!r})\n")


@contextmanager
def following(operator: Operator, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A run that follows upstream inside the block; at its end the run is told to end, and has to succeed."""
    printed = operator.root / "output"
    arguments = ("--forks", "10", "-e", "controller_follow=true", *arguments)
    with printed.open("w") as output, operator.start(*arguments) as run:
        # A full pipe would stop the run.
        reader = threading.Thread(target=shutil.copyfileobj, args=(run.stdout, output))
        reader.start()
        try:
            yield run
            operator.play("playbooks/end.yml")
            run.wait(timeout=PATIENCE)
        finally:
            if run.poll() is None:
                kill(*family(run.pid))
            reader.join()
    if run.returncode:
        raise RuntimeError(printed.read_text())


def wait_for(condition: Callable[[], bool], what: str, run: subprocess.Popen[str], seconds: float = PATIENCE) -> None:
    """Wait until the condition is true. Raises RuntimeError if the run ends before, or after `seconds`."""
    until = time.monotonic() + seconds
    while not condition():
        if run.poll() is not None or time.monotonic() >= until:
            raise RuntimeError(f"There was no {what} while the run lived, or in {seconds:.0f} s.")
        time.sleep(0.2)
