"""Kill anything at any moment, then run build.yml again: nothing is lost, doubled, half there, or left running."""

from __future__ import annotations

import json
import signal
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.support import sdists
from tests.support.operator import Operator
from tests.support.processes import command_of, family, kill
from tests.support.servers import serve
from tests.support.upstream import Upstream
from tests.support.waiting import until

#: Every build waits for this file's reader, so that a test knows what is going on when it kills.
GATE = "import os, time\nwhile not os.path.exists({gate!r}): time.sleep(0.02)\n"


def building(operator: Operator) -> list[int]:
    """The processes of builds going on: runners and what they started, without the worker."""
    return [pid for pid in operator.processes() if b"builder.worker" not in command_of(pid)]


@pytest.fixture
def gated(operator: Operator, upstream: Upstream, tmp_path: Path) -> Operator:
    """Four builds: two that end at once and two that wait for the gate to be opened."""
    operator.variables |= {
        "builder_parallel": 3,
        # The gate is outside of the builds' own folders.
        "builder_sandbox": False,
        "controller_packages": [f"{k}{n}" for k in ("quick", "slow") for n in (1, 2)],
    }
    for number in (1, 2):
        upstream.add_release(sdists.pure_sdist(f"quick{number}", "1.0"))
        script = GATE.format(gate=str(tmp_path / "gate"))
        upstream.add_release(sdists.pure_sdist(f"slow{number}", "1.0", script=script))
    return operator


def open_gate(tmp_path: Path) -> None:
    (tmp_path / "gate").touch()


def assert_whole(operator: Operator, expect: int = 4, *, again: bool = False) -> None:
    """Each build was finished exactly once, is published, and nothing is left over, to be done `again` either."""
    assert Counter(operator.attempts()).most_common(1)[0][1] == 1, operator.attempts()
    assert len(operator.attempts()) == expect
    assert len(operator.wheels()) == expect
    if again:
        assert operator.build().changed == 0
    until(lambda: not operator.processes(), "the worker to leave")
    assert not list((operator.home / "work").iterdir())
    assert not list((operator.home / "inbox").iterdir())
    assert not [p for p in (operator.home / "outbox").iterdir() if not p.name.startswith(".")]
    assert not list((operator.state / "incoming").glob("*"))


def finished(operator: Operator) -> int:
    try:
        return len(operator.attempts())
    except Exception:
        return 0


def half_done(operator: Operator) -> subprocess.Popen[str]:
    """A run of which two results are in while two builds go on."""
    process = operator.start()
    until(lambda: finished(operator) == 2 and building(operator), "two results while two builds go on", 240)
    return process


def test_a_killed_controller_loses_nothing_and_the_next_run_adopts_builds(gated: Operator, tmp_path: Path):
    process = half_done(gated)
    ids = {row["id"] for row in gated.query("SELECT id FROM attempt WHERE state = 'open'")}
    kill(process.pid)
    process.communicate()
    assert building(gated), "builds outlive the controller"
    open_gate(tmp_path)
    gated.build()
    assert ids <= {row["id"] for row in gated.query("SELECT id FROM attempt WHERE outcome = 'built'")}
    assert_whole(gated, again=True)


def test_a_run_with_a_killed_process_ends_with_a_reason_and_is_carried_on(gated: Operator, tmp_path: Path):
    process = half_done(gated)
    (worker,) = [pid for pid in family(process.pid)[1:] if b"ansible-playbook" in command_of(pid)]
    kill(worker)
    output, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "A process of this run was killed" in output
    open_gate(tmp_path)
    gated.build()
    assert_whole(gated)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_what_is_left_and_its_status_ends(gated: Operator, tmp_path: Path, number: int):
    process = half_done(gated)
    until(lambda: (gated.site / "status.json").exists() or not gated.site.mkdir(exist_ok=True), "the status file")
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == {signal.SIGINT: 99, signal.SIGTERM: 143}[number], output
    assert "Built and not on the site yet: quick1-1.0-py3-none-any.whl, quick2-1.0-py3-none-any.whl." in output
    assert "Builders go on without this run, with builds: 2 on localhost." in output
    assert "Next: ansible-playbook build.yml" in output
    assert json.loads((gated.site / "status.json").read_text())["state"] == "ended"
    open_gate(tmp_path)
    assert "did not come to its end" not in gated.build().output
    assert_whole(gated)


def test_a_controller_killed_with_all_its_children_loses_nothing(gated: Operator, tmp_path: Path):
    process = half_done(gated)
    kill(*family(process.pid))
    process.communicate()
    open_gate(tmp_path)
    gated.build()
    assert_whole(gated)


