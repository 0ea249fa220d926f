"""A control group that bounds root's processes; others have RLIMIT_NPROC for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from wheelfleet.build.cgroup import bounded_processes

#: Joins the group, forks children that stay until all were tried, and says how many there were.
FORK = """
import os, sys
open(sys.argv[1], "w").write("0")
reader, writer = os.pipe()
forked = 0
for _ in range(50):
    try:
        child = os.fork()
    except OSError:
        break
    if child == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    forked += 1
os.close(writer)
for _ in range(forked):
    os.wait()
print(forked)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="RLIMIT_NPROC bounds everybody but root")
def test_a_group_has_room_for_so_many_processes_and_goes_with_them() -> None:
    with bounded_processes(8) as group:
        if group is None:
            pytest.skip("this machine's control groups are not ours to make")
        forked = subprocess.run(
            [sys.executable, "-c", FORK, str(group.folder / "cgroup.procs")], capture_output=True, text=True, check=True
        )
        assert group.refused()
    assert int(forked.stdout) == 7
    assert not group.folder.exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root makes groups")
def test_a_group_that_a_killed_supervisor_left_is_swept_away() -> None:
    with bounded_processes(8) as group:
        if group is None:
            pytest.skip("this machine's control groups are not ours to make")
        assert not group.refused()
        left, used = (group.folder.with_name(f"wheelfleet-{owner}") for owner in ("left", os.getppid()))
        for folder in (left, used):
            folder.mkdir(exist_ok=True)
    with bounded_processes(8):
        assert not left.exists()
        assert used.exists(), "it is a living process's"
    used.rmdir()
