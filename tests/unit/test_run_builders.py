"""Who is in a run, and that what a builder says of itself arrives whole."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import yaml
from wheelfleet.contract.report import Report
from wheelfleet.engine.run_builders import AWAITED, SILENT, builders_of_run

from tests.support.operator import REPOSITORY

REPORT = Report(facts={"slots": 2}, targets=[{"name": "cp311"}], packages=["gcc", "libfoo-dev"])


def test_the_whole_report_of_a_builder_arrives():
    registered: dict[str, Any] = {"builder_report": {**REPORT.as_data(), "changed": False, "diff": {"before": ""}}}
    (arrived,) = builders_of_run(["pi1"], {"pi1": registered})["ready"].values()
    assert Report.from_data(arrived) == REPORT


def test_what_ansible_carries_lazily_is_not_copied():
    class Lazy(dict[str, Any]):
        def __init__(self, *_: object) -> None:
            raise NotImplementedError

    report = {**REPORT.as_data(), "facts": Lazy.__new__(Lazy)}
    (arrived,) = builders_of_run(["pi1"], {"pi1": {"builder_report": report}})["ready"].values()
    assert arrived["facts"] is report["facts"]


def test_the_module_documents_what_a_report_has():
    text = (REPOSITORY / "library" / "wheelfleet_builder.py").read_text()
    documented = yaml.safe_load(text.partition('RETURN = r"""')[2].partition('"""')[0])
    assert documented.keys() - {"lacks_code"} == {field.name for field in fields(Report)}


def test_who_was_not_ready_is_told_apart():
    hosts = {
        "gone": {"builder_seen": {"unreachable": True}},
        "full": {"builder_seen": {"stdout": ""}, "builder_fit": {"failed": True, "msg": "no disk"}},
        "new": {"builder_seen": {"stdout": ""}},
        "elsewhere": {},
    }
    called = builders_of_run(hosts, hosts)
    assert called["coming"] == ["new"]
    assert called["left_out"]["gone"] == SILENT
    assert "no disk" in called["left_out"]["full"]
    assert called["ready"] == {}
    assert builders_of_run(hosts, hosts, follows=True)["left_out"]["gone"] == AWAITED
