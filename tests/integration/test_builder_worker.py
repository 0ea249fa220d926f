"""A builder's worker: it serves one controller, starts and stops, and is killed at every moment."""

from __future__ import annotations

import gzip
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from wheelfleet.builder.folders import BuilderHome, NotReady
from wheelfleet.builder.worker import start_worker

from tests.support.builder import LIBRARY, REPORT, WAITING, Builder, Lookout, poll, stop, take_back
from tests.support.events import FolderEvents
from tests.support.sdists import c_sdist, pure_sdist


@pytest.fixture
def lookout() -> Iterator[Lookout]:
    with Lookout() as lookout:
        yield lookout


def worker_of(builder: Builder) -> int:
    (worker,) = builder.workers()
    return worker


def runner_of(builder: Builder, attempt: str) -> int:
    for process in builder.processes():
        # A runner works in the build's folder, and is a fork of the launcher.
        words = Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")
        if b"wheelfleet.builder.launcher" in words and Path(f"/proc/{process}/cwd").readlink().name == attempt:
            return process
    raise AssertionError(f"{attempt} has no runner")


# ------------------------------------------------------------------------------------------ controller and worker


def test_builds_go_in_the_order_of_the_batch(builder: Builder, tmp_path: Path) -> None:
    script = (
        f"with open({str(tmp_path / 'order')!r}, 'a') as file: file.write(os.environ['WHEELFLEET_ATTEMPT'] + '\\n')"
    )
    names = ["c", "a", "b"]
    assignments = [
        builder.assignment(pure_sdist(name, "1", script=f"import os\n{script}"), position=order)
        for order, name in enumerate(names)
    ]
    builder.build(*reversed(assignments))
    assert (tmp_path / "order").read_text().split() == ["c-1-0000", "a-1-0001", "b-1-0002"]


def test_as_many_builds_run_at_once_as_were_asked_for(builder: Builder, lookout: Lookout) -> None:
    for order in range(3):
        sdist = pure_sdist(f"demo{order}", "1", script=WAITING)
        builder.hand_over(builder.assignment(sdist, position=order, environment=lookout.environment))
    builder.start(parallel=2)
    first, second = lookout.visitor(), lookout.visitor()
    state = builder.state()
    assert (state["worker"], state["building"], state["queued"]) == (
        True,
        ["demo0-1-0000", "demo1-1-0001"],
        ["demo2-1-0002"],
    )
    first.let_go()
    third = lookout.visitor()
    for visitor in (second, third):
        visitor.let_go()
    builder.wait()
    assert len(builder.state()["outbox"]) == 3


def test_the_status_says_what_is_being_built_and_beats_meanwhile(builder: Builder, lookout: Lookout) -> None:
    builder.hand_over(
        builder.assignment(pure_sdist("demo", "1", script=WAITING), environment=lookout.environment),
        builder.assignment(pure_sdist("next", "1"), position=1),
    )
    builder.start()
    worker = worker_of(builder)
    visitor = lookout.visitor()
    with FolderEvents([builder.home]) as changes:
        before = builder.state()["status"]
        # One beat is three events: the file is made, leaves its first name, and takes the other.
        assert changes.wait(4, seconds=30) >= 4
        after = builder.state()["status"]
    assert (before["schema"], before["pid"], before["queued"]) == (1, worker, 1)
    assert [entry["attempt"] for entry in before["building"]] == ["demo-1-0000"]
    assert after["beat"] > before["beat"]
    assert after["building"][0]["seconds"] > before["building"][0]["seconds"]
    visitor.let_go()
    builder.wait()
    assert builder.state()["status"]["building"] == []


def test_who_watches_sees_what_a_running_build_prints(builder: Builder, lookout: Lookout) -> None:
    script = f"print('compiling \\x1b[31mred\\x1b[0m', flush=True)\n{WAITING}"
    builder.hand_over(builder.assignment(pure_sdist("demo", "1", script=script), environment=lookout.environment))
    builder.start()
    visitor = lookout.visitor()
    (tail,) = poll(builder.home, tails=True).tails.values()
    assert "compiling red" in tail.split("\n")
    visitor.let_go()
    builder.wait()
    assert poll(builder.home, tails=True).tails == {}


def test_what_is_handed_over_while_a_worker_works_is_built_by_it(builder: Builder, lookout: Lookout) -> None:
    builder.hand_over(builder.assignment(pure_sdist("one", "1", script=WAITING), environment=lookout.environment))
    builder.start()
    worker = worker_of(builder)
    visitor = lookout.visitor()
    builder.hand_over(builder.assignment(pure_sdist("two", "1"), position=1))
    visitor.let_go()
    builder.wait()
    assert builder.result("two-1-0001")["outcome"] == "built"
    assert builder.state()["status"]["pid"] == worker


