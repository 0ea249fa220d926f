"""Plots in SVG: round scales, places in percent, and everything said in words as well."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from wheelfleet.site.html.plots import HEIGHT, TOP, Plot, Series, bars, number, round_ticks, share, steps


def plot(*series: Series, columns: tuple[str, ...] = ("2026-11-19", "2026-11-20"), **marks: str) -> Plot:
    return Plot("builds", "Builds by day", "builds", columns, series, {int(k[1:]): v for k, v in marks.items()})


def drawn(markup: str) -> ET.Element:
    """The markup as a strict XML reader sees it."""
    return ET.fromstring(markup)


def rects(root: ET.Element, css: str) -> list[dict[str, str]]:
    return [each.attrib for each in root.iter("rect") if each.get("class") == css]


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (7, [0, 2, 4, 6, 8]),
        (98, [0, 20, 40, 60, 80, 100]),
        (100, [0, 20, 40, 60, 80, 100]),
        (101, [0, 50, 100, 150]),
        (1_340, [0, 500, 1000, 1500]),
        (5_000_000, [0, 1e6, 2e6, 3e6, 4e6, 5e6]),
    ],
)
def test_a_scale_has_round_ticks_and_reaches_the_highest_value(highest: float, ticks: list[float]) -> None:
    assert round_ticks(highest) == ticks


def test_a_scale_of_what_can_be_split_has_ticks_below_one() -> None:
    assert round_ticks(0.31, whole=False) == [0, 0.1, 0.2, 0.3, 0.4]


@pytest.mark.parametrize("highest", [0.07, 0.9, 1, 2, 9, 11, 99, 999, 1001, 54_321, 7.3e9])
def test_no_scale_has_more_than_five_steps_or_ends_below_the_highest_value(highest: float) -> None:
    for whole in (True, False):
        ticks = round_ticks(highest, whole=whole)
        assert 2 <= len(ticks) <= 6
        assert ticks[-1] >= highest


def test_series_are_stacked_in_proportion_from_the_ground_up() -> None:
    root = drawn(bars(plot(Series("built", "built", [8, 0]), Series("failed", "failed", [2, 5]))))
    (built,) = rects(root, "built")
    first, second = rects(root, "failed")
    assert float(built["height"]) == pytest.approx(HEIGHT * 0.8)
    assert float(built["y"]) + float(built["height"]) == pytest.approx(TOP + HEIGHT)
    assert float(first["y"]) + float(first["height"]) == pytest.approx(float(built["y"]))
    assert float(second["y"]) + float(second["height"]) == pytest.approx(TOP + HEIGHT)


def test_a_single_failure_among_thousands_is_still_seen() -> None:
    root = drawn(bars(plot(Series("built", "built", [9999, 1]), Series("failed", "failed", [1, 0]))))
    assert all(float(rect["height"]) >= 1 for css in ("built", "failed") for rect in rects(root, css))


def test_places_are_percentages_so_that_the_plot_fits_any_width() -> None:
    root = drawn(bars(plot(Series("built", "built", [1, 2]))))
    for rect in rects(root, "built"):
        left, width = rect["x"], rect["width"]
        assert left.endswith("%")
        assert width.endswith("%")
        assert 0 <= float(left[:-1]) < float(left[:-1]) + float(width[:-1]) <= 100


def test_steps_reach_from_edge_to_edge_at_the_height_of_their_values() -> None:
    root = drawn(steps(plot(Series("queued", "waiting", [10, 5]))))
    (line,) = root.iter("polyline")
    assert line.get("points") == f"0,0 50,0 50,{HEIGHT // 2} 100,{HEIGHT // 2}"


def test_steps_over_a_single_day_with_an_empty_queue_lie_on_the_ground() -> None:
    root = drawn(steps(plot(Series("queued", "waiting", [0]), columns=("2026-11-20",))))
    (line,) = root.iter("polyline")
    assert line.get("points") == f"0,{HEIGHT} 100,{HEIGHT}"


def test_a_plot_has_a_name_and_a_description_for_those_who_do_not_see_it() -> None:
    root = drawn(bars(plot(Series("built", "built", [8, 1200]), Series("failed", "failed", [0, 0]))))
    (area,) = (each for each in root.iter("svg") if each.get("role") == "img")
    said = {each.get("id"): each.text for each in area}
    title, description = (area.get("aria-labelledby") or "").split()
    assert said[title] == "Builds by day"
    assert said[description] == (
        "Builds from 2026-11-19 to 2026-11-20. built: 1,208 in all, at most 1,200 (2026-11-20); failed: 0 in all."
    )


def test_each_column_says_its_numbers() -> None:
    root = drawn(bars(plot(Series("built", "built", [8, 0]), Series("failed", "failed", [2, 0]))))
    assert [column.findtext("title") for column in root.iter("g")] == ["2026-11-19: 8 built, 2 failed"]


def test_rows_of_a_table_begin_with_the_newest_without_empty_columns() -> None:
    rows = plot(Series("hours", "built", [1.25, 0, 1234.5]), columns=("2026-09", "2026-10", "2026-11")).rows
    assert rows == [{"name": "2026-11", "values": ["1,234"]}, {"name": "2026-09", "values": ["1.2"]}]


def test_labels_at_the_edges_stay_within_the_plot() -> None:
    columns = tuple(f"2026-11-{day:02}" for day in range(1, 31))
    root = drawn(bars(plot(Series("built", "built", [1] * 30), columns=columns, _0="a", _15="b", _29="c")))
    anchors = {text.text: text.get("text-anchor") for text in root.iter("text") if text.text in ("a", "b", "c")}
    assert anchors == {"a": "start", "b": "middle", "c": "end"}


@pytest.mark.parametrize(("value", "words"), [(0, "0"), (12, "12"), (3.45, "3.5"), (12345, "12,345"), (100.4, "100")])
def test_numbers_read_as_people_write_them(value: float, words: str) -> None:
    assert number(value) == words


def test_a_share_is_a_part_of_the_highest() -> None:
    assert 'width="25%"' in share(1, 4, "built")
    assert 'width="0%"' in share(0, 0, "built")


def test_what_a_plot_is_told_cannot_become_markup() -> None:
    hostile = '</title><script>alert("1")</script>\x1b[2J\u202e'
    root = drawn(bars(Plot("builds", hostile, "builds", [hostile], [Series(hostile, "built", [1])], {0: hostile})))
    assert {each.tag for each in root.iter()} == {"div", "svg", "text", "line", "title", "desc", "g", "rect"}
    assert "\x1b" not in "".join(root.itertext())
    assert "\u202e" not in "".join(root.itertext())


def test_a_plot_has_no_style_of_its_own_for_the_sites_policy_forbids_it() -> None:
    both = bars(plot(Series("built", "built", [1, 2]))) + steps(plot(Series("queued", "waiting", [1, 2])))
    assert not re.search(r"\sstyle=|<style|\son\w+=", both)
