"""The lists of real sdists that the benchmarks use say what they have to say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import yaml
from packaging.version import Version
from wheelfleet.failure_classes import FAILURE_CLASSES

from benchmarks.corpus import entries

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_the_corpus_has_thirty_releases_each_once_and_with_a_reason() -> None:
    listed = entries()
    assert len(listed) >= 30
    assert max(Counter(entry.name for entry in listed).values()) == 1
    assert max(Counter(entry.why for entry in listed).values()) == 1
    assert all(entry.failure in FAILURE_CLASSES and Version(entry.version) for entry in listed)


def test_the_sdists_of_the_speed_comparison_are_twenty_and_pinned() -> None:
    listed = yaml.safe_load((BENCHMARKS / "sdists.yml").read_text())
    releases = listed["small"] + listed["medium"]
    assert len({name for name, _ in releases}) == 20
    assert all(isinstance(version, str) and Version(version) for _, version in releases)
