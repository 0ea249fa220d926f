"""The monitor as an operator has it: in a terminal, driven by keys."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from wheelfleet.catalog import controls
from wheelfleet.catalog.database import Catalog
from wheelfleet.engine.host_status import post_status, read_statuses, status_folder
from wheelfleet.engine.watched import is_watched

from tests.support.monitored import monitored_run
from tests.support.terminal import Terminal

REPOSITORY = Path(__file__).resolve().parents[2]
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "TERM": "xterm-256color",
    "LC_ALL": "C.UTF-8",
    "PYTHONPATH": str(REPOSITORY / "module_utils"),
    "SUDO_USER": "ada",
}
#: Bytes a second over a slow link: at rest, and while every builder has news each second.
AT_REST, WITH_NEWS = 20, 1500


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with five builders; tests that change it make their own."""
    folder = tmp_path_factory.mktemp("monitored")
    monitored_run(folder, 5)
    return folder


def monitor(
    folder: Path, *, size: tuple[int, int] = (80, 24), environment: Mapping[str, str] | None = None, also: str = ""
) -> Terminal:
    command = [sys.executable, "-m", "wheelfleet.monitor", "--state", str(folder)]
    return Terminal([*command, *also.split()], size=size, environment={**ENVIRONMENT, **(environment or {})})


def words_of(text: str) -> str:
    """The words of the screen, whatever the widths of its columns."""
    return " ".join(text.split())


@pytest.fixture
def screen(folder: Path) -> Iterator[Terminal]:
    with monitor(folder) as screen:
        screen.until(lambda text: "pi5" in text)
        yield screen


def test_keys_turn_to_every_view_and_q_leaves(screen: Terminal) -> None:
    for key, word in (
        ("2", "the end of its log"),
        ("3", "on a builder of speed 1"),
        ("4", "It was paused by ada"),
        ("5", "The development files of a system library"),
        ("?", "the run goes on"),
        (" ", "missing-header"),
        ("\t", "pi5 building"),
        ("\r", "temperature, the last 24 hours"),
    ):
        screen.press(key)
        screen.until(lambda text, word=word: word in " ".join(text.split()))
    screen.press("\x1b")
    screen.until(lambda text: "temperature" not in text)
    screen.press("q")
    assert screen.finish() == 0


def test_the_log_of_a_build_is_asked_for_only_while_it_is_shown(tmp_path: Path) -> None:
    monitored_run(tmp_path, 5)
    with monitor(tmp_path) as screen:
        screen.until(lambda text: "pi5" in text)
        assert not is_watched(tmp_path)
        screen.press("2")
        screen.until(lambda text: "loops.c:214" in text)
        assert is_watched(tmp_path)


def test_an_order_is_given_after_a_question_and_a_reason(tmp_path: Path) -> None:
    monitored_run(tmp_path, 5)
    with monitor(tmp_path) as screen:
        screen.until(lambda text: "pi5" in text)
        screen.press("jjp")
        screen.until(lambda text: "Pause pi2" in text and "Reason, for the site:" in text)
        screen.press("\r")
        screen.until(lambda text: "Type a reason first" in words_of(text))
        screen.press("the fan is Q\x7floud\r")
        screen.until(
            lambda text: "pi2: It was paused by ada: the fan is loud." in text and "pi2 paused" in words_of(text)
        )
        screen.press("kr")
        screen.until(lambda text: "pi1 is not paused." in text)
        screen.press("jr")
        screen.until(lambda text: "Resume pi2" in text)
        screen.press("\r")
        screen.until(lambda text: "pi2 building" in words_of(text))
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        assert controls.in_force(catalog.db, ["pause"]) == []
        (who,) = catalog.db.execute("SELECT DISTINCT who FROM control").fetchone()
        assert who == "ada"


