"""Everything that goes wrong in a fleet: afterwards the index is that of an undisturbed run, nothing was built twice
without need, and the report says what happened."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.lab import Lab
from tests.support import sdists
from tests.support.fleet_operator import FleetOperator
from tests.support.processes import family, kill
from tests.support.upstream import Upstream
from tests.support.waiting import until

#: How long the builds of these tests take, in seconds: long enough to be hit by a fault.
LONG = 6

#: The kernel's clock is the machine's, so what programs see of it is shifted.
WRONG_CLOCK = """
#define _GNU_SOURCE
#include <time.h>
#include <sys/time.h>
#include <sys/syscall.h>
#include <unistd.h>
int clock_gettime(clockid_t which, struct timespec *now) {
    int failed = syscall(SYS_clock_gettime, which, now);
    if (!failed && which == CLOCK_REALTIME) now->tv_sec += OFFSET;
    return failed;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec precise;
    int failed = clock_gettime(CLOCK_REALTIME, &precise);
    now->tv_sec = precise.tv_sec;
    now->tv_usec = precise.tv_nsec / 1000;
    return failed;
}
time_t time(time_t *where) {
    struct timespec precise;
    clock_gettime(CLOCK_REALTIME, &precise);
    if (where) *where = precise.tv_sec;
    return precise.tv_sec;
}
"""


class Trouble:
    """A fleet in use, whose builds last a while, and which loses patience after seconds instead of minutes."""

    def __init__(self, operator: FleetOperator, upstream: Upstream, lab: Lab) -> None:
        self.operator = operator
        self.upstream = upstream
        self.lab = lab
        self.names: list[str] = []
        operator.variables |= {"builder_patience": 15, "builder_parallel": 1}

    def wants(self, count: int, prefix: str, *, seconds: float = LONG, script: str = "") -> None:
        names = [f"{prefix}{number}" for number in range(count)]
        for name in names:
            self.upstream.add_release(
                sdists.c_sdist(name, "1.0", script=script or f"import time\ntime.sleep({seconds})\n")
            )
        self.names += names
        self.operator.variables["controller_packages"] = self.names

    def under_way(self, host: str = "%") -> list[str]:
        """The builds seen going on, of all hosts or of one: attempts."""
        rows = self.ask("SELECT id FROM attempt WHERE state = 'open' AND begun_at IS NOT NULL AND host LIKE ?", host)
        return [row["id"] for row in rows]

    def ask(self, question: str, *values: object) -> list:
        """The catalog's answer; nothing while there is no catalog."""
        try:
            return self.operator.query(question, *values)
        except sqlite3.OperationalError:
            return []  # no catalog yet, or one that is just being made

    def status(self, host: str) -> str:
        """What the live view says a host does."""
        status = self.operator.state / "run" / "status" / f"{host}.json"
        return str(json.loads(status.read_text())["state"]) if status.exists() else ""

    def outbox(self, host: str) -> list[str]:
        """The results that wait on a builder, read from outside: its network may be cut."""
        folders = {Path(f"/proc/{pid}/root/var/lib/wheelfleet/outbox") for pid in self.lab.pids(host)}
        return next(([path.name for path in each.glob("[!.]*")] for each in folders if each.is_dir()), [])

    def shift_clock(self, host: str, seconds: int) -> None:
        """Let all that begins on the host from now on see another time."""
        self.lab.ssh(host, f"cc -shared -fPIC -DOFFSET={seconds} -o /tmp/clock.so -x c -", input=WRONG_CLOCK)
        self.lab.ssh(
            host, "sudo mv /tmp/clock.so /usr/lib/clock.so; echo /usr/lib/clock.so | sudo tee /etc/ld.so.preload"
        )

    def set_clock_right(self, host: str) -> None:
        self.lab.ssh(host, "sudo rm -f /etc/ld.so.preload")

    def events(self) -> str:
        return "\n".join(f"{row['host']}: {row['sentence']}" for row in self.ask("SELECT * FROM event ORDER BY id"))

    def assert_whole(self, *, lost: int = 0) -> None:
        """Every package is on the index, and was built once, but for the builds that the fault cost."""
        wheels = [name.partition("-")[0] for name in self.operator.wheels()]
        assert sorted(wheels) == sorted(self.names), self.events()
        built = Counter(name for name, outcome in self.operator.attempts() if outcome == "built")
        assert built == Counter(self.names), self.events()
        others = self.ask("SELECT * FROM attempt WHERE outcome IS NOT 'built' AND begun_at IS NOT NULL")
        assert len(others) <= lost, [tuple(row) for row in others]


@pytest.fixture
def trouble(fleet_operator: FleetOperator, fleet_upstream: Upstream, fleet: Lab) -> Iterator[Trouble]:
    yield Trouble(fleet_operator, fleet_upstream, fleet)


