"""The catalog's schema: explained in full, one for new and upgraded catalogs, and upgraded without loss."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from wheelfleet.catalog import schema
from wheelfleet.catalog.database import Catalog, CatalogError

FOLDER = Path(schema.__file__).parent
#: What the last version before schema.sql wrote: a run with two builders, and rows in every table.
OLD = Path(__file__).parent / "data" / "catalog_main.sql"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An old catalog as a file."""
    path = tmp_path / "old.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.executescript(OLD.read_text())
    return path


def tables(db: sqlite3.Connection) -> list[str]:
    return [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]


def rows(db: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    return sorted((tuple(row) for row in db.execute(f'SELECT * FROM "{table}"')), key=repr)


def shape(db: sqlite3.Connection) -> dict[tuple[str, str], object]:
    """Each table, index and trigger with its statement, without comments, quotes and spaces."""
    said: dict[tuple[str, str], object] = {}
    for kind, name, sql in db.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL"):
        said[kind, name] = re.sub(r"[\s\"]+", "", re.sub(r"--[^\n]*", "", sql))
        if kind == "table":
            said["columns", name] = [tuple(row) for row in db.execute(f"PRAGMA table_info({name})")]
    return said


def renames() -> tuple[dict[str, str], dict[tuple[str, str], str]]:
    """What the migrations rename: tables, and columns of tables by their new name."""
    text = "".join(path.read_text() for path in sorted((FOLDER / "migrations").glob("*.sql")))
    moved = dict(re.findall(r"ALTER TABLE (\w+) RENAME TO (\w+);", text))
    columns = re.findall(r"ALTER TABLE (\w+) RENAME COLUMN (\w+) TO (\w+);", text)
    return moved, {(table, before): after for table, before, after in columns}


def columns(db: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in db.execute(f"PRAGMA table_info({table})")]


def test_the_old_catalog_has_rows_in_every_table(old: Path) -> None:
    with closing(sqlite3.connect(old)) as db:
        assert [table for table in tables(db) if not rows(db, table)] == []
        assert db.execute("PRAGMA user_version").fetchone()[0] == schema.OLDEST


def test_an_upgraded_catalog_is_shaped_like_a_new_one(old: Path, tmp_path: Path) -> None:
    with Catalog(old) as upgraded, Catalog(tmp_path / "new.sqlite") as new:
        assert shape(upgraded.db) == shape(new.db)
        for catalog in (upgraded, new):
            assert catalog.db.execute("PRAGMA user_version").fetchone()[0] == schema.VERSION
            assert catalog.db.execute("PRAGMA foreign_key_check").fetchall() == []
            assert catalog.db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_an_upgrade_loses_no_row(old: Path) -> None:
    with closing(sqlite3.connect(old)) as db:
        before = {table: (columns(db, table), rows(db, table)) for table in tables(db)}
    moved, renamed = renames()
    with Catalog(old) as catalog:
        assert {moved.get(table, table) for table in before} == set(tables(catalog.db))
        for table, (names, content) in before.items():
            now = moved.get(table, table)
            assert [renamed.get((now, name), name) for name in names] == columns(catalog.db, now)
            assert rows(catalog.db, now) == content, now


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        (schema.OLDEST - 1, f"schema {schema.OLDEST - 1}, but this wheelfleet upgrades only from {schema.OLDEST} on"),
        (999, "schema 999.*update the checkout"),
    ],
)
def test_other_versions_are_refused_with_a_cure(tmp_path: Path, version: int, sentence: str) -> None:
    path = tmp_path / "catalog.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(CatalogError, match=sentence):
        Catalog(path)


def test_the_version_is_that_of_the_newest_migration() -> None:
    numbers = [int(path.name[:4]) for path in sorted((FOLDER / "migrations").glob("*.sql"))]
    assert numbers == list(range(schema.OLDEST + 1, schema.VERSION + 1))


def explained() -> Iterator[tuple[str, str, str]]:
    """Each table and column of schema.sql with its comment; the column is empty for the table itself."""
    comment: list[str] = []
    table = ""
    for line in (FOLDER / "schema.sql").read_text().splitlines():
        if found := re.match(r"CREATE TABLE (\w+) \($", line):
            table = found[1]
            yield table, "", " ".join(comment)
        elif table and (found := re.match(r"    (?!UNIQUE|PRIMARY|CHECK)\"?(\w+)\"? .*?(?:-- (.*))?$", line)):
            yield table, found[1], found[2] or ""
        elif line.startswith(")"):
            table = ""
        comment = [*comment, line[3:]] if line.startswith("-- ") else []


def test_every_table_and_column_is_explained_in_a_sentence(tmp_path: Path) -> None:
    said = {(table, column): comment for table, column, comment in explained()}
    with Catalog(tmp_path / "new.sqlite") as catalog:
        there = {(table, column) for table in tables(catalog.db) for column in ("", *columns(catalog.db, table))}
    assert said.keys() == there
    assert [name for name, comment in said.items() if not re.search(r"[.''](\)?)$", comment)] == []