def test_a_second_worker_leaves_the_home_to_the_first(builder: Builder, lookout: Lookout) -> None:
    builder.hand_over(builder.assignment(pure_sdist("one", "1", script=WAITING), environment=lookout.environment))
    builder.start()
    visitor = lookout.visitor()
    second = subprocess.run([sys.executable, "-m", "wheelfleet.builder.worker", builder.home], cwd=LIBRARY, check=False)
    assert second.returncode == 0
    assert builder.state()["building"] == ["one-1-0000"]
    visitor.let_go()
    builder.wait()
    assert (builder.home / "worker.log").read_text().count(" begins") == 1


def test_work_handed_over_while_a_worker_is_leaving_is_never_left_lying(builder: Builder) -> None:
    for order in range(8):
        builder.hand_over(builder.assignment(pure_sdist("demo", "1"), position=order))
        builder.start()
        with FolderEvents([builder.home / "outbox"]) as changes:
            # The next round begins at the moment of delivery, when the worker is about to leave.
            while len(builder.state()["outbox"]) <= order:
                assert changes.wait(1, seconds=60)
    builder.wait()
    assert len(builder.state()["outbox"]) == 8


def test_the_rest_of_a_batch_can_be_taken_back_during_the_first_build(builder: Builder, lookout: Lookout) -> None:
    sdist = pure_sdist("demo", "1", script=WAITING)
    for order in range(3):
        builder.hand_over(builder.assignment(sdist, position=order, environment=lookout.environment))
    builder.start()
    visitor = lookout.visitor()
    attempts = [f"demo-1-{order:04x}" for order in range(3)]
    assert take_back(builder.home, attempts) == attempts[1:]
    visitor.let_go()
    builder.wait()
    assert list(builder.state()["outbox"]) == attempts[:1]
    poll(builder.home, attempts)
    assert builder.state()["outbox"] == {}


def test_a_build_is_stopped_within_seconds_with_all_that_it_started(builder: Builder, lookout: Lookout) -> None:
    """The other build goes on, and what has ended or was never there is left alone."""
    sdist = pure_sdist("demo", "1", script=f"import subprocess\nsubprocess.Popen(['sleep', '600'])\n{WAITING}")
    for order in range(2):
        builder.hand_over(builder.assignment(sdist, position=order, environment=lookout.environment))
    builder.start(parallel=2)
    visitors = [lookout.visitor(), lookout.visitor()]
    stopped, other = "demo-1-0000", "demo-1-0001"
    began = time.monotonic()
    with FolderEvents([builder.home / "outbox"]) as changes:
        stop(builder.home, [stopped, "demo-1-ffff"])
        while stopped not in builder.state()["outbox"]:
            assert changes.wait(1, seconds=30)
    assert time.monotonic() - began < 10
    result = builder.result(stopped)
    assert (result["outcome"], result["stopped_by"], result["phase"]) == ("failed", "operator", "build")
    assert result["seconds"] > 0
    assert "phase build" in builder.log(stopped)
    assert builder.state()["building"] == [other]
    stop(builder.home, [stopped])
    for visitor in visitors:
        with suppress(OSError):
            visitor.let_go()
    builder.wait()
    assert builder.result(other)["outcome"] == "built"
    assert list((builder.home / "stop").iterdir()) == []
    assert builder.processes() == []


def test_a_build_whose_worker_died_before_the_stop_is_not_begun_again(builder: Builder, lookout: Lookout) -> None:
    builder.hand_over(builder.assignment(pure_sdist("demo", "1", script=WAITING), environment=lookout.environment))
    builder.start()
    lookout.visitor()
    os.kill(worker_of(builder), signal.SIGKILL)
    stop(builder.home, ["demo-1-0000"])
    builder.start()
    builder.wait()
    result = builder.result("demo-1-0000")
    assert (result["outcome"], result["stopped_by"]) == ("failed", "operator")
    assert list((builder.home / "stop").iterdir()) == []


def test_a_worker_outlives_the_session_that_started_it(builder: Builder, lookout: Lookout) -> None:
    builder.hand_over(builder.assignment(pure_sdist("demo", "1", script=WAITING), environment=lookout.environment))
    code = (
        "import os, signal, sys; from wheelfleet.builder.worker import start_worker\n"
        # Whoever started the tests may have had it ignored (nohup), which is inherited.
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"
        f"start_worker({str(builder.home)!r}, {str(LIBRARY)!r}, sys.executable)\n"
        "os.killpg(0, signal.SIGHUP)"
    )
    session = subprocess.run([sys.executable, "-c", code], cwd=LIBRARY, start_new_session=True, check=False)
    assert session.returncode == -signal.SIGHUP
    lookout.visitor().let_go()
    builder.wait()
    assert builder.result("demo-1-0000")["outcome"] == "built"


