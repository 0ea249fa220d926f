"""What pip on the targets answered for requirements files (`planner/requirements_files`), by file and line by line.

Answers were known by the contents of files before, so that a file's last answer could not be found once it had changed.
The next run asks for them again.
"""

RESOLUTION_TABLE = """
    ALTER TABLE unconsidered ADD COLUMN log TEXT NOT NULL DEFAULT '';  -- path on the site of a log that tells more
    DROP TABLE resolution;
    CREATE TABLE resolution (
        path TEXT NOT NULL,            -- the file, as controller_requirements names it
        target_id INTEGER NOT NULL REFERENCES target (id) ON DELETE CASCADE,
        digest TEXT NOT NULL,          -- of what was asked
        resolved_at REAL NOT NULL,
        pages TEXT NOT NULL,           -- digest of the closure's pages, as they were
        pins TEXT NOT NULL,            -- JSON list of [name, version]
        lines TEXT NOT NULL,           -- JSON list of the lines that were resolved
        unresolved TEXT NOT NULL,      -- JSON list of {"line", "reason"}
        problem TEXT,                  -- why nothing was resolved
        log TEXT NOT NULL,             -- pip's; empty where everything was resolved
        PRIMARY KEY (path, target_id)
    ) WITHOUT ROWID;
    CREATE TRIGGER report_resolution_insert AFTER INSERT ON resolution
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_resolution_delete AFTER DELETE ON resolution
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_resolution_update AFTER UPDATE OF log ON resolution WHEN OLD.log IS NOT NEW.log
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
"""
