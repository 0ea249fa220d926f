"""When a web node gets the next publication while a run goes on."""

from __future__ import annotations

from wheelfleet.site.journal import Position
from wheelfleet.site.mirror_schedule import MirrorSchedule

FIRST, SECOND, THIRD = (Position("site", number) for number in (1, 2, 3))


def test_a_site_that_is_being_written_or_is_there_already_is_not_mirrored() -> None:
    schedule = MirrorSchedule(60)
    assert not schedule.is_due(None, 0)
    assert schedule.is_due(FIRST, 0)
    schedule.done(FIRST, 0, 1)
    assert not schedule.is_due(FIRST, 100)


def test_on_a_quiet_site_a_publication_comes_at_once() -> None:
    schedule = MirrorSchedule(60)
    schedule.done(FIRST, 0, 0.5)
    assert schedule.is_due(SECOND, 5.6)


def test_mirrors_take_a_tenth_of_the_time_at_most() -> None:
    schedule = MirrorSchedule(60)
    schedule.done(FIRST, 0, 2)
    assert not schedule.is_due(SECOND, 21)
    assert schedule.is_due(SECOND, 22)


def test_a_pause_is_no_longer_than_the_interval() -> None:
    schedule = MirrorSchedule(60)
    schedule.done(FIRST, 0, 30)
    assert not schedule.is_due(SECOND, 59)
    assert schedule.is_due(SECOND, 60)


def test_a_node_that_did_not_answer_is_tried_again_after_its_pause_alone() -> None:
    schedule = MirrorSchedule(60)
    schedule.done(FIRST, 0, 1)
    schedule.failed(20, pause=10)
    assert not schedule.is_due(FIRST, 29)
    assert schedule.is_due(FIRST, 30)
    schedule.done(THIRD, 30, 31)
    assert not schedule.is_due(THIRD, 1000)
