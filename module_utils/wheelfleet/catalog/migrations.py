"""The catalog's schema as numbered migrations; `PRAGMA user_version` holds the number of the last one applied.

A migration that has landed is never edited: a change is a new one at the end.
Times are seconds since the epoch (UTC) by the controller's clock; sizes are bytes; names are PEP 503 normalised.
"""

from __future__ import annotations

from .apt_owners import APT_OWNERS
from .failure_context import FAILURE_CONTEXT
from .failure_subjects import FAILURE_SUBJECTS
from .given_names import GIVEN_NAMES
from .remedy_tables import REMEDY_TABLES
from .resolution_table import RESOLUTION_TABLE
from .site_tables import SITE_TABLES
from .unconsidered_table import UNCONSIDERED_TABLE
from .upstream_facts import UPSTREAM_FACTS
from .wheel_facts import WHEEL_FACTS
from .witness_tables import WITNESS_TABLES

MIGRATIONS: tuple[str, ...] = (
    # 1: the foundation
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

    -- One row per project ever in scope. want_serial is what upstream announced, have_serial what was read:
    -- kept per project, so that one stale page holds up nothing else.
    CREATE TABLE project (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        display_name TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'new'
            CHECK (state IN ('new', 'present', 'absent', 'deleted', 'quarantined')),
        in_scope INTEGER NOT NULL DEFAULT 0,
        want_serial INTEGER,
        have_serial INTEGER,
        etag TEXT,
        last_modified TEXT,
        page_digest TEXT,          -- of the parsed page: an unchanged page is no change, ETag or not
        read_at REAL,              -- when the page behind these rows was read
        problem TEXT,              -- why the last look failed: one sentence, NULL when it did not
        retry_at REAL,             -- do not ask before (429 and growing waits)
        judged INTEGER NOT NULL DEFAULT 0,  -- whether the verdicts follow from the rows as they are now
        judge_at REAL,             -- when time alone changes a verdict (a cool-down ends)
        pages_stale INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX project_stale ON project (id) WHERE pages_stale;
    CREATE INDEX project_unjudged ON project (id) WHERE NOT judged;
    CREATE INDEX project_judge_at ON project (judge_at) WHERE judge_at IS NOT NULL;
    CREATE INDEX project_behind ON project (id)
        WHERE in_scope AND (have_serial IS NULL OR have_serial < want_serial OR problem IS NOT NULL);

    CREATE TABLE release (
        id INTEGER PRIMARY KEY,
        project_id INTEGER NOT NULL REFERENCES project (id) ON DELETE CASCADE,
        version TEXT NOT NULL,     -- PEP 440 normalised
        UNIQUE (project_id, version)
    );

    -- What upstream offers now. Rows go when upstream's page no longer lists them.
    CREATE TABLE upstream_file (
        id INTEGER PRIMARY KEY,
        release_id INTEGER NOT NULL REFERENCES release (id) ON DELETE CASCADE,
        filename TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('sdist', 'wheel')),
        url TEXT NOT NULL,
        sha256 TEXT,
        size INTEGER,
        upload_time TEXT,
        requires_python TEXT,
        yanked TEXT,               -- NULL: not yanked; else the reason, may be empty (PEP 592)
        UNIQUE (release_id, filename)
    );

    -- What a wheel is built for, with the full tag set the interpreter reported, best tag first (packaging.tags).
    CREATE TABLE target (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        python_version TEXT NOT NULL,
        implementation TEXT NOT NULL,
        platform TEXT NOT NULL,
        preference INTEGER NOT NULL,   -- lowest is tried first: an old Python's abi3 wheel serves the later ones
        tags TEXT NOT NULL             -- JSON list
    );

    CREATE TABLE builder (host TEXT PRIMARY KEY, facts TEXT NOT NULL, seen_at REAL NOT NULL) WITHOUT ROWID;

    CREATE TABLE offer (
        host TEXT NOT NULL REFERENCES builder (host) ON DELETE CASCADE,
        target_id INTEGER NOT NULL REFERENCES target (id) ON DELETE CASCADE,
        tools TEXT NOT NULL,           -- the builder's Python that builds for this target
        interpreter TEXT NOT NULL,
        PRIMARY KEY (host, target_id)
    ) WITHOUT ROWID;

    -- The verdicts: derived from the rows above, our wheels, the attempts and the policy; never edited by hand.
    -- `need` is the queue: 'now' is in it, 'later' waits until the release's first target was tried, 'none' is settled.
    CREATE TABLE wanted (
        release_id INTEGER NOT NULL REFERENCES release (id) ON DELETE CASCADE,
        target_id INTEGER NOT NULL REFERENCES target (id) ON DELETE CASCADE,
        verdict TEXT NOT NULL CHECK (verdict IN ('build', 'upstream', 'skip', 'passed')),
        reason TEXT NOT NULL,
        sdist_id INTEGER REFERENCES upstream_file (id) ON DELETE SET NULL,
        need TEXT NOT NULL DEFAULT 'none' CHECK (need IN ('now', 'later', 'none')),
        predicted_seconds REAL NOT NULL DEFAULT 0,
        PRIMARY KEY (release_id, target_id)
    ) WITHOUT ROWID;
    CREATE INDEX wanted_now ON wanted (target_id, predicted_seconds DESC, release_id) WHERE need = 'now';
    CREATE INDEX wanted_later ON wanted (release_id) WHERE need = 'later';

    -- Requirements files resolved for a target as pip there would.
    CREATE TABLE resolution (
        digest TEXT NOT NULL,          -- of the requirements text
        target_id INTEGER NOT NULL REFERENCES target (id) ON DELETE CASCADE,
        resolved_at REAL NOT NULL,
        pages TEXT NOT NULL,           -- digest of the pages of the closure: another one means resolve again
        pins TEXT NOT NULL,            -- JSON list of [name, version]
        problem TEXT,
        PRIMARY KEY (digest, target_id)
    ) WITHOUT ROWID;

    CREATE TABLE batch (
        id TEXT PRIMARY KEY,
        host TEXT NOT NULL,
        run TEXT NOT NULL,
        claimed_at REAL NOT NULL,
        lease_until REAL NOT NULL,
        state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'lost'))
    ) WITHOUT ROWID;
    CREATE INDEX batch_open ON batch (host) WHERE state = 'open';

    CREATE TABLE attempt (
        id TEXT PRIMARY KEY,           -- NAME-VERSION-RANDOM, the name of its inbox and outbox entry
        batch_id TEXT NOT NULL REFERENCES batch (id),
        run TEXT NOT NULL,
        host TEXT NOT NULL,
        release_id INTEGER NOT NULL REFERENCES release (id) ON DELETE CASCADE,
        target_id INTEGER NOT NULL REFERENCES target (id) ON DELETE CASCADE,
        sdist_filename TEXT NOT NULL,
        sdist_sha256 TEXT,
        predicted_seconds REAL NOT NULL,
        state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'done', 'lost')),
        claimed_at REAL NOT NULL,
        finished_at REAL,
        outcome TEXT CHECK (outcome IN ('built', 'failed', 'refused')),
        class TEXT,                    -- the failure's name (admission/classify.py)
        blocks TEXT CHECK (blocks IN ('release', 'target')),  -- what this failure settles; NULL: worth another try
        forgiven INTEGER NOT NULL DEFAULT 0,  -- the operator asked for another try
        sentence TEXT,                 -- what happened, for people
        evidence TEXT,                 -- the lines of the log that show it
        remedy TEXT,                   -- what would help
        seconds REAL,
        cpu_seconds REAL,
        peak_memory INTEGER,
        interpreter TEXT,
        build_requires TEXT,           -- JSON list of {"name", "version"}
        log TEXT                       -- path below logs/
    ) WITHOUT ROWID;
    CREATE INDEX attempt_release ON attempt (release_id, target_id);
    CREATE INDEX attempt_batch ON attempt (batch_id);
    CREATE INDEX attempt_open ON attempt (release_id, target_id) WHERE state = 'open';
    CREATE INDEX attempt_run ON attempt (run) WHERE state = 'done';
    CREATE INDEX attempt_finished ON attempt (finished_at);

    CREATE TABLE wheel (
        id INTEGER PRIMARY KEY,
        release_id INTEGER NOT NULL REFERENCES release (id),
        attempt_id TEXT NOT NULL REFERENCES attempt (id),
        filename TEXT NOT NULL UNIQUE,
        sha256 TEXT NOT NULL,
        size INTEGER NOT NULL,
        metadata_sha256 TEXT NOT NULL,
        requires_python TEXT,
        tags TEXT NOT NULL,            -- JSON list, as in the file name
        added_at REAL NOT NULL
    );
    CREATE INDEX wheel_release ON wheel (release_id);

    -- Which targets can install which wheel of ours: a wheel settles every target it is installable on.
    CREATE TABLE serves (
        release_id INTEGER NOT NULL,
        target_id INTEGER NOT NULL REFERENCES target (id) ON DELETE CASCADE,
        wheel_id INTEGER NOT NULL REFERENCES wheel (id) ON DELETE CASCADE,
        PRIMARY KEY (release_id, target_id, wheel_id)
    ) WITHOUT ROWID;

    -- How often anything the report shows has changed: counted by the database, so that no writer can forget.
    INSERT INTO meta (key, value) VALUES ('report_changes', '0');
    CREATE TRIGGER report_project_insert AFTER INSERT ON project
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_project_delete AFTER DELETE ON project
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_project_update AFTER UPDATE OF
            display_name, state, in_scope, problem, judged
        ON project WHEN
            OLD.display_name IS NOT NEW.display_name OR OLD.state IS NOT NEW.state OR OLD.in_scope IS NOT
            NEW.in_scope OR OLD.problem IS NOT NEW.problem OR OLD.judged IS NOT NEW.judged
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_wanted_insert AFTER INSERT ON wanted
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_wanted_delete AFTER DELETE ON wanted
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_wanted_update AFTER UPDATE OF
            verdict, reason, need
        ON wanted WHEN
            OLD.verdict IS NOT NEW.verdict OR OLD.reason IS NOT NEW.reason OR OLD.need IS NOT NEW.need
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_attempt_insert AFTER INSERT ON attempt
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_attempt_delete AFTER DELETE ON attempt
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_attempt_update AFTER UPDATE OF
            state, outcome, class, blocks, forgiven, sentence, evidence, remedy, seconds, finished_at, log
        ON attempt WHEN
            OLD.state IS NOT NEW.state OR OLD.outcome IS NOT NEW.outcome OR OLD.class IS NOT NEW.class OR
            OLD.blocks IS NOT NEW.blocks OR OLD.forgiven IS NOT NEW.forgiven OR OLD.sentence IS NOT
            NEW.sentence OR OLD.evidence IS NOT NEW.evidence OR OLD.remedy IS NOT NEW.remedy OR
            OLD.seconds IS NOT NEW.seconds OR OLD.finished_at IS NOT NEW.finished_at OR OLD.log IS
            NOT NEW.log
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_wheel_insert AFTER INSERT ON wheel
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_wheel_delete AFTER DELETE ON wheel
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_serves_insert AFTER INSERT ON serves
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_serves_delete AFTER DELETE ON serves
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_offer_insert AFTER INSERT ON offer
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    CREATE TRIGGER report_offer_delete AFTER DELETE ON offer
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    """,
    # The fleet: what was begun, how slow and how trustworthy each builder is, and what happened to it
    """
    ALTER TABLE attempt ADD COLUMN begun_at REAL;          -- when it was first seen being built
    ALTER TABLE attempt ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;  -- nothing else ran beside it
    -- Another try in the same run may go better: 'alone' on its host, or 'elsewhere'. NULL: not in this run.
    ALTER TABLE attempt ADD COLUMN again TEXT CHECK (again IN ('alone', 'elsewhere'));
    -- What a normal host would need, which is one of speed 1: predicted, and measured times the builder's speed.
    ALTER TABLE attempt ADD COLUMN predicted_normal REAL NOT NULL DEFAULT 0;
    ALTER TABLE attempt ADD COLUMN normal_seconds REAL;
    UPDATE attempt SET predicted_normal = predicted_seconds, normal_seconds = seconds;
    DROP INDEX attempt_run;
    CREATE INDEX attempt_run ON attempt (run);
    CREATE INDEX attempt_unbuilt ON attempt (run) WHERE outcome IS NOT 'built';
    CREATE INDEX attempt_host_open ON attempt (host) WHERE state = 'open';
    CREATE INDEX attempt_host_done ON attempt (host, finished_at) WHERE state = 'done';

    ALTER TABLE builder ADD COLUMN speed REAL NOT NULL DEFAULT 1;  -- predicted by measured seconds (planner/sizing.py)
    ALTER TABLE builder ADD COLUMN hungry_at REAL NOT NULL DEFAULT 0;  -- when it last said that it could take more
    -- Failures in a row, since its last wheel, that may be the builder's own fault; how many of them a canary has
    -- vouched for; and when it was last waited for whether one does.
    ALTER TABLE builder ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE builder ADD COLUMN vouched INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE builder ADD COLUMN trial_at REAL NOT NULL DEFAULT 0;
    ALTER TABLE builder ADD COLUMN doubted_at INTEGER NOT NULL DEFAULT 3;  -- failures in a row that ask for a canary
    ALTER TABLE builder ADD COLUMN set_aside TEXT;         -- why it gets no work until a canary is built

    -- What happened to the fleet besides builds, in sentences for people.
    CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        run TEXT NOT NULL,
        host TEXT NOT NULL,
        sentence TEXT NOT NULL
    );
    CREATE INDEX event_at ON event (at);
    CREATE TRIGGER report_event_insert AFTER INSERT ON event
        BEGIN UPDATE meta SET value = value + 1 WHERE key = 'report_changes'; END;
    """,
    # The site: marks, rows and counters it is made from
    SITE_TABLES,
    # What failed attempts missed
    FAILURE_SUBJECTS,
    # What other builders made of wheels when they built them again
    WITNESS_TABLES,
    # What a try differs in, and what follows from a failure
    REMEDY_TABLES,
    # Which packages have it
    APT_OWNERS,
    # What is known of wheels besides their bytes
    WHEEL_FACTS,
    # What was asked for and could not be considered
    UNCONSIDERED_TABLE,
    # Which names stand for which bytes
    GIVEN_NAMES,
    # What upstream does not say itself
    UPSTREAM_FACTS,
    # Phase and backend of an attempt, and what its sdist declares
    FAILURE_CONTEXT,
    # Requirements files are known by their paths
    RESOLUTION_TABLE,
)
