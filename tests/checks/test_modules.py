"""Modules, their documentation and the tasks that use them agree."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import ansible.module_utils
import pytest
import yaml
from ansible.module_utils import basic
from wheelfleet_ansible.documented_options import LIBRARY, SHARED_KEYS, documented_options

REPOSITORY = LIBRARY.parent
#: The others hold documentation only, because their action plugin does the work.
SHIPPED = sorted(path.stem for path in LIBRARY.glob("*.py") if "def main()" in path.read_text())


class Called(Exception):
    """What a module calls AnsibleModule with."""

    def __init__(self, argument_spec: dict[str, dict[str, Any]], **others: Any) -> None:
        self.argument_spec = argument_spec


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_module_takes_the_options_that_it_documents(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        ansible.module_utils, "__path__", [*ansible.module_utils.__path__, str(LIBRARY.parent / "module_utils")]
    )

    def record(**arguments: Any) -> None:
        raise Called(**arguments)

    monkeypatch.setattr(basic, "AnsibleModule", record)
    spec = importlib.util.spec_from_file_location(name, LIBRARY / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with pytest.raises(Called) as called:
        module.main()
    taken = {
        option: {key: value for key, value in about.items() if key in SHARED_KEYS}
        for option, about in called.value.argument_spec.items()
    }
    assert taken == documented_options(name)


def tasks_of(value: Any) -> Iterator[dict[str, Any]]:
    """Every dictionary of a file of tasks or plays; a task is one of them."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from tasks_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from tasks_of(inner)


def test_tasks_give_our_modules_options_that_they_have():
    """ansible-lint checks this for modules that have code."""
    known = {path.stem: documented_options(path.stem) for path in LIBRARY.glob("*.py")}
    wrong = []
    for path in [*REPOSITORY.glob("roles/*/tasks/*.yml"), *REPOSITORY.glob("playbooks/**/*.yml")]:
        for task in tasks_of(yaml.safe_load(path.read_text())):
            for name in task.keys() & known.keys():
                given = task[name] or {}
                required = {option for option, about in known[name].items() if about.get("required")}
                unknown, missing = given.keys() - known[name].keys(), required - given.keys()
                wrong += [f"{path.name}: {name} has no {option}" for option in unknown]
                wrong += [f"{path.name}: {name} needs {option}" for option in missing]
    assert wrong == []
