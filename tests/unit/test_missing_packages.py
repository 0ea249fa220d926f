"""What builds lacked, from failure to package: asked for once, named, proposed by its worth, and built again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wheelfleet.apt_packages import Subject
from wheelfleet.catalog.events import events
from wheelfleet.engine.missing_packages import apt_lookup_hosts, builds_go_on
from wheelfleet.planner import missing_packages, retries
from wheelfleet.planner.outcome import Outcome, record_outcome
from wheelfleet.site.proposals import inventory_line, proposals
from wheelfleet.site.run_summary import summary_lines

from tests.support.catalogs import EPOCH, TARGET, ControllerState

YAML, USB = Subject("header", "yaml.h"), Subject("library", "usb-1.0")
ALL = ("pi1", "pi2", "pi13")
SYSTEM = "debian-12-linux_aarch64"
OWNERS = [
    {"missing": "header", "subject": "yaml.h", "packages": ["libyaml-dev", "libyaml-cpp-dev"]},
    {"missing": "library", "subject": "usb-1.0", "packages": ["libusb-1.0-0-dev"]},
]


#: What a task registers that put builds back into the queue, and one that was skipped.
GAVE_WORK, SKIPPED = {"requeued": 1}, {"skipped": True}
#: What it registers that found nothing to look up and nothing to install.
NOTHING: dict[str, Any] = {"look_up": {}, "install": {}}


@pytest.fixture
def state(state: ControllerState) -> ControllerState:
    add_builder(state, "pi1")
    return state


def add_builder(state: ControllerState, host: str, version: str = "12", speed: float = 1.0) -> None:
    state.builder(host, state.target(), facts={"os": {"id": "debian", "version": version}}, speed=speed)


def fail(state: ControllerState, name: str, missing: Subject, *, host: str = "pi1") -> str:
    """A build that failed for want of something, and blocks its target."""
    state.want(name, "1.0")
    sdist = state.one("SELECT id FROM upstream_file WHERE release_id = ?", state.release(name, "1.0"))
    state.execute("UPDATE release_target SET sdist_id = ? WHERE release_id = ?", sdist, state.release(name, "1.0"))
    attempt = state.attempt(
        name, "1.0", host=host, failure_class="missing-header", blocks="target", sentence="It is missing."
    )
    filename = state.one("SELECT filename FROM upstream_file WHERE id = ?", sdist)
    state.execute(
        "UPDATE attempt SET missing_kind = ?, subject = ?, sdist_filename = ? WHERE id = ?", *missing, filename, attempt
    )
    return attempt


def answer(state: ControllerState, host: str = "pi1") -> int:
    with state.catalog.writing() as db:
        asked = missing_packages.subjects_to_look_up(db, EPOCH, ALL).get(host, [])
        return missing_packages.record_answers(db, host, asked, OWNERS, EPOCH)


def test_each_subject_is_asked_for_once_most_wanted_first(state: ControllerState) -> None:
    add_builder(state, "pi2", speed=2.0)
    fail(state, "one", USB)
    fail(state, "two", YAML)
    fail(state, "three", YAML, host="pi2")
    assert missing_packages.subjects_to_look_up(state.catalog.db, EPOCH, ALL) == {"pi2": [YAML, USB]}
    answer(state, "pi2")
    assert missing_packages.subjects_to_look_up(state.catalog.db, EPOCH, ALL) == {}


def test_a_builder_that_may_not_look_it_up_is_not_asked(state: ControllerState) -> None:
    fail(state, "one", YAML)
    assert missing_packages.subjects_to_look_up(state.catalog.db, EPOCH, ()) == {}
    add_builder(state, "pi2", speed=2.0)
    assert missing_packages.subjects_to_look_up(state.catalog.db, EPOCH, ("pi1",)) == {"pi1": [YAML]}


def test_a_builder_without_apt_is_not_asked() -> None:
    """Its packages have other names, and that apt finds none would be no answer."""
    reports = {"pi1": ["apt", "gcc"], "fedora1": ["dnf", "gcc"], "other1": None, "away1": None}
    hostvars: dict[str, dict[str, Any]] = {host: {"builder_report": {"packages": has}} for host, has in reports.items()}
    hostvars["away1"] = {}
    assert apt_lookup_hosts(hostvars, hostvars) == ["pi1"]
    hostvars["pi1"]["builder_apt_lookup"] = False
    assert apt_lookup_hosts(hostvars, hostvars) == []


def test_another_release_of_the_distribution_is_asked_for_itself(state: ControllerState) -> None:
    add_builder(state, "pi13", version="13")
    fail(state, "one", YAML)
    fail(state, "two", YAML, host="pi13")
    assert missing_packages.subjects_to_look_up(state.catalog.db, EPOCH, ALL) == {"pi1": [YAML], "pi13": [YAML]}


def test_that_nobody_has_it_is_known_for_a_month_and_said(state: ControllerState) -> None:
    attempt = fail(state, "one", Subject("header", "own.h"))
    with state.catalog.writing() as db:
        none = [{"missing": "header", "subject": "own.h", "packages": []}]
        missing_packages.record_answers(db, "pi1", [Subject("header", "own.h")], none, EPOCH)
    said = (
        "No package of the builder's distribution has own.h. It may be a file of its own that the sdist does not have."
    )
    assert state.one("SELECT advice FROM attempt WHERE id = ?", attempt) == said
    assert missing_packages.subjects_to_look_up(state.catalog.db, EPOCH + 86400, ALL) == {}
    assert missing_packages.subjects_to_look_up(state.catalog.db, EPOCH + missing_packages.ASK_AGAIN + 1, ALL) == {
        "pi1": [Subject("header", "own.h")]
    }


def test_the_attempt_names_the_package_also_when_the_answer_came_before_it(state: ControllerState) -> None:
    first = fail(state, "one", YAML)
    answer(state)
    state.want("two", "1.0")
    later = state.attempt("two", "1.0", state="open")
    with state.catalog.writing() as db:
        outcome = Outcome(
            "failed", failure_class="missing-header", blocks="target", subject="yaml.h", missing_kind="header"
        )
        record_outcome(db, later, outcome, now=EPOCH, max_attempts=5)
    for attempt in (first, later):
        assert state.one("SELECT package FROM attempt WHERE id = ?", attempt) == "libyaml-dev"
        remedy = state.one("SELECT advice FROM attempt WHERE id = ?", attempt)
        assert remedy == "Install libyaml-dev on the builder (apt-get install libyaml-dev)."


def test_answers_that_name_no_package_or_were_not_asked_for_change_nothing(state: ControllerState) -> None:
    fail(state, "one", YAML)
    with state.catalog.writing() as db:
        lies = [
            {"missing": "header", "subject": "yaml.h", "packages": ["; rm -rf /", "--purge", 7]},
            {"missing": "header", "subject": "else.h", "packages": ["libelse-dev"]},
            {"packages": "libyaml-dev"},
        ]
        assert missing_packages.record_answers(db, "pi1", [YAML], lies, EPOCH) == 0
    assert state.one("SELECT group_concat(subject || packages) FROM provider") == "yaml.h[]"


def test_packages_are_proposed_by_what_they_would_unblock(
    state: ControllerState,
) -> None:
    for name in ("one", "Two.py"):
        fail(state, name, YAML)
    fail(state, "three", USB)
    state.insert("use_day", name="two-py", day=1, lookups=119)
    answer(state)
    state.publish()
    state.insert("use_day", name="one", day=1, lookups=1)
    found = proposals(state.catalog.db)
    assert [each.sentence for each in found] == [
        "install libyaml-dev (would unblock 2 projects, asked for 120 times)",
        "install libusb-1.0-0-dev (would unblock 1 project)",
    ]
    assert list(found[0].examples.items()) == [("two-py", "Two.py"), ("one", "one")]
    assert inventory_line(found) == "builder_apt_extra_packages: [libyaml-dev, libusb-1.0-0-dev]"
    assert "Proposal: install libusb-1.0-0-dev (would unblock 1 project)." in summary_lines(state.catalog.db, "run1")
    page = (state.site / "failures" / "index.html").read_text()
    assert "<code>libyaml-dev</code>" in page
    assert '<a href="../project/two-py/index.html">Two.py</a>' in page
    assert "builder_apt_extra_packages: [libyaml-dev, libusb-1.0-0-dev]" in page
    report = json.loads((state.site / "report" / "report.json").read_text())
    assert [each["package"] for each in report["proposals"]] == ["libyaml-dev", "libusb-1.0-0-dev"]


def test_what_was_built_meanwhile_is_proposed_no_more(state: ControllerState) -> None:
    attempt = fail(state, "one", YAML)
    answer(state)
    state.publish()
    state.execute("UPDATE attempt SET superseded = 1 WHERE id = ?", attempt)
    state.publish()
    assert proposals(state.catalog.db) == []


def test_nothing_is_installed_without_permission(state: ControllerState) -> None:
    fail(state, "one", YAML)
    answer(state)
    assert missing_packages.to_install(state.catalog.db, {"pi1": False}, EPOCH) == {}
    assert missing_packages.to_install(state.catalog.db, {}, EPOCH) == {}


def test_the_best_permitted_package_is_installed_on_every_such_builder(state: ControllerState) -> None:
    add_builder(state, "pi2")
    add_builder(state, "pi13", version="13")
    fail(state, "one", YAML)
    answer(state)
    permissions = {"pi1": True, "pi2": ["*-cpp-dev"], "pi13": True}
    assert missing_packages.to_install(state.catalog.db, permissions, EPOCH) == {
        "pi1": ["libyaml-dev"],
        "pi2": ["libyaml-cpp-dev"],
    }


def test_a_round_helps_while_something_can_be_looked_up_or_installed(state: ControllerState) -> None:
    def may_help(permission: bool | list[str]) -> bool:
        return missing_packages.may_help(state.catalog.db, EPOCH, ALL, {"pi1": permission}, {})

    assert not may_help(True), "no build misses anything"
    fail(state, "one", YAML)
    assert may_help(True), "nobody has looked it up"
    assert not may_help(False) and not may_help([]), "nothing may be installed"
    answer(state)
    assert may_help(True)
    assert not may_help(["zlib*"]), "what has it may not be installed"
    with state.catalog.writing() as db:
        missing_packages.record_installed(db, "pi1", ["libyaml-dev"], {}, run="r", now=EPOCH, max_attempts=9)
    assert not may_help(True)


@pytest.mark.parametrize(
    ("results", "goes_on"),
    [
        ({}, False),
        ({"builder_missing_packages": NOTHING}, False),
        # Installed, watched from now on, or neither.
        ({"builder_missing_packages": {**NOTHING, "install": {"pi1": ["x"]}}, "builder_requeued": GAVE_WORK}, True),
        ({"builder_missing_packages": {**NOTHING, "look_up": {"pi1": []}}, "builder_missing_found": GAVE_WORK}, True),
        ({"builder_missing_packages": {**NOTHING, "look_up": {"pi1": []}}, "builder_requeued": SKIPPED}, False),
        # The round before gave work, this one had nothing to do.
        ({"builder_missing_packages": NOTHING, "builder_requeued": GAVE_WORK}, False),
        # The builder left for the packages.
        ({"builder_batch": {"left": True}}, True),
    ],
)
def test_builders_build_again_if_a_round_gave_them_work(results: dict[str, Any], goes_on: bool) -> None:
    assert builds_go_on(["pi1", "pi2"], {"pi1": results, "pi2": {}}) is goes_on


def test_installed_packages_let_their_builds_go_back_to_the_queue_once(state: ControllerState) -> None:
    fail(state, "one", YAML)
    fail(state, "two", USB)
    answer(state)
    with state.catalog.writing() as db:
        refused = {"libusb-1.0-0-dev": "It would remove libusb-dev."}
        back = missing_packages.record_installed(
            db, "pi1", ["libyaml-dev"], refused, run="run1", now=EPOCH, max_attempts=5
        )
    assert back == 1
    needs = state.catalog.db.execute(
        "SELECT p.name, w.need FROM release_target w JOIN release r ON r.id = w.release_id "
        "JOIN project p ON p.id = r.project_id"
    )
    assert dict(map(tuple, needs)) == {"one": "now", "two": "none"}
    assert missing_packages.to_install(state.catalog.db, {"pi1": True}, EPOCH + 1) == {}
    assert [event.sentence for event in events(state.catalog.db)] == [
        "libusb-1.0-0-dev was not installed. It would remove libusb-dev.",
        "Installed libyaml-dev, which builds lacked; 1 build went back to the queue.",
    ]


def test_a_builder_that_is_new_or_set_up_again_gets_what_others_have(state: ControllerState) -> None:
    with state.catalog.writing() as db:
        missing_packages.record_installed(db, "pi1", ["libyaml-dev"], {}, run="run1", now=EPOCH, max_attempts=5)
    add_builder(state, "pi2")
    permissions = {"pi1": True, "pi2": True}
    assert missing_packages.to_install(state.catalog.db, permissions, EPOCH) == {"pi2": ["libyaml-dev"]}
    with state.catalog.writing() as db:
        missing_packages.record_installed(db, "pi2", ["libyaml-dev"], {}, run="run1", now=EPOCH, max_attempts=5)
        missing_packages.forget_host(db, "pi1")
    assert missing_packages.to_install(state.catalog.db, permissions, EPOCH) == {"pi1": ["libyaml-dev"]}


def test_targets_are_those_of_the_system(state: ControllerState) -> None:
    fail(state, "one", YAML)
    answer(state)
    assert state.one("SELECT system FROM provider WHERE subject = 'yaml.h'") == SYSTEM
    assert state.one("SELECT platform FROM target WHERE name = ?", TARGET) == "linux_aarch64"


def test_a_proposal_says_what_it_would_take_where_it_takes_most(state: ControllerState) -> None:
    add_builder(state, "pi13", "13")
    fail(state, "ruamel", YAML)
    fail(state, "mpris", YAML, host="pi13")
    with state.catalog.writing() as db:
        for host, size in (("pi1", 1 << 20), ("pi13", 900 << 20)):
            asked = missing_packages.subjects_to_look_up(db, EPOCH, ALL)[host]
            costs = {"libyaml-dev": {"packages": 3, "bytes": size}}
            missing_packages.record_answers(db, host, asked, OWNERS, EPOCH, costs)
    state.publish()
    (proposal,) = proposals(state.catalog.db)
    assert proposal.sentence == "install libyaml-dev (would unblock 2 projects; 3 packages, 900 MiB)"
    assert '<td class="number">3 packages, 900 MiB</td>' in (state.site / "failures" / "index.html").read_text()


@pytest.mark.parametrize("cost", [None, 7, {}, {"packages": "1", "bytes": 1}, {"packages": -1, "bytes": 1}])
def test_a_cost_without_sense_is_not_known(state: ControllerState, cost: Any) -> None:
    fail(state, "ruamel", YAML)
    with state.catalog.writing() as db:
        asked = missing_packages.subjects_to_look_up(db, EPOCH, ALL)["pi1"]
        missing_packages.record_answers(db, "pi1", asked, OWNERS, EPOCH, {"libyaml-dev": cost})
    state.publish()
    assert [each.cost for each in proposals(state.catalog.db)] == [""]


def test_what_only_the_budget_refused_is_tried_again_when_it_is_raised(state: ControllerState) -> None:
    fail(state, "ruamel", YAML)
    answer(state)
    with state.catalog.writing() as db:
        missing_packages.record_installed(
            db,
            "pi1",
            [],
            {"libyaml-dev": "It would take too much."},
            run="run1",
            now=EPOCH,
            max_attempts=5,
            over_budget={"libyaml-dev": 700 << 20},
        )
        for budget, packages in ((600 << 20, {}), (700 << 20, {"pi1": ["libyaml-dev"]})):
            assert missing_packages.to_install(db, {"pi1": True}, EPOCH + 1, {"pi1": budget}) == packages


def test_new_rules_ask_again_what_older_ones_refused_or_did_not_find(
    state: ControllerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked() -> tuple[dict[str, list[Subject]], dict[str, list[str]]]:
        with state.catalog.writing() as db:
            missing_packages.forget_by_older_rules(db)
        db = state.catalog.db
        return missing_packages.subjects_to_look_up(db, EPOCH, ALL), missing_packages.to_install(
            db, {"pi1": True}, EPOCH
        )

    wiring = Subject("header", "wiringPi.h")
    fail(state, "one", YAML)
    fail(state, "two", wiring)
    assert asked() == ({"pi1": [wiring, YAML]}, {})
    answer(state)
    refused = {"libyaml-dev": "It would bring a service."}
    nobody = [{"missing": "header", "subject": "wiringPi.h", "packages": []}]
    with state.catalog.writing() as db:
        missing_packages.record_answers(db, "pi1", [wiring], nobody, EPOCH)
        missing_packages.record_installed(db, "pi1", [], refused, run="run1", now=EPOCH, max_attempts=5)
    assert asked() == ({}, {})
    monkeypatch.setattr(missing_packages, "apt_rules", lambda: "of a later version")
    assert asked() == ({"pi1": [wiring, YAML]}, {})
    answer(state)
    assert asked() == ({"pi1": [wiring]}, {"pi1": ["libyaml-dev"]})


def test_what_no_package_has_is_watched_where_the_builder_can(state: ControllerState) -> None:
    """The name that the log gave is in no package: the next try says what it really looks for."""
    state.execute("UPDATE builder SET facts = json_set(facts, '$.tracer', 'strace -- version 6.1')")
    attempt = fail(state, "geo", Subject("library", "GeoThing"))
    nobody = [{"missing": "library", "subject": "GeoThing", "packages": []}]
    with state.catalog.writing() as db:
        asked = missing_packages.subjects_to_look_up(db, EPOCH, ALL)["pi1"]
        missing_packages.record_answers(db, "pi1", asked, nobody, EPOCH)
        assert retries.watch(db, missing_packages.without_package(db, "pi1"), 5) == 1
        assert retries.watch(db, missing_packages.without_package(db, "pi1"), 5) == 0
    remedies = json.loads(state.one("SELECT retry_with FROM attempt WHERE id = ?", attempt))
    assert [each["name"] for each in remedies] == ["watched"]
