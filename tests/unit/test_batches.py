"""Who gets which builds, for how long, and what goes back: claims, leases, top-ups, lost and idle hosts, trust."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from wheelfleet.catalog.database import Catalog
from wheelfleet.catalog.release_targets import settle
from wheelfleet.planner import batches, sizing, suspension
from wheelfleet.planner.queue import progress
from wheelfleet.planner.work_to_return import work_to_return

from tests.support.fleet_catalog import MAX_ATTEMPTS, NOW, Fleet, names


def test_a_builder_gets_only_what_it_offers(fleet: Fleet):
    fleet.builder("pi1", 9)
    fleet.builder("pi2", 11)
    fleet.queue("old", 9)
    fleet.queue("new", 11)
    assert names(fleet.claim("pi1")) == ["old"]
    assert names(fleet.claim("pi2")) == ["new"]


def test_the_longest_builds_come_first(fleet: Fleet):
    fleet.builder("pi1", 11)
    for name, seconds in (("short", 1.0), ("long", 29.0), ("middle", 10.0)):
        fleet.queue(name, 11, seconds=seconds)
    order = []
    while held := fleet.claim():
        order.append(held.builds[0].name)
        fleet.finish(held.builds[0].attempt, blocks="target")
    assert order == ["long", "middle", "short"]


def test_a_host_is_given_more_before_it_runs_dry_and_no_sooner(fleet: Fleet):
    fleet.builder("pi1", 11)
    for number in range(200):
        fleet.queue(f"p{number:03}", 11, seconds=5.0)
    first = fleet.claim()
    assert len(first.builds) * 5.0 >= sizing.LOW_WATER_SECONDS
    assert fleet.claim().new == 0, "it has enough"
    for assignment in first.builds[:-1]:
        fleet.finish(assignment.attempt, outcome="built", serves=(11,), seconds=5.0)
    again = fleet.claim()
    assert again.new > 0
    assert first.builds[-1].attempt in {a.attempt for a in again.builds}, "what it still holds stays its own"


def test_batches_shrink_as_the_queue_drains(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.builder("pi2", 11)
    for number in range(400):
        fleet.queue(f"p{number:03}", 11, seconds=10.0)
    sizes = []
    while held := fleet.claim():
        sizes.append(held.new)
        for assignment in held.builds:
            fleet.finish(assignment.attempt, outcome="built", serves=(11,), seconds=10.0)
    known = sizes[sizing.PROBES :]
    assert known == sorted(known, reverse=True)
    assert known[0] > 2 * known[-1]


def test_a_slow_host_is_learned_to_be_slow_and_gets_less(fleet: Fleet):
    for host in ("quick", "slow"):
        fleet.builder(host, 11)
    for number in range(200):
        fleet.queue(f"p{number:03}", 11, seconds=10.0)
    for host, seconds in (("quick", 10.0), ("slow", 100.0)):
        for _ in range(8):
            held = fleet.claim(host)
            fleet.finish(held.builds[0].attempt, outcome="built", serves=(11,), seconds=seconds)
    quick, slow = fleet.claim("quick"), fleet.claim("slow")
    assert len(quick.builds) > 2 * len(slow.builds)
    assert slow.builds[-1].predicted_seconds > 50.0, "a prediction is for the host that builds"


def test_several_targets_of_a_host_are_served_longest_first(fleet: Fleet):
    fleet.builder("pi1", 9, 11)
    fleet.queue("old", 9, seconds=20.0)
    fleet.queue("new", 11, seconds=25.0)
    assert names(fleet.claim())[0] == "new"


def test_a_host_that_still_holds_work_adopts_it(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.queue("demo", 11)
    first = fleet.claim(run="run1")
    again = fleet.claim(run="run2")
    assert [a.attempt for a in again.builds] == [a.attempt for a in first.builds]
    fleet.finish(again.builds[0].attempt)
    assert fleet.claim(run="run2") is None, "the adopting run takes it in, and does not try it again"


def test_what_one_host_holds_no_other_gets(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.builder("pi2", 11)
    fleet.queue("demo", 11)
    assert fleet.claim("pi1") is not None
    assert fleet.claim("pi2") is None
    assert progress(fleet.catalog, "run1").held == 1


def test_a_batch_whose_lease_ended_goes_back_to_the_queue(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.builder("pi2", 11)
    fleet.queue("demo", 11)
    fleet.claim("pi1")
    later = NOW + 24 * 3600
    assert batches.expire_leases(fleet.catalog, NOW, MAX_ATTEMPTS) == 0
    assert batches.expire_leases(fleet.catalog, later, MAX_ATTEMPTS) == 1
    assert names(fleet.claim("pi2", now=later)) == ["demo"]
    assert not batches.renew(fleet.catalog, "pi1", later), "its first holder has lost it"


def test_a_renewed_lease_does_not_end(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.queue("demo", 11)
    fleet.claim("pi1")
    assert batches.renew(fleet.catalog, "pi1", NOW + 24 * 3600)
    assert batches.expire_leases(fleet.catalog, NOW + 24 * 3600 + 1, MAX_ATTEMPTS) == 0


def test_what_was_never_begun_is_no_try_however_often_its_host_is_lost(fleet: Fleet):
    fleet.builder("pi1", 11)
    release = fleet.queue("demo", 11)
    for number in range(MAX_ATTEMPTS + 1):
        assert names(fleet.claim(run=f"run{number}")) == ["demo"]
        batches.expire_leases(fleet.catalog, NOW + 24 * 3600, MAX_ATTEMPTS)
    assert fleet.needs(release) == {11: "now"}


def test_what_took_its_host_down_is_tried_once_elsewhere_and_recorded(fleet: Fleet):
    for host in ("pi1", "pi2", "pi3"):
        fleet.builder(host, 11)
    release = fleet.queue("bomb", 11)
    (first,) = fleet.claim("pi1").builds
    assert not first.alone
    fleet.begin(first.attempt)
    batches.reclaim_host(fleet.catalog, "pi1", NOW, MAX_ATTEMPTS)
    (second,) = fleet.claim("pi2").builds
    assert second.alone
    fleet.begin(second.attempt)
    batches.reclaim_host(fleet.catalog, "pi2", NOW, MAX_ATTEMPTS)
    assert fleet.claim("pi3") is None
    assert fleet.needs(release) == {11: "none"}
    row = fleet.catalog.db.execute("SELECT * FROM attempt WHERE id = ?", (second.attempt,)).fetchone()
    assert (row["failure_class"], row["blocks"]) == ("host-lost", "target")


def test_a_host_is_not_given_what_took_it_down_while_others_can_build_it(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.builder("pi2", 11)
    fleet.queue("bomb", 11)
    (attempt,) = fleet.claim("pi1").builds
    fleet.begin(attempt.attempt)
    fleet.finish(attempt.attempt, failure_class="interrupted")
    assert fleet.claim("pi1") is None
    assert names(fleet.claim("pi2")) == ["bomb"]


def test_the_only_host_of_a_target_tries_again_itself(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.queue("demo", 11)
    (attempt,) = fleet.claim("pi1").builds
    fleet.begin(attempt.attempt)
    fleet.finish(attempt.attempt, failure_class="interrupted")
    assert [(a.name, a.alone) for a in fleet.claim("pi1").builds] == [("demo", True)]


@pytest.mark.parametrize("failure", ["out-of-memory", "killed"])
def test_memory_shortage_beside_others_is_tried_alone_before_it_counts(fleet: Fleet, failure: str):
    fleet.builder("pi1", 11)
    release = fleet.queue("heavy", 11)
    (first,) = fleet.claim().builds
    fleet.finish(first.attempt, failure_class=failure, blocks="target")
    (second,) = fleet.claim().builds
    assert second.alone
    fleet.finish(second.attempt, failure_class=failure, blocks="target")
    (third,) = fleet.claim().builds
    assert (third.alone, third.adjustments.jobs) == (True, 1)
    fleet.finish(third.attempt, failure_class=failure, blocks="target")
    assert fleet.needs(release) == {11: "none"}


def reclaim_absent(fleet: Fleet, *here: str, silent: tuple[str, ...] = ()) -> dict[str, int]:
    inventory = ("pi1", "pi2", "pi3")
    return batches.reclaim_absent(
        fleet.catalog, inventory=inventory, here=here, silent=silent, now=NOW, max_attempts=MAX_ATTEMPTS
    )


@pytest.mark.parametrize("where", ["limited", "silent", "gone"])
def test_builds_held_by_a_host_outside_the_run_go_to_the_others_at_once(fleet: Fleet, where: str):
    host = "pi9" if where == "gone" else "pi1"
    fleet.builder(host, 11)
    fleet.builder("pi2", 11)
    fleet.queue("demo", 11)
    fleet.claim(host)
    silent = ("pi1",) if where == "silent" else ()
    assert reclaim_absent(fleet, host, "pi2") == {}
    assert reclaim_absent(fleet, "pi2", silent=silent) == {host: 1}
    assert names(fleet.claim("pi2", run="run2")) == ["demo"]


@pytest.mark.parametrize(("silent", "counts"), [((), False), (("pi1",), True)])
def test_a_host_that_was_not_asked_spends_no_try_and_a_silent_one_does(
    fleet: Fleet, silent: tuple[str, ...], counts: bool
):
    fleet.builder("pi1", 11)
    release = fleet.queue("demo", 11)
    for _ in range(MAX_ATTEMPTS):
        held = fleet.claim("pi1")
        if held is None:
            break
        fleet.begin(held.builds[0].attempt)
        reclaim_absent(fleet, "pi2", silent=silent)
        fleet.catalog.db.execute("UPDATE attempt SET run = 'earlier'")
    assert fleet.needs(release) == {11: "none" if counts else "now"}


def test_what_such_a_host_delivers_later_is_taken_as_long_as_it_is_wanted(fleet: Fleet):
    fleet.builder("pi1", 11)
    release = fleet.queue("demo", 11)
    (attempt,) = fleet.claim("pi1").builds
    fleet.begin(attempt.attempt)
    reclaim_absent(fleet, "pi2")
    (row,) = fleet.catalog.db.execute("SELECT state, sentence FROM attempt").fetchall()
    assert tuple(row) == ("lost", "pi1 had it, and took no part in the next run.")
    fleet.finish(attempt.attempt, outcome="built", serves=(11,))
    assert fleet.needs(release) == {11: "none"}


def test_who_holds_builds_is_known_by_name_with_how_long_they_stay_there(fleet: Fleet):
    for host in ("pi1", "pi2"):
        fleet.builder(host, 11)
    fleet.queue("demo", 11)
    fleet.claim("pi2")
    assert batches.held_by_others(fleet.catalog, "pi1", NOW + 60.0) == [("pi2", 1, batches.LEASE_SECONDS - 60.0)]
    assert batches.held_by_others(fleet.catalog, "pi2", NOW) == []


def test_an_idle_host_is_given_a_part_of_what_another_has_not_begun(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.builder("pi2", 11)
    for number in range(8):
        fleet.queue(f"p{number}", 11, seconds=6.0)
    held = [fleet.claim("pi1")]
    fleet.begin(held[0].builds[0].attempt)
    while (more := fleet.claim("pi1")).new:
        held.append(more)
    waiting = [a.attempt for a in held[-1].builds[1:]]
    assert waiting and not work_to_return(fleet.catalog, "pi1", "run1", NOW).attempts
    batches.mark_idle(fleet.catalog, "pi2", NOW)
    back = work_to_return(fleet.catalog, "pi1", "run1", NOW)
    assert back.idle
    assert back.attempts and set(back.attempts) <= set(waiting), "what is being built stays where it is"
    assert batches.return_unstarted(fleet.catalog, back.attempts, MAX_ATTEMPTS) == len(back.attempts)
    assert fleet.claim("pi2") is not None


@pytest.mark.parametrize("others", [[], ["pi2"]])
def test_a_slow_host_gives_back_only_what_others_could_build(fleet: Fleet, others: list[str]):
    for host in ["pi1", *others]:
        fleet.builder(host, 11)
    for number in range(8):
        fleet.queue(f"p{number}", 11, seconds=6.0)
    held = fleet.claim("pi1")
    while (more := fleet.claim("pi1")).new:
        held = more
    fleet.begin(held.builds[0].attempt, now=NOW)
    back = work_to_return(fleet.catalog, "pi1", "run1", NOW + 3600.0)
    assert (bool(back.attempts), back.idle) == (bool(others), False)


def test_what_is_given_back_unbegun_leaves_no_trace(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.queue("demo", 11)
    (attempt,) = fleet.claim("pi1").builds
    batches.return_unstarted(fleet.catalog, [attempt.attempt], MAX_ATTEMPTS)
    assert fleet.catalog.db.execute("SELECT count(*) FROM attempt").fetchone()[0] == 0
    assert batches.return_unstarted(fleet.catalog, [attempt.attempt], MAX_ATTEMPTS) == 0, "asked twice over a lost link"


def test_a_target_meant_for_faster_hosts_is_served_by_what_is_left(fleet: Fleet):
    fleet.builder("quick", 11, speed=1.0)
    fleet.builder("slow", 11, speed=0.1)
    fleet.queue("huge", 11, seconds=10_000.0)
    for _ in range(8):
        fleet.queue(f"warm{_}", 11, seconds=10.0)
        held = fleet.claim("slow")
        for a in held.builds:
            fleet.finish(a.attempt, outcome="built", serves=(11,), seconds=100.0)
    assert fleet.claim("slow") is None, "the quick one does it in a tenth of the time"
    batches.reclaim_host(fleet.catalog, "quick", NOW, MAX_ATTEMPTS)
    assert names(fleet.claim("slow")) == ["huge"], "nobody else is left"


def test_a_host_that_fails_repeatedly_is_suspect_until_it_builds_something(fleet: Fleet):
    fleet.builder("pi1", 11)
    for number in range(10):
        fleet.queue(f"p{number}", 11, seconds=100.0)
    for _ in range(suspension.SUSPECT_AFTER):
        assert not suspension.is_suspect(fleet.catalog, "pi1")
        fleet.finish(fleet.claim().builds[0].attempt, blocks="target")
    assert suspension.is_suspect(fleet.catalog, "pi1")
    suspension.clear_failures(fleet.catalog, "pi1")
    assert not suspension.is_suspect(fleet.catalog, "pi1"), "its canary was built, so those packages fail by themselves"
    for _ in range(suspension.SUSPECT_AFTER):
        fleet.finish(fleet.claim().builds[0].attempt, blocks="target")
    assert suspension.is_suspect(fleet.catalog, "pi1"), "twice as many failures, the next canary"
    fleet.finish(fleet.claim().builds[0].attempt, outcome="built", serves=(11,))
    assert not suspension.is_suspect(fleet.catalog, "pi1")


def test_failures_of_a_host_that_cannot_build_its_canary_do_not_count(fleet: Fleet):
    fleet.builder("broken", 11)
    fleet.builder("pi2", 11)
    good = fleet.queue("good", 11, seconds=500.0)
    fleet.finish(fleet.claim("broken").builds[0].attempt, outcome="built", serves=(11,), now=NOW)
    releases = [fleet.queue(f"p{number}", 11, seconds=100.0) for number in range(suspension.SUSPECT_AFTER)]
    for number in range(suspension.SUSPECT_AFTER):
        held = fleet.claim("broken")
        fleet.finish(held.builds[0].attempt, blocks="target", now=NOW + 1 + number)
    canary = suspension.canary_for(fleet.catalog, "broken")
    assert canary is not None and canary.name == "good", "what was built before"
    assert suspension.suspend(fleet.catalog, "broken", "It cannot.", MAX_ATTEMPTS) == suspension.SUSPECT_AFTER
    assert all(fleet.needs(release) == {11: "now"} for release in releases)
    assert fleet.needs(good) == {11: "none"}, "its wheel stays"
    assert suspension.is_suspect(fleet.catalog, "broken"), "also in the next run"
    assert fleet.claim("pi2", run="run1") is not None, "others try them in the same run"
    suspension.clear_failures(fleet.catalog, "broken")
    assert not suspension.is_suspect(fleet.catalog, "broken")


def test_many_hosts_claiming_at_once_never_get_the_same_build(fleet: Fleet):
    hosts = [f"pi{n}" for n in range(8)]
    for host in hosts:
        fleet.builder(host, 11)
    for number in range(60):
        fleet.queue(f"p{number}", 11, seconds=5.0)

    def work(host: str) -> list[str]:
        got: list[str] = []
        with Catalog(fleet.path) as catalog:
            while held := batches.claim(catalog, host=host, run="run1", now=NOW):
                got += names(held)
                with catalog.writing() as db:
                    for a in held.builds:
                        db.execute(
                            "UPDATE attempt SET state = 'done', outcome = 'failed', blocks = 'release' WHERE id = ?",
                            (a.attempt,),
                        )
                    for (release,) in db.execute("SELECT release_id FROM attempt WHERE host = ?", (host,)).fetchall():
                        settle(db, release, MAX_ATTEMPTS)
                batches.close_finished(catalog, host)
        return got

    with ThreadPoolExecutor(len(hosts)) as pool:
        got = [name for names_ in pool.map(work, hosts) for name in names_]
    assert sorted(got) == sorted(f"p{number}" for number in range(60))


def test_a_failure_that_tells_of_the_release_is_not_the_builders_fault(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.queue("python2", 11)
    fleet.finish(fleet.claim().builds[0].attempt, blocks="release")
    assert not suspension.has_uncleared_failures(fleet.catalog, "pi1")


def test_the_others_wait_until_it_is_known_whose_fault_failures_were(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.builder("pi2", 11)
    fleet.queue("demo", 11)
    fleet.finish(fleet.claim("pi1").builds[0].attempt, blocks="target")
    assert suspension.has_uncleared_failures(fleet.catalog, "pi1")
    assert suspension.others_with_canary(fleet.catalog, "pi2", NOW)
    assert not suspension.others_with_canary(fleet.catalog, "pi1", NOW)
    assert not suspension.others_with_canary(fleet.catalog, "pi2", NOW + 2 * suspension.CANARY_SECONDS), (
        "it said nothing more"
    )
    suspension.clear_failures(fleet.catalog, "pi1")
    assert not suspension.others_with_canary(fleet.catalog, "pi2", NOW)
    assert not suspension.has_uncleared_failures(fleet.catalog, "pi1"), "the next run asks for no canary again"


def test_a_builder_is_needed_while_nobody_else_offers_its_target(fleet: Fleet):
    fleet.builder("pi1", 11)
    fleet.queue("demo", 11)
    assert suspension.is_only_builder(fleet.catalog, "pi1")
    fleet.builder("pi2", 11)
    assert not suspension.is_only_builder(fleet.catalog, "pi1")


def test_few_new_builds_are_shared_among_idle_hosts(fleet: Fleet):
    for host in ("pi1", "pi2", "pi3"):
        fleet.builder(host, 11)
        batches.mark_idle(fleet.catalog, host, NOW)
    for number in range(6):
        fleet.queue(f"p{number}", 11, seconds=1.2)
    shares = [len(names(fleet.claim(host))) for host in ("pi1", "pi2", "pi3")]
    assert sum(shares) == 6 and min(shares) >= 1 and max(shares) <= 3


def test_idle_hosts_that_offer_other_targets_have_no_share(fleet: Fleet):
    for host, target in (("pi1", 11), ("pi2", 9)):
        fleet.builder(host, target)
        batches.mark_idle(fleet.catalog, host, NOW)
    for number in range(6):
        fleet.queue(f"p{number}", 11, seconds=1.2)
    assert len(names(fleet.claim("pi1"))) == 6
