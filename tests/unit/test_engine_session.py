"""A session with one builder: everything can fail between any two steps, and no build is lost or taken in twice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from wheelfleet.engine.connected_builder import MOST_RESTARTS
from wheelfleet.engine.host_status import HostStatus
from wheelfleet.engine.link import LinkLost
from wheelfleet.engine.progress import Answer
from wheelfleet.engine.watched import watch
from wheelfleet.planner import batches

from tests.support.catalogs import insert
from tests.support.fake_builder import DISK, Fault, Faults, Killed, Run, queue_of

PROJECTS = ("alpha", "beta", "gamma")
#: How many steps the sessions with pi1 have when nothing fails.
LINK_STEPS, WRITES = 18, 17


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two builders and three builds to make. It is made once and copied, because that takes longer than a test."""
    return queue_of(tmp_path_factory.mktemp("catalog"), ["pi1", "pi2"], PROJECTS)


@pytest.fixture
def run(catalog: Path, tmp_path: Path) -> Iterator[Run]:
    with Run(catalog, tmp_path / "var") as run:
        yield run


def lost() -> None:
    raise LinkLost("It does not answer.")


def killed() -> None:
    raise Killed


def states(run: Run) -> set[str]:
    """The states of the attempts of pi1."""
    rows = run.catalog.db.execute("SELECT state FROM attempt WHERE host = 'pi1'")
    return {row["state"] for row in rows}


def count_steps(run: Run) -> dict[str, int]:
    """The steps of a run in which nothing fails."""
    faults = Faults()
    while not run.session("pi1", faults)["drained"]:
        pass
    return faults.counts


def test_a_run_in_which_nothing_fails(run: Run) -> None:
    counts = count_steps(run)
    run.drain("pi2")
    run.check()
    assert run.finished() == len(PROJECTS)
    assert run.events() == []
    # The tests below strike at each of these steps.
    assert (counts["link"], counts["write"]) == (LINK_STEPS, WRITES)


# ------------------------------------------------------------------------------------------------- everything, anywhere


def strike(run: Run, number: int, when: str, do: Callable[[], None]) -> Answer | None:
    """Sessions with pi1, in which something happens at a step of the link; None if the controller was killed."""
    faults = Faults([Fault("link", number, when, do)])
    try:
        while not (answer := run.session("pi1", faults))["drained"]:
            pass
    except Killed:
        return None
    return answer


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, LINK_STEPS + 1))
class TestFailureAtEachStepOfTheLink:
    """The step has done nothing, or it has done everything and its answer is lost."""

    def test_the_link_is_lost_for_good(self, run: Run, number: int, when: str) -> None:
        answer = strike(run, number, when, lost)
        assert answer is not None
        assert answer["unreachable"]
        assert states(run) <= {"done", "lost"}, "its builds are back in the queue"
        run.drain("pi2")
        run.next_run()
        run.check()

    def test_the_controller_is_killed_and_the_next_session_adopts(self, run: Run, number: int, when: str) -> None:
        assert strike(run, number, when, killed) is None
        run.next_run()
        run.check()
        assert run.finished() == len(PROJECTS), "what was finished is not built again"


@pytest.mark.parametrize("number", range(1, LINK_STEPS + 1))
class TestTroubleAfterEachStepOfTheLink:
    """The host has trouble, and the session sees what comes of it."""

    def test_the_link_is_mended(self, run: Run, number: int) -> None:
        def mended() -> None:
            run.links["pi1"].silent(10.0)
            run.clock.sleep(60.0)
            run.links["pi1"].silent(70.0)

        strike(run, number, "after", mended)
        run.drain("pi2")
        run.check()
        assert run.finished() == len(PROJECTS), "nobody was idle, so nobody took anything over"

    def test_idle_builders_take_over_from_a_silent_one(self, run: Run, number: int) -> None:
        def silent() -> None:
            batches.mark_idle(run.catalog, "pi2", run.clock.now())
            run.links["pi1"].silent(70.0)
            run.session("pi2")

        strike(run, number, "after", silent)
        run.next_run()
        run.check()

    def test_the_lease_ends_while_it_is_silent(self, run: Run, number: int) -> None:
        def forgotten() -> None:
            run.clock.sleep(2 * batches.LEASE_SECONDS)
            run.drain("pi2")

        strike(run, number, "after", forgotten)
        run.next_run()
        run.check()

    def test_the_host_starts_again(self, run: Run, number: int) -> None:
        strike(run, number, "after", run.builders["pi1"].crash)
        run.drain("pi2")
        run.check()
        assert run.finished() == len(PROJECTS)

    def test_its_disk_is_full_until_somebody_makes_room(self, run: Run, number: int) -> None:
        builder = run.builders["pi1"]

        def full() -> None:
            builder.free = 0

        strike(run, number, "after", full)
        run.drain("pi2")
        builder.free = DISK
        run.next_run()
        run.check()

    def test_its_worker_begins_nothing_any_more(self, run: Run, number: int) -> None:
        builder = run.builders["pi1"]

        def stuck() -> None:
            builder.stuck = True

        strike(run, number, "after", stuck)
        run.drain("pi2")
        builder.stuck = False
        run.next_run()
        run.check()

    def test_its_worker_ends_again_and_again(self, run: Run, number: int) -> None:
        builder = run.builders["pi1"]

        def dying() -> None:
            builder.deaths = 100

        strike(run, number, "after", dying)
        run.drain("pi2")
        builder.deaths = 0
        run.next_run()
        run.check()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
