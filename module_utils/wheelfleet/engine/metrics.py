"""The metrics file: the figures of fleet, queue, wheels and downloads, in Prometheus' text format.

It lies beside the status file and is written by whoever writes that one. docs/how-to/monitor-with-prometheus.md has the
figures that operators ask for first. Counts over the whole catalog come from counters, the queue's from its indexes.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .. import __version__
from ..catalog.counters import totals
from ..catalog.database import Catalog, CatalogError
from ..site.layout import METRICS
from .controller_metrics import ControllerMetrics, read_controller_metrics
from .exposition import Family, exposition
from .host_metrics import HostMetrics
from .host_status import HostState
from .status import HOUR, HostEntry, StatusDocument

DAY = 86400
#: Seconds between two writes, and how many times as long as making the text takes, if that is longer.
INTERVAL, RESTRAINT = 15.0, 20.0
#: Of so many newest files of upstream it is looked which came within the last hour.
MOST_NEW_FILES = 10_000
#: The states in which a builder is of no use.
OUT_OF_WORK = (HostState.UNREACHABLE, HostState.FAILED, HostState.SUSPENDED)


class MetricsText:
    """Makes the text, not more often than is worth its cost."""

    def __init__(self) -> None:
        self._due = 0.0

    def if_due(
        self, state_dir: Path, document: StatusDocument, *, monotonic: float | None = None, always: bool = False
    ) -> bytes | None:
        """The text for the status document; None if it is not due, or the catalog cannot be read."""
        started = time.monotonic() if monotonic is None else monotonic
        if started < self._due and not always:
            return None
        data = metrics_of(state_dir, document)
        took = 0.0 if monotonic is not None else time.monotonic() - started
        self._due = started + max(INTERVAL, took * RESTRAINT)
        return data


def metrics_of(state_dir: Path, document: StatusDocument) -> bytes | None:
    """The metrics of this moment as bytes of the file; None if the catalog cannot be read."""
    try:
        with Catalog(state_dir / "catalog.sqlite") as catalog:
            return metrics_text(catalog.db, document, read_controller_metrics(state_dir)).encode()
    except (CatalogError, sqlite3.Error):
        return None


def write_metrics(site: Path, data: bytes) -> bool:
    """Put the file in place on the site; returns whether it succeeded. A full disk must not end the run."""
    try:
        temporary = site / f".{METRICS}.new"
        temporary.write_bytes(data)
        temporary.chmod(0o644)
        temporary.replace(site / METRICS)
    except OSError:
        return False
    return True


def metrics_text(db: sqlite3.Connection, document: StatusDocument, controller: ControllerMetrics) -> str:
    """The text. Times are those of the document, so the same catalog and document give the same text."""
    now = document["at"]
    return exposition(
        [
            Family("wheelfleet_info", "gauge", "1, with the version of wheelfleet.").add(1, version=__version__),
            Family(
                "wheelfleet_metrics_timestamp_seconds",
                "gauge",
                "When this file was written, in seconds since the epoch; it is not written while no run goes on.",
            ).add(now),
            *_run(document),
            *_builds(db, now),
            *_queue(db),
            *_wheels(db, now),
            *_downloads(db, now),
            *_builders(db, document["hosts"]),
            *_host("wheelfleet_controller", "the controller", [({}, controller)]),
            Family("wheelfleet_controller_swap_size_bytes", "gauge", "Swap of the controller.").add(
                controller.get("swap_total")
            ),
            Family("wheelfleet_controller_swap_free_bytes", "gauge", "Free swap of the controller.").add(
                controller.get("swap_free")
            ),
        ]
    )


def _run(document: StatusDocument) -> list[Family]:
    running = document["state"] == "running"
    builds = Family("wheelfleet_run_builds", "gauge", "Builds that ended in the last run, by outcome.")
    builds.add(document["built"], outcome="built").add(document["failed"], outcome="failed")
    return [
        Family("wheelfleet_run_active", "gauge", "1 while a run builds, else 0.").add(int(running)),
        builds,
        Family("wheelfleet_run_left_builds", "gauge", "Builds that are left for the run.").add(document["left"]),
        Family(
            "wheelfleet_run_expected_end_timestamp_seconds", "gauge", "When the run is expected to end, if it is known."
        ).add(document["expected_end"]),
    ]


def _builds(db: sqlite3.Connection, now: float) -> list[Family]:
    ever = Family("wheelfleet_builds_total", "counter", "Builds that ended, by outcome.")
    for outcome, count in sorted(totals(db, "outcome").items()):
        ever.add(count, outcome=outcome)
    hour = Family("wheelfleet_builds_last_hour", "gauge", "Builds that ended within the last hour, by target.")
    for row in db.execute(
        """
        SELECT t.name, count(*) AS builds FROM attempt a JOIN target t ON t.id = a.target_id
        WHERE a.finished_at > ? AND a.state = 'done' GROUP BY t.name ORDER BY t.name
        """,
        (now - HOUR,),
    ):
        hour.add(row["builds"], target=row["name"])
    failed = Family(
        "wheelfleet_failed_attempts", "gauge", "Attempts that failed and were not superseded, by failure class."
    )
    for row in db.execute(
        """
        SELECT failure_class, count(*) AS attempts FROM attempt
        WHERE state = 'done' AND outcome <> 'built' AND NOT superseded AND failure_class IS NOT NULL
        GROUP BY failure_class
        """
    ):
        failed.add(row["attempts"], failure_class=row["failure_class"])
    seconds = totals(db, "build-seconds").get("", 0)
    return [
        ever,
        hour,
        Family("wheelfleet_build_seconds_total", "counter", "The time that all builds took.").add(seconds),
        failed,
    ]


def _queue(db: sqlite3.Connection) -> list[Family]:
    queue = Family(
        "wheelfleet_queue_builds", "gauge", "Builds to do by target and need: now, or later, after another target."
    )
    names = {row["id"]: row["name"] for row in db.execute("SELECT id, name FROM target ORDER BY name")}
    for need in ("now", "later"):
        # The need stands in the query itself, because a parameter would not let SQLite use the partial index.
        rows = db.execute(
            f"SELECT target_id, count(*) AS n FROM release_target WHERE need = '{need}' GROUP BY target_id"
        )
        counts = {row["target_id"]: row["n"] for row in rows}
        for number, name in names.items():
            queue.add(counts.get(number, 0), need=need, target=name)
    return [queue]


def _wheels(db: sqlite3.Connection, now: float) -> list[Family]:
    (new,) = db.execute(
        """
        SELECT count(DISTINCT release_id) FROM (
            SELECT release_id, first_seen FROM upstream_file ORDER BY id DESC LIMIT ?)
        WHERE first_seen > ?
        """,
        (MOST_NEW_FILES, now - HOUR),
    ).fetchone()
    return [
        Family("wheelfleet_projects_with_wheels", "gauge", "Projects of which the index offers files.").add(
            totals(db, "listed").get("", 0)
        ),
        Family("wheelfleet_wheels", "gauge", "Wheels of the fleet.").add(totals(db, "wheels").get("", 0)),
        Family("wheelfleet_wheel_bytes", "gauge", "Size of all wheels of the fleet.").add(
            totals(db, "bytes").get("", 0)
        ),
        Family(
            "wheelfleet_releases_new_last_hour",
            "gauge",
            "Releases with files of upstream that were first seen within the last hour.",
        ).add(new),
    ]


def _downloads(db: sqlite3.Connection, now: float) -> list[Family]:
    today = int(now) // DAY

    def since(first: int) -> float:
        row = db.execute(
            "SELECT coalesce(sum(downloads), 0) FROM client_day WHERE kind = 'all' AND key = '' AND day >= ?", (first,)
        ).fetchone()
        return float(row[0])

    return [
        Family("wheelfleet_downloads_total", "counter", "Downloads of the fleet's wheels, as counted by runs.").add(
            totals(db, "downloads").get("", 0)
        ),
        Family("wheelfleet_download_bytes_total", "counter", "Size of the wheels that were downloaded.").add(
            totals(db, "served-bytes").get("", 0)
        ),
        Family("wheelfleet_downloads_today", "gauge", "Downloads of this day (UTC), as far as counted.").add(
            since(today)
        ),
        Family("wheelfleet_downloads_last_month", "gauge", "Downloads of this day and the 29 before (UTC).").add(
            since(today - 29)
        ),
    ]


def _builders(db: sqlite3.Connection, hosts: Sequence[HostEntry]) -> list[Family]:
    up = Family(
        "wheelfleet_builder_up", "gauge", "1 if the builder of the last run can work; 0: lost, failed or suspended."
    )
    state = Family("wheelfleet_builder_state", "gauge", "1 for the state of the builder in the last run.")
    running = Family("wheelfleet_builder_running_builds", "gauge", "Builds that go on on the builder.")
    for host in hosts:
        up.add(int(host["state"] not in OUT_OF_WORK), builder=host["host"])
        state.add(1, builder=host["host"], state=str(host["state"]))
        running.add(len(host["building"]), builder=host["host"])
    suspended = Family("wheelfleet_builder_suspended", "gauge", "1 if the builder has to build a canary first.")
    seen = Family("wheelfleet_builder_seen_timestamp_seconds", "gauge", "When the builder reported last.")
    builds = Family("wheelfleet_builder_builds_total", "counter", "Builds that ended on the builder, by outcome.")
    seconds = Family("wheelfleet_builder_build_seconds_total", "counter", "The time of all builds of the builder.")
    all_builds, built, took = (totals(db, f"host-{kind}") for kind in ("builds", "built", "seconds"))
    for row in db.execute("SELECT host, seen_at, suspended FROM builder ORDER BY host"):
        host = row["host"]
        suspended.add(int(row["suspended"] is not None), builder=host)
        seen.add(row["seen_at"], builder=host)
        builds.add(built.get(host, 0), builder=host, outcome="built")
        builds.add(all_builds.get(host, 0) - built.get(host, 0), builder=host, outcome="failed")
        seconds.add(took.get(host, 0), builder=host)
    metrics = [({"builder": host["host"]}, host["metrics"] or {}) for host in hosts]
    return [up, state, running, suspended, seen, builds, seconds, *_host("wheelfleet_builder", "the builder", metrics)]


def _host(prefix: str, of: str, hosts: Sequence[tuple[Mapping[str, str], HostMetrics]]) -> list[Family]:
    """The families about the machines themselves, with their labels."""
    families = [
        Family(f"{prefix}_disk_size_bytes", "gauge", f"Size of the disk of {of}."),
        Family(f"{prefix}_disk_free_bytes", "gauge", f"Free space on the disk of {of}."),
        Family(f"{prefix}_memory_size_bytes", "gauge", f"Memory of {of}."),
        Family(f"{prefix}_memory_available_bytes", "gauge", f"Memory of {of} that can be used."),
        Family(f"{prefix}_temperature_celsius", "gauge", f"The hottest sensor of {of}."),
        Family(f"{prefix}_cores", "gauge", f"Cores of {of}."),
        *(Family(f"{prefix}_load{n}", "gauge", f"Load of {of}, averaged over {n} min.") for n in (1, 5, 15)),
    ]
    for labels, metrics in hosts:
        values = [
            metrics.get("disk_total"),
            metrics.get("disk_free"),
            metrics.get("memory_total"),
            metrics.get("memory_free"),
            metrics.get("temperature"),
            metrics.get("cores"),
            *metrics.get("load", [None, None, None]),
        ]
        for family, value in zip(families, values, strict=True):
            family.add(value, **labels)
    return families
