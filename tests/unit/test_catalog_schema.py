"""The catalog's schema: explained in full, one for new and upgraded catalogs, and upgraded without loss."""

from __future__ import annotations

import json
import re
import resource
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest
from wheelfleet import __version__
from wheelfleet.catalog import schema, states
from wheelfleet.catalog.database import Catalog, CatalogError, rehearsal
from wheelfleet.catalog.release_targets import settle
from wheelfleet.planner.inputs import PlanInputs

from tests.support import schema_docs
from tests.support.catalogs import ControllerState

FOLDER = Path(schema.__file__).parent
#: What the last version before schema.sql wrote: a run with two builders, and rows in every table.
OLD = Path(__file__).parent / "data" / "catalog_schema_13.sql"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """An old catalog as a file."""
    path = tmp_path / "catalog.sqlite"
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


def test_an_upgraded_catalog_is_shaped_like_a_new_one(old: Path) -> None:
    with Catalog(old) as upgraded, Catalog(":memory:") as new:
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
        assert {moved.get(table, table) for table in before} <= set(tables(catalog.db))
        for table, (names, content) in before.items():
            now = moved.get(table, table)
            # Migrations append columns.
            assert [renamed.get((now, name), name) for name in names] == columns(catalog.db, now)[: len(names)]
            if table != "meta":
                kept = sorted((row[: len(names)] for row in rows(catalog.db, now)), key=repr)
                # Counters may come.
                assert [row for row in kept if now != "counter" or row in content] == content, now


def test_the_last_plan_s_inputs_are_read_after_an_upgrade(old: Path) -> None:
    with closing(sqlite3.connect(old)) as db:
        (before,) = db.execute("SELECT value FROM meta WHERE key = 'plan'").fetchone()
        keys = db.execute("SELECT key FROM meta ORDER BY key").fetchall()
    with Catalog(old) as catalog:
        inputs = PlanInputs.remembered(catalog.db)
        assert inputs is not None
        assert inputs.as_policy().max_attempts == json.loads(before)["policy"]["tries"]
        assert [(row["key"],) for row in catalog.db.execute("SELECT key FROM meta ORDER BY key")] == keys


def test_queue_and_site_follow_from_an_upgraded_catalog_as_before(old: Path) -> None:
    """The rows that main's planner and publisher derived are those that today's derive."""
    derived = ("release_target", "site_release", "site_project", "search_word", "counter", "blocked_by_class")
    with ControllerState(old.parent) as state:
        before = {table: rows(state.catalog.db, table) for table in derived}
        with state.catalog.writing() as db:
            for (release,) in db.execute("SELECT id FROM release").fetchall():
                settle(db, release, 3)
        published = state.publish(full=True)
        for table in derived:
            assert rows(state.catalog.db, table) == before[table], table
        assert "project/cext/index.html" in published.changed


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        (
            schema.OLDEST - 1,
            f"schema {schema.OLDEST - 1}, but wheelfleet {__version__} upgrades only from {schema.OLDEST} on",
        ),
        (999, "schema 999.*update the checkout"),
    ],
)
def test_other_versions_are_refused_with_a_cure(tmp_path: Path, version: int, sentence: str) -> None:
    path = tmp_path / "catalog.sqlite"
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {version}")
    with pytest.raises(CatalogError, match=sentence):
        Catalog(path)


def kept(path: Path) -> Path:
    """Where an upgrade keeps the old catalog."""
    return path.with_name(f"catalog.sqlite.before-schema-{schema.VERSION}")


def test_a_catalog_is_copied_before_it_is_upgraded(old: Path) -> None:
    with closing(sqlite3.connect(old)) as db:
        before = list(db.iterdump())
    Catalog(old).close()
    with closing(sqlite3.connect(kept(old))) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == schema.OLDEST
        assert list(db.iterdump()) == before
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    # To go back: the copy in the catalog's place is upgraded again by the next run.
    kept(old).replace(old)
    with Catalog(old) as catalog:
        assert catalog.db.execute("PRAGMA user_version").fetchone()[0] == schema.VERSION


def test_a_copy_is_kept_until_the_next_upgrade(old: Path) -> None:
    older = old.with_name(f"catalog.sqlite.before-schema-{schema.OLDEST}")
    older.write_bytes(b"")
    Catalog(old).close()
    assert kept(old).is_file()
    assert not older.exists()
    Catalog(old).close()
    assert sorted(path.name for path in old.parent.iterdir()) == ["catalog.sqlite", kept(old).name]


def test_new_catalogs_and_rehearsals_leave_no_copy(old: Path, tmp_path: Path) -> None:
    with rehearsal(old) as catalog:
        assert not list(Path(str(catalog.path)).parent.glob("*before-schema*"))
    (tmp_path / "new").mkdir()
    Catalog(tmp_path / "new/catalog.sqlite").close()
    assert not list(tmp_path.rglob("*before-schema*"))


def test_a_full_disk_leaves_the_old_catalog_as_it_is(old: Path) -> None:
    """A limit on the size of files, in a process of its own, is the full disk: the copy does not fit."""
    content = old.read_bytes()
    code = "import sys; from wheelfleet.catalog.database import Catalog; Catalog(sys.argv[1])"
    limit = len(content) // 2
    failed = subprocess.run(
        [sys.executable, "-c", code, str(old)],
        env={"PYTHONPATH": str(FOLDER.parents[1])},
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    said = failed.stderr.splitlines()[-1]
    assert said.startswith(
        f"wheelfleet.catalog.database.CatalogError: The catalog {old} stays at schema {schema.OLDEST}, because it is "
        f"copied before it is brought to {schema.VERSION}, and the copy cannot be written beside it ("
    )
    assert "make room for" in said
    with closing(sqlite3.connect(old)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == schema.OLDEST
    assert [path.name for path in old.parent.iterdir() if path.name != old.name] == []
    Catalog(old).close()


def test_the_version_is_that_of_the_newest_migration() -> None:
    numbers = [int(path.name[:4]) for path in sorted((FOLDER / "migrations").glob("*.sql"))]
    assert numbers == list(range(schema.OLDEST + 1, schema.VERSION + 1))


def test_the_page_about_upgrades_names_the_newest_version() -> None:
    page = (Path(__file__).parents[2] / "docs/how-to/upgrade-and-retire.md").read_text()
    assert f"| schema {schema.OLDEST} to {schema.VERSION - 1} | schema {schema.VERSION} |" in page
    assert f"before-schema-{schema.VERSION}" in page


def test_every_table_and_column_is_explained_in_a_sentence() -> None:
    said = {(table, column): comment for table, column, comment in schema_docs.explained()}
    with Catalog(":memory:") as catalog:
        there = {(table, column) for table in tables(catalog.db) for column in ("", *columns(catalog.db, table))}
    assert said.keys() == there
    assert [name for name, comment in said.items() if not comment] == []


def test_the_page_about_the_schema_is_made_from_it() -> None:
    assert schema_docs.PAGE.read_text() == schema_docs.page(), schema_docs.__doc__


def test_the_words_of_columns_are_those_that_the_code_knows() -> None:
    text = (FOLDER / "schema.sql").read_text()
    said = {}
    for table, body in re.findall(r"CREATE TABLE (\w+) \(\n(.*?)\n\)", text, re.DOTALL):
        for column, words in re.findall(r"CHECK \((\w+) IN \((.*?)\)\)", body):
            said[table, column] = tuple(re.findall(r"'(.*?)'", words))
    assert said == {column: get_args(words) for column, words in states.OF_COLUMNS.items()}
