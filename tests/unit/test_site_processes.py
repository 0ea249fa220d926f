"""Many projects are rendered by several processes: the same site, the same journal, and nothing left when one dies."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from wheelfleet.site.journal import Journal
from wheelfleet.site.renderer import PublishError

from tests.support.catalogs import ControllerState, site_bytes
from tests.support.processes import command_of, family, kill
from tests.support.site_pages import broken_links
from tests.support.waiting import until

pytestmark = pytest.mark.slow

SOME = 1100


@pytest.fixture
def state(state: ControllerState) -> ControllerState:
    """More projects than one process is given: few with wheels, some more in scope, most only known."""
    with state.catalog.writing() as db:
        db.execute(
            """
            INSERT INTO project (name, display_name, state, in_scope, judged)
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
            SELECT 'p' || i, 'P' || i, 'present', i % 50 = 0, 1 FROM n
            """,
            (SOME,),
        )
    for number in (1, 600, SOME):
        state.wheel(f"p{number}", "1.0")
    state.attempt("p700", "1.0", failure_class="timeout", blocks="target", sentence="It took too long.")
    state.want("p700", "1.0")
    return state


def test_several_processes_give_the_bytes_that_one_gives(state: ControllerState, tmp_path: Path) -> None:
    one = state.publish(full=True, processes=1, site=tmp_path / "one")
    several = state.publish(full=True, processes=2, site=tmp_path / "several")
    assert site_bytes(tmp_path / "several") == site_bytes(tmp_path / "one")
    assert several.projects == one.projects == SOME
    assert sorted(several.changed) == sorted(one.changed)
    assert several.files == one.files == 3
    assert broken_links(tmp_path / "several") == []
    assert state.publish(full=True, processes=2, site=tmp_path / "several").changed == []


def test_web_nodes_see_several_processes_changes_as_if_it_had_been_one(state: ControllerState) -> None:
    state.publish(processes=2)
    journal = Journal(state.site)
    before = journal.position()
    state.publish(full=True, processes=2)
    assert journal.position() == before, "nothing changed"
    (state.site / "simple/p600/index.html").write_text("edited")
    state.wheel(f"p{SOME}", "1.1")
    changed = state.publish(full=True, processes=2).changed
    assert set(journal.changed_since(before) or []) >= {
        "simple/p600/index.html",
        f"simple/p{SOME}/index.json",
        *changed,
    }


@dataclass(frozen=True)
class Halted:
    """A publication, and the two processes of it that wait before they bring their first page to its place."""

    publisher: int
    workers: list[int]
    #: Reads what the publication says at its end.
    said: int


@pytest.fixture
def halted(state: ControllerState) -> Iterator[Halted]:
    arrivals, arrived = os.pipe()
    said, saying = os.pipe()
    state.catalog.close()
    publisher = os.fork()
    if publisher == 0:
        os.close(arrivals)
        os.close(said)

        def halt(event: str, _: tuple[object, ...]) -> None:
            if event == "os.rename" and os.getppid() == publisher_itself:
                os.write(arrived, b".")
                signal.pause()

        publisher_itself = os.getpid()
        sys.addaudithook(halt)
        try:
            with ControllerState(state.root) as same:
                same.publish(processes=2)
        except PublishError as error:
            os.write(saying, str(error).encode())
        finally:
            os._exit(0)
    os.close(arrived)
    os.close(saying)
    for _ in range(2):
        assert os.read(arrivals, 1) == b".", "it ended before its processes began"
    yield Halted(publisher, family(publisher)[1:], said)
    kill(*family(publisher))
    os.waitpid(publisher, 0)
    os.close(arrivals)
    os.close(said)


def assert_carried_on(state: ControllerState, fresh: Path) -> None:
    """The next publication makes the site what one from nothing is."""
    with ControllerState(state.root) as again:
        again.publish(processes=2)
        again.publish(full=True, processes=1, site=fresh)
        assert site_bytes(again.site) == site_bytes(fresh)
        assert broken_links(again.site) == []


def test_a_publication_with_a_killed_process_says_so_the_next_carries_on(
    state: ControllerState, halted: Halted, tmp_path: Path
) -> None:
    assert len(halted.workers) == 2
    kill(halted.workers[0])
    sentence = os.read(halted.said, 1000).decode()
    assert "was killed" in sentence
    assert "publish again" in sentence
    until(lambda: not any(map(command_of, halted.workers)), "the other process to leave")
    assert_carried_on(state, tmp_path / "fresh")


def test_a_killed_publication_leaves_no_process_and_the_next_carries_on(
    state: ControllerState, halted: Halted, tmp_path: Path
) -> None:
    kill(halted.publisher)
    until(lambda: not any(map(command_of, halted.workers)), "its processes to leave")
    assert_carried_on(state, tmp_path / "fresh")
