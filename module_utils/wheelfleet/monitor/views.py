"""The screens, as lines of styled text: what they show follows from a snapshot, from where the operator is, and from
the size of the terminal."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from .. import __version__
from ..catalog.builders import METRICS_SLOT, METRICS_SLOTS_KEPT, Measured
from ..catalog.events import Event
from ..engine.host_metrics import HostMetrics
from ..failure_classes import FAILURE_CLASSES
from ..text import human_duration, human_size
from .cells import Characters, fit, gathered, plot, small_plot, width_of, wrapped
from .snapshot import Host, RunningBuild, Snapshot

#: The smallest terminal, in columns and rows.
LEAST_WIDTH, LEAST_HEIGHT = 60, 12
#: A column of the list of builders is at least this wide; wide terminals show several.
HOST_COLUMN = 78
#: The scale of temperatures (°C), and from where on they are worth a look and serious.
COLD, HOT, WARM, TOO_HOT = 30.0, 90.0, 70.0, 80.0
#: States of builders in which all is well, and in which an operator may be needed.
_GOOD = frozenset({"building"})
_BAD = frozenset({"silent", "suspended", "unreachable", "failed", "left alone"})
_QUIET = frozenset({"idle", "off duty", "not seen"})


class Style(Enum):
    """What a text is; the terminal's colours follow from it."""

    PLAIN = "plain"
    STRONG = "strong"
    QUIET = "quiet"
    GOOD = "good"
    LOOK = "look"
    BAD = "bad"
    BAR = "bar"
    CHOSEN = "chosen"


class View(Enum):
    """The screens, in the order of their keys."""

    FLEET = "Fleet"
    BUILDS = "Builds"
    QUEUE = "Queue"
    EVENTS = "Events"
    FAILURES = "Failures"


#: Texts with their styles, from left to right.
Line = list[tuple[str, Style]]


@dataclass
class Place:
    """Where the operator is: the view, the chosen row of each, whether its details fill the screen; a `message` at the
    foot, and a `question` that is being answered, with what was typed so far."""

    view: View = View.FLEET
    chosen: dict[View, int] = field(default_factory=dict)
    details: bool = False
    help: bool = False
    message: str = ""
    question: str = ""
    #: None: no text is asked for.
    typed: str | None = None
    #: How many rows the last frame could show, for the keys that turn pages.
    page: int = 10

    @property
    def row(self) -> int:
        return self.chosen.get(self.view, 0)

    @row.setter
    def row(self, number: int) -> None:
        self.chosen[self.view] = number


def rows_of(snapshot: Snapshot, view: View) -> Sequence[object]:
    """The things that a view lists, in its order."""
    part = snapshot.catalog
    lists: dict[View, Sequence[object]] = {
        View.FLEET: snapshot.hosts,
        View.BUILDS: snapshot.builds,
        View.QUEUE: part.queue,
        View.EVENTS: part.events[::-1],
        View.FAILURES: part.failures,
    }
    return lists[view]


def chosen_row(snapshot: Snapshot, place: Place) -> object | None:
    """The row that the operator chose; the last one if there are fewer by now."""
    rows = rows_of(snapshot, place.view)
    return rows[min(place.row, len(rows) - 1)] if rows else None


def frame(snapshot: Snapshot, place: Place, width: int, height: int, characters: Characters) -> list[Line]:
    """The whole screen: `height` lines, none wider than `width` cells."""
    if width < LEAST_WIDTH or height < LEAST_HEIGHT:
        words = f"This terminal is {width}x{height}; the monitor needs {LEAST_WIDTH}x{LEAST_HEIGHT}. Make it larger."
        small = [[(line, Style.PLAIN)] for line in wrapped(words, max(width, 1), max(height, 1), characters)]
        return _exactly(small, height)
    screen = _Screen(snapshot, place, width, height, characters)
    return screen.lines()


