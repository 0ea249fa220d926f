"""Order and rules of the whole suite: quick verdicts first, what runs beside what, and skips that CI does not allow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.machine import missing

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadScopeScheduling

#: The folders from the quickest to the slowest.
ORDER = ("unit", "checks", "integration", "conformance", "browser", "fleet", "e2e")
#: The same for several processes. One of them takes the booted hosts at once, because they are the longest, and are
#: waited for more than worked with; the others begin with the quick ones. What can be divided most finely comes last,
#: so that all processes end at the same time.
TOGETHER = ("fleet", "unit", "checks", "conformance", "browser", "e2e", "integration")

#: What one process has to run, since its tests share what is dear to make.
WHOLE = ("conformance", "browser", "fleet", "e2e")
#: Whose tests share nothing, and go one by one; the other folders go by file.
DIVIDED = ("integration",)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run the folders in their order, each as it is written."""
    order = TOGETHER if hasattr(config, "workerinput") else ORDER
    here = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(here).parts[0]
        return order.index(folder) if folder in order else len(order)

    items.sort(key=rank)


def pytest_report_header() -> str | None:
    """Say before the tests begin what will be skipped, and why; what else is missing, ./bootstrap has said."""
    reason = missing()
    return f"tests/fleet will be skipped: {reason}" if reason else None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Give each process tests, whole files or whole folders (pytest-xdist's own groups need a pytest before 9.2)."""
    from xdist.scheduler import LoadScopeScheduling

    class ByPlace(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            folder = Path(file).parts[1]
            if folder in DIVIDED:
                return nodeid
            return folder if folder in WHOLE else file

    return ByPlace(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """With WHEELFLEET_NO_SKIPS set (in CI), a skipped test has failed: CI has all that the tests need."""
    report = yield
    if report.skipped and os.environ.get("WHEELFLEET_NO_SKIPS") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} may not be skipped here: {report.longrepr}"
    return report