def test_a_builder_that_loses_power_leaves_its_builds_to_the_others(trouble: Trouble):
    trouble.wants(9, "power")
    with trouble.operator.running() as run:
        until(lambda: trouble.under_way("build2"), "build2 to build", 120)
        trouble.lab.kill("build2")
        output, _ = run.communicate(timeout=300)
    assert run.returncode == 0, f"a builder that is off while others work fails no run\n{output}"
    trouble.assert_whole(lost=1)
    assert "build2: It did not answer any more" in trouble.events()
    assert "build2: It did not answer any more" in output
    trouble.lab.start("build2")
    trouble.operator.build()  # the page of the fleet shows it among the builders again
    assert trouble.operator.build().changed == 0


def test_results_of_a_builder_that_comes_back_are_taken_while_wanted(trouble: Trouble):
    trouble.operator.builders = ["build1"]
    trouble.wants(1, "late", seconds=4)
    with trouble.operator.running() as run:
        until(lambda: trouble.under_way("build1"), "build1 to build", 120)
        # From then on it needs nothing of the network.
        trouble.upstream.requests.wait_for("/files/late0/")
        trouble.lab.cut("build1")
        run.communicate(timeout=300)
    assert trouble.operator.attempts() == []
    until(lambda: trouble.outbox("build1"), "the cut-off builder to finish by itself", 120)
    trouble.lab.mend("build1")
    trouble.operator.build()
    trouble.assert_whole(lost=0)


def test_a_cable_that_is_cut_and_mended_during_a_build_costs_nothing(trouble: Trouble):
    trouble.operator.variables["builder_patience"] = 120
    trouble.wants(6, "cable")
    with trouble.operator.running() as run:
        until(lambda: trouble.under_way("build1"), "build1 to build", 120)
        trouble.lab.cut("build1")
        until(lambda: trouble.status("build1") == "silent", "the controller to notice")
        trouble.lab.mend("build1")
        output, _ = run.communicate(timeout=300)
    assert run.returncode == 0, output
    trouble.assert_whole(lost=0)


def test_a_builder_that_refuses_ssh_is_named_and_the_others_do_its_work(trouble: Trouble):
    trouble.wants(4, "refused", seconds=1)
    trouble.lab.ssh("build3", "sudo systemctl stop ssh.socket ssh.service; true", check=False)
    try:
        run = trouble.operator.build(expect=0)
    finally:
        trouble.lab.reboot("build3")
    assert run.recap["build3"]["unreachable"] == 1
    trouble.assert_whole()
    assert "build3: It did not answer when the run began" in trouble.events()


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("after handing over", marks=pytest.mark.long),
        "during a build",
        pytest.param("when results wait", marks=pytest.mark.long),
    ],
)
def test_a_controller_killed_at_any_step_loses_nothing(trouble: Trouble, moment: str):
    trouble.wants(4, "killed", seconds=3)
    reached: Callable[[], object] = {
        "after handing over": lambda: trouble.ask("SELECT 1 FROM attempt WHERE state = 'open'"),
        "during a build": trouble.under_way,
        "when results wait": lambda: trouble.ask("SELECT 1 FROM attempt WHERE state = 'done'"),
    }[moment]
    with trouble.operator.running() as run:
        until(reached, moment, 120)
        kill(*family(run.pid))
        run.communicate()
    trouble.operator.build()
    trouble.assert_whole()


def test_a_full_disk_gets_no_work_and_spoils_none(trouble: Trouble):
    trouble.wants(6, "full", seconds=2)
    trouble.lab.fill("build2")
    run = trouble.operator.build(expect=None)
    trouble.assert_whole()
    assert "build2" not in {row["host"] for row in trouble.ask("SELECT host FROM attempt WHERE state = 'done'")}
    assert "disk" in trouble.events() or run.recap["build2"]["unreachable"], run.output
    trouble.lab.unfill("build2")
    trouble.wants(3, "room", seconds=2)
    trouble.operator.builders = ["build2"]
    trouble.operator.build()
    trouble.assert_whole()
    assert "build2" in {row["host"] for row in trouble.ask("SELECT host FROM attempt WHERE state = 'done'")}


