"""What a run says when it has said nothing for a while: who is at what, and for whom who waits."""

from __future__ import annotations

from wheelfleet.engine.host_status import Building, HostState, HostStatus
from wheelfleet.engine.still_working import MOST_NAMED, OngoingTask, still_working

BATCH = OngoingTask("Build batch after batch", 0.0, builds=True)


def test_a_host_at_a_task_is_named_with_the_task_and_how_long():
    assert (
        still_working({"pi3": OngoingTask("Install packages", 0.0)}, {}, 240.0)
        == 'pi3 is still at "Install packages" (4 min)'
    )
    assert still_working({}, {}, 240.0) == ""


def test_a_builder_tells_what_it_builds_and_one_that_waits_for_whom():
    statuses = {
        "pi1": HostStatus("pi1", "r", HostState.BUILDING, [Building("numpy", "2.0", "cp311", 0.0)]),
        "pi2": HostStatus("pi2", "r", HostState.WAITING, note="for pi1, which has 1 build that may come back"),
    }
    assert still_working({"pi1": BATCH, "pi2": BATCH}, statuses, 120.0) == (
        "pi1 still builds numpy 2.0 (2 min); pi2 waits for pi1, which has 1 build that may come back (2 min)"
    )


def test_a_wait_is_counted_from_its_beginning_not_from_that_of_the_task():
    statuses = {"pi1": HostStatus("pi1", "r", HostState.WAITING, note="for new releases", since=540.0)}
    assert still_working({"pi1": BATCH}, statuses, 600.0) == "pi1 waits for new releases (1 min)"


def test_a_builder_that_is_held_says_by_whom():
    statuses = {"pi1": HostStatus("pi1", "r", HostState.PAUSED, note="by alice since 14:05 UTC: new SD card")}
    assert (
        still_working({"pi1": BATCH}, statuses, 60.0) == "pi1 is paused by alice since 14:05 UTC: new SD card (1 min)"
    )


def test_of_very_many_hosts_a_few_are_named():
    line = still_working({f"pi{n}": OngoingTask("Mirror", 0.0) for n in range(MOST_NAMED + 3)}, {}, 60.0)
    assert line.endswith("; and 3 more hosts")