def test_a_worker_that_cannot_start_is_an_error_that_names_the_cure(builder: Builder, tmp_path: Path) -> None:
    with pytest.raises(NotReady, match=r"cannot be started with /nowhere/python .* provision the builder"):
        start_worker(builder.home, LIBRARY, "/nowhere/python")
    with pytest.raises(NotReady, match=r"did not start \(.*No module named 'wheelfleet'\).* Provision the builder"):
        start_worker(builder.home, tmp_path, sys.executable)


# ------------------------------------------------------------------------------------------------- interruptions


def test_a_worker_told_to_stop_leaves_its_builds_as_if_not_begun(builder: Builder, lookout: Lookout) -> None:
    assignments = [
        builder.assignment(pure_sdist("demo", "1", script=WAITING), position=order, environment=lookout.environment)
        for order in range(3)
    ]
    builder.hand_over(*assignments)
    # More often than a killed build would be begun again.
    for _ in range(3):
        builder.start(parallel=2)
        worker = worker_of(builder)
        visitors = [lookout.visitor(), lookout.visitor()]
        os.kill(worker, signal.SIGTERM)
        builder.wait()
        for visitor in visitors:
            visitor.wait_until_gone()
        assert builder.processes() == []
        assert sorted(builder.state()["queued"]) == [assignment["attempt"] for assignment in assignments]
        assert list((builder.home / "work").iterdir()) == []
    builder.start(parallel=3)
    for _ in range(3):
        lookout.visitor().let_go()
    builder.wait()
    assert len(builder.state()["outbox"]) == 3


def test_a_build_whose_runner_is_killed_is_begun_again_once(builder: Builder, lookout: Lookout) -> None:
    sdist = pure_sdist("demo", "1", script=WAITING)
    builder.hand_over(builder.assignment(sdist, environment=lookout.environment))
    builder.start()
    first = lookout.visitor()
    os.kill(runner_of(builder, "demo-1-0000"), signal.SIGKILL)
    first.wait_until_gone()
    lookout.visitor().let_go()
    builder.wait()
    assert builder.result("demo-1-0000")["outcome"] == "built"
    builder.assert_nothing_is_left()


def test_a_build_whose_runner_is_killed_twice_fails_with_its_last_log(builder: Builder, lookout: Lookout) -> None:
    sdist = pure_sdist("demo", "1", script="print('last words', flush=True)\n" + WAITING)
    builder.hand_over(
        builder.assignment(sdist, environment=lookout.environment),
        builder.assignment(pure_sdist("next", "1"), position=1),
    )
    builder.start()
    for _ in range(2):
        visitor = lookout.visitor()
        os.kill(runner_of(builder, "demo-1-0000"), signal.SIGKILL)
        visitor.wait_until_gone()
    builder.wait()
    result = builder.result("demo-1-0000")
    assert (result["outcome"], result["stopped_by"], result["phase"]) == ("failed", "interrupted", "build")
    assert "last words" in builder.log("demo-1-0000")
    assert builder.result("next-1-0001")["outcome"] == "built"
    builder.assert_nothing_is_left()


def test_a_dead_workers_builds_end_and_the_next_worker_carries_on(builder: Builder, lookout: Lookout) -> None:
    sdist = pure_sdist("demo", "1", script=WAITING)
    builder.hand_over(builder.assignment(sdist, environment=lookout.environment))
    builder.start()
    worker = worker_of(builder)
    visitor = lookout.visitor()
    os.kill(worker, signal.SIGKILL)
    visitor.wait_until_gone()
    builder.start()
    lookout.visitor().let_go()
    builder.wait()
    assert builder.result("demo-1-0000")["outcome"] == "built"
    builder.assert_nothing_is_left()


def test_builds_whose_worker_was_killed_twice_are_given_up(builder: Builder, lookout: Lookout) -> None:
    sdist = pure_sdist("demo", "1", script=WAITING)
    builder.hand_over(builder.assignment(sdist, environment=lookout.environment))
    for _ in range(2):
        builder.start()
        worker = worker_of(builder)
        visitor = lookout.visitor()
        os.kill(worker, signal.SIGKILL)
        visitor.wait_until_gone()
    builder.start()
    builder.wait()
    assert builder.result("demo-1-0000")["stopped_by"] == "interrupted"
    builder.assert_nothing_is_left()


