"""Retention: what goes by which rule, what stays because it is asked for, and that nothing is built again."""

from __future__ import annotations

from pathlib import Path

import pytest
from wheelfleet.admission.admit import Admitted
from wheelfleet.catalog import controls, events
from wheelfleet.catalog.builders import forget
from wheelfleet.control.orders import order
from wheelfleet.control.retention import Plan, Rules, carry_out, plan, remove_bytes
from wheelfleet.control.rule import BadOrder
from wheelfleet.planner.batches import reclaim_host
from wheelfleet.planner.inputs import PlanInputs
from wheelfleet.planner.rejudge import judge_changed

from tests.support.catalogs import TARGET, ControllerState
from tests.support.controller import NOW, Controller
from tests.support.site_pages import broken_links, listed
from tests.support.wheels import wheel_file

OTHER = "cp37-cp37m-linux_armv6l-glibc2.28"


@pytest.fixture
def fleet(state: ControllerState) -> ControllerState:
    """A builder, and four releases of a project, of which the scope asks for the newest."""
    state.target(TARGET, tags=["cp311-cp311-linux_aarch64", "py3-none-any"])
    state.builder("pi1", TARGET)
    for version in ("1.0", "2.0", "3.0", "4.0"):
        state.wheel("demo", version, "cp311-cp311-linux_aarch64", serves=[TARGET])
    state.want("demo", "4.0")
    state.publish()
    return state


def leaving(state: ControllerState, **rules: int) -> list[str]:
    """Project and version of each wheel that would go."""
    found = plan(state.catalog.db, Rules(**rules)).leaving
    return [f"{each.wheel.project} {each.wheel.version}" for each in found]


def retain(state: ControllerState, **rules: int) -> tuple[Plan, str]:
    chosen = plan(state.catalog.db, Rules(**rules))
    with state.catalog.writing() as db:
        said = carry_out(db, chosen, Rules(**rules), who="alice", reason="the disk is small", run="run1", now=NOW)
    remove_bytes(chosen, state.files_dir)
    return chosen, said


def test_the_newest_releases_of_each_project_are_kept(fleet: ControllerState) -> None:
    fleet.wheel("single", "0.1")
    assert leaving(fleet, newest=2) == ["demo 1.0", "demo 2.0"]
    assert leaving(fleet, newest=4) == []


def test_versions_are_compared_as_versions_and_pre_releases_push_out_none(fleet: ControllerState) -> None:
    for version in ("9.0", "10.0", "11.0rc1", "8.0rc1"):
        fleet.wheel("other", version)
    assert leaving(fleet, newest=1) == ["demo 1.0", "demo 2.0", "demo 3.0", "other 8.0rc1", "other 9.0"]


def test_what_the_scope_asks_for_stays_whatever_the_rules_say(fleet: ControllerState) -> None:
    fleet.want("demo", "1.0")
    fleet.want("demo", "2.0", verdict="upstream", reason="upstream serves a wheel")
    assert leaving(fleet, newest=1) == ["demo 2.0", "demo 3.0"]
    chosen = plan(fleet.catalog.db, Rules(budget=1))
    assert [str(each.wheel.version) for each in chosen.leaving] == ["2.0", "3.0"]
    assert chosen.over == chosen.kept - 1 > 0


def test_wheels_of_targets_that_nobody_offers_go(fleet: ControllerState) -> None:
    fleet.target(OTHER, tags=["cp37-cp37m-linux_armv6l"])
    fleet.wheel("demo", "4.0", "cp37-cp37m-linux_armv6l")
    fleet.wheel("pure", "1.0")
    chosen, _ = retain(fleet, offered=1)
    assert [each.wheel.filename for each in chosen.leaving] == ["demo-4.0-cp37-cp37m-linux_armv6l.whl"]
    # A builder of that target that comes back has it built again.
    assert fleet.one("SELECT count(*) FROM withdrawal") == 0
    fleet.builder("pi0", OTHER)
    assert leaving(fleet, offered=1) == []


def test_what_a_builder_built_for_that_is_off_stays_until_it_is_forgotten(fleet: ControllerState) -> None:
    fleet.target(OTHER, tags=["cp37-cp37m-linux_armv6l"])
    fleet.builder("pi0", OTHER)
    fleet.wheel("demo", "4.0", "cp37-cp37m-linux_armv6l")
    fleet.attempt("demo", "4.0", outcome="built", host="pi0", target=OTHER)
    # As a run leaves it that the builder took no part in.
    reclaim_host(fleet.catalog, "pi0", NOW, max_attempts=3)
    assert leaving(fleet, offered=1) == []
    with fleet.catalog.writing() as db:
        forget(db, "pi0")
    assert leaving(fleet, offered=1) == ["demo 4.0"]


@pytest.mark.parametrize("rule", ["offered", "newest", "budget"])
def test_without_any_builder_nothing_goes(state: ControllerState, rule: str) -> None:
    state.wheel("demo", "1.0")
    with pytest.raises(BadOrder, match=r"No builder offers a target, so .* every wheel could go"):
        leaving(state, **{rule: 1})


def test_a_release_in_scope_stays_while_its_builder_is_off(fleet: ControllerState) -> None:
    fleet.wheel("demo", "1.0", "cp37-cp37m-linux_armv6l")
    # Upstream serves the target that is left; the verdict on the other went with its builder.
    fleet.want("demo", "1.0", verdict="upstream", reason="upstream serves a wheel")
    assert leaving(fleet, newest=1) == ["demo 2.0", "demo 3.0"]
    fleet.execute("DELETE FROM release_target WHERE verdict = 'upstream'")
    assert leaving(fleet, newest=1) == ["demo 1.0", "demo 1.0", "demo 2.0", "demo 3.0"]


