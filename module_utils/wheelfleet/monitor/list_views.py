"""The views that are lists: running builds with a log's end, the queue, events, failures by class."""

from __future__ import annotations

from ..catalog.events import Event
from ..failure_classes import FAILURE_CLASSES
from ..text import human_duration
from .cells import width_of
from .lines import Canvas, Cells, Line, Style, clock, span
from .place import Place
from .snapshot import RunningBuild, Snapshot


def builds_view(canvas: Canvas, snapshot: Snapshot, place: Place, room: int) -> list[Line]:
    """The running builds, and the end of the chosen one's log."""
    builds = snapshot.builds
    if not builds:
        return [canvas.text("Nothing is being built.")]
    listed = 0 if place.details else min(len(builds), max(room // 2, 3))
    window = place.window(len(builds), listed) if listed else range(0)
    names = max(width_of(build.host) for build in builds)
    widths = [max(min(names, 14), 7), *((40, -10, -18) if canvas.is_wide else (24, -10, -12))]
    rows = (_build_row(builds[number], snapshot.now) for number in window)
    lines = [canvas.headings(widths, ("builder", "release", "builds for", "expected end", "target"))] if window else []
    lines += canvas.table(widths, rows, window, place.row)
    chosen = builds[place.row]
    lines.append(canvas.rule(f"{chosen.name} {chosen.version} on {chosen.host}: the end of its log"))
    if not chosen.tail:
        words = "Its log comes with the next poll of the builder, within seconds."
        if not place.may_watch:
            words = "Logs are fetched for the account that runs build.yml alone; start the monitor as that one."
        return [*lines, *canvas.wrapped(words, 2, Style.QUIET)]
    return [*lines, *(canvas.text(line) for line in chosen.tail.split("\n")[-(room - len(lines)) :])]


def _build_row(build: RunningBuild, now: float) -> Cells:
    end = ""
    if build.end is not None:
        end = clock(build.end, now) if build.end > now else f"{span(now - build.end)} late"
    is_late = build.end is not None and now > build.end + max(60.0, build.end - build.since)
    return (
        (build.host, Style.PLAIN),
        (f"{build.name} {build.version}", Style.PLAIN),
        (span(now - build.since), Style.PLAIN),
        (end, Style.LOOK if is_late else Style.QUIET),
        (build.target, Style.QUIET),
    )


def queue_view(canvas: Canvas, snapshot: Snapshot, place: Place, room: int) -> list[Line]:
    """What is built next, and why it waits."""
    part = snapshot.catalog
    if not part.queue:
        return [canvas.text("The queue is not known." if part.trouble else "Nothing waits to be built.")]
    by_target = ", ".join(f"{count:,} for {target}" for target, count in part.waiting.items())
    listed = f" (the first {len(part.queue):,} listed)" if len(part.queue) < sum(part.waiting.values()) else ""
    has_targets = len(part.waiting) > 1
    widths = [40, -12] if canvas.is_wide else [26, -12]
    widths += [40 if canvas.is_wide else 12] if has_targets else []
    names = ("release", "takes about", *(("target",) if has_targets else ()), "why it waits")
    lines = [*canvas.wrapped(f"Waiting{listed}: {by_target}", 2), canvas.headings(widths, names)]
    window = place.window(len(part.queue), room - len(lines) - 4)
    rows = (
        (
            (f"{each.name} {each.version}", Style.PLAIN),
            (human_duration(each.seconds), Style.QUIET),
            *(((each.target, Style.QUIET),) if has_targets else ()),
            (each.reason.removeprefix("In the queue: "), Style.PLAIN),
        )
        for each in part.queue[window.start : window.stop]
    )
    lines += canvas.table(widths, rows, window, place.row)
    chosen = part.queue[place.row]
    takes = f"It takes about {human_duration(chosen.seconds)} on a builder of speed 1."
    return canvas.with_whole(
        lines, room, f"{chosen.name} {chosen.version} for {chosen.target}: {chosen.reason} {takes}"
    )


def events_view(canvas: Canvas, snapshot: Snapshot, place: Place, room: int) -> list[Line]:
    """What happened, the newest first."""
    events = snapshot.catalog.events[::-1]
    if not events:
        return [canvas.text("Nothing has happened that an operator has to know.")]
    widths = [12, 14]
    window = place.window(len(events), room - 5)
    rows = (
        ((clock(each.at, snapshot.now), Style.QUIET), (each.host, Style.STRONG), (each.sentence, Style.PLAIN))
        for each in events[window.start : window.stop]
    )
    lines = [canvas.headings(widths, ("when", "builder", "what happened, the newest first"))]
    lines += canvas.table(widths, rows, window, place.row)
    return canvas.with_whole(lines, room, event_words(events[place.row], snapshot.now))


def event_words(event: Event, now: float) -> str:
    """An event in one line, with the operator who ordered it."""
    ordered = f" ({event.who}: {event.why})" if event.who and event.why and event.why not in event.sentence else ""
    return f"{clock(event.at, now)} {event.host} {event.sentence}{ordered}"


def failures_view(canvas: Canvas, snapshot: Snapshot, place: Place, room: int) -> list[Line]:
    """How many builds fail by which class, and what would help."""
    failures = snapshot.catalog.failures
    if not failures:
        return [canvas.text("Nothing has failed.")]
    widths = [-13, -9, 26]
    lines = [canvas.headings(widths, ("in this run", "in all", "class", "what it means"))]
    window = place.window(len(failures), room - 5)
    rows = (
        (
            (f"{each.in_run:,}", Style.BAD if each.in_run else Style.QUIET),
            (f"{each.in_all:,}", Style.PLAIN),
            (each.name, Style.STRONG),
            (_about(each.name)[0], Style.QUIET),
        )
        for each in failures[window.start : window.stop]
    )
    lines += canvas.table(widths, rows, window, place.row)
    chosen = failures[place.row]
    return canvas.with_whole(lines, room, f"{chosen.name}: {' '.join(_about(chosen.name))}")


def _about(failure_class: str) -> tuple[str, str]:
    """What a failure class means, and what would help."""
    entry = FAILURE_CLASSES.get(failure_class)
    return (entry.meaning, entry.advice) if entry else ("", "")