def span(seconds: float) -> str:
    """A duration that changes once a minute: a slow link has better things to carry than seconds."""
    return "<1 min" if seconds < 60 else human_duration(seconds // 60 * 60)


def clock(moment: float, now: float) -> str:
    """A time of this day, or a day with its time."""
    here, today = time.localtime(moment), time.localtime(now)
    return time.strftime("%H:%M" if here[:3] == today[:3] else "%d %b %H:%M", here)


def _exactly(lines: list[Line], height: int) -> list[Line]:
    return [*lines[:height], *([] for _ in range(height - len(lines)))]


class _Screen:
    """One frame in the making."""

    def __init__(self, snapshot: Snapshot, place: Place, width: int, height: int, characters: Characters) -> None:
        self.snapshot = snapshot
        self.place = place
        self.width = width
        self.height = height
        self.characters = characters

    def lines(self) -> list[Line]:
        head = [*self._head(), self._tabs()]
        foot = self._foot()
        room = self.height - len(head) - len(foot)
        if self.place.help:
            body = self._help()
        else:
            views = {
                View.FLEET: self._fleet,
                View.BUILDS: self._builds,
                View.QUEUE: self._queue,
                View.EVENTS: self._events,
                View.FAILURES: self._failures,
            }
            body = views[self.place.view](room)
        return [*head, *_exactly(body, room), *foot]

    def _text(self, text: str, style: Style = Style.PLAIN) -> Line:
        return [(fit(text, self.width, self.characters).rstrip(), style)]

    def _rule(self, title: str) -> Line:
        line = self.characters.line
        text = f"{line}{line} {title} " if title else ""
        return [(fit(text + line * max(self.width - width_of(text), 0), self.width, self.characters), Style.QUIET)]

    # -------------------------------------------------------------- head and foot

    def _head(self) -> list[Line]:
        snapshot, part = self.snapshot, self.snapshot.catalog
        words = {
            "none": "no run",
            "running": f"at work for {span(snapshot.now - snapshot.since)}",
            "ended": "ended",
            "killed": "killed",
            "unsure": "elsewhere",
        }
        run = f" {snapshot.run}" if snapshot.run else ""
        styles = {"running": Style.GOOD, "killed": Style.BAD, "unsure": Style.LOOK}
        first: Line = [
            (f"wheelfleet {__version__}{run} ", Style.STRONG),
            (words[snapshot.state], styles.get(snapshot.state, Style.QUIET)),
        ]
        failed = (f"{snapshot.failed} failed", Style.BAD if snapshot.failed else Style.PLAIN)
        second: Line = [(f"{snapshot.built} built", Style.GOOD), ("  ", Style.PLAIN), failed]
        if snapshot.left is not None and snapshot.state in ("running", "unsure"):
            second.append((f"  {snapshot.left:,} left", Style.PLAIN))
        if snapshot.end is not None:
            end = f"  end {clock(snapshot.end, snapshot.now)} (in {span(snapshot.end - snapshot.now)})"
            second.append((end, Style.STRONG))
        if part.hours:
            rate = f" {part.hours[-1]:,}/h"
            room = self.width - sum(width_of(text) for text, _ in second) - width_of(rate) - 7
            hours = part.hours[-room:] if room >= 6 else []
            drawn = small_plot([float(hour) for hour in hours], 0, max(1, *part.hours), self.characters)
            second.append((f"  {len(hours)} h {drawn}{rate}" if hours else f" {rate}", Style.QUIET))
        lines = [self._cut(first), self._cut(second)]
        for sentence, style in ((snapshot.sentence, Style.LOOK), (part.trouble, Style.BAD)):
            if sentence:
                lines += [[(line, style)] for line in wrapped(sentence, self.width, 2, self.characters)]
        return lines

    def _cut(self, line: Line) -> Line:
        """The line, cut to the width."""
        kept: Line = []
        left = self.width
        for text, style in line:
            if width_of(text) >= left:
                kept.append((fit(text, left, self.characters), style))
                break
            kept.append((text, style))
            left -= width_of(text)
        return kept

    def _tabs(self) -> Line:
        line: Line = []
        used = 0
        for number, view in enumerate(View, start=1):
            count = len(rows_of(self.snapshot, view))
            if view is View.QUEUE:
                count = sum(self.snapshot.catalog.waiting.values())
            text = f" {number} {view.value} {count:,} " if count else f" {number} {view.value} "
            line.append((text, Style.CHOSEN if view is self.place.view and not self.place.help else Style.BAR))
            used += width_of(text)
        keys = " ? help  q quit "
        gap = self.width - used - len(keys)
        line.append((" " * gap + keys if gap >= 0 else " " * max(self.width - used, 0), Style.BAR))
        return self._cut(line)

    def _foot(self) -> list[Line]:
        place = self.place
        if place.question:
            lines: list[Line] = [
                [(line, Style.LOOK)] for line in wrapped(place.question, self.width, 4, self.characters)
            ]
            if place.typed is not None:
                shown = place.typed[-(self.width - 12) :]
                lines.append(
                    [("Reason: ", Style.STRONG), (fit(f"{shown}_", self.width - 8, self.characters), Style.PLAIN)]
                )
            return [*lines, self._text("Enter: do it   Esc: leave it", Style.STRONG)]
        if place.message:
            return [[(line, Style.LOOK)] for line in wrapped(place.message, self.width, 3, self.characters)]
        return [self._text(self._keys(), Style.QUIET)]

    def _keys(self) -> str:
        if self.place.help:
            return "any key: back"
        back = "Esc back  " if self.place.details else "Enter details  "
        keys = {
            View.FLEET: f"{back}p pause  d drain  r resume  P D R all of them",
            View.BUILDS: f"{back}x stop  s skip  f first",
            View.QUEUE: "f first  F its project first  s skip",
            View.EVENTS: "up down page-up page-down choose",
            View.FAILURES: "up down page-up page-down choose",
        }
        return keys[self.place.view]

    def _help(self) -> list[Line]:
        return [
            self._text(line)
            for line in (
                "",
                "1 to 5, Tab          the views",
                "up, down, PgUp, PgDn choose a row",
                "Enter, Esc           its details, and back",
                "p d r                pause, drain or resume the chosen builder; P D R: all builders",
                "x                    stop the chosen build",
                "s                    skip the chosen release: it is not built any more",
                "f                    build the chosen release first;  F: its project",
                "q                    quit; the run goes on",
                "",
                "Nothing is ordered before you have read what will happen and pressed Enter.",
            )
        ]

    # ------------------------------------------------------------------- lists

    def _window(self, count: int, room: int) -> range:
        """The rows that fit, with the chosen one among them."""
        self.place.page = max(room, 1)
        self.place.row = min(max(self.place.row, 0), max(count - 1, 0))
        first = min(max(self.place.row - room // 2, 0), max(count - room, 0))
        return range(first, min(first + room, count))

    def _table(self, widths: Sequence[int], rows: Iterable[Sequence[tuple[str, Style]]], numbers: range) -> list[Line]:
        """Rows in columns, the chosen one marked; the last column takes what is left, and negative widths are aligned
        to the right."""
        lines = []
        for number, row in zip(numbers, rows):
            is_chosen = number == self.place.row
            line: Line = [(self.characters.selected if is_chosen else " ", Style.STRONG)]
            left = self.width - 1
            for (text, style), column in zip(row, [*widths, 0]):
                wide = min(abs(column) or left, left)
                shown = Style.STRONG if is_chosen and style is Style.PLAIN else style
                line.append((fit(text, wide, self.characters, right=column < 0), shown))
                left -= wide
                if column and left > 0:
                    line.append((" ", Style.PLAIN))
                    left -= 1
                if left <= 0:
                    break
            lines.append(line)
        return lines

    # ------------------------------------------------------------------- fleet

    def _fleet(self, room: int) -> list[Line]:
        hosts = self.snapshot.hosts
        chosen = chosen_row(self.snapshot, self.place)
        if self.place.details and isinstance(chosen, Host):
            return self._host_details(chosen, room)
        if not hosts:
            return [self._text("No builder is known yet; the inventory names them in the group builders.")]
        across = max(1, self.width // HOST_COLUMN)
        down = min(room, -(-len(hosts) // across))
        window = self._window(len(hosts), down * across)
        wide = (self.width + 1) // across
        lines: list[Line] = []
        for row in range(down):
            line: Line = []
            for column in range(across):
                number = window.start + column * down + row
                if number < window.stop:
                    line += [*self._host_line(hosts[number], wide - 1, number)]
                    line += [(" ", Style.PLAIN)] if column < across - 1 else []
            lines.append(line)
        if room - down >= 4:
            lines += self._running_and_events(room - down)
        return lines

    def _host_line(self, host: Host, width: int, number: int) -> Line:
        is_chosen = number == self.place.row
        name_width = min(max(width_of(each.name) for each in self.snapshot.hosts), 12 if width < 100 else 20)
        plots = 6 if width < 100 else 12
        history = _newest(self.snapshot.catalog.history.get(host.name, ()), self.snapshot.now, plots)
        metrics = host.status.metrics
        heat, load = metrics.get("temperature"), _load(metrics)
        work = ", ".join(
            f"{build.name} {build.version} {span(self.snapshot.now - build.since)}" for build in host.status.building
        )
        cells: list[tuple[str, int, Style]] = [
            (host.name, name_width, Style.STRONG if is_chosen else Style.PLAIN),
            (host.state, 11, state_style(host.state)),
            ("" if heat is None else f"{heat:.0f}{self.characters.degrees}", -5, _heat_style(heat)),
            (small_plot([each.temperature for each in history], COLD, HOT, self.characters), plots, _heat_style(heat)),
            ("" if load is None else f"{load:.1f}", -4, _load_style(load, host.cores)),
            (
                small_plot([each.load for each in history], 0, 2.0 * (host.cores or 4), self.characters),
                plots,
                _load_style(load, host.cores),
            ),
            (f"{host.per_hour}/h", -5, Style.QUIET),
        ]
        line: Line = [(self.characters.selected if is_chosen else " ", Style.STRONG)]
        left = width - 1
        for text, wide, style in cells:
            line += [(fit(text, abs(wide), self.characters, right=wide < 0), style), (" ", Style.PLAIN)]
            left -= abs(wide) + 1
        line.append((fit(work or host.note, left, self.characters), Style.PLAIN if work else Style.QUIET))
        return line

    def _running_and_events(self, room: int) -> list[Line]:
        """What is below a short list of builders."""
        happened = self.snapshot.catalog.events[::-1][: room - 1]
        if not happened:
            return []
        return [self._rule("events"), *(self._text(_event_words(event, self.snapshot.now)) for event in happened)]

    def _host_details(self, host: Host, room: int) -> list[Line]:
        metrics, now = host.status.metrics, self.snapshot.now
        facts = [
            f"{host.status.built} built, {host.status.failed} failed in this run, {host.per_hour} in the last hour"
        ]
        if "memory_free" in metrics and "memory_total" in metrics:
            total = human_size(metrics["memory_total"])
            facts.append(f"memory {human_size(metrics['memory_free'])} of {total} free")
        if "disk_free" in metrics and "disk_total" in metrics:
            total = human_size(metrics["disk_total"])
            facts.append(f"disk {human_size(metrics['disk_free'])} of {total} free")
        lines: list[Line] = [
            [(f"{fit(host.name, min(width_of(host.name), 40), self.characters)}  ", Style.STRONG),
             (host.state, state_style(host.state))],
            *([(line, Style.PLAIN)] for line in wrapped("; ".join(facts), self.width, 2, self.characters)),
        ]  # fmt: skip
        if host.note:
            lines += [[(line, Style.LOOK)] for line in wrapped(host.note, self.width, 2, self.characters)]
        lines += [
            self._text(f"  builds {build.name} {build.version} for {build.target}, {span(now - build.since)}")
            for build in host.status.building[:4]
        ]
        history = _newest(self.snapshot.catalog.history.get(host.name, ()), now, METRICS_SLOTS_KEPT)
        rows = max((room - len(lines) - 2) // 2, 2)
        heat, load = metrics.get("temperature"), _load(metrics)
        temperature = "unknown" if heat is None else f"{heat:.1f} {self.characters.degrees.strip()}"
        lines.append(self._rule(f"temperature, the last 24 hours; now {temperature}"))
        lines += self._plot([each.temperature for each in history], rows, COLD, HOT)
        busy = "unknown" if load is None else f"{load:.2f} on {host.cores or '?'} cores"
        lines.append(self._rule(f"load, the last 24 hours; now {busy}"))
        lines += self._plot([each.load for each in history], rows, 0.0, 2.0 * (host.cores or 4))
        return lines

    def _plot(self, values: Sequence[float | None], rows: int, lowest: float, highest: float) -> list[Line]:
        if all(value is None for value in values):
            return _exactly([self._text("  Nothing was measured in this time.", Style.QUIET)], rows)
        drawn = plot(gathered(values, self.width - 6), rows, lowest, highest, self.characters)
        labels = [f"{highest:.0f}", *[""] * (rows - 2), f"{lowest:.0f}"]
        return [
            [(f"{label:>4} ", Style.QUIET), (fit(line, self.width - 5, self.characters).rstrip(), Style.GOOD)]
            for label, line in zip(labels, drawn)
        ]

    # ------------------------------------------------------------------ builds

    def _builds(self, room: int) -> list[Line]:
        builds = self.snapshot.builds
        if not builds:
            return [self._text("Nothing is being built.")]
        chosen = chosen_row(self.snapshot, self.place)
        assert isinstance(chosen, RunningBuild)
        listed = 0 if self.place.details else min(len(builds), max(room // 2, 3))
        window = self._window(len(builds), listed) if listed else range(0)
        rows = (self._build_row(builds[number]) for number in window)
        names = max((width_of(build.host) for build in builds), default=4)
        what, end = (24, -14) if self.width < 100 else (40, -18)
        lines = self._table([min(names, 14), what, -10, end], rows, window)
        lines.append(self._rule(f"{chosen.name} {chosen.version} on {chosen.host}: the end of its log"))
        tail = chosen.tail.split("\n") if chosen.tail else []
        shown = tail[-(room - len(lines)) :]
        lines += [self._text(line) for line in shown]
        if not shown:
            lines.append(self._text("Its log comes with the next poll of the builder, within seconds.", Style.QUIET))
        return lines

    def _build_row(self, build: RunningBuild) -> Sequence[tuple[str, Style]]:
        now = self.snapshot.now
        if build.end is None:
            end = ""
        elif build.end > now:
            end = f"end {clock(build.end, now)}"
        else:
            end = f"{span(now - build.end)} late"
        late = build.end is not None and now > build.end + max(60.0, build.end - build.since)
        return (
            (build.host, Style.PLAIN),
            (f"{build.name} {build.version}", Style.PLAIN),
            (span(now - build.since), Style.PLAIN),
            (end, Style.LOOK if late else Style.QUIET),
            (build.target, Style.QUIET),
        )

    # --------------------------------------------------- queue, events, failures

    def _queue(self, room: int) -> list[Line]:
        part = self.snapshot.catalog
        if not part.queue:
            return [self._text("Nothing waits to be built." if not part.trouble else "The queue is not known.")]
        by_target = ", ".join(f"{count:,} for {target}" for target, count in part.waiting.items())
        end = ""
        if self.snapshot.end is not None:
            end = f"; expected end {clock(self.snapshot.end, self.snapshot.now)}"
        lines: list[Line] = [
            [(line, Style.PLAIN)] for line in wrapped(f"{by_target}{end}", self.width, 2, self.characters)
        ]
        window = self._window(len(part.queue), room - len(lines) - 4)
        shown = [part.queue[number] for number in window]
        name = 30 if self.width < 100 else 40
        rows = (
            (
                (f"{each.name} {each.version}", Style.PLAIN),
                (human_duration(each.seconds), Style.QUIET),
                (each.target, Style.QUIET),
                (each.reason, Style.PLAIN),
            )
            for each in shown
        )
        lines += self._table([name, -12, 18 if self.width < 100 else 40], rows, window)
        chosen = part.queue[self.place.row]
        return self._with_whole(
            lines,
            room,
            f"{chosen.name} {chosen.version} for {chosen.target}: {chosen.reason} "
            f"It takes about {human_duration(chosen.seconds)} on a builder of speed 1.",
        )

    def _events(self, room: int) -> list[Line]:
        events = self.snapshot.catalog.events[::-1]
        if not events:
            return [self._text("Nothing has happened that an operator has to know.")]
        window = self._window(len(events), room - 4)
        now = self.snapshot.now
        rows = (
            (
                (clock(events[number].at, now), Style.QUIET),
                (events[number].host, Style.STRONG),
                (events[number].sentence, Style.PLAIN),
            )
            for number in window
        )
        lines = self._table([12, 14], rows, window)
        return self._with_whole(lines, room, _event_words(events[self.place.row], now))

    def _failures(self, room: int) -> list[Line]:
        failures = self.snapshot.catalog.failures
        if not failures:
            return [self._text("Nothing has failed.")]
        lines: list[Line] = [self._text(f"   {'in this run':>11} {'in all':>9}  class", Style.QUIET)]
        window = self._window(len(failures), room - 5)
        rows = (
            (
                (f"{failures[number].in_run:,}", Style.BAD if failures[number].in_run else Style.QUIET),
                (f"{failures[number].in_all:,}", Style.PLAIN),
                (failures[number].name, Style.STRONG),
                (_meaning(failures[number].name), Style.QUIET),
            )
            for number in window
        )
        lines += self._table([-13, -9, 26], rows, window)
        chosen = failures[self.place.row]
        return self._with_whole(lines, room, f"{chosen.name}: {_meaning(chosen.name)} {_advice(chosen.name)}")

    def _with_whole(self, lines: list[Line], room: int, text: str) -> list[Line]:
        """The lines, with the chosen row in full at the foot."""
        whole: list[Line] = [[(line, Style.PLAIN)] for line in wrapped(text, self.width, 3, self.characters)]
        return [*_exactly(lines, room - 4), self._rule(""), *_exactly(whole, 3)]


def state_style(state: str) -> Style:
    """How a builder's state is shown."""
    if state in _GOOD:
        return Style.GOOD
    if state in _BAD:
        return Style.BAD
    return Style.QUIET if state in _QUIET else Style.LOOK


def _load(metrics: HostMetrics) -> float | None:
    """The load average over one minute."""
    load = metrics.get("load")
    return load[0] if load else None


def _heat_style(degrees: float | None) -> Style:
    if degrees is None or degrees < WARM:
        return Style.PLAIN
    return Style.BAD if degrees >= TOO_HOT else Style.LOOK


def _load_style(load: float | None, cores: int) -> Style:
    return Style.LOOK if load is not None and cores and load > 2 * cores else Style.PLAIN


def _newest(history: Sequence[Measured], now: float, slots: int) -> list[Measured]:
    """The newest slots up to now, those without a measurement too."""
    last = int(now // METRICS_SLOT)
    known = {each.slot: each for each in history}
    return [known.get(slot, Measured(slot, None, None)) for slot in range(last - slots + 1, last + 1)]


def _event_words(event: Event, now: float) -> str:
    ordered = f" ({event.who}: {event.why})" if event.who and event.why and event.why not in event.sentence else ""
    return f"{clock(event.at, now)} {event.host} {event.sentence}{ordered}"


def _meaning(name: str) -> str:
    entry = FAILURE_CLASSES.get(name)
    return entry.meaning if entry else ""


def _advice(name: str) -> str:
    entry = FAILURE_CLASSES.get(name)
    return entry.advice if entry else ""
