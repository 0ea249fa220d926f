"""The words for readers: upstream by its name, statuses, sentences as pages have them."""

from __future__ import annotations

import re

import pytest
from wheelfleet.catalog.states import Verdict
from wheelfleet.failure_classes import FAILURE_CLASSES
from wheelfleet.site.glossary import STATUSES, for_readers, states
from wheelfleet.site.overview_pages import overview_pages
from wheelfleet.site.renderer import Renderer, SiteFacts
from wheelfleet.text import human_duration, percent

from tests.support.catalogs import TEMPLATES, ControllerState


@pytest.mark.parametrize(
    ("sentence", "read"),
    [
        ("upstream serves x-1.0-py3-none-any.whl", "PyPI serves x-1.0-py3-none-any.whl"),
        (
            "no sdist: upstream has only wheels for other platforms",
            "No sdist: PyPI has only wheels for other platforms",
        ),
        ("forgotten when upstream's page no longer lists it", "Forgotten when PyPI's page no longer lists it"),
        ("The upstream index could not be reached.", "The PyPI index could not be reached."),
        ("The file that upstream, says nobody", "The file that PyPI, says nobody"),
        # What packages and people say stays as it is.
        ("yanked: fixed upstream in 2.0", "Yanked: fixed upstream in 2.0"),
        ("png.h is missing. It is of libpng.", "png.h is missing. It is of libpng."),
        ("upstream/config.h was not found", "upstream/config.h was not found"),
        ("‘upstream’ was not declared", "‘upstream’ was not declared"),
        ("'y' was not declared", "'y' was not declared"),
        ("x86intrin.h was not found", "x86intrin.h was not found"),
        ("", ""),
    ],
)
def test_a_sentence_names_upstream_and_begins_as_sentences_do(sentence: str, read: str) -> None:
    assert for_readers(sentence) == read


def test_readers_see_the_name_of_the_operators_upstream() -> None:
    assert for_readers("Upstream has removed it.", "Acme Index") == "Acme Index has removed it."
    words = states("Acme Index")
    assert words["upstream"].title == "On Acme Index"
    assert words["upstream"].mark == "on Acme Index"
    assert "PyPI" not in str(words)


def test_each_verdict_has_a_word_of_the_glossary() -> None:
    assert {"skipped" if verdict == "skip" else verdict for verdict in Verdict.__args__} - {"build"} <= set(STATUSES)  # type: ignore[attr-defined]


@pytest.mark.parametrize("each", FAILURE_CLASSES.values(), ids=lambda each: each.name)
def test_a_failure_class_names_the_index_that_readers_know(each: object) -> None:
    meaning, advice = (for_readers(getattr(each, part), "Acme") for part in ("meaning", "advice"))
    assert "upstream" not in f"{meaning} {advice}".lower()


def test_no_page_calls_another_upstream_pypi(state: ControllerState) -> None:
    render = Renderer([TEMPLATES], SiteFacts("https://wheels.example.org", upstream_name="Acme Index"))
    pages = {
        page.path: (page.data or b"").decode()
        for page in overview_pages(state.catalog.db, render, None, lambda path: True)
        if page.path.endswith(".html")
    }
    assert "Acme Index" in pages["index.html"] + pages["faq/index.html"]
    for path, page in pages.items():
        text = re.sub(r"<[^>]*>", "", page)
        # The guide says that installers know PyPI, whatever this upstream is.
        assert text.count("PyPI") == (1 if path == "use/index.html" else 0), path
        assert not re.search(r"(?i)\bupstream\b", text), path


@pytest.mark.parametrize(("share", "words"), [(0, "0%"), (0.001, "1%"), (0.865, "86%"), (0.999, "99%"), (1, "100%")])
def test_a_share_is_whole_only_if_nothing_is_missing(share: float, words: str) -> None:
    assert percent(share) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0.0 s"), (0.04, "under 0.1 s"), (365 * 86400, "1 year"), (98252 * 86400, "269 years 67 d")],
)
def test_a_duration_reads_well_at_both_ends(seconds: float, words: str) -> None:
    assert human_duration(seconds) == words
