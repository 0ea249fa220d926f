"""Migration: what other builders made of wheels when they built them again."""

from __future__ import annotations

WITNESS_TABLES = """
    -- No attempts: a second build settles nothing, and nothing is learned from what it took. A row without a verdict is
    -- a build that its host was given; the next run forgets it.
    CREATE TABLE witness (
        wheel_id INTEGER PRIMARY KEY REFERENCES wheel (id) ON DELETE CASCADE,
        id TEXT NOT NULL UNIQUE,       -- the name of its inbox and outbox entry
        run TEXT NOT NULL,
        host TEXT NOT NULL,
        claimed_at REAL NOT NULL,
        finished_at REAL,
        verdict TEXT CHECK (verdict IN ('agrees', 'differs', 'failed')),
        sha256 TEXT,                   -- of the wheel that it made
        sentence TEXT,                 -- what differs, or why it could not be built
        differences TEXT               -- JSON list: files in the wheel, the first of them
    );
    CREATE INDEX witness_run ON witness (run);
    CREATE INDEX witness_unfinished ON witness (host) WHERE verdict IS NULL;
    CREATE TRIGGER stale_witness_update AFTER UPDATE OF verdict ON witness WHEN OLD.verdict IS NOT NEW.verdict
        BEGIN
            UPDATE project SET pages_stale = 1 WHERE pages_stale <> 1 AND id = (
                SELECT r.project_id FROM wheel w JOIN release r ON r.id = w.release_id WHERE w.id = NEW.wheel_id);
            UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
        END;
"""
