"""The monitor's screens: they fit the terminal, whatever is in them, and obey nothing that a build has written."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from wheelfleet.catalog.builders import Measured
from wheelfleet.catalog.events import Event
from wheelfleet.monitor.catalog_part import CatalogPart
from wheelfleet.monitor.cells import ASCII, UNICODE, Characters, fit, gathered, plot, small_plot, width_of, wrapped
from wheelfleet.monitor.lines import Line
from wheelfleet.monitor.place import Place, View, rows_of
from wheelfleet.monitor.reins import rein
from wheelfleet.monitor.snapshot import Reader, RunningBuild, Snapshot
from wheelfleet.monitor.views import LEAST_HEIGHT, LEAST_WIDTH, frame
from wheelfleet.site.queue_head import Queued

from tests.support.monitored import monitored_run

SIZES = [(80, 24), (120, 40), (200, 60), (LEAST_WIDTH, LEAST_HEIGHT)]
#: What would move the cursor, change the title, hide letters or take two cells.
HOSTILE = "\x1b[2J\x1b]0;title\x07\r\n\u202egnp\u200b\x9b31m 漢字漢字 e\u0301\u0301 \ud800 end"


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A snapshot of a hundred builders."""
    folder = tmp_path_factory.mktemp("full")
    monitored_run(folder, 100, queued=300)
    return Reader(folder).read()


def hostile(snapshot: Snapshot) -> Snapshot:
    """The snapshot with hostile text wherever a build, a package or a host may write."""
    hosts = [
        replace(host, name=f"{host.name}{HOSTILE}", note=HOSTILE, status=replace(host.status, building=[]))
        for host in snapshot.hosts[:5]
    ]
    part = replace(
        snapshot.catalog,
        queue=[Queued(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 1.0, HOSTILE)] * 3,
        events=[Event(0.0, "run", HOSTILE, HOSTILE, HOSTILE, HOSTILE)] * 3,
        waiting={HOSTILE: 3},
        trouble=HOSTILE,
    )
    builds = [RunningBuild(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 0.0, None, f"{HOSTILE}\n{HOSTILE}", "")]
    return replace(snapshot, hosts=hosts, catalog=part, builds=builds, sentence=HOSTILE)


def text_of(lines: Sequence[Line]) -> str:
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines)


def check(lines: Sequence[Line], width: int, height: int, characters: Characters) -> None:
    assert len(lines) == height
    for line in lines:
        text = "".join(text for text, _ in line)
        assert width_of(text) <= width, text
        assert text.isprintable(), ascii(text)
        assert characters.unicode or text.isascii(), ascii(text)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("characters", [UNICODE, ASCII], ids=["utf-8", "ascii"])
def test_every_screen_fits_whatever_is_in_it(full: Snapshot, size: tuple[int, int], characters: Characters) -> None:
    empty = Snapshot(now=full.now, sentence="There has been no run.", catalog=CatalogPart(trouble="No catalog."))
    for snapshot, view, details in itertools.product((full, hostile(full), empty), View, (False, True)):
        for row in (0, 50, 10_000):
            place = Place(view, {view: row}, details=details)
            check(frame(snapshot, place, *size, characters), *size, characters)
    for extra in (Place(help=True), Place(message=HOSTILE), Place(question=HOSTILE, typed=HOSTILE)):
        check(frame(full, extra, *size, characters), *size, characters)


def test_the_chosen_row_is_always_in_sight(full: Snapshot) -> None:
    for row, (width, height) in itertools.product((0, 17, 63, 99), SIZES):
        shown = text_of(frame(full, Place(View.FLEET, {View.FLEET: row}), width, height, UNICODE))
        assert f"▸{rows_of(full, View.FLEET)[row].name} " in shown
    shown = text_of(frame(full, Place(View.QUEUE, {View.QUEUE: 150}), 80, 24, UNICODE))
    chosen = full.catalog.queue[150]
    assert f"▸{chosen.name} {chosen.version} " in shown


def test_builders_that_need_an_operator_stand_first_and_are_counted(full: Snapshot) -> None:
    place = Place(View.FLEET)
    lines = text_of(frame(full, place, 80, 24, UNICODE)).splitlines()
    assert lines[3] == "100 builders: 10 silent, 10 suspended, 70 building, 10 waiting"
    assert [line.split()[1] for line in lines[5:-1]] == ["silent", "suspended"] * 9
    calm = [replace(host, state="building") for host in full.hosts]
    place.choose(0, calm)
    chosen = calm[0].name
    calm[7] = replace(calm[7], state="silent")
    shown = text_of(frame(replace(full, hosts=calm), place, 80, 24, UNICODE))
    assert f"▸{chosen} " in shown, "the keys are about the builder that was chosen, not about the first row"


def test_every_column_has_a_heading(full: Snapshot) -> None:
    for view, words in (
        (View.FLEET, ["builder", "state", "temp", "30 min", "load", "30 min", "done", "what it builds, or why not"]),
        (View.BUILDS, ["builder", "release", "builds for", "expected end", "target"]),
        (View.QUEUE, ["release", "takes about", "target", "why it waits"]),
        (View.EVENTS, ["when", "builder", "what happened"]),
        (View.FAILURES, ["in this run", "in all", "class", "what it means"]),
    ):
        shown = text_of(frame(full, Place(view), 80, 24, UNICODE))
        assert any(all(word in line for word in words) for line in shown.splitlines()[:6]), shown


def test_columns_with_nothing_in_them_are_left_out(full: Snapshot) -> None:
    cool = [replace(host, status=replace(host.status, metrics={})) for host in full.hosts]
    part = replace(full.catalog, waiting={"cp311-cp311-linux_aarch64-glibc2.36": 7})
    snapshot = replace(full, hosts=cool, catalog=part)
    assert "temp" not in text_of(frame(snapshot, Place(View.FLEET), 80, 24, UNICODE)).splitlines()[4]
    assert "target" not in text_of(frame(snapshot, Place(View.QUEUE), 80, 24, UNICODE)).splitlines()[4]


