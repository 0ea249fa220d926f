"""The view of the fleet: a row for each builder, and one builder's details with a day of its temperature and load."""

from __future__ import annotations

from collections.abc import Sequence

from ..catalog.builders import METRICS_SLOT, METRICS_SLOTS_KEPT, Measured
from ..engine.host_metrics import HostMetrics
from ..text import human_size
from .cells import fit, gathered, plot, small_plot, width_of
from .lines import Canvas, Line, Style, exactly, span
from .list_views import event_words
from .place import Place, chosen_row
from .snapshot import Host, Snapshot

#: A column of the list is at least this wide; wide terminals show several.
HOST_COLUMN = 78
#: The scale of temperatures (°C), and from where on they are worth a look and serious.
COLD, HOT, WARM, TOO_HOT = 30.0, 90.0, 70.0, 80.0
#: States of builders in which all is well, and in which an operator may be needed.
_GOOD = frozenset({"building"})
_BAD = frozenset({"silent", "suspended", "unreachable", "failed", "left alone"})
_QUIET = frozenset({"idle", "off duty", "not seen"})


def fleet_view(canvas: Canvas, snapshot: Snapshot, place: Place, room: int) -> list[Line]:
    """The builders, in columns where the terminal is wide; below a short list the newest events."""
    hosts = snapshot.hosts
    chosen = chosen_row(snapshot, place)
    if place.details and isinstance(chosen, Host):
        return _details(canvas, snapshot, chosen, room)
    if not hosts:
        return [canvas.text("No builder is known yet; the inventory names them in the group builders.")]
    across = max(1, canvas.width // HOST_COLUMN)
    down = min(room, -(-len(hosts) // across))
    window = place.window(len(hosts), down * across)
    wide = (canvas.width + 1) // across
    lines: list[Line] = []
    for row in range(down):
        line: Line = []
        for column in range(across):
            number = window.start + column * down + row
            if number < window.stop:
                line += _row(canvas, snapshot, hosts[number], wide - 1, is_chosen=number == place.row)
                line += [(" ", Style.PLAIN)] if column < across - 1 else []
        lines.append(line)
    if room - down >= 4 and snapshot.catalog.events:
        lines.append(canvas.rule("events"))
        lines += [
            canvas.text(event_words(event, snapshot.now)) for event in snapshot.catalog.events[::-1][: room - down]
        ]
    return lines


def _row(canvas: Canvas, snapshot: Snapshot, host: Host, width: int, *, is_chosen: bool) -> Line:
    characters = canvas.characters
    names, slots = (12, 6) if width < 99 else (20, 12)
    history = _newest(snapshot.catalog.history.get(host.name, ()), snapshot.now, slots)
    heat, load = host.status.metrics.get("temperature"), _load(host.status.metrics)
    work = ", ".join(f"{b.name} {b.version} {span(snapshot.now - b.since)}" for b in host.status.building)
    heats = small_plot([each.temperature for each in history], COLD, HOT, characters)
    loads = small_plot([each.load for each in history], 0, 2.0 * (host.cores or 4), characters)
    cells: list[tuple[str, int, Style]] = [
        (host.name, min(max(width_of(each.name) for each in snapshot.hosts), names), Style.PLAIN),
        (host.state, 11, state_style(host.state)),
        ("" if heat is None else f"{heat:.0f}{characters.degrees}", -5, _heat_style(heat)),
        (heats, slots, _heat_style(heat)),
        ("" if load is None else f"{load:.1f}", -4, _load_style(load, host.cores)),
        (loads, slots, _load_style(load, host.cores)),
        (f"{host.per_hour}/h", -5, Style.QUIET),
    ]
    line: Line = [(characters.selected if is_chosen else " ", Style.STRONG)]
    left = width - 1
    for text, wide, style in cells:
        shown = Style.STRONG if is_chosen and style is Style.PLAIN else style
        line += [(fit(text, abs(wide), characters, right=wide < 0), shown), (" ", Style.PLAIN)]
        left -= abs(wide) + 1
    return [*line, (fit(work or host.note, left, characters), Style.PLAIN if work else Style.QUIET)]


def _details(canvas: Canvas, snapshot: Snapshot, host: Host, room: int) -> list[Line]:
    metrics, now = host.status.metrics, snapshot.now
    facts = [f"{host.status.built} built, {host.status.failed} failed in this run, {host.per_hour} in the last hour"]
    if "memory_free" in metrics and "memory_total" in metrics:
        facts.append(f"memory {human_size(metrics['memory_free'])} of {human_size(metrics['memory_total'])} free")
    if "disk_free" in metrics and "disk_total" in metrics:
        facts.append(f"disk {human_size(metrics['disk_free'])} of {human_size(metrics['disk_total'])} free")
    name = fit(host.name, min(width_of(host.name), 40), canvas.characters)
    lines: list[Line] = [
        [(f"{name}  ", Style.STRONG), (host.state, state_style(host.state))],
        *canvas.wrapped("; ".join(facts), 2),
        *(canvas.wrapped(host.note, 2, Style.LOOK) if host.note else ()),
        *(
            canvas.text(f"  builds {build.name} {build.version} for {build.target}, {span(now - build.since)}")
            for build in host.status.building[:4]
        ),
    ]
    history = _newest(snapshot.catalog.history.get(host.name, ()), now, METRICS_SLOTS_KEPT)
    rows = max((room - len(lines) - 2) // 2, 2)
    heat, load = metrics.get("temperature"), _load(metrics)
    degrees = "unknown" if heat is None else f"{heat:.1f} {canvas.characters.degrees.strip()}"
    busy = "unknown" if load is None else f"{load:.2f} on {host.cores or '?'} cores"
    return [
        *lines,
        canvas.rule(f"temperature, the last 24 hours; now {degrees}"),
        *_plot(canvas, [each.temperature for each in history], rows, COLD, HOT),
        canvas.rule(f"load, the last 24 hours; now {busy}"),
        *_plot(canvas, [each.load for each in history], rows, 0.0, 2.0 * (host.cores or 4)),
    ]


def _plot(canvas: Canvas, values: Sequence[float | None], rows: int, lowest: float, highest: float) -> list[Line]:
    if all(value is None for value in values):
        return exactly([canvas.text("  Nothing was measured in this time.", Style.QUIET)], rows)
    drawn = plot(gathered(values, canvas.width - 6), rows, lowest, highest, canvas.characters)
    labels = [f"{highest:.0f}", *[""] * (rows - 2), f"{lowest:.0f}"]
    return [
        [(f"{label:>4} ", Style.QUIET), (fit(line, canvas.width - 5, canvas.characters).rstrip(), Style.GOOD)]
        for label, line in zip(labels, drawn)
    ]


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
