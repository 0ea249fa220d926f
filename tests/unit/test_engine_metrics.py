"""The metrics file: what an operator's Prometheus reads of the fleet."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from wheelfleet import __version__
from wheelfleet.catalog.builders import suspend
from wheelfleet.engine.controller_metrics import ControllerMetrics, read_controller_metrics
from wheelfleet.engine.exposition import Family, exposition
from wheelfleet.engine.host_status import Building, HostState, HostStatus
from wheelfleet.engine.metrics import INTERVAL, MetricsText, metrics_of, metrics_text, write_metrics
from wheelfleet.engine.status import StatusDocument, status_document
from wheelfleet.site.layout import METRICS

from tests.support.catalogs import EPOCH, TARGET, ControllerState
from tests.support.operator import REPOSITORY

NOW = EPOCH + 1000
HOW_TO = REPOSITORY / "docs/how-to/monitor-with-prometheus.md"
RULES = REPOSITORY / "docs/how-to/wheelfleet.rules.yml"
CONTROLLER: ControllerMetrics = {
    "memory_total": 8 << 30,
    "memory_free": 5 << 30,
    "swap_total": 1 << 30,
    "swap_free": 1 << 29,
    "disk_total": 64 << 30,
    "disk_free": 9 << 30,
    "temperature": 48.5,
    "load": [0.5, 0.25, 0.125],
    "cores": 4,
}


def document(*, ended: bool = False) -> StatusDocument:
    building = [Building("numpy", "2.1.0", TARGET, NOW - 90)]
    pi1 = HostStatus("pi1", "run", state=HostState.BUILDING, building=building, built=3, left=8, seconds_left=100.0)
    pi1.metrics = {"at": 1_700_000_990, "temperature": 61.3, "load": [4.0, 3.5, 1.2], "disk_free": 5, "disk_total": 9}
    strange = HostStatus('pi"2\\', "run", state=HostState.UNREACHABLE, failed=1, left=9, at=NOW - 20)
    return status_document([pi1, strange], run="run", now=NOW, ended=ended)


@pytest.fixture
def state(state: ControllerState) -> ControllerState:
    """Two builds of pi1: a wheel, and a failure; a release waits."""
    state.builder("pi1", TARGET)
    state.at = NOW - 600
    state.want("spidev", "3.6")
    state.wheel("spidev", "3.6", serves=[TARGET])
    state.want("needy", "1.0")
    state.attempt("needy", "1.0", failure_class="missing-header", blocks="release")
    state.want("waits", "1.0", need="now")
    state.page("spidev")
    state.site.mkdir()
    return state


def read(text: str) -> dict[tuple[Any, ...], float]:
    """By name and the values of its labels, each sample as prometheus_client reads it."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_19_figures_of_a_master_are_there(state: ControllerState) -> None:
    found = read(metrics_text(state.catalog.db, document(), CONTROLLER))
    expected = {
        ("wheelfleet_metrics_timestamp_seconds",): NOW,
        ("wheelfleet_projects_with_wheels",): 1,
        ("wheelfleet_builds_last_hour", TARGET): 2,
        ("wheelfleet_build_seconds_total",): 24,
        ("wheelfleet_wheel_bytes",): state.one("SELECT sum(size) FROM wheel"),
        ("wheelfleet_queue_builds", "now", TARGET): 1,
        ("wheelfleet_releases_new_last_hour",): 0,
        ("wheelfleet_wheels",): 1,
        ("wheelfleet_downloads_total",): 0,
        ("wheelfleet_downloads_today",): 0,
        ("wheelfleet_downloads_last_month",): 0,
        ("wheelfleet_controller_disk_size_bytes",): 64 << 30,
        ("wheelfleet_controller_disk_free_bytes",): 9 << 30,
        ("wheelfleet_controller_memory_size_bytes",): 8 << 30,
        ("wheelfleet_controller_memory_available_bytes",): 5 << 30,
        ("wheelfleet_controller_swap_size_bytes",): 1 << 30,
        ("wheelfleet_controller_swap_free_bytes",): 1 << 29,
        ("wheelfleet_controller_load1",): 0.5,
        ("wheelfleet_controller_temperature_celsius",): 48.5,
    }
    assert len(expected) == 19
    assert {name: found.get(name) for name in expected} == expected
    assert found[("wheelfleet_info", __version__)] == 1


def test_builds_and_failures_are_counted(state: ControllerState) -> None:
    found = read(metrics_text(state.catalog.db, document(), CONTROLLER))
    assert found[("wheelfleet_builds_total", "built")] == 1
    assert found[("wheelfleet_builds_total", "failed")] == 1
    assert found[("wheelfleet_failed_attempts", "missing-header")] == 1
    assert found[("wheelfleet_builder_builds_total", "pi1", "built")] == 1
    assert found[("wheelfleet_builder_builds_total", "pi1", "failed")] == 1
    assert found[("wheelfleet_run_builds", "built")] == 3
    assert found[("wheelfleet_run_left_builds",)] == 9


def test_new_releases_are_those_seen_within_the_hour(state: ControllerState) -> None:
    state.execute("UPDATE upstream_file SET first_seen = ?", NOW - 7200)
    assert read(metrics_text(state.catalog.db, document(), CONTROLLER))[("wheelfleet_releases_new_last_hour",)] == 0
    state.execute("UPDATE upstream_file SET first_seen = ? WHERE id = (SELECT max(id) FROM upstream_file)", NOW - 60)
    assert read(metrics_text(state.catalog.db, document(), CONTROLLER))[("wheelfleet_releases_new_last_hour",)] == 1