def test_who_may_not_ask_for_logs_is_told_who_may(full: Snapshot) -> None:
    builds = [replace(build, tail="") for build in full.builds]
    place = Place(View.BUILDS)
    assert "comes with the next poll" in text_of(frame(replace(full, builds=builds), place, 80, 24, UNICODE))
    place.may_watch = False
    assert "the account that runs build.yml" in text_of(frame(replace(full, builds=builds), place, 80, 24, UNICODE))


def test_a_run_that_is_late_does_not_promise_an_end(full: Snapshot) -> None:
    assert "expected end" in text_of(frame(full, Place(), 80, 24, UNICODE))
    late = text_of(frame(replace(full, end=full.now), Place(), 80, 24, UNICODE))
    assert "later than predicted" in late
    assert "expected end" not in late


def test_a_wide_terminal_shows_a_hundred_builders_at_once(full: Snapshot) -> None:
    shown = text_of(frame(full, Place(), 200, 60, UNICODE))
    assert all(f"{host.name} " in shown for host in full.hosts)


def test_a_small_terminal_is_told_what_is_needed(full: Snapshot) -> None:
    shown = text_of(frame(full, Place(), 40, 8, UNICODE))
    assert (
        shown.split()
        == f"This terminal is 40x8; the monitor needs {LEAST_WIDTH}x{LEAST_HEIGHT}. Make it larger.".split()
    )
    for width, height in ((1, 1), (3, 2), (200, 1)):
        check(frame(full, Place(), width, height, UNICODE), width, height, UNICODE)


def test_what_an_operator_must_know_stands_above_everything(full: Snapshot) -> None:
    troubled = replace(full, sentence="The run was killed.", catalog=replace(full.catalog, trouble="It is locked."))
    for view in View:
        shown = text_of(frame(troubled, Place(view), 80, 24, UNICODE))
        assert "The run was killed." in shown
        assert "It is locked." in shown


def test_details_of_a_builder_have_its_history(full: Snapshot) -> None:
    last = int(full.now // 300)
    full = replace(full, hosts=full.hosts[:1])
    history = {full.hosts[0].name: [Measured(last - 1, 60.0, 1.0), Measured(last, 90.0, 8.0)]}
    snapshot = replace(full, catalog=replace(full.catalog, history=history))
    shown = text_of(frame(snapshot, Place(details=True), 80, 24, UNICODE))
    assert "temperature, the last 24 hours; now 50.0 °C" in shown
    assert "█" in shown
    nothing = replace(full, catalog=replace(full.catalog, history={}))
    assert "Nothing was measured" in text_of(frame(nothing, Place(details=True), 80, 24, UNICODE))


def test_text_is_cut_and_padded_by_cells() -> None:
    assert fit("abc", 5, UNICODE) == "abc  "
    assert fit("abc", 5, UNICODE, right=True) == "  abc"
    assert fit("abcdef", 5, UNICODE) == "abcd…"
    assert fit("漢字漢字", 6, UNICODE) == "漢字… "
    assert fit("漢字", 4, ASCII) == "??  "
    assert wrapped("one two three", 8, 2, UNICODE) == ["one two ", "three   "]
    assert wrapped("one two three four", 7, 2, UNICODE) == ["one two", "three …"]


def test_plots_keep_peaks_and_gaps() -> None:
    assert small_plot([0, 50, None, 100, 200], 0, 100, UNICODE) == "▁▅ ██"
    assert gathered([1, 9, None, None, 3], 3) == [1, 9, 3]
    assert gathered([1, 2], 10) == [1, 2]
    assert list(plot([0, 50, 100, None], 2, 0, 100, UNICODE)) == ["  █ ", "▁██ "]
    assert list(plot([100], 2, 0, 100, ASCII)) == ["#", "#"]


def test_the_screen_is_printed_once_for_those_without_a_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from wheelfleet.monitor.__main__ import main

    monitored_run(tmp_path, 3)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "30")
    assert main(["--state", str(tmp_path), "--once", "--view", "queue"]) == 0
    printed = capsys.readouterr().out
    assert "builder of speed 1." in printed
    assert printed.rstrip("\n").count("\n") < 28 and printed.endswith("\n") and not printed.endswith("\n\n")
    assert main(["--state", str(tmp_path)]) == 1
    assert "ssh -t" in capsys.readouterr().err


def test_the_chosen_thing_stays_chosen_while_others_come_and_go(full: Snapshot) -> None:
    place = Place(View.BUILDS)
    place.choose(3, rows_of(full, View.BUILDS))
    chosen = full.builds[3]
    shown = text_of(frame(replace(full, builds=full.builds[2:]), place, 80, 24, UNICODE))
    assert place.row == 1
    assert f"{chosen.name} {chosen.version} on {chosen.host}: the end of its log" in shown
    frame(replace(full, builds=[*full.builds[:3], *full.builds[4:]]), place, 80, 24, UNICODE)
    assert place.row == 1
    frame(replace(full, builds=full.builds[:1]), place, 80, 24, UNICODE)
    assert place.row == 0


def test_a_build_is_stopped_by_its_attempt_alone() -> None:
    build = RunningBuild("pi1", "demo", "1.0", "cp311", 0.0, None, "", "demo-1.0-x")
    wanted = rein(View.BUILDS, "x", build)
    assert wanted is not None and wanted.subject == "demo-1.0-x"
    # By its name, a build of it on another host would be stopped too.
    assert rein(View.BUILDS, "x", replace(build, attempt="")) is None
