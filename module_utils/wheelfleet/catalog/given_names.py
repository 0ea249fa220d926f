"""Every name that a wheel was ever given, with the bytes it stands for, and from which sdist a wheel is: a migration,
and how a name is given.
"""

from __future__ import annotations

import sqlite3

GIVEN_NAMES = """
    -- Rows are never changed and never removed: what is published under a name never has other bytes, also after the
    -- wheel was lost, removed or withdrawn. A name is written down before the file has it.
    CREATE TABLE given_name (
        filename TEXT PRIMARY KEY,
        project TEXT NOT NULL,         -- normalised
        version TEXT NOT NULL,         -- PEP 440 normalised
        sha256 TEXT NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX given_name_release ON given_name (project, version);
    INSERT INTO given_name SELECT w.filename, p.name, r.version, w.sha256
        FROM wheel w JOIN release r ON r.id = w.release_id JOIN project p ON p.id = r.project_id;
    CREATE TRIGGER given_name_wheel AFTER INSERT ON wheel BEGIN
        INSERT INTO given_name SELECT NEW.filename, p.name, r.version, NEW.sha256
            FROM release r JOIN project p ON p.id = r.project_id
            WHERE r.id = NEW.release_id AND NOT EXISTS (SELECT 1 FROM given_name WHERE filename = NEW.filename);
    END;

    ALTER TABLE wheel ADD COLUMN built TEXT;               -- JSON: filename and sha256 as the builder sent it, or NULL
    -- The sdist that gave these bytes the last time: upstream may replace it under its name. NULL: not known.
    ALTER TABLE wheel ADD COLUMN sdist_filename TEXT;
    ALTER TABLE wheel ADD COLUMN sdist_sha256 TEXT;
    ALTER TABLE wheel ADD COLUMN rebuild INTEGER NOT NULL DEFAULT 0;  -- somebody asked for it to be built again
    UPDATE wheel SET sdist_filename = (SELECT a.sdist_filename FROM attempt a WHERE a.id = wheel.attempt_id),
        sdist_sha256 = (SELECT a.sdist_sha256 FROM attempt a WHERE a.id = wheel.attempt_id);
    CREATE TRIGGER stale_wheel_sdist AFTER UPDATE OF sdist_filename, sdist_sha256 ON wheel
        WHEN OLD.sdist_filename IS NOT NEW.sdist_filename OR OLD.sdist_sha256 IS NOT NEW.sdist_sha256
        BEGIN
            UPDATE project SET pages_stale = 1
            WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
        END;

    ALTER TABLE attempt ADD COLUMN requires_python TEXT;   -- what its sdist or wheel says, where upstream may not
"""


def give_name(db: sqlite3.Connection, filename: str, project: str, version: str, sha256: str) -> bool:
    """Have a name stand for these bytes for ever, in the caller's transaction; False if it stands for others."""
    db.execute("INSERT OR IGNORE INTO given_name VALUES (?, ?, ?, ?)", (filename, project, version, sha256))
    row = db.execute("SELECT sha256 FROM given_name WHERE filename = ?", (filename,)).fetchone()
    return bool(row["sha256"] == sha256)