def test_the_next_worker_kills_what_a_massacre_has_orphaned(builder: Builder, lookout: Lookout) -> None:
    daemon = "\nif os.fork() == 0:\n    os.setsid()\n    report('daemon')\n    wait_for_the_test()\n    os._exit(0)\n"
    sdist = pure_sdist("demo", "1", script=REPORT + daemon + WAITING)
    builder.hand_over(builder.assignment(sdist, environment=lookout.environment))
    builder.start()
    visitors = {visitor.line: visitor for visitor in (lookout.visitor(), lookout.visitor())}
    victims = {*builder.workers(), *builder.processes()} - {visitors["daemon"].pid}
    # First all stand still, so that none can kill the daemon when another dies.
    for fate in (signal.SIGSTOP, signal.SIGKILL):
        for victim in victims:
            os.kill(victim, fate)
    builder.wait()
    visitors["building"].wait_until_gone()
    assert visitors["daemon"].lives()
    builder.start()
    visitors["daemon"].wait_until_gone()
    for _ in range(2):
        lookout.visitor().let_go()
    builder.wait()
    assert builder.result("demo-1-0000")["outcome"] == "built"
    builder.assert_nothing_is_left()


def test_a_finished_result_is_delivered_later_and_not_built_again(builder: Builder) -> None:
    (result,) = builder.build(builder.assignment(pure_sdist("demo", "1")))
    home = BuilderHome(builder.home)
    work_dir = home.work_dir("demo-1-0000")
    work_dir.path.mkdir()
    home.delivered("demo-1-0000").rename(work_dir.result)
    builder.start()
    builder.wait()
    assert builder.result("demo-1-0000") == result
    builder.assert_nothing_is_left()


def test_leftovers_of_every_kind_are_cleared_away(builder: Builder) -> None:
    home = BuilderHome(builder.home)
    home.create()
    (home.work / "no-assignment-1").mkdir()
    (home.work / "no-assignment-1" / "starts").write_text("{}")
    (home.work / "file").touch()
    (home.outbox / ".half-acknowledged-1").mkdir()
    builder.start()
    builder.wait()
    assert list(home.work.iterdir()) == []
    assert list(home.outbox.iterdir()) == []


#: Does what builds do, with processes on several levels and one that stays behind.
BUSY = """
import subprocess, sys
subprocess.Popen(["sh", "-c", "sleep 60 & wait"], start_new_session=True)
for _ in range(5):
    subprocess.run(["sh", "-c", "sh -c : | cat"], check=True)
"""


@pytest.mark.parametrize("seed", range(2))
def test_whatever_is_killed_each_assignment_gets_exactly_one_result(builder: Builder, seed: int) -> None:
    chance = random.Random(seed)
    home = BuilderHome(builder.home)
    home.create()
    attempts: list[str] = []
    delivered: dict[str, int] = {}
    killed = 0
    with FolderEvents([home.inbox, home.work, home.outbox, home.path]) as changes:
        while killed < 20:
            while len(home.queued()) < 3:
                order = len(attempts)
                sdist = (c_sdist if order % 2 else pure_sdist)(f"demo{order}", "1", script=BUSY)
                attempts += builder.hand_over(builder.assignment(sdist, position=order))
            if not builder.workers():
                builder.start(parallel=2)
            changes.wait(chance.randrange(1, 12), seconds=0.5)
            # Not only at the moment of a rename, but at any.
            time.sleep(chance.choice([0, chance.uniform(0, 0.4)]))
            with suppress(ProcessLookupError, IndexError):
                os.kill(chance.choice([*builder.workers(), *builder.processes()]), signal.SIGKILL)
                killed += 1
            for attempt in builder.state()["outbox"]:
                # Whole as soon as it is there, and never made again.
                inode = (home.outbox / attempt / "result.json").stat().st_ino
                assert delivered.setdefault(attempt, inode) == inode
    builder.wait()
    builder.start(parallel=2)
    builder.wait()
    assert sorted(builder.state()["outbox"]) == sorted(attempts)
    for attempt in attempts:
        result = builder.result(attempt)
        inode = (home.outbox / attempt / "result.json").stat().st_ino
        assert delivered.get(attempt, inode) == inode
        if result["outcome"] == "built":
            assert builder.wheel(result)[:2] == b"PK"
        else:
            # Where a compiler or a shell was killed, the project's own build says that it failed.
            assert result["stopped_by"] in ("killed", "interrupted") or result["phase"] in ("build", "requires")
        packed = (home.outbox / attempt / "log.gz").read_bytes()
        assert len(packed) == result["log"]["size"]
        gzip.decompress(packed)
    builder.assert_nothing_is_left()
