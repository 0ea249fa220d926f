"""The view of the fleet: a row for each builder, and one builder's details with a day of its temperature and load."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..catalog.builders import METRICS_SLOT, METRICS_SLOTS_KEPT, Measured
from ..engine.host_metrics import HostMetrics
from ..text import human_size
from .cells import fit, gathered, plot, small_plot, width_of
from .lines import Canvas, Line, Style, exactly, span
from .list_views import event_words
from .place import Place, View, chosen_row, rows_of
from .snapshot import TROUBLED, Host, Snapshot

#: A column of the list is at least this wide; wide terminals show several.
HOST_COLUMN = 78
#: The scale of temperatures (°C), and from where on they are worth a look and serious.
COLD, HOT, WARM, TOO_HOT = 30.0, 90.0, 70.0, 80.0
#: States of builders in which all is well, and in which there is nothing to do.
_GOOD = frozenset({"building"})
_QUIET = frozenset({"idle", "off duty", "not seen"})


def fleet_view(canvas: Canvas, snapshot: Snapshot, place: Place, room: int) -> list[Line]:
    """The builders, in columns where the terminal is wide; below a short list the newest events."""
    hosts = [row for row in rows_of(snapshot, View.FLEET) if isinstance(row, Host)]
    chosen = chosen_row(snapshot, place)
    if place.details and isinstance(chosen, Host):
        return _details(canvas, snapshot, chosen, room)
    if not hosts:
        return [canvas.text("No builder is known yet; the inventory names them in the group builders.")]
    across = max(1, canvas.width // HOST_COLUMN)
    columns = _Columns(canvas, snapshot, (canvas.width + 1) // across - 1)
    down = min(room - 1, -(-len(hosts) // across))
    lines: list[Line] = []
    if down * across < len(hosts):
        down -= 1
        lines.append(canvas.text(_counted(hosts), Style.QUIET))
    window = place.window(len(hosts), down * across)
    lines.append(columns.headings(across))
    for row in range(down):
        line: Line = []
        for column in range(across):
            number = window.start + column * down + row
            if number < window.stop:
                line += columns.row(hosts[number], is_chosen=number == place.row)
                line += [(" ", Style.PLAIN)] if column < across - 1 else []
        lines.append(line)
    if room - len(lines) >= 4 and snapshot.catalog.events:
        lines.append(canvas.rule("events, the newest first"))
        newest = snapshot.catalog.events[::-1][: room - len(lines)]
        lines += [canvas.text(event_words(event, snapshot.now)) for event in newest]
    return lines


def _counted(hosts: Sequence[Host]) -> str:
    """How many builders are in which state, in the order of the list."""
    states = Counter(host.state for host in hosts)
    return f"{len(hosts)} builders: {', '.join(f'{count} {state}' for state, count in states.items())}"


class _Columns:
    """The columns of the list of builders, in `width` cells. Temperatures have none where no builder measures them."""

    def __init__(self, canvas: Canvas, snapshot: Snapshot, width: int) -> None:
        self._characters, self._snapshot, self._width = canvas.characters, snapshot, width
        longest, self._slots = (12, 6) if width < 99 else (20, 12)
        self._names = max(min(max(width_of(each.name) for each in snapshot.hosts), longest), len("builder"))
        self._has_heat = any("temperature" in host.status.metrics for host in snapshot.hosts)

    def headings(self, times: int) -> Line:
        """The line above the list, so many times side by side."""
        quiet = Style.QUIET
        lately = (f"{self._slots * METRICS_SLOT // 60} min", self._slots, quiet)
        heat = [("temp", -5, quiet), lately] if self._has_heat else []
        cells = [("builder", self._names, quiet), ("state", 11, quiet), *heat, ("load", -4, quiet), lately]
        one = self._line(" ", [*cells, ("done", -5, quiet)], "what it builds, or why not", quiet)
        return [*one, *([(" ", quiet), *one] * (times - 1))]

    def row(self, host: Host, *, is_chosen: bool) -> Line:
        """The line of a builder."""
        characters, now = self._characters, self._snapshot.now
        history = _newest(self._snapshot.catalog.history.get(host.name, ()), now, self._slots)
        heat, load = host.status.metrics.get("temperature"), _load(host.status.metrics)
        loads = small_plot([each.load for each in history], 0, 2.0 * (host.cores or 4), characters)
        cells = [
            (host.name, self._names, Style.STRONG if is_chosen else Style.PLAIN),
            (host.state, 11, state_style(host.state)),
        ]
        if self._has_heat:
            heats = small_plot([each.temperature for each in history], COLD, HOT, characters)
            cells += [
                ("" if heat is None else f"{heat:.0f}{characters.degrees}", -5, _heat_style(heat)),
                (heats, self._slots, _heat_style(heat)),
            ]
        cells += [
            ("" if load is None else f"{load:.1f}", -4, _load_style(load, host.cores)),
            (loads, self._slots, _load_style(load, host.cores)),
            (f"{host.per_hour}/h", -5, Style.QUIET),
        ]
        mark = characters.selected if is_chosen else " "
        work = ", ".join(f"{b.name} {b.version} {span(now - b.since)}" for b in host.status.building)
        return self._line(mark, cells, work or host.note, Style.PLAIN if work else Style.QUIET)

    def _line(self, mark: str, cells: Sequence[tuple[str, int, Style]], rest: str, style: Style) -> Line:
        line: Line = [(mark, Style.STRONG)]
        left = self._width - 1
        for text, wide, cell in cells:
            line += [(fit(text, abs(wide), self._characters, right=wide < 0), cell), (" ", Style.PLAIN)]
            left -= abs(wide) + 1
        return [*line, (fit(rest, left, self._characters), style)]


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
    if state in TROUBLED:
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
