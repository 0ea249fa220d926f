-- What was copied into wheels, what builders have of it now, and the wheels whose copies are older.
ALTER TABLE builder ADD COLUMN libraries TEXT;
ALTER TABLE wheel ADD COLUMN copied TEXT;
-- The next run reads the SBOMs of the others.
UPDATE wheel SET copied = '{}'
    WHERE removed_at IS NOT NULL OR coalesce(json_extract(repaired, '$.outcome'), '') <> 'repaired';
CREATE INDEX wheel_unread ON wheel (id) WHERE copied IS NULL;
CREATE INDEX wheel_copied ON wheel (id) WHERE copied <> '{}';

CREATE TABLE outdated_copy (
    wheel_id INTEGER NOT NULL
        REFERENCES wheel (id) ON DELETE CASCADE,
    package TEXT NOT NULL,
    copied TEXT NOT NULL,
    available TEXT NOT NULL,
    host TEXT NOT NULL,
    since REAL NOT NULL,
    ordered TEXT,
    PRIMARY KEY (wheel_id, package)
) WITHOUT ROWID;
