"""The link to a builder over a connection that fails: steps are repeated, and parts are never taken for the whole."""

from __future__ import annotations

import base64
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError
from wheelfleet.engine.link import LinkLost
from wheelfleet_ansible import node_action
from wheelfleet_ansible.builder_link import BuilderLink
from wheelfleet_ansible.node_action import NodeAction, RunGone

POLL = ["ended", "1800000000", "100 200 4096", "metrics", "{}", "outbox:", "end"]


class Action(NodeAction):
    """An action plugin whose connection gives these answers one after the other; its module's are dictionaries."""

    def __init__(self, *answers: str | Exception | dict[str, Any]) -> None:  # without Ansible's
        self.answers = list(answers)
        self.commands: list[str] = []
        self.modules: list[dict[str, Any]] = []
        self._task = self
        self._connection = self
        self.args = {"home": "/home"}
        self.resets = 0
        self.host = "pi1"
        self.task_vars = {}
        self._run_process = None

    def _low_level_execute_command(self, command: str, sudoable: bool) -> dict[str, Any]:
        self.commands.append(command)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return {"rc": 0, "stdout": answer}

    def _execute_module(self, module_args: dict[str, Any], **_: object) -> dict[str, Any]:
        self.modules.append(module_args)
        answer = self.answers.pop(0)
        assert isinstance(answer, dict)
        return answer

    def reset(self) -> None:
        self.resets += 1


class Events:
    def __init__(self) -> None:
        self.silences = 0
        self.sentences: list[str] = []

    def silent(self, seconds: float) -> None:
        self.silences += 1

    def bypasses_cache(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = iter(range(0, 10**6, 10))
    monkeypatch.setattr(node_action.time, "sleep", lambda _: None)
    monkeypatch.setattr(node_action.time, "monotonic", lambda: float(next(seconds)))


def link(action: Action, events: Events | None = None, **options: Any) -> BuilderLink:
    given = {"home": "/home", "patience": 60.0, "limits": {"log": 1 << 20}, "cache_url": "", **options}
    action.options = given
    return BuilderLink(action, events or Events())


def test_a_poll_is_repeated_over_a_reset_connection() -> None:
    events = Events()
    action = Action(AnsibleConnectionFailure("cut off"), "half an ans", "\n".join(POLL))
    snapshot = link(action, events).poll([])
    assert (snapshot.worker, snapshot.free) == (False, 409600)
    assert (action.resets, events.silences) == (2, 2)


def test_after_all_patience_the_link_is_lost() -> None:
    with pytest.raises(LinkLost, match="It does not answer"):
        link(Action(*[AnsibleConnectionFailure("cut off")] * 50)).poll([])


def test_a_part_of_a_file_is_fetched_again(tmp_path: Path) -> None:
    whole, part = (base64.b64encode(data).decode() for data in (b"0123456789", b"01234"))
    action = Action(part, "!", whole)
    link(action).fetch("a-1-0", {"result.json": 10, "log.gz": 1 << 40}, tmp_path)
    assert (tmp_path / "result.json").read_bytes() == b"0123456789"
    assert len(action.commands) == 3, "a log that is larger than the limit is not asked for"


def test_a_builder_that_the_cache_does_not_answer_goes_upstream() -> None:
    events = Events()
    action = Action({"cache_trouble": "no route"}, {})
    link(action, events, cache_url="http://web.example").hand_over([])
    assert events.sentences == ["It goes to upstream itself. no route"]
    first, second = action.modules
    assert first["credentials"] == "", "what goes by way of the cache needs none"
    assert second["cache_url"] == ""


@pytest.mark.parametrize(
    "answer", [{"unreachable": True}, {"failed": True, "module_stdout": "", "module_stderr": "cut off"}]
)
def test_a_module_that_was_cut_off_runs_again(answer: dict[str, Any]) -> None:
    action = Action(answer, {})
    link(action).hand_over([])
    assert len(action.modules) == 2


def test_a_module_that_fails_is_an_error() -> None:
    with pytest.raises(AnsibleError, match="The builder cannot take work"):
        link(Action({"failed": True, "msg": "The builder cannot take work: x"})).hand_over([])


def test_a_module_that_broke_off_is_an_error_with_its_exception() -> None:
    exception = SimpleNamespace(event=SimpleNamespace(msg="No module named '_ctypes'"))
    with pytest.raises(AnsibleError, match="No module named '_ctypes'"):
        link(Action({"failed": True, "exception": exception})).hand_over([])
    with pytest.raises(AnsibleError, match="did not say why"):
        link(Action({"failed": True})).hand_over([])


def test_only_what_was_withdrawn_counts() -> None:
    assert link(Action("a-1-0 stranger\n")).withdraw(["a-1-0", "b-1-0"]) == ["a-1-0"]
    assert link(Action()).withdraw([]) == []


def test_without_its_run_it_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Action, "run_lives", lambda _: False)
    with pytest.raises(RunGone):
        link(Action()).poll([])