def test_results_that_came_without_a_controller_are_taken_in(gated: Operator, tmp_path: Path):
    process = half_done(gated)
    kill(*family(process.pid))
    process.communicate()
    open_gate(tmp_path)
    until(lambda: not gated.processes(), "the worker to finish alone")
    waiting = {p.name.split("-")[0] for p in (gated.home / "outbox").iterdir() if not p.name.startswith(".")}
    assert waiting >= {"slow1", "slow2"}
    run = gated.build()
    assert not run.lines(" localhost builds ")
    assert_whole(gated)


def test_a_killed_worker_is_started_again_by_the_run_that_watches_it(gated: Operator, tmp_path: Path):
    process = gated.start()
    workers = until(
        lambda: finished(gated) == 2 and [p for p in gated.processes() if b"builder.worker" in command_of(p)],
        "a worker",
    )
    kill(*workers)
    open_gate(tmp_path)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert_whole(gated)


def test_a_worker_and_its_controller_killed_together_leave_no_process(gated: Operator, tmp_path: Path):
    process = half_done(gated)
    kill(*family(process.pid), *gated.processes())
    process.communicate()
    open_gate(tmp_path)
    gated.build()
    assert_whole(gated, again=True)


def test_a_killed_build_is_tried_again(gated: Operator, tmp_path: Path):
    process = half_done(gated)
    kill(*building(gated))
    open_gate(tmp_path)
    process.communicate(timeout=120)
    gated.build()
    assert {name for name, outcome in gated.attempts() if outcome == "built"} == {"quick1", "quick2", "slow1", "slow2"}
    assert len(gated.wheels()) == 4


@pytest.mark.parametrize(
    "seconds", [pytest.param(1.5, marks=pytest.mark.long), 2.5, pytest.param(3.5, marks=pytest.mark.long), 5.0]
)
def test_a_run_killed_after_any_time_is_carried_on_by_the_next(
    operator: Operator, upstream: Upstream, seconds: float, tmp_path: Path
):
    names = [f"p{number}" for number in range(6)]
    for name in names:
        upstream.add_release(sdists.c_sdist(name, "1.0"))
    operator.variables["controller_packages"] = names
    process = operator.start()
    # No event to wait for: the moment is the point of this test, and any moment must do.
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        kill(*family(process.pid))
        process.communicate()
    operator.build()
    assert_whole(operator, 6, again=True)
    with serve(operator.site) as site:
        assert site.url


def test_of_two_runs_started_at_once_the_second_says_so_and_stops(gated: Operator, tmp_path: Path):
    first = half_done(gated)
    second = gated.build(expect=None)
    assert second.returncode != 0
    assert second.lines(f"Another run of build.yml is at work .*process {first.pid}")
    open_gate(tmp_path)
    output, _ = first.communicate(timeout=120)
    assert first.returncode == 0, output
    assert_whole(gated)


def test_check_mode_beside_a_run_at_work_disturbs_neither(gated: Operator, upstream: Upstream, tmp_path: Path):
    first = half_done(gated)
    upstream.add_release(sdists.pure_sdist("quick1", "2.0"))
    assert gated.build("--check").lines("^would build quick1 2.0")
    open_gate(tmp_path)
    output, _ = first.communicate(timeout=120)
    assert first.returncode == 0, output
    upstream.delete_release("quick1", "2.0")
    assert_whole(gated)


def test_a_build_beyond_its_limits_is_stopped_with_all_it_started(operator: Operator, upstream: Upstream):
    escape = "import subprocess, time\nsubprocess.Popen(['sleep', '1000'], start_new_session=True)\ntime.sleep(1000)\n"
    upstream.add_release(sdists.broken_sdist("endless", "1.0", script=escape))
    upstream.add_release(
        sdists.broken_sdist("greedy", "1.0", script="held = bytearray(1 << 30)\nimport time; time.sleep(60)")
    )
    upstream.add_release(sdists.broken_sdist("chatty", "1.0", script="while True: print('x' * 1000)"))
    operator.variables |= {
        "controller_packages": ["endless", "greedy", "chatty"],
        # Long enough for the other two to reach their own limit first.
        "builder_limit_seconds": 15,
        "builder_limit_memory": "300M",
        "builder_limit_log": "1M",
    }
    operator.build()
    rows = operator.query("SELECT id, failure_class FROM attempt WHERE state = 'done'")
    assert {row["id"].split("-")[0]: row["failure_class"] for row in rows} == {
        "endless": "time-out",
        "greedy": "out-of-memory",
        "chatty": "log-limit",
    }
    until(lambda: not operator.processes(), "everything to be gone")
