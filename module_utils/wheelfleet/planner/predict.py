"""How long a build will take a normal host: the history of the project if it has one, else a prior from its files."""

from __future__ import annotations

import sqlite3

#: What the smallest C extension costs with its isolated environment, in seconds.
BASE_SECONDS = 15.0
#: What a project costs of which upstream has a pure wheel for some release: nothing is compiled.
PURE_SECONDS = 6.0
#: How much source is compiled in a second; large sdists are mostly source.
BYTES_PER_SECOND = 40_000.0
#: An unknown size is taken as the median sdist of the projects people build.
TYPICAL_SDIST_BYTES = 60_000


def predict_seconds(db: sqlite3.Connection, project_id: int, target_id: int, sdist_size: int | None) -> float:
    """Predicted seconds of a build on a normal host: the newest finished attempt on the target, else on any, else the
    prior."""
    row = db.execute(
        """
        SELECT a.normal_seconds FROM release r JOIN attempt a ON a.release_id = r.id
        WHERE r.project_id = ? AND a.state = 'done' AND a.normal_seconds IS NOT NULL
        ORDER BY a.outcome = 'built' DESC, a.target_id = ? DESC, a.finished_at DESC LIMIT 1
        """,
        (project_id, target_id),
    ).fetchone()
    if row:
        return max(float(row["normal_seconds"]), 0.1)
    pure = db.execute(
        """
        SELECT 1 FROM release r JOIN upstream_file f ON f.release_id = r.id
        WHERE r.project_id = ? AND f.kind = 'wheel' AND f.filename LIKE '%-none-any.whl' LIMIT 1
        """,
        (project_id,),
    ).fetchone()
    if pure:
        return PURE_SECONDS
    return BASE_SECONDS + (sdist_size if sdist_size is not None else TYPICAL_SDIST_BYTES) / BYTES_PER_SECOND
