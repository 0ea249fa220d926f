"""Plots as inline SVG: bars, steps and shares, drawn when a page is rendered.

Horizontal positions are percentages and vertical ones are pixels. So a plot fills any width while its letters keep
their size, on a phone and on a desk. Colours are classes of the stylesheet, which has a light and a dark scheme. The
plot has a title, a description and a title for each column; pages put a table of the numbers beside it.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from ...text import printable

#: Pixels: the space above the highest value, the field, and the space for the labels below.
TOP, HEIGHT, FOOT = 12, 150, 24
#: Steps of a plot's scale, at most.
STEPS = 5
#: The smallest height of a value above 0, in pixels.
LEAST = 1.0


@dataclass(frozen=True)
class Series:
    """One value for each column; `css` is the CSS class of its colour, such as a status."""

    name: str
    css: str
    values: Sequence[float]


@dataclass(frozen=True)
class Plot:
    """Values over columns of equal width. `name` is an identifier that is unique on its page; `unit` is the unit of the
    values."""

    name: str
    title: str
    unit: str
    #: The name of each column, such as its day.
    columns: Sequence[str]
    series: Sequence[Series]
    #: The labels below, by index of their column.
    marks: Mapping[int, str]
    #: Whether all values are whole numbers.
    whole: bool = True

    @property
    def description(self) -> str:
        """The plot in words, for screen readers."""
        parts = []
        for series in self.series:
            highest = max(series.values, default=0)
            when = self.columns[list(series.values).index(highest)] if highest else None
            most = f", at most {number(highest)} ({when})" if when else ""
            parts.append(f"{series.name}: {number(sum(series.values))} in all{most}")
        return f"{self.unit.capitalize()} from {self.columns[0]} to {self.columns[-1]}. {'; '.join(parts)}."

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The numbers as rows of a table, the last column first, without columns of zeros."""
        return [
            {"name": name, "values": [number(value) for value in values]}
            for name, *values in reversed(list(zip(self.columns, *(series.values for series in self.series))))
            if any(values)
        ]

    def column_title(self, column: int) -> str:
        """One column in words: `2026-11-20: 12 built, 3 failed`."""
        values = ", ".join(f"{number(series.values[column])} {series.name}" for series in self.series)
        return f"{self.columns[column]}: {values}"


def number(value: float) -> str:
    """A number for people: `12,345`, `3.5`."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.1f}"


def round_ticks(highest: float, *, whole: bool = True) -> list[float]:
    """Round numbers from 0 up to `highest` or just above: steps of 1, 2 or 5 times a power of ten, at most STEPS."""
    if highest <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(highest / STEPS))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * STEPS >= highest * (1 - 1e-9))
    if whole:
        step = max(1.0, step)
    return [round(step * index, 6) for index in range(math.ceil(highest / step * (1 - 1e-9)) + 1)]


def bars(plot: Plot) -> Markup:
    """A bar for each column: its series stacked, the first at the bottom."""
    ticks = round_ticks(max(map(sum, zip(*(series.values for series in plot.series))), default=0), whole=plot.whole)
    frame, area = _frame(plot, ticks)
    slot = 100 / len(plot.columns)
    for index in range(len(plot.columns)):
        if not any(series.values[index] for series in plot.series):
            continue
        column = _column(area, plot, index, slot)
        bottom = float(TOP + HEIGHT)
        for series in plot.series:
            if not series.values[index]:
                continue
            height = max(LEAST, series.values[index] / ticks[-1] * HEIGHT)
            bottom -= height
            place = {"x": _percent((index + 0.1) * slot), "width": _percent(0.8 * slot)}
            ET.SubElement(column, "rect", {"class": series.css, **place, "y": _short(bottom), "height": _short(height)})
    return _markup(frame)


def steps(plot: Plot) -> Markup:
    """The plot's only series as a line of steps above a filled area."""
    (series,) = plot.series
    ticks = round_ticks(max(series.values), whole=plot.whole)
    frame, area = _frame(plot, ticks)
    slot = 100 / len(plot.columns)
    points = []
    for index, value in enumerate(series.values):
        down = _short(HEIGHT * (1 - value / ticks[-1]))
        points += [f"{_short(index * slot)},{down}", f"{_short((index + 1) * slot)},{down}"]
    # Points cannot be percentages, so this part is stretched; the stylesheet keeps the width of its line.
    field = {"y": str(TOP), "width": "100%", "height": str(HEIGHT)}
    stretched = ET.SubElement(area, "svg", {**field, "viewBox": f"0 0 100 {HEIGHT}", "preserveAspectRatio": "none"})
    around = " ".join([f"0,{HEIGHT}", *points, f"100,{HEIGHT}"])
    ET.SubElement(stretched, "polygon", {"class": f"ground {series.css}", "points": around})
    ET.SubElement(stretched, "polyline", {"class": f"line {series.css}", "points": " ".join(points)})
    for index in range(len(plot.columns)):
        _column(area, plot, index, slot)
    return _markup(frame)


