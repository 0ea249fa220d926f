"""The builders of a run, from the results that the tasks of the builder role registered for each host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..contract.report import Report

SILENT = "It did not answer when the run began and gets no work in it."
#: In a run that follows.
AWAITED = "It did not answer when the run began, and joins when it does."


def builders_of_run(
    hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]], follows: bool = False
) -> dict[str, Any]:
    """The builders of a run: `ready` are reports (M(wheelfleet_builder)) by host, `coming` are hosts that are
    provisioned before they join, `left_out` are reasons by host. A host that `--limit` leaves out is in none.

    A run that `follows` waits for those that do not answer.
    """
    builders: dict[str, Any] = {"ready": {}, "coming": [], "left_out": {}}
    for host in hosts:
        known = hostvars[host]
        seen, fit, report = (_result(known, f"builder_{name}") for name in ("seen", "fit", "report"))
        if report.get("targets"):
            builders["ready"][host] = Report.from_data(report).as_data()
        elif any(result.get("unreachable") for result in (seen, fit, report)):
            builders["left_out"][host] = AWAITED if follows and seen.get("unreachable") else SILENT
        elif failed := next((result for result in (seen, fit, report) if result.get("failed")), None):
            builders["left_out"][host] = f"It cannot be prepared and gets no work in this run: {failed.get('msg', '')}"
        elif seen:
            builders["coming"].append(host)
    return builders


def _result(known: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    result = known.get(name, {})
    return result if isinstance(result, Mapping) else {}
