"""The audit: what of catalog, files and site does not agree is named, and made to agree on request."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from wheelfleet.engine.audit import Audit, Finding

from tests.support.catalogs import TARGET, ControllerState, site_bytes
from tests.support.site_pages import broken_links, listed


@pytest.fixture
def state(state: ControllerState) -> ControllerState:
    state.wheel("spidev", "3.8", serves=[TARGET])
    state.want("spidev", "3.8")
    state.attempt("pycups", "2.0", failure_class="timeout", blocks="target", sentence="It took too long.")
    state.want("pycups", "2.0")
    state.publish()
    return state


def audit(state: ControllerState, *, repair: bool = False) -> list[Finding]:
    return list(Audit(state.catalog, state.files_dir, state.logs_dir, state.site, repair=repair).run())


WHEEL = "spidev/spidev-3.8-py3-none-any.whl"


def replace_bytes(path: Path) -> None:
    """As damage does on a disk that holds two copies: not in both links at once."""
    path.unlink()
    path.write_bytes(b"damaged")


def damage_the_controllers_wheel(state: ControllerState) -> None:
    replace_bytes(state.files_dir / WHEEL)


def lose_the_controllers_wheel(state: ControllerState) -> None:
    (state.files_dir / WHEEL).unlink()


def damage_the_published_wheel(state: ControllerState) -> None:
    replace_bytes(state.site / "files" / WHEEL)


def damage_the_published_metadata(state: ControllerState) -> None:
    replace_bytes(state.site / "files" / f"{WHEEL}.metadata")


def damage_a_published_log(state: ControllerState) -> None:
    replace_bytes(next((state.site / "logs").glob("pycups/*.log.gz")))


def drop_a_strange_wheel(state: ControllerState) -> None:
    (state.files_dir / "spidev/strange-1.0-py3-none-any.whl").write_bytes(b"")


def drop_a_strange_log(state: ControllerState) -> None:
    (state.logs_dir / "pycups/strange.log.gz").write_bytes(b"")


def lose_a_log(state: ControllerState) -> None:
    next(state.logs_dir.glob("pycups/*.log.gz")).unlink()


def miscount(state: ControllerState) -> None:
    state.execute("UPDATE counter SET value = 7 WHERE kind = 'status' AND key = 'failed'")


def leave_a_counter(state: ControllerState) -> None:
    state.execute("INSERT INTO counter (kind, key, value) VALUES ('class-projects', 'no-such-class', 3)")


def forget_a_counter(state: ControllerState) -> None:
    state.execute("DELETE FROM counter WHERE kind = 'wheels'")


HARMS = [
    (damage_the_controllers_wheel, "damaged"),
    (lose_the_controllers_wheel, "damaged"),
    (damage_the_published_wheel, "damaged-on-site"),
    (damage_the_published_metadata, "damaged-on-site"),
    (damage_a_published_log, "damaged-on-site"),
    (drop_a_strange_wheel, "stray-file"),
    (drop_a_strange_log, "stray-log"),
    (lose_a_log, "lost-log"),
    (miscount, "counter"),
    (forget_a_counter, "counter"),
    (leave_a_counter, "counter"),
]


def test_a_site_as_it_was_published_leaves_nothing_to_say(state: ControllerState) -> None:
    assert audit(state) == []


@pytest.mark.parametrize(("harm", "kind"), HARMS, ids=lambda value: getattr(value, "__name__", None))
def test_what_does_not_agree_is_named_and_left_alone_until_repair(
    state: ControllerState, harm: Callable[[ControllerState], None], kind: str
) -> None:
    before = site_bytes(state.site)
    harm(state)
    found = audit(state)
    assert [finding.kind for finding in found] == [kind]
    assert found[0].path.split("/")[-1] in found[0].sentence
    assert audit(state) == found
    assert audit(state, repair=True) == found
    state.publish(full=True)
    assert audit(state) == []
    assert site_bytes(state.site) == before
    assert broken_links(state.site) == []


def test_a_wheel_lost_in_both_places_is_given_up_and_planned_again(state: ControllerState) -> None:
    (state.files_dir / WHEEL).unlink()
    replace_bytes(state.site / "files" / WHEEL)
    assert [finding.kind for finding in audit(state, repair=True)] == ["damaged-on-site", "lost"]
    state.publish()
    assert listed(state.site, "spidev") == []
    assert state.one("SELECT judged FROM project WHERE name = 'spidev'") == 0
    assert audit(state) == []
    assert broken_links(state.site) == []


def test_a_log_lost_in_both_places_is_no_longer_linked(state: ControllerState) -> None:
    for folder in (state.logs_dir, state.site / "logs"):
        next(folder.glob("pycups/*.log.gz")).unlink()
    assert [finding.kind for finding in audit(state, repair=True)] == ["lost-log"]
    state.publish()
    assert "log.gz" not in (state.site / "project/pycups/index.html").read_text()
    assert audit(state) == []


def test_a_page_that_somebody_edited_is_put_right_by_a_full_rendering(state: ControllerState) -> None:
    before = site_bytes(state.site)
    (state.site / "simple/spidev/index.html").write_text("edited")
    (state.site / "project/pycups/index.html").unlink()
    (state.site / "project/added").mkdir()
    (state.site / "project/added/index.html").write_text("added")
    (state.site / "failures/added.html").write_text("added")
    changed = state.publish(full=True).changed
    assert {"simple/spidev/index.html", "project/pycups/index.html", "project/added", "failures/added.html"} <= set(
        changed
    )
    assert site_bytes(state.site) == before
