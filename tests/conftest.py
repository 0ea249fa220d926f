"""Order and rules of the whole suite: quick verdicts first, and skips that CI does not allow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

#: The folders from the quickest to the slowest.
ORDER = ("unit", "checks", "integration", "conformance", "browser", "fleet", "e2e")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the folders in that order, each as it is written."""
    here = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(here).parts[0]
        return ORDER.index(folder) if folder in ORDER else len(ORDER)

    items.sort(key=rank)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """With WHEELFLEET_NO_SKIPS set (in CI), a skipped test has failed: CI has all that the tests need."""
    report = yield
    if report.skipped and os.environ.get("WHEELFLEET_NO_SKIPS") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} may not be skipped here: {report.longrepr}"
    return report