def test_the_controller_is_killed_around_a_transaction(run: Run, number: int, when: str) -> None:
    with contextlib.suppress(Killed):
        run.drain("pi1", faults=Faults([Fault("write", number, when, killed)]))
    run.drain()
    run.check()
    assert run.finished() == len(PROJECTS)


# ----------------------------------------------------------------------------------------------------- one by one


@pytest.mark.parametrize("watched", [True, False])
def test_who_watches_sees_the_logs_of_builds(run: Run, monkeypatch: pytest.MonkeyPatch, watched: bool) -> None:
    shown: set[str] = set()

    def look(_folder: Path, status: HostStatus) -> None:
        shown.update(build.tail for build in status.building)

    monkeypatch.setattr("wheelfleet.engine.progress.post_status", look)
    state_dir = Path(run.catalog.path).parent
    (state_dir / "run").mkdir(exist_ok=True)
    if watched:
        watch(state_dir)
    run.drain("pi1")
    assert {tail.partition("-")[0] for tail in shown - {""}} == (
        {f"compiling {p}" for p in PROJECTS} if watched else set()
    )


def test_late_results_are_welcome_while_nobody_else_has_one(run: Run) -> None:
    after_hand_over = Faults([Fault("hand_over", 1, "after", lost)])
    assert run.session("pi1", after_hand_over)["unreachable"]
    run.clock.sleep(60.0)
    run.next_run()
    run.check()
    assert run.finished() == len(PROJECTS), "pi1 built everything while nobody could reach it"
    assert run.builders["pi2"].finished == []


def test_what_anothers_wheel_settles_is_withdrawn_before_it_begins(run: Run) -> None:
    """As of two systems with one Python, whose pip takes the same file."""

    builder, settled = run.builders["pi1"], list[str]()

    def settle() -> None:
        settled.append(max(builder.inbox))
        with run.catalog.writing() as db:
            (release,) = db.execute("SELECT release_id FROM attempt WHERE id = ?", settled).fetchone()
            facts = {"sha256": "", "size": 1, "metadata_sha256": "", "tags": "[]", "added_at": 0}
            wheel = insert(db, "wheel", release_id=release, filename="another.whl", **facts)
            insert(db, "wheel_target", release_id=release, target_id=11, wheel_id=wheel)

    builder.seconds = 30.0
    run.session("pi1", Faults([Fault("hand_over", 1, "after", settle)]))
    run.drain("pi1")
    assert len(builder.finished) == len(PROJECTS) - 1
    assert settled[0] not in builder.finished
    row = run.catalog.db.execute("SELECT count(*) FROM attempt WHERE outcome IS NOT 'built'").fetchone()
    assert row[0] == 0, "what was not begun is no attempt"


def test_idle_builders_get_what_a_silent_one_has_not_begun(run: Run) -> None:
    def silent() -> None:
        batches.mark_idle(run.catalog, "pi2", run.clock.now())
        run.links["pi1"].silent(10.0)
        assert batches.open_attempts(run.catalog, "pi1"), "it may come back soon"
        run.links["pi1"].silent(70.0)
        run.links["pi1"].silent(80.0)

    run.session("pi1", Faults([Fault("hand_over", 1, "after", silent)]))
    assert [event for event in run.events() if "went to them" in event] == [
        "It was silent while others were idle; 2 builds it had not begun went to them."
    ]
    run.next_run()
    run.check()


@pytest.mark.parametrize(("deaths", "reached"), [(MOST_RESTARTS, True), (MOST_RESTARTS + 2, False)])
def test_a_worker_that_ends_with_work_is_started_a_few_times(run: Run, deaths: int, reached: bool) -> None:
    run.builders["pi1"].deaths = deaths
    answer = run.session("pi1")
    assert answer.get("unreachable", False) is not reached
    if not reached:
        assert answer["msg"] == "pi1: The worker on pi1 ends without results; see worker.log in its builder_home."


def test_a_worker_that_begins_nothing_loses_its_builds(run: Run) -> None:
    run.builders["pi1"].stuck = True
    answer = run.session("pi1")
    assert answer["msg"] == "pi1: The worker on pi1 begins nothing of what it has; see worker.log in its builder_home."
    assert states(run) == {"lost"}
