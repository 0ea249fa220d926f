"""The tables of docs/contract.md, from the contract's types and the comments on their fields.

`make docs` writes them.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import wheelfleet.contract

CONTRACT = Path(wheelfleet.contract.__file__).parent
PAGE = Path(__file__).parents[2] / "docs" / "contract.md"
_TABLE = re.compile(r"<!-- (\w+)\.(\w+) -->\n(.*?)<!-- end -->", re.DOTALL)


def table(module: str, name: str) -> str:
    """The table of a class: each field, its type, and the comment above it."""
    source = (CONTRACT / f"{module}.py").read_text(encoding="utf-8")
    lines = source.splitlines()
    (found,) = (node for node in ast.parse(source).body if isinstance(node, ast.ClassDef) and node.name == name)
    rows = ["| field | type | meaning |", "|---|---|---|"]
    for node in found.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            rows.append(f"| `{node.target.id}` | `{_type(node.annotation)}` | {_comment(lines, node.lineno)} |")
    return "\n".join(rows) + "\n"


def page() -> str:
    """The page with its tables up to date."""
    return _TABLE.sub(
        lambda match: f"<!-- {match[1]}.{match[2]} -->\n\n{table(match[1], match[2])}\n<!-- end -->",
        PAGE.read_text(encoding="utf-8"),
    )


def tables_shown() -> set[tuple[str, str]]:
    """(module, class) of each table on the page."""
    return {(module, name) for module, name, _ in _TABLE.findall(PAGE.read_text(encoding="utf-8"))}


def _type(annotation: ast.expr) -> str:
    text = ast.unparse(annotation)
    return re.sub(r"Optional\[(.*)\]", r"\1 or null", text).replace(" | None", " or null").replace("|", "or")


def _comment(lines: list[str], line: int) -> str:
    comment: list[str] = []
    above = line - 2
    while lines[above].strip().startswith("#:"):
        comment.insert(0, lines[above].strip().removeprefix("#:").strip())
        above -= 1
    return " ".join(comment).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
