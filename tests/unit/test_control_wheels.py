"""Orders about published wheels: what leaves the index, what is marked, what comes back, what is built again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from wheelfleet.catalog import events
from wheelfleet.control.orders import Order, order
from wheelfleet.control.rule import BadOrder
from wheelfleet.planner.inputs import PlanInputs
from wheelfleet.planner.rejudge import judge_changed

from tests.support.catalogs import ControllerState
from tests.support.controller import NOW, Controller
from tests.support.site_pages import links, listed
from tests.support.wheels import wheel_file

WHEEL = "demo-1.0-cp311-cp311-linux_x86_64.whl"
TAG = "cp311-cp311-linux_x86_64"


class Steered(Controller):
    """A controller whose demo 1.0 was built, and an operator. Pages for people are made where a test reads them."""

    html_pages = False

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.catalog.db.execute("PRAGMA synchronous = OFF")
        with self.catalog.writing() as db:
            PlanInputs(["demo"], [], False, "1", {}).remember(db)
        self.send(wheel_file("demo", "1.0", TAG))

    def order(self, verb: str, what: str = "demo==1.0", reason: str = "it crashes", target: str = "") -> Order:
        """Give one order, as the module does."""
        given = order(
            self.catalog, who="alice", verb=verb, noun="wheel", subject=what, reason=reason, target=target, now=NOW
        )
        judge_changed(self.catalog, ["demo"], NOW)
        return given

    def refusal(self, verb: str, what: str = "demo==1.0", target: str = "") -> str:
        with pytest.raises(BadOrder) as error:
            self.order(verb, what, target=target)
        return str(error.value)

    def listed(self) -> list[str]:
        """The files on the index, after a publication."""
        self.state.publish(html_pages=self.html_pages)
        return listed(self.state.site, "demo")

    def page(self) -> str:
        return (self.state.site / "project/demo/index.html").read_text()

    @property
    def need(self) -> str:
        return str(self.one("SELECT need FROM release_target"))

    def rebuild_with(self, source: str, run: str = "run2") -> str:
        """Have pi1 build demo again, with this source; returns the name of the wheel."""
        wheel = wheel_file("demo", "1.0", TAG, files={"demo.py": source})
        return self.send(wheel, answering=self.claim("pi1", run)).wheel


@pytest.fixture
def fleet(tmp_path: Path) -> Steered:
    return Steered(tmp_path)


def test_a_withdrawn_wheel_leaves_the_index_and_its_page_says_why(fleet: Steered) -> None:
    fleet.html_pages = True
    assert fleet.listed() == [WHEEL]
    given = fleet.order("withdraw")
    assert given.changed and WHEEL in given.sentence
    assert fleet.listed() == []
    assert "Withdrawn by the operator (it crashes)" in fleet.page()
    # A lock file that names it does not find it either: it may do harm. The controller keeps its bytes.
    site = fleet.state.site
    assert not list(site.glob(f"files/demo/{WHEEL}*")) and not list(site.glob(f"provenance/demo/{WHEEL}*"))
    assert f"files/demo/{WHEEL}" not in fleet.page() and f"provenance/demo/{WHEEL}" not in fleet.page()
    (file,) = json.loads((site / "project/demo/json").read_text())["releases"]["1.0"]["files"]
    assert (file["filename"], file["listed"]) == (WHEEL, False)
    assert file["note"] == "Withdrawn by the operator (it crashes); its file is not served."
    assert not {"url", "provenance", "signature"} & file.keys()


def test_a_withdrawn_release_is_not_built_again_until_it_is_restored(fleet: Steered) -> None:
    fleet.listed()
    bytes_before = (fleet.state.site / "files/demo" / WHEEL).read_bytes()
    fleet.order("withdraw")
    assert fleet.one("SELECT verdict || ': ' || reason FROM release_target") == "skip: withdrawn: it crashes"
    assert fleet.need == "none"
    assert fleet.order("restore").changed
    assert fleet.listed() == [WHEEL]
    assert (fleet.state.site / "files/demo" / WHEEL).read_bytes() == bytes_before
    assert (fleet.one("SELECT verdict FROM release_target"), fleet.need) == ("build", "none")
    assert fleet.one("SELECT count(*) FROM wheel_target") == 1


def test_orders_are_events_with_who_and_why(fleet: Steered) -> None:
    fleet.order("withdraw")
    (event,) = events.events(fleet.catalog.db)
    assert (event.who, event.why, event.at) == ("alice", "it crashes", NOW)
    assert fleet.one("SELECT verb || ' ' || subject || ' ' || done_at FROM control") == f"withdraw demo==1.0 {NOW}"


@pytest.mark.parametrize("verb", ["withdraw", "yank"])
def test_the_same_order_again_changes_nothing(fleet: Steered, verb: str) -> None:
    assert fleet.order(verb).changed
    before = list(fleet.catalog.db.iterdump())
    assert not fleet.order(verb).changed
    assert list(fleet.catalog.db.iterdump()) == before


def test_a_wheel_that_was_being_built_when_its_release_was_withdrawn(fleet: Steered) -> None:
    fleet.order("rebuild", reason="")
    attempt = fleet.claim("pi1", "run2")
    fleet.order("withdraw")
    fleet.send(wheel_file("demo", "1.0", TAG, files={"demo.py": "new = 1"}), answering=attempt)
    assert fleet.listed() == []
    assert fleet.one("SELECT count(*) FROM wheel WHERE withdrawn = 'it crashes'") == 2


def test_an_operators_yank_outlives_upstreams_and_the_reverse(fleet: Steered) -> None:
    def marked() -> tuple[str | None, bool | str]:
        fleet.listed()
        html = links(fleet.state.site / "simple/demo/index.html")[WHEEL].get("data-yanked")
        page = json.loads((fleet.state.site / "simple/demo/index.json").read_text())
        return html, page["files"][0]["yanked"]

    def upstream_says(reason: str | None) -> None:
        fleet.state.execute("UPDATE upstream_file SET yanked = ?", reason)

    assert marked() == (None, False)
    fleet.order("yank")
    assert marked() == ("it crashes", "it crashes")
    upstream_says("leaks")
    upstream_says(None)
    assert marked() == ("it crashes", "it crashes")
    upstream_says("leaks")
    fleet.order("unyank", reason="")
    assert marked() == ("leaks", "leaks")
    assert fleet.refusal("unyank", "demo") == "Upstream yanked demo (leaks); only upstream can undo that."
    upstream_says(None)
    assert marked() == (None, False)


def test_a_yank_of_a_release_holds_for_wheels_that_come_later(fleet: Steered) -> None:
    fleet.order("yank")
    fleet.order("rebuild", reason="")
    new = fleet.rebuild_with("new = 1")
    fleet.listed()
    marks = links(fleet.state.site / "simple/demo/index.html")
    assert {name: marks[name]["data-yanked"] for name in marks} == {new: "it crashes", WHEEL: "it crashes"}


def test_a_rebuild_gets_a_higher_build_tag_and_the_old_wheel_stays(fleet: Steered) -> None:
    assert fleet.order("rebuild", reason="").changed
    assert fleet.need == "now"
    # Until then nothing changes for users.
    assert fleet.listed() == [WHEEL]
    assert not fleet.order("rebuild", reason="").changed
    new = fleet.rebuild_with("new = 1")
    assert new == "demo-1.0-1-cp311-cp311-linux_x86_64.whl"
    assert fleet.listed() == [new, WHEEL]
    assert fleet.need == "none"
    assert fleet.one("SELECT count(*) FROM wheel WHERE rebuild_requested") == 0


def test_a_rebuild_that_gives_the_same_bytes_keeps_the_name(fleet: Steered) -> None:
    fleet.order("rebuild", reason="")
    assert fleet.send(wheel_file("demo", "1.0", TAG), answering=fleet.claim("pi1", "run2")).wheel == WHEEL
    assert fleet.listed() == [WHEEL]
    assert fleet.need == "none"


def test_a_failed_rebuild_leaves_the_old_wheel_and_can_be_ordered_again(fleet: Steered) -> None:
    fleet.order("rebuild", reason="")
    fleet.send(answering=fleet.claim("pi1", "run2"), message="it broke")
    assert fleet.listed() == [WHEEL]
    fleet.order("rebuild", reason="")
    assert fleet.need == "now"


def test_what_was_withdrawn_can_be_built_again_and_stays_withdrawn(fleet: Steered) -> None:
    fleet.order("withdraw")
    fleet.order("rebuild", reason="a recipe mends it")
    new = fleet.rebuild_with("mended = 1")
    assert fleet.listed() == [new]
    fleet.order("restore")
    assert fleet.listed() == [new, WHEEL]


def test_a_rebuild_for_one_target_leaves_others_withdrawn(fleet: Steered) -> None:
    state = fleet.state
    state.target("cp313", tags=["cp313-cp313-linux_x86_64"], python_version="3.13", preference=2)
    state.builder("pi1", "cp313")
    state.wheel("demo", "1.0", "cp313-cp313-linux_x86_64", serves=["cp313"])
    fleet.order("withdraw", "demo")
    fleet.order("rebuild", "demo", target="cp311")
    verdicts = "SELECT group_concat(t.name || ' ' || w.verdict || ' ' || w.need, ', ') FROM release_target w JOIN "
    verdicts += "target t ON t.id = w.target_id ORDER BY t.name"
    assert fleet.one(verdicts) == "cp311 build now, cp313 skip none"


def test_a_file_is_withdrawn_alone(fleet: Steered) -> None:
    fleet.order("rebuild", reason="")
    new = fleet.rebuild_with("new = 1")
    fleet.order("withdraw", new)
    assert fleet.listed() == [WHEEL]
    # The other one still serves the target.
    assert fleet.one("SELECT verdict FROM release_target") == "build"
    fleet.order("withdraw", WHEEL)
    assert fleet.listed() == []
    assert fleet.one("SELECT verdict FROM release_target") == "skip"
    fleet.order("restore", new)
    assert fleet.listed() == [new]
    assert (fleet.one("SELECT verdict FROM release_target"), fleet.need) == ("build", "none")


def test_an_order_for_one_target_concerns_its_wheels(fleet: Steered) -> None:
    state = fleet.state
    state.target("cp313", tags=["cp313-cp313-linux_x86_64"], python_version="3.13", preference=2)
    other = state.wheel("demo", "1.0", "cp313-cp313-linux_x86_64", serves=["cp313"])
    fleet.order("withdraw", "demo", target="cp313")
    assert fleet.listed() == [WHEEL]
    assert fleet.refusal("withdraw", "demo", "cp31x").startswith("No target's name has cp31x in it")
    fleet.order("restore", "demo")
    assert fleet.listed() == sorted([WHEEL, other])


def test_a_wheel_that_serves_more_than_the_target_is_named_by_its_file(state: ControllerState) -> None:
    for minor in (11, 13):
        state.target(f"cp3{minor}", tags=["py3-none-any"], python_version=f"3.{minor}")
    state.wheel("demo", "1.0", serves=["cp311", "cp313"])
    with pytest.raises(BadOrder, match=r"demo-1\.0-py3-none-any\.whl serves cp313 too"):
        order(
            state.catalog, who="a", verb="withdraw", noun="wheel", subject="demo", reason="x", target="cp311", now=NOW
        )


@pytest.mark.parametrize(
    ("verb", "what", "sentence"),
    [
        ("withdraw", "demoo", "The fleet has published no wheel of a project demoo; do you mean demo?"),
        ("withdraw", "demo==1.1", "No wheel of demo==1.1 is published; do you mean demo==1.0?"),
        ("withdraw", "demo<0.5", "No wheel of demo<0.5 is published; the newest that is published is 1.0."),
        ("yank", "demo-1.0-cp311-cp311-linux_x86.whl", f"no demo-1.0-cp311-cp311-linux_x86.whl; do you mean {WHEEL}?"),
        ("withdraw", "demo-1.0.tar.gz", "demo-1.0.tar.gz is not a wheel"),
        ("withdraw", "demo.whl", "demo.whl is not a wheel's name (PEP 427)"),
        ("withdraw", "/srv/demo-1.0-py3-none-any.whl", "'/srv/demo-1.0-py3-none-any.whl' is not a safe file name"),
        ("withdraw", "not a name", "not a name is neither a project, nor a release"),
        ("restore", "demo", "Nothing of demo is withdrawn."),
        ("unyank", "demo", "Nothing of demo is yanked."),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(fleet: Steered, verb: str, what: str, sentence: str) -> None:
    before = list(fleet.catalog.db.iterdump())
    assert sentence in fleet.refusal(verb, what)
    assert list(fleet.catalog.db.iterdump()) == before


def test_a_rebuild_of_what_upstream_serves_is_refused_with_the_reason(fleet: Steered) -> None:
    fleet.state.execute("UPDATE release_target SET verdict = 'upstream', reason = 'upstream serves demo.whl'")
    assert fleet.refusal("rebuild") == "demo==1.0 is not built here: upstream serves demo.whl."
    fleet.state.execute("DELETE FROM release_target")
    assert "is not in scope" in fleet.refusal("rebuild")


def test_what_is_on_no_disk_any_more_is_refused_or_built_again(fleet: Steered) -> None:
    fleet.order("withdraw")
    fleet.state.execute("UPDATE wheel SET removed_at = 1")
    for verb in ("withdraw", "yank"):
        assert fleet.refusal(verb, "demo").startswith("The bytes of demo are gone already")
    assert fleet.refusal("restore") == "The bytes of demo==1.0 are gone; rebuild it instead."
    fleet.order("rebuild", reason="")
    assert fleet.need == "now"


def test_a_withdrawal_needs_a_reason(fleet: Steered) -> None:
    with pytest.raises(BadOrder, match="Say why"):
        fleet.order("withdraw", reason="")


def test_any_specifier_means_all_releases_that_match(state: ControllerState) -> None:
    state.target(tags=["py3-none-any"])
    files = [state.wheel("demo", version) for version in ("1.0", "1.5", "2.0")]
    order(state.catalog, who="a", verb="withdraw", noun="wheel", subject="Demo<2", reason="old", now=NOW)
    state.publish(html_pages=False)
    assert listed(state.site, "demo") == files[2:]
