"""How long a build will take: the history of the project if it has one, else a prior from the sdist's size."""

from __future__ import annotations

import sqlite3

#: What the smallest C extension costs with its isolated environment, in seconds.
BASE_SECONDS = 15.0
#: How much source is compiled in a second; large sdists are mostly source.
BYTES_PER_SECOND = 40_000.0
#: An unknown size is taken as the median sdist of the projects people build.
TYPICAL_SDIST_BYTES = 60_000


def predict_seconds(db: sqlite3.Connection, project_id: int, target_id: int, sdist_size: int | None) -> float:
    """Predicted seconds of a build: the newest finished attempt on the target, else on any, else the prior."""
    row = db.execute(
        """
        SELECT a.seconds FROM release r JOIN attempt a ON a.release_id = r.id
        WHERE r.project_id = ? AND a.state = 'done' AND a.seconds IS NOT NULL
        ORDER BY a.outcome = 'built' DESC, a.target_id = ? DESC, a.finished_at DESC LIMIT 1
        """,
        (project_id, target_id),
    ).fetchone()
    if row:
        return max(float(row["seconds"]), 0.1)
    return BASE_SECONDS + (sdist_size if sdist_size is not None else TYPICAL_SDIST_BYTES) / BYTES_PER_SECOND
