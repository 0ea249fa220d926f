"""Migration: what a try differs in, what follows from a failure, and what it depended on."""

from __future__ import annotations

REMEDY_TABLES = """
    -- JSON list of {"name", "why", "change"}: what this try differed in, and what the next one is to
    -- differ in. A failure with `try_with` settles nothing: the try with it does.
    ALTER TABLE attempt ADD COLUMN remedies TEXT;
    ALTER TABLE attempt ADD COLUMN try_with TEXT;
    ALTER TABLE attempt ADD COLUMN wait_until REAL;        -- the next try begins not before that
    ALTER TABLE attempt ADD COLUMN needs_memory INTEGER;   -- the next try is for hosts with more memory, in bytes
    -- JSON of digests {"toolchain", "packages", "recipe", "remedies"}: what the failure depended on (planner/requeue).
    ALTER TABLE attempt ADD COLUMN depended TEXT;
    ALTER TABLE project ADD COLUMN remedies TEXT;          -- with which its last wheel was built
    ALTER TABLE builder ADD COLUMN packages TEXT;          -- JSON list: the distribution's packages that builds may use
    CREATE INDEX attempt_settling ON attempt (class, target_id)
        WHERE state = 'done' AND outcome <> 'built' AND NOT forgiven;
    CREATE INDEX attempt_waiting ON attempt (wait_until) WHERE wait_until IS NOT NULL;

    -- The recipes of the last run, by normalised name.
    CREATE TABLE recipe (name TEXT PRIMARY KEY, digest TEXT NOT NULL, data TEXT NOT NULL) WITHOUT ROWID;

    -- How often each remedy was tried by itself, and how often that gave a wheel.
    CREATE TABLE remedy_use (
        name TEXT PRIMARY KEY,
        tried INTEGER NOT NULL DEFAULT 0,
        helped INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID;
    CREATE INDEX remedy_use_helped ON remedy_use (helped DESC, tried DESC, name);

    CREATE TRIGGER stale_attempt_remedies AFTER UPDATE OF remedies, try_with, wait_until ON attempt
        WHEN OLD.remedies IS NOT NEW.remedies OR OLD.try_with IS NOT NEW.try_with
            OR OLD.wait_until IS NOT NEW.wait_until
        BEGIN
            UPDATE project SET pages_stale = 1
                WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
            UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
        END;
"""
