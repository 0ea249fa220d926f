"""The lists of real sdists that the benchmarks use say what they have to say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml
from packaging.version import Version
from wheelfleet.failure_classes import FAILURE_CLASSES

from benchmarks.corpus import Corpus, Ending, Trial, corpus, page

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
#: The kinds of issue 15's second corpus.
KINDS = {
    "system library",
    "old pin",
    "Cython",
    "Rust",
    "meson",
    "CMake",
    "SWIG",
    "Fortran",
    "generated code",
    "undeclared requirement",
}


@pytest.fixture(params=["corpus", "corpus-2"])
def listed(request: pytest.FixtureRequest) -> Corpus:
    return corpus(request.param)


def test_each_corpus_has_releases_each_once_and_with_a_reason(listed: Corpus) -> None:
    entries = listed.entries
    assert len(entries) >= (60 if listed.name == "corpus-2" else 30)
    assert max(Counter(entry.name for entry in entries).values()) == 1
    for entry in entries:
        assert entry.why and entry.failure and Version(entry.version)
        assert set(entry.failure.values()) <= FAILURE_CLASSES.keys()
        assert set(entry.failure) | entry.built <= set(listed.suites)


def test_no_release_of_the_first_corpus_is_in_the_second() -> None:
    first, second = ({entry.name.lower() for entry in corpus(name).entries} for name in ("corpus", "corpus-2"))
    assert not first & second


def test_the_second_corpus_is_for_two_debians_and_says_who_wants_it() -> None:
    second = corpus("corpus-2")
    assert second.suites == ("bookworm", "trixie")
    assert {entry.kind for entry in second.entries} <= KINDS
    assert all(entry.wanted for entry in second.entries)


def test_the_page_of_a_corpus_says_what_was_not_run() -> None:
    second = corpus("corpus-2")
    built, failed, fine, *others = second.entries
    endings = {entry: Ending(entry is built, "missing-tool", "missing-tool", "No swig.") for entry in (built, failed)}
    pip = {built: "missing-tool: No swig.", failed: "missing-tool: No swig.", fine: None, others[0]: "removed-api: It."}
    lines = page(second, {"bookworm": Trial("Debian 12", pip, endings)})
    assert "On Debian 12, wheelfleet builds 1 of the 2 that pip does not." in lines
    not_run = next(line for line in lines if line.startswith("Not run there yet: "))
    assert others[0].release in not_run and built.release not in not_run
    assert [line for line in lines if line.startswith("| ") and "No swig." in line and failed.release in line]


def test_the_sdists_of_the_speed_comparison_are_twenty_and_pinned() -> None:
    listed = yaml.safe_load((BENCHMARKS / "sdists.yml").read_text())
    releases = listed["small"] + listed["medium"]
    assert len({name for name, _ in releases}) == 20
    assert all(isinstance(version, str) and Version(version) for _, version in releases)