def test_a_build_that_exhausts_memory_is_tried_alone_and_others_go_on(trouble: Trouble):
    trouble.operator.variables |= {"builder_parallel": 2, "builder_limit_memory": "0"}
    trouble.wants(4, "modest", seconds=2)
    trouble.wants(1, "greedy", script="hoard = []\nwhile True:\n    hoard.append(bytearray(32 << 20))\n")
    for name in ("build1", "build2", "build3"):
        trouble.lab.mem(name, "400M")
    trouble.operator.build(expect=None)
    attempts = trouble.ask("SELECT * FROM attempt WHERE id LIKE 'greedy%' ORDER BY claimed_at")
    assert [row["alone"] for row in attempts][:2] == [0, 1], [tuple(row) for row in attempts]
    assert not [name for name in trouble.operator.wheels() if name.startswith("greedy")]
    assert len([name for name in trouble.operator.wheels() if name.startswith("modest")]) == 4


@pytest.mark.long
def test_what_a_slow_builder_has_not_begun_goes_to_the_others(trouble: Trouble):
    burn = "import time\nend = time.process_time() + 3\nwhile time.process_time() < end: pass\n"
    trouble.wants(9, "slow", script=burn)
    trouble.lab.cpu("build1", 20)
    run = trouble.operator.build()
    trouble.assert_whole()
    shares = Counter(row["host"] for row in trouble.ask("SELECT host FROM attempt WHERE outcome = 'built'"))
    assert shares["build1"] < 3, f"less than its share of nine\n{run.output}"


def test_a_builder_whose_clock_is_wrong_is_named_and_its_wheels_are_good(trouble: Trouble):
    trouble.wants(3, "clock", seconds=1)
    trouble.shift_clock("build1", -400 * 24 * 3600)
    try:
        run = trouble.operator.build()
    finally:
        trouble.set_clock_right("build1")
    trouble.assert_whole()
    assert "build1: Its clock is 1 year 35 d behind" in trouble.events(), run.output


def test_a_web_node_that_is_down_catches_up_with_the_next_run(trouble: Trouble):
    trouble.wants(2, "web", seconds=1)
    trouble.lab.kill("web1")
    run = trouble.operator.build(expect=4)
    assert run.recap["web1"]["unreachable"] == 1
    trouble.assert_whole()
    trouble.lab.start("web1")
    trouble.operator.build()
    served = trouble.lab.run(["curl", "-sf", f"http://{trouble.lab.address('web1')}/simple/web0/"]).stdout
    assert "web0-1.0" in served


@pytest.mark.long
def test_a_builder_that_fails_fast_is_suspended_until_it_builds_a_canary(trouble: Trouble):
    trouble.wants(12, "sound", seconds=2)
    trouble.lab.ssh("build1", "sudo chmod -x $(readlink -f /usr/bin/cc)")
    try:
        run = trouble.operator.build(expect=None)
    finally:
        trouble.lab.ssh("build1", "sudo chmod +x $(readlink -f /usr/bin/cc)")
    assert sorted(name.partition("-")[0] for name in trouble.operator.wheels()) == sorted(trouble.names), run.output
    spoilt = trouble.ask("SELECT * FROM attempt WHERE host = 'build1' AND outcome = 'failed'")
    # What it had begun before the third failure was seen comes on top.
    assert 1 <= len(spoilt) <= 5, "it did not swallow the queue"
    assert "build1: Suspended." in trouble.events()
    trouble.wants(2, "more", seconds=2)
    trouble.operator.builders = ["build1"]
    trouble.operator.build()
    assert "build1: It built its canary and gets work again." in trouble.events()
    assert "build1" in {row["host"] for row in trouble.ask("SELECT host FROM attempt WHERE outcome = 'built'")}


@pytest.mark.long
def test_what_takes_its_builder_down_is_tried_on_one_other_alone(trouble: Trouble):
    trouble.wants(1, "bomb", seconds=60)
    went_down: list[str] = []
    with trouble.operator.running() as run:
        for _ in range(2):
            host = until(lambda: _host_of(trouble, "bomb0", went_down), "the bomb to be tried", 120)
            trouble.lab.kill(str(host))
            went_down.append(str(host))
        output, _ = run.communicate(timeout=300)
    assert len(set(went_down)) == 2
    (verdict,) = trouble.ask("SELECT failure_class, blocks FROM attempt WHERE failure_class IS NOT NULL")
    assert tuple(verdict) == ("host-lost", "target"), output
    assert len(trouble.ask("SELECT 1 FROM attempt")) == 2, "the third host was spared"
    for name in went_down:
        trouble.lab.start(name)
    trouble.operator.build()  # the page of the fleet shows them among the builders again
    assert trouble.operator.build().changed == 0
    assert len(trouble.ask("SELECT 1 FROM attempt")) == 2


def _host_of(trouble: Trouble, name: str, besides: Sequence[str]) -> str | None:
    rows = trouble.ask(
        "SELECT host FROM attempt WHERE state = 'open' AND begun_at IS NOT NULL AND id LIKE ?", f"{name}%"
    )
    return next((row["host"] for row in rows if row["host"] not in besides), None)