def test_a_builder_is_described_by_its_name(state: ControllerState) -> None:
    with state.catalog.writing() as db:
        suspend(db, "pi1", "It cannot build the canary.")
    found = read(metrics_text(state.catalog.db, document(), CONTROLLER))
    assert found[("wheelfleet_builder_suspended", "pi1")] == 1
    assert found[("wheelfleet_builder_state", "pi1", "building")] == 1
    assert found[("wheelfleet_builder_up", "pi1")] == 1
    assert found[("wheelfleet_builder_running_builds", "pi1")] == 1
    assert found[("wheelfleet_builder_temperature_celsius", "pi1")] == 61.3
    assert found[("wheelfleet_builder_load15", "pi1")] == 1.2
    assert found[("wheelfleet_builder_disk_free_bytes", "pi1")] == 5
    assert ("wheelfleet_builder_memory_size_bytes", "pi1") not in found
    # An inventory may hold any name.
    assert found[("wheelfleet_builder_up", 'pi"2\\')] == 0


def test_each_metric_has_help_type_and_a_name_by_the_rules(state: ControllerState) -> None:
    text = metrics_text(state.catalog.db, document(), CONTROLLER)
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert family.documentation.endswith("."), family.name
        assert family.type in ("counter", "gauge")
        name = family.samples[0].name
        assert re.fullmatch("wheelfleet_[a-z][a-z0-9_]*", name)
        assert name.endswith("_total") == (family.type == "counter"), name
        assert not re.search("_(kb|mb|hours|minutes|percent|fahrenheit)(_|$)", name), name


def test_an_ended_run_stays_with_its_time(state: ControllerState) -> None:
    found = read(metrics_text(state.catalog.db, document(ended=True), CONTROLLER))
    assert found[("wheelfleet_run_active",)] == 0
    assert found[("wheelfleet_metrics_timestamp_seconds",)] == NOW
    assert ("wheelfleet_run_expected_end_timestamp_seconds",) not in found


def test_labels_and_help_are_escaped() -> None:
    family = Family("a", "gauge", 'back\\slash\nand "quotes"').add(1.5, x='"\\\n').add(None, x="unknown").add(2e20)
    (read_back,) = text_string_to_metric_families(exposition([family, Family("empty", "gauge", "Nothing.")]))
    assert read_back.documentation == 'back\\slash\nand "quotes"'
    assert [(sample.labels, sample.value) for sample in read_back.samples] == [({"x": '"\\\n'}, 1.5), ({}, 2e20)]


def test_the_controllers_own_figures_are_plausible(tmp_path: Path) -> None:
    found = read_controller_metrics(tmp_path)
    assert 0 < found["memory_free"] <= found["memory_total"]
    assert 0 < found["disk_free"] <= found["disk_total"]
    assert found["swap_free"] <= found["swap_total"]
    assert len(found["load"]) == 3


def test_it_is_written_whole_and_not_too_often(state: ControllerState) -> None:
    text = MetricsText()
    first = text.if_due(state.root, document(), monotonic=100.0)
    assert first is not None
    assert write_metrics(state.site, first)
    assert (state.site / METRICS).read_bytes() == first
    assert (state.site / METRICS).stat().st_mode & 0o777 == 0o644
    assert text.if_due(state.root, document(), monotonic=100.0 + INTERVAL / 2) is None
    assert text.if_due(state.root, document(), monotonic=100.0 + INTERVAL) is not None
    assert text.if_due(state.root, document(ended=True), monotonic=101.0 + INTERVAL, always=True) is not None
    assert not write_metrics(state.root / "missing", first)


def test_without_a_readable_catalog_the_old_file_stays(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").write_bytes(b"this is no database" * 100)
    assert metrics_of(tmp_path, document()) is None


def test_the_figures_come_from_indexes_alone(state: ControllerState) -> None:
    """Made every quarter of a minute while builders work, so it must not read what grows with the catalog."""
    seen: list[str] = []
    state.catalog.db.set_trace_callback(seen.append)
    metrics_text(state.catalog.db, document(), CONTROLLER)
    state.catalog.db.set_trace_callback(None)
    for statement in seen:
        plan = [row["detail"] for row in state.catalog.db.execute(f"EXPLAIN QUERY PLAN {statement}")]
        scans = [line for line in plan if line.startswith("SCAN")]
        small = ("SCAN target", "SCAN builder", "SCAN t", "SCAN (subquery", "SCAN upstream_file")
        assert all("USING" in line or line.startswith(small) for line in scans), (statement, plan)


def test_the_example_rules_name_metrics_that_exist(state: ControllerState) -> None:
    text = metrics_text(state.catalog.db, document(), CONTROLLER)
    known = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    groups = yaml.safe_load(RULES.read_text())["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert rules
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}, rule
        assert rule["annotations"]["summary"]
        named = set(re.findall(r"wheelfleet_\w+", rule["expr"]))
        assert named
        assert named <= known, rule["alert"]
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_the_how_to_names_metrics_that_exist(state: ControllerState) -> None:
    text = metrics_text(state.catalog.db, document(), CONTROLLER)
    known = {sample.name for family in text_string_to_metric_families(text) for sample in family.samples}
    named = set(re.findall(r"\bwheelfleet_\w+", HOW_TO.read_text()))
    assert named
    assert named <= known
