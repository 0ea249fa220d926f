-- A fleet that never stops, and an operator who holds the reins.

-- Orders of operators (control/).

CREATE TABLE control (
    id INTEGER PRIMARY KEY,
    at REAL NOT NULL,
    who TEXT NOT NULL,
    verb TEXT NOT NULL,
    noun TEXT NOT NULL,
    subject TEXT NOT NULL,
    target TEXT NOT NULL DEFAULT '',
    reason TEXT NOT NULL,
    until REAL,
    done_at REAL,
    answer TEXT
);
CREATE INDEX control_in_force ON control (verb, subject) WHERE done_at IS NULL;
CREATE INDEX control_unanswered ON control (verb) WHERE done_at IS NULL AND answer IS NULL;
CREATE INDEX control_subject ON control (subject, id);
CREATE INDEX control_until ON control (until) WHERE done_at IS NULL AND until IS NOT NULL;

ALTER TABLE event ADD COLUMN who TEXT;
ALTER TABLE event ADD COLUMN why TEXT;

-- The history of temperature and load, for the monitor and the fleet page.

CREATE TABLE builder_metrics (
    host TEXT NOT NULL
        REFERENCES builder (host) ON DELETE CASCADE,
    slot INTEGER NOT NULL,
    temperature REAL,
    load REAL,
    PRIMARY KEY (host, slot)
) WITHOUT ROWID;

-- Everything mode: the list of all projects is read in parts, and only those that changed.
ALTER TABLE project ADD COLUMN listed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE project ADD COLUMN trimmed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE site_project ADD COLUMN packed INTEGER NOT NULL DEFAULT 0;
DROP INDEX project_unjudged;
CREATE INDEX project_unjudged ON project (id) WHERE NOT judged AND state <> 'new';
CREATE INDEX project_unlisted ON project (id) WHERE in_scope AND NOT listed;
CREATE TABLE upstream_list (
    digest INTEGER PRIMARY KEY,
    names TEXT NOT NULL
);

-- ---------------------------------------------------------------- published wheels (wheelfleet_wheels)

-- An imported wheel has no attempt, so attempt_id may be NULL. SQLite changes that only in a new table. Dropping the old
-- one deletes what refers to it, which is therefore put back.
CREATE TABLE kept_rebuild AS SELECT * FROM rebuild;
CREATE TABLE kept_wheel_target AS SELECT * FROM wheel_target;
CREATE TABLE wheel_15 (
    id INTEGER PRIMARY KEY,
    release_id INTEGER NOT NULL
        REFERENCES release (id),
    attempt_id TEXT
        REFERENCES attempt (id),
    filename TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    metadata_sha256 TEXT NOT NULL,
    requires_python TEXT,
    tags TEXT NOT NULL,
    added_at REAL NOT NULL,
    removed_at REAL,
    repaired TEXT,
    apt_packages TEXT NOT NULL DEFAULT '[]',
    imports TEXT
        CHECK (imports IN ('imported', 'failed', 'unchecked')),
    import_facts TEXT,
    built_as TEXT,
    sdist_filename TEXT,
    sdist_sha256 TEXT,
    rebuild_requested INTEGER NOT NULL DEFAULT 0,
    withdrawn_at REAL,
    withdrawn TEXT,
    yanked TEXT,
    imported TEXT
);
INSERT INTO wheel_15 SELECT *, NULL, NULL, NULL, NULL FROM wheel;
DROP TABLE wheel;
ALTER TABLE wheel_15 RENAME TO wheel;
CREATE INDEX wheel_release ON wheel (release_id);
CREATE INDEX wheel_withdrawn ON wheel (release_id) WHERE withdrawn_at IS NOT NULL;
INSERT INTO rebuild SELECT * FROM kept_rebuild;
INSERT INTO wheel_target SELECT * FROM kept_wheel_target;
DROP TABLE kept_rebuild;
DROP TABLE kept_wheel_target;

ALTER TABLE release ADD COLUMN yanked TEXT;

CREATE TABLE withdrawal (
    release_id INTEGER NOT NULL
        REFERENCES release (id) ON DELETE CASCADE,
    target TEXT NOT NULL,
    reason TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (release_id, target)
) WITHOUT ROWID;

-- Troubles that an operator is told of.
CREATE TABLE notification (
    subject TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    sentence TEXT NOT NULL,
    since REAL NOT NULL,
    told TEXT NOT NULL DEFAULT '[]',
    told_at REAL,
    cleared_at REAL
) WITHOUT ROWID;

-- ---------------------------------------------------------------- the queue

-- The order of the queue (catalog/priorities.py). The next plan judges all projects, which sets recency and priority.

ALTER TABLE release_target ADD COLUMN recency TEXT NOT NULL DEFAULT 'older'
    CHECK (recency IN ('new', 'newest', 'older'));
ALTER TABLE release_target ADD COLUMN priority INTEGER NOT NULL DEFAULT 40;
ALTER TABLE release_target ADD COLUMN queued_at REAL;
ALTER TABLE release_target ADD COLUMN put_first_at REAL;
ALTER TABLE builder ADD COLUMN passed_over_seconds REAL NOT NULL DEFAULT 0;
ALTER TABLE attempt ADD COLUMN priority INTEGER NOT NULL DEFAULT 40;

UPDATE release_target SET queued_at = CAST(strftime('%s', 'now') AS REAL) WHERE need = 'now';
UPDATE meta SET value = '' WHERE key = 'judged_under';

DROP INDEX release_target_now;
CREATE INDEX release_target_now ON release_target (target_id, priority, predicted_seconds DESC, release_id)
    WHERE need = 'now';
CREATE INDEX release_target_oldest ON release_target (target_id, queued_at, release_id) WHERE need = 'now';

INSERT INTO counter (kind, key, value)
    SELECT 'queue-builds', target_id, count(*) FROM release_target WHERE need = 'now' GROUP BY target_id;
INSERT INTO counter (kind, key, value)
    SELECT 'queue-later', target_id, count(*) FROM release_target WHERE need = 'later' GROUP BY target_id;
INSERT INTO counter (kind, key, value)
    SELECT 'queue-seconds', target_id, sum(predicted_seconds) FROM release_target WHERE need = 'now' GROUP BY target_id;
