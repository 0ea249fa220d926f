"""What operators order about published wheels, as real clients meet it on the index."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from wheelfleet.admission.import_wheel import Terms, import_wheel
from wheelfleet.control.orders import order
from wheelfleet.planner.inputs import PlanInputs
from wheelfleet.planner.rejudge import judge_changed

from tests.support.artifacts import Artifact
from tests.support.clients import PIPS, UV, Client, ClientFailed
from tests.support.controller import NOW, Controller
from tests.support.wheels import wheel_file

#: Gives an order about demo, and publishes.
Order = Callable[..., None]


def wheel(answer: int, **how: str) -> Artifact:
    return wheel_file("demo", "1.0", files={"demo.py": f"answer = {answer}\n"}, **how)


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    """A fleet whose wheel of demo 1.0 has the answer 1."""
    controller = Controller(tmp_path / "var")
    with controller.catalog.writing() as db:
        PlanInputs(["demo"], [], False, "1", {}).remember(db)
    controller.send(wheel(1))
    controller.state.publish(html_pages=False)
    return controller


@pytest.fixture
def give(controller: Controller) -> Order:
    def give(verb: str, what: str = "demo==1.0") -> None:
        order(controller.catalog, who="alice", verb=verb, noun="wheel", subject=what, reason="it crashes", now=NOW)
        judge_changed(controller.catalog, ["demo"], NOW)
        controller.state.publish(html_pages=False)

    return give


@pytest.fixture(params=[PIPS[-1], UV], ids=str)
def install(request: pytest.FixtureRequest, controller: Controller, tmp_path: Path) -> Callable[..., str]:
    """Has a client install demo from the published index; returns the module's text, and what the client said."""
    client: Client = request.param
    numbers = itertools.count()

    def install(requirement: str = "demo") -> str:
        home = tmp_path / f"home{next(numbers)}"
        said = client.install(f"{controller.state.site.as_uri()}/simple", home, requirement).said
        return (home / "target" / "demo.py").read_text() + said

    return install


def test_a_withdrawn_wheel_is_not_found_until_it_is_restored(give: Order, install: Callable[..., str]) -> None:
    give("withdraw")
    with pytest.raises(ClientFailed):
        install()
    give("restore")
    assert "answer = 1" in install()


def test_a_yanked_wheel_is_taken_only_where_it_is_pinned(give: Order, install: Callable[..., str]) -> None:
    give("yank")
    with pytest.raises(ClientFailed):
        install()
    pinned = install("demo==1.0")
    assert "answer = 1" in pinned
    assert "it crashes" in pinned


def test_a_rebuilt_wheel_is_taken_before_the_old_one(
    controller: Controller, give: Order, install: Callable[..., str]
) -> None:
    give("rebuild")
    new = controller.send(wheel(2), answering=controller.claim("pi1", "run2")).wheel
    controller.state.publish(html_pages=False)
    assert "answer = 2" in install()
    give("withdraw", new)
    assert "answer = 1" in install()


def test_an_imported_wheel_is_installed(controller: Controller, install: Callable[..., str], tmp_path: Path) -> None:
    artifact = wheel(3, build="1")
    path = tmp_path / artifact.filename
    path.write_bytes(artifact.data)
    import_wheel(controller.catalog, controller.storage, path, Terms("alice", "built elsewhere", NOW))
    controller.state.publish(html_pages=False)
    assert "answer = 3" in install()
