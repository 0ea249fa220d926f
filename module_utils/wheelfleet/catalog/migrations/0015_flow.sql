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
CREATE INDEX project_unlisted ON project (id) WHERE in_scope AND NOT listed;
CREATE TABLE upstream_list (
    digest INTEGER PRIMARY KEY,
    names TEXT NOT NULL
);
