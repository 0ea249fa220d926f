"""Migration: what is known of a wheel besides its bytes: its libraries, and whether it can be imported."""

from __future__ import annotations

WHEEL_FACTS = """
    ALTER TABLE wheel ADD COLUMN repaired TEXT;            -- JSON: tool, outcome, platform, vendored, message
    ALTER TABLE wheel ADD COLUMN apt TEXT NOT NULL DEFAULT '[]';  -- JSON list: packages it needs where it runs
    ALTER TABLE wheel ADD COLUMN imports TEXT CHECK (imports IN ('imported', 'failed', 'unchecked'));  -- or NULL
    ALTER TABLE wheel ADD COLUMN import_facts TEXT;        -- JSON: modules (that were imported), message
    CREATE TRIGGER stale_wheel_facts AFTER UPDATE OF repaired, apt, imports, import_facts ON wheel WHEN
            OLD.repaired IS NOT NEW.repaired OR OLD.apt IS NOT NEW.apt OR OLD.imports IS NOT NEW.imports OR
            OLD.import_facts IS NOT NEW.import_facts
        BEGIN
            UPDATE project SET pages_stale = 1
            WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
        END;
"""
