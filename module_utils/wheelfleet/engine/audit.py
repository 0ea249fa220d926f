"""The audit: compares catalog, files and site in both directions, by bytes; a repair makes them agree again.

An audit reads every file, so it runs when an operator requests it, not in every run.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..catalog import attempts, counters, projects, wheels
from ..catalog.database import Catalog
from ..catalog.given_names import give_name
from ..names import BadFileName, read_wheel_name


@dataclass(frozen=True)
class Finding:
    """One disagreement: its `kind` for programs; a sentence for people that names the repair."""

    kind: str
    path: str
    sentence: str


class Audit:
    """Compares the catalog with the controller's files and logs, and these with the site's copies.

    A full render (site/publication) compares and repairs the site's pages.
    """

    def __init__(self, catalog: Catalog, files_dir: Path, logs_dir: Path, site_dir: Path, *, repair: bool) -> None:
        self.catalog = catalog
        self.files_dir = files_dir
        self.logs_dir = logs_dir
        self.site_dir = site_dir
        self.repair = repair

    def run(self) -> Iterator[Finding]:
        """Yield each disagreement, and with `repair` repair it."""
        wanted = set()
        for wheel in self.catalog.db.execute(_WHEELS).fetchall():
            path = f"{wheel['name']}/{wheel['filename']}"
            wanted.add(path)
            yield from self._wheel(wheel, path)
        yield from self._strays(self.files_dir, wanted, "stray-file", "a wheel the catalog does not know")
        logs = {row["log"] for row in self.catalog.db.execute("SELECT log FROM attempt WHERE log IS NOT NULL")}
        for log in sorted(logs):
            if not (self.logs_dir / log).is_file():
                yield from self._lost_log(log)
            elif _differ(self.logs_dir / log, self.site_dir / "logs" / log):
                yield from self._damaged_on_site(f"logs/{log}", "other bytes than the controller's")
        yield from self._strays(self.logs_dir, logs, "stray-log", "the log of an attempt the catalog does not know")
        yield from self._counters()

    def _wheel(self, wheel: sqlite3.Row, path: str) -> Iterator[Finding]:
        source, published = self.files_dir / path, self.site_dir / "files" / path
        good = _has_bytes(source, wheel["sha256"])
        good_on_site = _has_bytes(published, wheel["sha256"])
        if good_on_site is False:
            yield from self._damaged_on_site(f"files/{path}", "other bytes than were admitted")
        metadata = f"files/{path}.metadata"
        if _has_bytes(self.site_dir / metadata, wheel["metadata_sha256"]) is False:
            yield from self._damaged_on_site(metadata, "other bytes than the wheel has in it")
        if good:
            return
        state = "is missing" if good is None else "has other bytes than were admitted"
        if good_on_site:
            yield Finding("damaged", path, f"The wheel {path} {state}; the site's copy is good and replaces it.")
            if self.repair:
                _copy(published, source)
            return
        yield Finding(
            "lost", path, f"The wheel {path} {state}, and so is the site's; it is given up, and built again if wanted."
        )
        if self.repair:
            with self.catalog.writing() as db:
                wheels.forget(db, wheel["id"])
                projects.rejudge(db, wheel["project_id"])
            source.unlink(missing_ok=True)

    def _damaged_on_site(self, path: str, what: str) -> Iterator[Finding]:
        sentence = f"{path} on the site has {what}; it is published again from the controller's file."
        yield Finding("damaged-on-site", path, sentence)
        if self.repair:
            (self.site_dir / path).unlink()
            with self.catalog.writing() as db:
                projects.mark_stale(db, path.split("/")[1])

    def _lost_log(self, log: str) -> Iterator[Finding]:
        published = self.site_dir / "logs" / log
        if published.is_file():
            yield Finding("lost-log", log, f"The log {log} is missing; the site's copy replaces it.")
            if self.repair:
                _copy(published, self.logs_dir / log)
        else:
            yield Finding("lost-log", log, f"The log {log} is missing, on the site too; its attempt is shown without.")
            if self.repair:
                with self.catalog.writing() as db:
                    attempts.forget_log(db, log)

    def _strays(self, folder: Path, wanted: set[str], kind: str, what: str) -> Iterator[Finding]:
        for place in sorted(folder.rglob("*")) if folder.is_dir() else ():
            path = str(place.relative_to(folder))
            if place.is_file() and path not in wanted:
                yield Finding(kind, path, f"{path} is {what}; it is removed.")
                if self.repair:
                    if kind == "stray-file":
                        self._keep_name(place)
                    place.unlink()

    def _keep_name(self, wheel: Path) -> None:
        """Keep a name for its bytes, because a catalog from a backup does not know later publications."""
        try:
            read = read_wheel_name(wheel.name)
        except BadFileName:
            return
        with wheel.open("rb") as file, self.catalog.writing() as db:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            give_name(db, wheel.name, read.name, str(read.version), sha256)

    def _counters(self) -> Iterator[Finding]:
        """Compare the counters that triggers keep with their rows."""
        kept = {(row["kind"], row["key"]): row["value"] for row in self.catalog.db.execute("SELECT * FROM counter")}
        counted = {(row[0], str(row[1])): row[2] for row in self.catalog.db.execute(_COUNTED)}
        kinds = set(re.findall(r"SELECT '([a-z-]+)'", _COUNTED))
        for key in sorted({key for key in kept if key[0] in kinds} | counted.keys()):
            if (kept.get(key) or 0) != (counted.get(key) or 0):
                name = " ".join(filter(None, key))
                yield Finding(
                    "counter", name, f"The counter {name} says {kept.get(key) or 0} and should say "
                    f"{counted.get(key) or 0}; it is set right.",
                )  # fmt: skip
                if self.repair:
                    with self.catalog.writing() as db:
                        counters.put(db, key[0], key[1], counted.get(key, 0))


_WHEELS = """
    SELECT w.id, w.filename, w.sha256, w.metadata_sha256, p.name, p.id AS project_id
    FROM wheel w JOIN release r ON r.id = w.release_id JOIN project p ON p.id = r.project_id
    WHERE w.removed_at IS NULL ORDER BY p.name, w.filename
    """

_COUNTED = """
    SELECT 'status', status, count(*) FROM site_release GROUP BY status
    UNION ALL SELECT 'class-builds', failure_class, count(*) FROM site_release
        WHERE failure_class IS NOT NULL GROUP BY failure_class
    UNION ALL SELECT 'class-projects', failure_class, count(DISTINCT project_id) FROM site_release
        WHERE failure_class IS NOT NULL GROUP BY failure_class
    UNION ALL SELECT 'page', status, count(*) FROM site_project GROUP BY status
    UNION ALL SELECT 'as-a-whole', coalesce(project_status, ''), count(*) FROM site_project GROUP BY project_status
    UNION ALL SELECT 'listed', '', count(*) FROM site_project WHERE listed
    UNION ALL SELECT 'wheels', '', count(*) FROM wheel WHERE removed_at IS NULL
    UNION ALL SELECT 'bytes', '', coalesce(sum(size), 0) FROM wheel WHERE removed_at IS NULL
    UNION ALL SELECT 'target-wheels', target_id, count(*) FROM wheel_target GROUP BY target_id
    UNION ALL SELECT 'target-bytes', s.target_id, sum(w.size)
        FROM wheel_target s JOIN wheel w ON w.id = s.wheel_id GROUP BY 2
    UNION ALL SELECT 'queue-builds', target_id, count(*) FROM release_target WHERE need = 'now' GROUP BY target_id
    UNION ALL SELECT 'queue-later', target_id, count(*) FROM release_target WHERE need = 'later' GROUP BY target_id
    UNION ALL SELECT 'downloads', '', coalesce(sum(downloads), 0) FROM use_day
    """


def _has_bytes(path: Path, sha256: str) -> bool | None:
    """Whether a file's bytes have this hash; None if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == sha256
    except OSError:
        return None


def _differ(one: Path, other: Path) -> bool:
    """Whether `other` is there and its bytes are not those of `one`."""
    return other.is_file() and not one.samefile(other) and one.read_bytes() != other.read_bytes()


def _copy(source: Path, place: Path) -> None:
    """Put a copy in place by one rename. It is no hard link, because damage to one would be damage to both."""
    place.parent.mkdir(parents=True, exist_ok=True)
    new = place.with_name(f".{place.name}.new")
    shutil.copyfile(source, new)
    with new.open("rb") as file:
        os.fsync(file.fileno())
    new.replace(place)
