"""The whole screen: what it shows follows from a snapshot, from where the operator is, and from the terminal's size."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .. import __version__
from .cells import Characters, fit, small_plot, width_of
from .fleet_view import fleet_view
from .lines import Canvas, Line, Style, end_words, exactly, span
from .list_views import builds_view, events_view, failures_view, queue_view
from .place import Place, View, rows_of
from .snapshot import Snapshot

#: The smallest terminal, in columns and rows.
LEAST_WIDTH, LEAST_HEIGHT = 60, 12
#: What draws a view in so many lines.
VIEWS: Mapping[View, Callable[[Canvas, Snapshot, Place, int], list[Line]]] = {
    View.FLEET: fleet_view,
    View.BUILDS: builds_view,
    View.QUEUE: queue_view,
    View.EVENTS: events_view,
    View.FAILURES: failures_view,
}


def frame(snapshot: Snapshot, place: Place, width: int, height: int, characters: Characters) -> list[Line]:
    """The screen: `height` lines, none wider than `width` cells."""
    canvas = Canvas(max(width, 1), characters)
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        words = f"This terminal is {width}x{height}; the monitor needs {LEAST_WIDTH}x{LEAST_HEIGHT}. Make it larger."
        return exactly(canvas.wrapped(words, max(height, 1)), height)
    place.follow(rows_of(snapshot, place.view))
    head = [*_head(canvas, snapshot), _tabs(canvas, snapshot, place)]
    foot = _foot(canvas, place)
    room = height - len(head) - len(foot)
    body = _help(canvas) if place.help else VIEWS[place.view](canvas, snapshot, place, room)
    return [*head, *exactly(body, room), *foot]


def _head(canvas: Canvas, snapshot: Snapshot) -> list[Line]:
    part = snapshot.catalog
    words = {
        "none": "no run",
        "running": f"at work for {span(snapshot.now - snapshot.since)}",
        "ended": "ended",
        "killed": "killed",
    }
    run = f"  run {snapshot.run}" if snapshot.run else ""
    styles = {"running": Style.GOOD, "killed": Style.BAD}
    first: Line = [
        (f"wheelfleet {__version__}{run}  ", Style.STRONG),
        (words[snapshot.state], styles.get(snapshot.state, Style.QUIET)),
    ]
    failed = (f"{snapshot.failed} failed", Style.BAD if snapshot.failed else Style.PLAIN)
    second: Line = [(f"{snapshot.built} built", Style.GOOD), ("  ", Style.PLAIN), failed]
    if snapshot.left is not None and snapshot.state == "running":
        second.append((f"  {snapshot.left:,} left", Style.PLAIN))
    if snapshot.end is not None:
        second += [("  ", Style.PLAIN), (end_words(snapshot.end, snapshot.now), Style.STRONG)]
    if part.hours:
        rate = f"  {part.hours[-1]:,} builds/h"
        room = canvas.width - sum(width_of(text) for text, _ in second) - width_of(rate) - len("  24 h")
        hours = part.hours[-room:] if room >= 6 else []
        drawn = small_plot([float(hour) for hour in hours], 0, max(1, *part.hours), canvas.characters)
        second.append((f"{rate} {drawn} {len(hours)} h" if hours else rate, Style.QUIET))
    lines = [canvas.cut(first), canvas.cut(second)]
    for sentence, style in ((snapshot.sentence, Style.LOOK), (part.trouble, Style.BAD)):
        if sentence:
            lines += canvas.wrapped(sentence, 2, style)
    return lines


def _tabs(canvas: Canvas, snapshot: Snapshot, place: Place) -> Line:
    line: Line = []
    used = 0
    for number, view in enumerate(View, start=1):
        count = len(rows_of(snapshot, view))
        if view is View.QUEUE:
            count = sum(snapshot.catalog.waiting.values())
        text = f" {number} {view.value} {count:,} " if count else f" {number} {view.value} "
        line.append((text, Style.CHOSEN if view is place.view and not place.help else Style.BAR))
        used += width_of(text)
    keys = " ? help  q quit "
    gap = canvas.width - used - len(keys)
    line.append((" " * gap + keys if gap >= 0 else " " * max(canvas.width - used, 0), Style.BAR))
    return canvas.cut(line)


def _foot(canvas: Canvas, place: Place) -> list[Line]:
    if place.question:
        lines = canvas.wrapped(place.question, 4, Style.LOOK)
        if place.typed is not None:
            asked = "Reason, for the site: "
            room = canvas.width - len(asked)
            typed = fit(f"{place.typed[-(room - 4) :]}_", room, canvas.characters)
            lines.append([(asked, Style.STRONG), (typed, Style.PLAIN)])
        return [*lines, canvas.text("Enter: order it   Esc: do not", Style.STRONG)]
    if place.message:
        return canvas.wrapped(place.message, 3, Style.LOOK)
    return [canvas.text(_keys(place), Style.QUIET)]


def _keys(place: Place) -> str:
    if place.help:
        return "any key: back"
    back = "Esc back  " if place.details else "Enter details  "
    keys = {
        View.FLEET: f"{back}p pause  d drain  r resume  P D R all of them",
        View.BUILDS: f"{back}x stop  s skip  f first",
        View.QUEUE: "f first  F its project first  s skip",
        View.EVENTS: "up, down: choose",
        View.FAILURES: "up, down: choose",
    }
    return keys[place.view]


def _help(canvas: Canvas) -> list[Line]:
    return [
        canvas.text(line)
        for line in (
            "",
            "1 to 5, Tab          the views;  Shift-Tab: backwards",
            "up, down, k, j       choose a row",
            "PgUp, PgDn, b, space a page up or down;  Home, End, g, G: to the ends",
            "Enter, Esc           its details, and back",
            "p d r                pause, drain or resume the chosen builder; P D R: all",
            "x                    stop the chosen build",
            "s                    skip the chosen release: it is not built any more",
            "f                    build the chosen release first;  F: its project",
            "q                    quit; the run goes on",
            "",
            "Nothing is ordered before you have read what will happen and pressed Enter.",
        )
    ]