def test_a_budget_lets_the_deepest_the_unused_and_the_oldest_go_first(fleet: ControllerState) -> None:
    fleet.wheel("unused", "1.0")
    fleet.wheel("unused", "2.0")
    fleet.wheel("used", "1.0")
    fleet.wheel("used", "2.0")
    fleet.insert("use_day", day=1, name="used", downloads=5, lookups=0, saved_seconds=0)
    total = int(str(fleet.one("SELECT sum(size) FROM wheel")))
    gone: list[str] = []
    for _ in range(5):
        budget = total - 1
        for each in plan(fleet.catalog.db, Rules(budget=budget)).leaving:
            gone.append(f"{each.wheel.project} {each.wheel.version}")
        chosen, _ = retain(fleet, budget=budget)
        total = chosen.kept
        assert chosen.kept <= budget
    assert gone == ["demo 1.0", "demo 2.0", "demo 3.0", "unused 1.0", "used 1.0"]


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [({}, "Say what is kept: newest=N, offered=true or budget=BYTES"), ({"newest": -1}, "numbers from 1 on")],
)
def test_rules_that_make_no_sense_are_refused(fleet: ControllerState, rules: dict[str, int], sentence: str) -> None:
    with pytest.raises(BadOrder, match=sentence):
        leaving(fleet, **rules)


def test_what_goes_leaves_the_index_the_disk_and_an_event(fleet: ControllerState) -> None:
    before = sorted(path.name for path in fleet.files_dir.rglob("*.whl"))
    _, said = retain(fleet, newest=2)
    assert said.startswith("Retention by alice: keep the newest 2 releases of each project; 2 wheels went (")
    assert said.endswith("): the disk is small.")
    fleet.publish()
    assert listed(fleet.site, "demo") == before[2:]
    assert sorted(path.name for path in fleet.files_dir.rglob("*.whl")) == before[2:]
    assert sorted(path.name for path in fleet.site.rglob("*.whl")) == before[2:]
    assert broken_links(fleet.site) == []
    assert fleet.one("SELECT count(*) FROM given_name") == 4
    (event,) = events.events(fleet.catalog.db, "run1", 10)
    assert (event.sentence, event.who, event.why) == (said, "alice", "the disk is small")
    (control,) = controls.newest(fleet.catalog.db, 10)
    assert (control.verb, control.who, control.done_at, control.answer) == ("retain", "alice", NOW, said)
    assert retain(fleet, newest=2)[0].leaving == []
    assert len(controls.newest(fleet.catalog.db, 10)) == 1


class Pruned(Controller):
    """demo 1.0 was built and published; then 2.0 came, and retention took 1.0."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.scope("demo")
        self.send(wheel_file("demo", "1.0", "cp311-cp311-linux_x86_64"))
        release = self.state.release("demo", "2.0", sdist=False)
        self.state.upstream_file(release, "demo-2.0.tar.gz", url="/", sha256="bb")
        self.state.execute("UPDATE project SET judged = 0")
        judge_changed(self.catalog, ["demo"], NOW)
        self.send(wheel_file("demo", "2.0", "cp311-cp311-linux_x86_64"), answering=self.claim("pi1"))
        self.state.publish()
        retain(self.state, newest=1)

    def scope(self, *packages: str) -> None:
        """Change what the operator wants."""
        with self.catalog.writing() as db:
            PlanInputs(list(packages), [], False, "1", {}).remember(db)
            db.execute("UPDATE project SET judged = 0")
        judge_changed(self.catalog, ["demo"], NOW)

    def verdicts(self) -> dict[str, tuple[str, str]]:
        rows = self.catalog.db.execute(
            "SELECT r.version, w.verdict, w.need FROM release_target w JOIN release r ON r.id = w.release_id"
        )
        return {row["version"]: (row["verdict"], row["need"]) for row in rows}


def test_a_release_that_went_is_not_built_again_until_it_is_ordered(tmp_path: Path) -> None:
    controller = Pruned(tmp_path)
    assert [path.name for path in controller.storage.files.rglob("*.whl")] == ["demo-2.0-cp311-cp311-linux_x86_64.whl"]
    controller.scope("demo")
    assert controller.verdicts() == {"2.0": ("build", "none")}
    # Even if it comes into scope again, because the operator pins it.
    controller.scope("demo==1.0")
    assert controller.verdicts() == {"1.0": ("skip", "none")}
    order(controller.catalog, who="alice", verb="rebuild", noun="wheel", subject="demo==1.0", reason="needed", now=NOW)
    judge_changed(controller.catalog, ["demo"], NOW)
    assert controller.verdicts() == {"1.0": ("build", "now")}
    # The same bytes come back under their name, and are on the index again.
    wheel = wheel_file("demo", "1.0", "cp311-cp311-linux_x86_64")
    assert isinstance(controller.send(wheel, answering=controller.claim("pi1", "run2")), Admitted)
    controller.state.publish()
    assert wheel.filename in listed(controller.state.site, "demo")


def test_an_order_to_restore_what_went_names_the_cure(fleet: ControllerState) -> None:
    retain(fleet, newest=2)
    with pytest.raises(BadOrder, match="are gone; rebuild it instead"):
        order(fleet.catalog, who="alice", verb="restore", noun="wheel", subject="demo==1.0", reason="x", now=NOW)
    with pytest.raises(BadOrder, match="gone already: upstream deleted it, or retention took it"):
        order(fleet.catalog, who="alice", verb="withdraw", noun="wheel", subject="demo==1.0", reason="x", now=NOW)
