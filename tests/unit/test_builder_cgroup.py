"""A control group in which the kernel bounds processes and memory."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from wheelfleet.builder.cgroup import Group, bounded

from tests.support.builder import LIBRARY

MIB = 1 << 20

#: Forks children that stay until all were tried, and says how many there were.
FORK = """
import os
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

#: Fills a file of 64 MiB, which stays in the page cache, and then as much memory as it is told.
FILL = """
import sys
with open(sys.argv[2], "wb") as file:
    for _ in range(64):
        file.write(bytes(1 << 20))
print(len(b"x" * (int(sys.argv[1]) << 20)))
"""


@pytest.fixture
def group() -> Iterator[Group]:
    """Room for 8 processes and 96 MiB."""
    with bounded(8, 96 * MIB) as group:
        if not group.folders:
            pytest.skip("only root makes control groups outside of a scope, and not in every container")
        yield group


def run_in(group: Group, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=group.join)


def test_a_group_has_room_for_so_many_processes(group: Group) -> None:
    assert not group.refused_process()
    assert run_in(group, FORK).stdout == "7\n"
    assert group.refused_process()
    assert not group.ran_out_of_memory()


def test_a_process_beyond_the_memory_of_its_group_is_ended_by_the_kernel(group: Group, tmp_path: Path) -> None:
    assert run_in(group, FILL, "128", str(tmp_path / "file")).returncode == -signal.SIGKILL
    assert group.ran_out_of_memory()
    assert not group.refused_process()


def test_what_its_files_have_in_the_page_cache_makes_room_for_memory(group: Group, tmp_path: Path) -> None:
    assert run_in(group, FILL, "64", str(tmp_path / "file")).stdout == f"{64 * MIB}\n"
    assert not group.ran_out_of_memory()


#: Makes a group, says so, and is killed; or makes one and ends.
KILLED = """
import os, signal
from wheelfleet.builder.cgroup import bounded
with bounded(8, 96 << 20) as group:
    print(*group.folders, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
ENDS = "from wheelfleet.builder.cgroup import bounded\nwith bounded(8, 96 << 20): pass"


def test_groups_go_at_the_end_also_those_of_a_killed_supervisor(group: Group) -> None:
    killed = subprocess.run([sys.executable, "-c", KILLED], cwd=LIBRARY, stdout=subprocess.PIPE, check=False)
    left = [Path(name) for name in killed.stdout.decode().split()]
    assert len(left) == len(group.folders)
    assert all(folder.exists() for folder in left)
    with bounded(8, 96 * MIB) as another:
        assert not any(folder.exists() for folder in left)
        assert all(folder.exists() for folder in [*another.folders, *group.folders])
    assert not any(folder.exists() for folder in another.folders)


def test_supervisors_in_containers_that_share_groups_leave_each_others(group: Group) -> None:
    """They do not see each other's processes, and may have the same process IDs."""
    container = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    subprocess.run([*container, sys.executable, "-c", ENDS], cwd=LIBRARY, check=True)
    assert all(folder.exists() for folder in group.folders)
    assert run_in(group, FORK).stdout == "7\n"
