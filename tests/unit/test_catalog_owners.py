"""Each table of the catalog is written by one module; the rest of the code asks it."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import wheelfleet
from wheelfleet.catalog.database import Catalog

PACKAGE = Path(wheelfleet.__file__ or "").parent
REPOSITORY = PACKAGE.parents[1]
#: Triggers alone write the tables that are not here.
OWNERS = {
    "apt_package": "planner/missing_packages.py",
    "attempt": "catalog/attempts.py",
    "batch": "planner/batches.py",
    "builder": "catalog/builders.py",
    "builder_metrics": "catalog/builders.py",
    "builder_target": "catalog/builders.py",
    "client_day": "downloads/record_sums.py",
    "control": "catalog/controls.py",
    "counter": "catalog/counters.py",
    "dirty_page": "site/publication.py",
    "event": "catalog/events.py",
    "given_name": "catalog/given_names.py",
    "log_position": "downloads/record_sums.py",
    "meta": "catalog/meta.py",
    "notification": "catalog/notifications.py",
    "outdated_copy": "catalog/outdated_copies.py",
    "project": "catalog/projects.py",
    "provider": "planner/missing_packages.py",
    "queue_hour": "site/publication.py",
    "rebuild": "catalog/rebuilds.py",
    "recipe": "planner/recipes.py",
    "release": "catalog/releases.py",
    "release_target": "catalog/release_targets.py",
    "remedy_outcome": "planner/remedy_outcomes.py",
    "remedy_use": "planner/retries.py",
    "resolution": "planner/requirements_files.py",
    "search_word": "site/published_rows.py",
    "site_project": "site/published_rows.py",
    "site_release": "site/published_rows.py",
    "target": "planner/builders.py",
    "unconsidered": "planner/unconsidered.py",
    "upstream_file": "planner/record_page.py",
    "upstream_list": "catalog/upstream_list.py",
    "use_day": "downloads/record_sums.py",
    "visit_day": "downloads/record_sums.py",
    "wheel": "catalog/wheels.py",
    "wheel_target": "catalog/wheels.py",
    "withdrawal": "catalog/withdrawals.py",
}
WRITES = re.compile(r"\b(?:INSERT(?: OR \w+)? INTO|REPLACE INTO|UPDATE|DELETE FROM)\s+\"?(\w+)")
FOLDERS = ("action_plugins", "callback_plugins", "connection_plugins", "filter_plugins", "library")


def strings(path: Path) -> list[str]:
    """The strings of a module; of an f-string the parts that are written out."""
    said = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            said.append("".join(str(part.value) for part in node.values if isinstance(part, ast.Constant)))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            said.append(node.value)
    return said


def test_each_table_is_written_by_its_owner_alone() -> None:
    with Catalog(":memory:") as catalog:
        tables = {row[0] for row in catalog.db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    writers: dict[str, set[str]] = defaultdict(set)
    files = [*PACKAGE.rglob("*.py"), *(file for folder in FOLDERS for file in (REPOSITORY / folder).glob("*.py"))]
    for path in files:
        for table in {table for text in strings(path) for table in WRITES.findall(text)} & tables:
            writers[table].add(str(path.relative_to(PACKAGE if PACKAGE in path.parents else REPOSITORY)))
    assert writers == {table: {owner} for table, owner in OWNERS.items()}