def share(value: float, highest: float, css: str) -> Markup:
    """A horizontal bar for a table's cell, hidden from screen readers because the number is beside it."""
    width = _percent(100 * value / highest) if highest > 0 else "0%"
    bar = ET.Element("svg", {"class": "share", "width": "100%", "height": "10", "aria-hidden": "true"})
    ET.SubElement(bar, "rect", {"class": css, "width": width, "height": "10", "rx": "2"})
    return _markup(bar)


def _frame(plot: Plot, ticks: Sequence[float]) -> tuple[ET.Element, ET.Element]:
    """The scale on the left and the area beside it with its grid and labels, without values."""
    frame = ET.Element("div", {"class": "plot"})
    height = str(TOP + HEIGHT + FOOT)
    scale = ET.SubElement(frame, "svg", {"class": "scale", "height": height, "aria-hidden": "true"})
    names = {"title": f"{plot.name}-title", "desc": f"{plot.name}-description"}
    role = {"role": "img", "aria-labelledby": " ".join(names.values())}
    area = ET.SubElement(frame, "svg", {"class": "area", "width": "100%", "height": height, **role})
    for tag, text in (("title", plot.title), ("desc", plot.description)):
        ET.SubElement(area, tag, {"id": names[tag]}).text = printable(text)
    for tick in ticks:
        down = _short(TOP + HEIGHT * (1 - tick / ticks[-1]))
        ET.SubElement(scale, "text", {"x": "100%", "y": down, "dy": ".32em", "text-anchor": "end"}).text = _tick(tick)
        ET.SubElement(area, "line", {"class": "base" if tick == 0 else "grid", "x2": "100%", "y1": down, "y2": down})
    slot = 100 / len(plot.columns)
    for index, text in plot.marks.items():
        across = (index + 0.5) * slot
        anchor = "start" if across < 6 else "end" if across > 94 else "middle"
        at = {"x": _percent(across), "y": str(TOP + HEIGHT + 17), "text-anchor": anchor}
        ET.SubElement(area, "text", at).text = printable(text)
    return frame, area


def _column(area: ET.Element, plot: Plot, index: int, slot: float) -> ET.Element:
    """A column whose whole height shows its title to a pointer."""
    column = ET.SubElement(area, "g", {"class": "column"})
    ET.SubElement(column, "title").text = printable(plot.column_title(index))
    place = {"x": _percent(index * slot), "width": _percent(slot), "y": str(TOP), "height": str(HEIGHT)}
    ET.SubElement(column, "rect", {"class": "slot", **place})
    return column


def _tick(value: float) -> str:
    """A number of the scale, short: `250`, `1.5k`, `20k`, `3M`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _percent(value: float) -> str:
    return f"{_short(value)}%"


def _markup(element: ET.Element) -> Markup:
    # Serialising escapes texts. In HTML an SVG element needs no namespace.
    return Markup(ET.tostring(element, encoding="unicode"))
