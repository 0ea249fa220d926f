"""The prediction of a build's seconds on a normal host: from the project's history, else from its files."""

from __future__ import annotations

import sqlite3

#: Seconds of the smallest C extension, with its build environment.
BASE_SECONDS = 15.0
#: Seconds of a project with a pure wheel upstream for some release: nothing is compiled.
PURE_SECONDS = 6.0
#: Bytes of an sdist that are compiled in a second.
BYTES_PER_SECOND = 40_000.0
#: Stands in for an unknown size: the median sdist of commonly built projects.
TYPICAL_SDIST_BYTES = 60_000


def predict_seconds(db: sqlite3.Connection, project_id: int, target_id: int, sdist_size: int | None) -> float:
    """Predicted seconds of a build on a normal host: those of the project's newest attempt, else a prior.

    Of its attempts those with a wheel count first, then those on the target. `sdist_size` is in bytes.
    """
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
