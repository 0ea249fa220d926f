"""docs/schema.md, made from schema.sql; `make docs` writes it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from wheelfleet.catalog import schema

SCHEMA = Path(schema.__file__).with_name("schema.sql")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "schema.md"
_HEAD = """# The catalog's schema

Every table and column of the controller's SQLite database.
This page is made from [schema.sql](../module_utils/wheelfleet/catalog/schema.sql), which also has indexes and triggers.
Times are seconds since the epoch (UTC), days and hours are counted since the epoch (UTC), sizes are bytes."""


def explained() -> Iterator[tuple[str, str, str]]:
    """(table, column, comment) of each table and column; for a table the column is empty."""
    comment: list[str] = []
    table = ""
    for line in SCHEMA.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"CREATE TABLE (\w+) \($", line):
            table = found[1]
            yield table, "", "\n".join(comment)
        elif table and (found := re.match(r"    (?!UNIQUE|PRIMARY|CHECK)\"?(\w+)\"? .*?(?:-- (.*))?$", line)):
            yield table, found[1], found[2] or ""
        elif line.startswith(")"):
            table = ""
        comment = [*comment, line[3:]] if line.startswith("-- ") else []


def prose(comment: str) -> str:
    """A comment as Markdown: one sentence a line; indented lines stay as a block of code."""
    text = re.sub(r"\n(?! )", " ", comment)
    text = re.sub(r"^  (.*)$", r"    \1", text, flags=re.MULTILINE).replace(":\n    ", ":\n\n    ")
    return re.sub(r"(?<=[\w)][.?!]) (?=[A-Z`])", "\n", text)


def page() -> str:
    """The text of docs/schema.md."""
    lines = [_HEAD]
    for table, column, comment in explained():
        if column:
            lines.append(f"| `{column}` | {comment.replace('|', chr(92) + '|')} |")
        else:
            lines += [f"\n## {table}\n", prose(comment)]
            lines += ["", "| column | what it holds |", "|---|---|"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
