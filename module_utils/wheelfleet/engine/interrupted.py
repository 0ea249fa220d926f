"""An interrupted run: its remains, what to do next, and the end of its status file.

After Ctrl-C or SIGTERM the callback plugin prints this. For a killed run the service calls this module after each run
(`python -m wheelfleet.engine.interrupted STATE_DIR`), and the next run ends its status file.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, cast

from ..site.layout import STATUS
from .run_end import service_ended
from .status import StatusDocument, write_status

#: Seconds in which the processes of a killed run notice its end.
PATIENCE = 10.0
#: Most names in one line.
MOST_NAMES = 5


def remains_of_run(state_dir: Path, site: Path, run: str) -> list[str]:
    """Lines for people about an interrupted run: its wheels that are not published yet, and builds that go on."""
    try:
        with closing(sqlite3.connect(f"{(state_dir / 'catalog.sqlite').resolve().as_uri()}?mode=ro", uri=True)) as db:
            built = db.execute(
                """
                SELECT p.name, w.filename FROM attempt a JOIN wheel w ON w.attempt_id = a.id
                JOIN release r ON r.id = w.release_id JOIN project p ON p.id = r.project_id
                WHERE a.run = ? AND w.removed_at IS NULL ORDER BY p.name
                """,
                (run,),
            ).fetchall()
            held = db.execute(
                "SELECT host, count(*) FROM attempt WHERE state = 'open' GROUP BY host ORDER BY host"
            ).fetchall()
    except sqlite3.Error:
        built, held = [], []
    lines = ["This run did not come to its end. What is finished is kept."]
    unpublished = [filename for name, filename in built if not (site / "files" / name / filename).exists()]
    if unpublished:
        lines.append(f"Built and not on the site yet: {_some(unpublished)}.")
    if held:
        hosts = ", ".join(f"{count} on {host}" for host, count in held)
        lines.append(f"Builders go on without this run, with builds: {hosts}.")
    lines.append(
        "Next: ansible-playbook build.yml takes in what builders finish, builds the rest and publishes; "
        "with --tags publish it only publishes what is there."
    )
    return lines


def _some(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more


def end_status(site: Path, *, but_for: str = "") -> str | None:
    """Mark the run of the status file as ended, unless it is `but_for`; returns its ID if it was still running."""
    document = _read(site / STATUS)
    if document.get("state") != "running" or document.get("run") == but_for:
        return None
    ended = {**document, "state": "ended", "at": round(time.time()), "expected_end": None}
    write_status(site, cast(StatusDocument, ended))
    return str(document.get("run"))


def after_a_run(state_dir: Path, patience: float = 0.0) -> list[str]:
    """Lines about the last run if it was killed; empty if it ended its status file itself or a run is at work.

    Waits at most `patience` seconds for processes of a killed run to end.
    """
    until = time.monotonic() + patience
    with suppress(OSError), (state_dir / "run" / "lock").open("rb") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > until:
                    return []
                time.sleep(0.1)
        holder = _read(state_dir / "run" / "lock")
        site = Path(str(holder.get("site") or state_dir / "site"))
        run = end_status(site)
        if run is not None:
            return remains_of_run(state_dir, site, run)
    return []


def _read(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _main(arguments: Iterable[str]) -> None:
    for folder in arguments:
        for line in after_a_run(Path(folder), PATIENCE):
            print(line)
        service_ended(Path(folder), os.environ)


if __name__ == "__main__":
    _main(sys.argv[1:])
