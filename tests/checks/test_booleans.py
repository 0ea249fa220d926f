"""Variables that are true or false may be given with -e, as strings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"
#: A word of a condition, or of the parts of one: what stands before a variable whose truth is asked.
_ASKS = r"(?:when: (?:>-\n\s*)?|^ *- |\b(?:if|and|or|not) |\(|\{\{ ?)"


def booleans() -> set[str]:
    """The names of variables of the type bool in the roles' argument specs."""
    found = set()
    for path in sorted(ROLES.glob("*/meta/argument_specs.yml")):
        for entry in yaml.safe_load(path.read_text())["argument_specs"].values():
            found |= {name for name, spec in entry.get("options", {}).items() if spec.get("type") == "bool"}
    return found


def places() -> Iterator[Path]:
    for folder in (ROLES, ROLES.parent / "playbooks"):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".yml", ".j2") and path.is_file() and "meta" not in path.parts:
                yield path


def test_every_condition_on_a_boolean_takes_its_string_too() -> None:
    names = "|".join(sorted(booleans()))
    asked = re.compile(rf"{_ASKS}(?P<name>{names})\b(?! *\| *bool)(?P<rest>.*)$", re.MULTILINE)
    wrong = []
    for path in places():
        for found in asked.finditer(re.sub("^ *#.*$", "", path.read_text(), flags=re.MULTILINE)):
            # Handed on as it is, to an option that takes strings.
            if not re.fullmatch(r" *\}\}['\"]?", found["rest"]):
                wrong.append(f"{path.relative_to(ROLES.parent)}: {found[0].strip()}")
    assert wrong == []