def test_escape_orders_nothing(tmp_path: Path) -> None:
    monitored_run(tmp_path, 2)
    with monitor(tmp_path) as screen:
        screen.until(lambda text: "pi2" in text)
        screen.press("Pbecause")
        screen.until(lambda text: "Reason, for the site: because" in text)
        screen.press("\x1b")
        screen.until(lambda text: "Nothing was ordered." in text)
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        assert controls.in_force(catalog.db, ["pause"]) == []


def test_builds_are_stopped_skipped_and_put_first_by_keys(tmp_path: Path) -> None:
    monitored_run(tmp_path, 2)
    with monitor(tmp_path) as screen:
        screen.until(lambda text: "pi2" in text)
        for keys, answer in (
            ("2xit hangs\r", "Its build of numpy 2.0.0"),
            ("3f\r", "is built next, as ordered by ada"),
            ("Gsbroken\r", "is not built any more, as ordered by ada"),
        ):
            screen.press(keys)
            screen.until(lambda text, answer=answer: answer in " ".join(text.split()))
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        assert {verb for (verb,) in catalog.db.execute("SELECT verb FROM control")} == {"stop", "first", "skip"}


@pytest.mark.parametrize("hosts", [5, 100])
def test_a_slow_link_carries_what_changed_alone(tmp_path: Path, hosts: int) -> None:
    run = monitored_run(tmp_path, hosts)
    with monitor(tmp_path, size=(200, 60) if hosts > 50 else (80, 24)) as screen:
        screen.until(lambda text: "events" in text)
        first = screen.sent
        at_rest = screen.read_for(2) / 2
        news = []
        for degrees in range(3):
            for status in read_statuses(status_folder(tmp_path), run):
                status.metrics["temperature"] = 61.0 + degrees
                post_status(status_folder(tmp_path), status)
            news.append(screen.read_for(1))
        # The first time the colours change too.
        with_news = sum(news[1:]) / 2
    print(f"{hosts} builders: {first} bytes, then {at_rest:.0f} a second at rest, {with_news:.0f} with news of all")
    assert at_rest <= AT_REST
    assert with_news <= WITH_NEWS


def test_a_terminal_that_is_closed_ends_the_monitor(folder: Path) -> None:
    with monitor(folder) as screen:
        screen.until(lambda text: "pi5" in text)
        screen.hang_up()
        assert screen.process.wait(10) is not None


def test_the_screen_follows_the_size_of_the_terminal(screen: Terminal) -> None:
    screen.resize(40, 10)
    screen.until(lambda text: "This terminal is 40x10" in text)
    screen.resize(120, 40)
    screen.until(lambda text: "pi5 building" in words_of(text) and "? help  q quit" in text)


@pytest.mark.parametrize("kind", ["vt100", "linux", "screen", "xterm-mono"])
def test_terminals_without_colours_show_the_same(folder: Path, kind: str) -> None:
    with monitor(folder, environment={"TERM": kind, "NO_COLOR": "1"}) as screen:
        screen.until(lambda text: "pi5 building" in words_of(text))
        assert not re.search(rb"\x1b\[[0-9;]*\b3[1-6]\b[0-9;]*m", screen.data)


@pytest.mark.parametrize("locale", ["C", "POSIX", "de_DE.ISO-8859-1"])
def test_a_terminal_without_utf_8_gets_ascii(folder: Path, locale: str) -> None:
    with monitor(folder, environment={"LC_ALL": locale}) as screen:
        screen.until(lambda text: "pi5 building" in words_of(text))
        assert screen.data.isascii()


def test_a_locale_that_ssh_brought_along_may_be_unknown(folder: Path) -> None:
    with monitor(folder, environment={"LC_ALL": "xx_XX.UTF-8"}) as screen:
        screen.until(lambda text: "▸pi4 silent" in words_of(text))


@pytest.mark.parametrize("kind", ["no-such-terminal", "dumb"])
def test_a_terminal_that_cannot_be_drawn_on_is_told_so(folder: Path, kind: str) -> None:
    with monitor(folder, environment={"TERM": kind}) as screen:
        assert screen.finish() == 1
        assert "TERM=xterm" in screen.text()
        assert "Traceback" not in screen.text()
