"""The table of what was asked for and could not be considered (`planner/unconsidered`); the report shows it."""

UNCONSIDERED_TABLE = """
    CREATE TABLE unconsidered (
        id INTEGER PRIMARY KEY,
        source TEXT NOT NULL,       -- who found it; a source replaces what it said before
        what TEXT NOT NULL,         -- as the operator wrote it
        "where" TEXT NOT NULL,      -- FILE:LINE, or the variable
        code TEXT NOT NULL,
        sentence TEXT NOT NULL,
        cure TEXT NOT NULL
    );
    CREATE INDEX unconsidered_source ON unconsidered (source);
    CREATE TRIGGER report_unconsidered_insert AFTER INSERT ON unconsidered
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_unconsidered_delete AFTER DELETE ON unconsidered
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
"""
