"""The exit status of build.yml: 0 done, 2 not done, 3 done without something that was asked for."""

from __future__ import annotations

from typing import Any

import pytest
from wheelfleet.engine.exit_status import exit_status, lost_builders

BUILDERS = {"pi1", "pi2"}


def status(**facts: Any) -> int | None:
    usual = {"finished": True, "failed_elsewhere": False, "builders": BUILDERS, "lost": set(), "unconsidered": 0}
    return exit_status(**{**usual, **facts})


def test_a_run_that_did_all_it_was_asked_for_is_zero():
    assert status() == 0
    assert status(builders=set()) == 0, "check mode of builders that are not provisioned yet"


def test_a_builder_that_is_off_while_others_work_is_a_warning():
    assert status(lost={"pi1"}) == 0


def test_without_a_builder_that_works_the_run_has_failed():
    assert status(lost=BUILDERS) == 2
    assert status(lost=BUILDERS, finished=False, unconsidered=1) == 2


def test_what_was_not_considered_is_three_also_where_a_builder_is_off():
    assert status(unconsidered=1) == 3
    assert status(unconsidered=1, lost={"pi1"}) == 3


@pytest.mark.parametrize(
    "facts", [{"failed_elsewhere": True}, {"finished": False}, {"finished": False, "lost": {"pi1"}}]
)
def test_what_failed_elsewhere_is_left_to_ansible(facts: dict[str, Any]):
    assert status(unconsidered=1, **facts) is None


def test_the_end_of_a_run_names_the_builders_it_was_without():
    assert lost_builders(BUILDERS, set()) == []
    assert lost_builders(BUILDERS, {"pi1"})[0].startswith("Warning: without pi1, ")
    assert lost_builders(BUILDERS, BUILDERS)[0].startswith("No builder works: pi1, pi2 ")
