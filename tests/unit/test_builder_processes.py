"""Finding what earlier workers of a home have left, and killing that and nothing else."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from wheelfleet import processes
from wheelfleet.processes import HOME_MARK, descendants, kill_marked, marked_processes

from tests.support.builder import REPORT, Lookout, Visitor

#: Reports from a grandchild in a session of its own, whose parents are gone.
LEFT_BEHIND = (
    REPORT
    + """
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        report(sys.argv[1])
        wait_for_the_test()
    os._exit(0)
"""
)


class Leftovers:
    """Processes that nobody waits for, each with some environment."""

    def __init__(self, lookout: Lookout, stack: ExitStack) -> None:
        self._lookout = lookout
        self._stack = stack

    def leave(self, **environment: str) -> Visitor:
        variables = {"PATH": os.environ["PATH"], **self._lookout.environment, **environment}
        subprocess.run([sys.executable, "-c", LEFT_BEHIND, "here"], env=variables, check=True)
        visitor = self._lookout.visitor()
        self._stack.callback(visitor.let_go)
        return visitor


@pytest.fixture
def leftovers() -> Iterator[Leftovers]:
    with Lookout() as lookout, ExitStack() as stack:
        yield Leftovers(lookout, stack)


def test_only_processes_that_carry_the_mark_of_this_very_home_are_killed(tmp_path: Path, leftovers: Leftovers) -> None:
    home = tmp_path / "builder"
    ours = [leftovers.leave(**{HOME_MARK: str(home)}) for _ in range(2)]
    others = [
        leftovers.leave(),
        leftovers.leave(**{HOME_MARK: str(tmp_path / "builder2")}),
        leftovers.leave(**{HOME_MARK: str(tmp_path)}),
        leftovers.leave(OTHER=f"{HOME_MARK}={home}"),
    ]
    assert sorted(marked_processes(home)) == sorted(visitor.pid for visitor in ours)
    kill_marked(home)
    for visitor in ours:
        visitor.wait_until_gone()
    assert all(visitor.lives() for visitor in others)


def test_a_home_that_left_nothing_is_no_error(tmp_path: Path) -> None:
    kill_marked(tmp_path)


def test_whoever_asks_is_spared_with_its_ancestors_even_if_marked(tmp_path: Path) -> None:
    code = (
        "import os, pathlib, sys\n"
        "from wheelfleet.processes import kill_marked\n"
        "if os.fork() == 0:\n"
        "    kill_marked(pathlib.Path(sys.argv[1]))\n"
        "    os._exit(7)\n"
        "print(os.waitstatus_to_exitcode(os.wait()[1]))\n"
    )
    environment = {**os.environ, HOME_MARK: str(tmp_path), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "7\n"


@pytest.mark.skipif(platform.machine() not in ("x86_64", "aarch64"), reason="This kernel has no 32-bit personality.")
def test_a_build_for_32_bits_sees_a_32_bit_machine_and_so_do_its_children() -> None:
    code = (
        "from wheelfleet.processes import see_32bit_machine as see; see(); import os; os.execlp('uname', 'uname', '-m')"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert said.stdout.strip() == {"x86_64": "i686", "aarch64": "armv8l"}[platform.machine()]


@pytest.mark.parametrize("listed", [True, False])
def test_descendants_are_found_whether_or_not_the_kernel_lists_children(
    monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    monkeypatch.setattr(processes, "_kernel_lists_children", lambda: listed)
    # The shell waits for the command in the background, whose shell has one as well.
    script = "sh -c 'sleep 60 & echo $! $$; wait' & wait"
    before = set(descendants())
    with subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        below = {int(word) for word in shell.stdout.readline().split()}
        try:
            assert set(descendants()) - before == {shell.pid, *below}
        finally:
            for process in below:
                os.kill(process, signal.SIGKILL)
            shell.kill()
