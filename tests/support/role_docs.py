"""The tables in roles/*/README.md, made from argument_specs.yml; `make docs` writes them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parents[2] / "roles"
BEGIN = "<!-- BEGIN: made from meta/argument_specs.yml by make docs -->"
END = "<!-- END -->"


def old_names_and_default(default: object) -> tuple[list[str], object]:
    """Old names of a variable, and its default without them: ``{{ old | default(1) }}`` gives old and 1."""
    old: list[str] = []
    body = found[1] if (found := re.fullmatch(r"{{ (\w+ \| default\(.*\)) }}", str(default))) else ""
    while found := re.fullmatch(r"(\w+) \| default\((.*)\)", body):
        old.append(found[1])
        body = found[2]
    return (old, yaml.safe_load(body)) if old else ([], default)


def _cell(text: str) -> str:
    return re.sub(r"[CV]\((.*?)\)", r"`\1`", text).replace("|", "\\|").strip()


def _default(value: object) -> str:
    if value in ("", [], {}):
        return "empty"
    return f"`{value}`".replace("|", "\\|") if isinstance(value, str) else f"`{json.dumps(value)}`"


def _row(name: str, option: dict[str, Any]) -> str:
    old, default = old_names_and_default(option.get("default"))
    meaning = _cell(option["description"])
    if choices := option.get("choices"):
        meaning += f" One of {', '.join(f'`{choice}`' for choice in choices)}."
    if old:
        meaning += f" Old name: {', '.join(f'`{each}`' for each in old)}."
    return f"| `{name}` | {option['type']} | {_default(default)} | {meaning} |"


def generated(role: Path) -> str:
    """The tables of a role's entry points and variables."""
    specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text())["argument_specs"]
    options = {name: option for spec in specs.values() for name, option in spec["options"].items()}
    return "\n".join(
        [
            "## Entry points",
            "",
            "| `tasks_from` | what it does |",
            "|---|---|",
            *(f"| `{name}` | {_cell(spec['short_description'])} |" for name, spec in specs.items()),
            "",
            "## Variables",
            "",
            "| variable | type | default | meaning |",
            "|---|---|---|---|",
            *(_row(name, option) for name, option in options.items()),
        ]
    )


def page(role: Path) -> str:
    """The role's README with the tables up to date."""
    written = (role / "README.md").read_text(encoding="utf-8")
    before, after = written.split(BEGIN)[0], written.split(END)[1]
    return f"{before}{BEGIN}\n\n{generated(role)}\n\n{END}{after}"


if __name__ == "__main__":
    for each in sorted(ROLES.iterdir()):
        (each / "README.md").write_text(page(each), encoding="utf-8")
