"""What a module answers has no password in it, whatever the ansible-core."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType
from typing import Any

import ansible.module_utils
import pytest
from ansible.module_utils import basic
from wheelfleet_ansible.documented_options import LIBRARY
from wheelfleet_ansible.hidden import hide, without

SECRET = "pass%40word"
OPTIONS: dict[str, Any] = {
    "home": "/nowhere",
    "index_url": "http://index.example/simple/",
    "credentials": f"me:{SECRET}",
    "cache_url": "",
    "pip_options": {},
    "limits": {},
    "sandbox": False,
}


class Answered(Exception):
    """What a module answers, before ansible-core does anything to it."""


class Module:
    """The part of AnsibleModule that our modules use."""

    def __init__(self, **_: Any) -> None:
        self.params = {**OPTIONS, "parallel": 0, "own_index_url": None, "assignments": [{}], **MORE}
        self.no_log_values: set[str] = set()

    def exit_json(self, **answer: Any) -> None:
        raise Answered(repr(answer))

    fail_json = exit_json


MORE: dict[str, Any] = {
    "resolve": [{"path": "r.txt", "digest": "d", "target_id": 1, "question": {"lines": []}, "tools": ""}]
}


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    paths = [*ansible.module_utils.__path__, str(LIBRARY.parent / "module_utils")]
    monkeypatch.setattr(ansible.module_utils, "__path__", paths)
    monkeypatch.setattr(basic, "AnsibleModule", Module)
    spec = importlib.util.spec_from_file_location(name, LIBRARY / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_pip_says_comes_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("wheelfleet_resolve", monkeypatch)
    monkeypatch.setattr(module, "resolve", lambda *_, **__: {"log": f"GET http://me:{SECRET}@index or pass@word"})
    with pytest.raises(Answered) as answered:
        module.main()
    assert "GET http://me:" in str(answered.value)
    assert SECRET not in str(answered.value)
    assert "pass@word" not in str(answered.value)


def test_why_a_builder_takes_no_work_comes_without_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    module = load("wheelfleet_batch", monkeypatch)

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(f"http://me:{SECRET}@index")

    monkeypatch.setattr(module, "complete", refuse)
    with pytest.raises(Answered, match="cannot take work") as answered:
        module.main()
    assert SECRET not in str(answered.value)


def test_an_ansible_core_that_masks_what_it_prints_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told: set[str] = set()
    masks = ModuleType("ansible.module_utils.secrets")
    masks.register_secrets = told.update  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ansible.module_utils.secrets", masks)
    module = Module()
    hide(module, {SECRET})
    assert told == module.no_log_values == {SECRET}
    assert without({"a": [f"x{SECRET}x"]}, {SECRET}) == {"a": ["x********x"]}
