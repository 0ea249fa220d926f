-- The whole schema of the catalog. A new catalog is made from this file, and `PRAGMA user_version` is then the number of
-- the newest file in migrations/. A change is made here and in a new migration; one that has landed is never edited.
-- Triggers stand here alone: an upgrade drops all of them and makes those of this file.
--
-- Times are seconds since the epoch (UTC) by the controller's clock, days and hours are counted since the epoch (UTC),
-- sizes are bytes, project names are normalised (PEP 503), versions too (PEP 440). Migrations append columns, so a
-- table's columns stand in the order in which they came. docs/schema.md is made from this file.

-- Single facts about the catalog, by name.
CREATE TABLE meta (
    key TEXT PRIMARY KEY,                       -- The name of the fact.
    value TEXT NOT NULL                         -- The fact, as text.
) WITHOUT ROWID;

-- One row for each project that was ever in scope. Serials are kept per project, so one stale page blocks nothing else.
CREATE TABLE project (
    id INTEGER PRIMARY KEY,                     -- The number by which other tables name the project.
    name TEXT NOT NULL UNIQUE,                  -- The normalised name.
    display_name TEXT NOT NULL,                 -- The name as its authors spell it.
    state TEXT NOT NULL DEFAULT 'new'           -- What upstream says of the project as a whole.
        CHECK (state IN ('new', 'present', 'absent', 'deleted', 'quarantined')),
    in_scope INTEGER NOT NULL DEFAULT 0,        -- 1 if the operator wants it.
    want_serial INTEGER,                        -- The serial that upstream announced; NULL: it announces none.
    have_serial INTEGER,                        -- The serial of the page that was read last.
    etag TEXT,                                  -- The page's ETag, for conditional requests.
    last_modified TEXT,                         -- The page's Last-Modified, for conditional requests.
    page_digest TEXT,                           -- Digest of the parsed page: an equal page is no change, ETag or not.
    read_at REAL,                               -- When the page behind these rows was read.
    problem TEXT,                               -- Why the last request failed, in one sentence; NULL: it did not.
    retry_at REAL,                              -- The page is not requested before this time.
    judged INTEGER NOT NULL DEFAULT 0,          -- 1 if the verdicts follow from the rows as they are now.
    judge_at REAL,                              -- When time alone changes a verdict, because a cooldown ends.
    pages_stale INTEGER NOT NULL DEFAULT 0,     -- 1: its pages must be rendered; 2: they are being rendered.
    status TEXT,                                -- The status marker (PEP 792); NULL: active.
    status_reason TEXT,                         -- The reason that upstream gives for the status.
    remedies TEXT,                              -- JSON list of the remedies with which its last wheel was built.
    listed INTEGER NOT NULL DEFAULT 0,          -- 1 if upstream's list of all projects, where it was read, has it.
    trimmed INTEGER NOT NULL DEFAULT 0          -- 1: only those releases of its page are kept that decide verdicts.
);
CREATE INDEX project_unlisted ON project (id) WHERE in_scope AND NOT listed;
CREATE INDEX project_stale ON project (id) WHERE pages_stale;
CREATE INDEX project_unjudged ON project (id) WHERE NOT judged AND state <> 'new';
CREATE INDEX project_judge_at ON project (judge_at) WHERE judge_at IS NOT NULL;
CREATE INDEX project_behind ON project (id) WHERE in_scope AND
    (have_serial IS NULL OR want_serial IS NULL OR have_serial < want_serial OR problem IS NOT NULL);

-- The parts of upstream's list of all projects as it was read last: a part with a known digest need not be read again.
CREATE TABLE upstream_list (
    digest INTEGER PRIMARY KEY,                 -- The part's hash (upstream/list_parts.py).
    names TEXT NOT NULL                         -- The projects in it, one a line.
);

-- One row for each release of a project.
CREATE TABLE release (
    id INTEGER PRIMARY KEY,                     -- The number by which other tables name the release.
    project_id INTEGER NOT NULL                 -- The project.
        REFERENCES project (id) ON DELETE CASCADE,
    version TEXT NOT NULL,                      -- The normalised version.
    gone_at REAL,                               -- Since when upstream lists no file of it; NULL: it lists one.
    yanked TEXT,                                -- The operator's reason to yank all its wheels, maybe empty; NULL: none.
    taken_young INTEGER NOT NULL DEFAULT 0,     -- 1: when upstream last removed it, it was young; it may do harm.
    UNIQUE (project_id, version)
);
CREATE INDEX release_gone ON release (gone_at) WHERE gone_at IS NOT NULL;

-- The files that upstream lists now. A row goes when upstream's page no longer lists its file.
CREATE TABLE upstream_file (
    id INTEGER PRIMARY KEY,                     -- The number by which other tables name the file.
    release_id INTEGER NOT NULL                 -- The release.
        REFERENCES release (id) ON DELETE CASCADE,
    filename TEXT NOT NULL,                     -- The file name.
    kind TEXT NOT NULL                          -- The kind of file.
        CHECK (kind IN ('sdist', 'wheel')),
    url TEXT NOT NULL,                          -- Where the file is, relative to its page.
    sha256 TEXT,                                -- The hash that upstream states.
    size INTEGER,                               -- The size that upstream states.
    upload_time TEXT,                           -- When it was uploaded, as upstream writes it (PEP 700).
    requires_python TEXT,                       -- The Python versions it supports, as upstream states them.
    yanked TEXT,                                -- The reason for a yank, maybe empty (PEP 592); NULL: not yanked.
    metadata_sha256 TEXT,                       -- Hash of its metadata file (PEP 714); '': no hash; NULL: no such file.
    provenance TEXT,                            -- URL of its provenance (PEP 740).
    first_seen REAL,                            -- When these bytes were first seen; a cooldown may count from it.
    UNIQUE (release_id, filename)
);

-- What a wheel is built for: platform, Python, ABI and libc of an OS release.
CREATE TABLE target (
    id INTEGER PRIMARY KEY,                     -- The number by which other tables name the target.
    name TEXT NOT NULL UNIQUE,                  -- Its name, such as cp311-cp311-linux_aarch64-glibc2.36.
    python_version TEXT NOT NULL,               -- The version of its Python, as far as it matters for wheels.
    implementation TEXT NOT NULL,               -- The Python implementation, such as CPython.
    platform TEXT NOT NULL,                     -- The platform, such as linux_aarch64.
    preference INTEGER NOT NULL,                -- The lowest is built first: its wheels serve most others.
    tags TEXT NOT NULL                          -- JSON list of the tags that its pip accepts, the best first.
);

-- The hosts that build.
CREATE TABLE builder (
    host TEXT PRIMARY KEY,                      -- The name in the inventory.
    facts TEXT NOT NULL,                        -- JSON of what it reports about itself: board, cores, memory, OS.
    seen_at REAL NOT NULL,                      -- When it reported last.
    speed REAL NOT NULL DEFAULT 1,              -- Predicted by measured seconds of its latest builds; 1 is normal.
    idle_since REAL NOT NULL DEFAULT 0,         -- When it last said that it could take more work.
    failures INTEGER NOT NULL DEFAULT 0,        -- Failures since its last wheel that may be its own fault.
    cleared_failures INTEGER NOT NULL DEFAULT 0,  -- How many of these failures a canary has shown not to be its fault.
    canary_since REAL NOT NULL DEFAULT 0,       -- When a canary was last waited for.
    suspect_after INTEGER NOT NULL DEFAULT 3,   -- After so many failures in a row it has to build a canary.
    suspended TEXT,                             -- Why it gets no work until it has built a canary; NULL: it gets work.
    packages TEXT,                              -- JSON list of the distribution's packages that its builds can use.
    passed_over_seconds REAL NOT NULL DEFAULT 0,  -- Work it was given since it last got the build that waits longest.
    libraries TEXT                              -- JSON of the versions of the distribution's packages of libraries.
) WITHOUT ROWID;

-- Which builder builds for which target.
CREATE TABLE builder_target (
    host TEXT NOT NULL                          -- The builder.
        REFERENCES builder (host) ON DELETE CASCADE,
    target_id INTEGER NOT NULL                  -- The target.
        REFERENCES target (id) ON DELETE CASCADE,
    tools TEXT NOT NULL,                        -- Path on the builder of the Python that has the build tools.
    interpreter TEXT NOT NULL,                  -- Path on the builder of the target's Python.
    PRIMARY KEY (host, target_id)
) WITHOUT ROWID;

-- How warm and how busy builders were, once in five minutes of a run, for the last day. Cannot be made again.
CREATE TABLE builder_metrics (
    host TEXT NOT NULL                          -- The builder.
        REFERENCES builder (host) ON DELETE CASCADE,
    slot INTEGER NOT NULL,                      -- The five minutes, counted since the epoch (UTC).
    temperature REAL,                           -- Of the hottest sensor, in °C; NULL: it has none.
    load REAL,                                  -- The load average over one minute.
    PRIMARY KEY (host, slot)
) WITHOUT ROWID;

-- The verdicts, and the queue: every row with need = 'now'. Derived from files, wheels, attempts and policy.
CREATE TABLE release_target (
    release_id INTEGER NOT NULL                 -- The release.
        REFERENCES release (id) ON DELETE CASCADE,
    target_id INTEGER NOT NULL                  -- The target.
        REFERENCES target (id) ON DELETE CASCADE,
    verdict TEXT NOT NULL                       -- Build it, leave it to upstream's wheel, skip it, or pass it over.
        CHECK (verdict IN ('build', 'upstream', 'skip', 'passed')),
    reason TEXT NOT NULL,                       -- Why, in one sentence.
    sdist_id INTEGER                            -- The sdist to build from.
        REFERENCES upstream_file (id) ON DELETE SET NULL,
    need TEXT NOT NULL DEFAULT 'none'           -- 'now': in the queue; 'later': after another target; 'none'.
        CHECK (need IN ('now', 'later', 'none')),
    predicted_seconds REAL NOT NULL DEFAULT 0,  -- How long a builder of speed 1 would take.
    recency TEXT NOT NULL DEFAULT 'older'       -- 'new': it came after the project's wheels; 'newest' in scope; 'older'.
        CHECK (recency IN ('new', 'newest', 'older')),
    priority INTEGER NOT NULL DEFAULT 40,       -- Its place in the queue, the lowest first (catalog/priorities.py).
    queued_at REAL,                             -- Since when it is in the queue; NULL: it is not.
    put_first_at REAL,                          -- When an operator put it first; NULL: nobody did.
    PRIMARY KEY (release_id, target_id)
) WITHOUT ROWID;
CREATE INDEX release_target_now ON release_target (target_id, priority, predicted_seconds DESC, release_id)
    WHERE need = 'now';
CREATE INDEX release_target_oldest ON release_target (target_id, queued_at, release_id) WHERE need = 'now';
CREATE INDEX release_target_later ON release_target (release_id) WHERE need = 'later';

-- Builds handed to one builder together.
CREATE TABLE batch (
    id TEXT PRIMARY KEY,                        -- A random name.
    host TEXT NOT NULL,                         -- The builder.
    run TEXT NOT NULL,                          -- The run that handed it over.
    claimed_at REAL NOT NULL,                   -- When it was handed over.
    lease_until REAL NOT NULL,                  -- Until when its builds are the builder's own.
    state TEXT NOT NULL DEFAULT 'open'          -- 'open'; 'done': all results are in; 'lost': the lease ran out.
        CHECK (state IN ('open', 'done', 'lost'))
) WITHOUT ROWID;
CREATE INDEX batch_open ON batch (host) WHERE state = 'open';

-- One try to build a release for a target on a builder.
CREATE TABLE attempt (
    id TEXT PRIMARY KEY,                        -- NAME-VERSION-RANDOM, the name of its inbox and outbox entry.
    batch_id TEXT NOT NULL                      -- The batch.
        REFERENCES batch (id),
    run TEXT NOT NULL,                          -- The run in which it was assigned.
    host TEXT NOT NULL,                         -- The builder.
    release_id INTEGER NOT NULL                 -- The release.
        REFERENCES release (id) ON DELETE CASCADE,
    target_id INTEGER NOT NULL                  -- The target.
        REFERENCES target (id) ON DELETE CASCADE,
    sdist_filename TEXT NOT NULL,               -- File name of the sdist.
    sdist_sha256 TEXT,                          -- Hash of the sdist, as upstream stated it.
    predicted_seconds REAL NOT NULL,            -- How long this builder was expected to take.
    state TEXT NOT NULL DEFAULT 'open'          -- 'open': assigned; 'done': its result is in; 'lost': none will come.
        CHECK (state IN ('open', 'done', 'lost')),
    claimed_at REAL NOT NULL,                   -- When it was assigned.
    finished_at REAL,                           -- When its result was taken in.
    outcome TEXT                                -- 'refused': the builder sent a wheel that was not admitted.
        CHECK (outcome IN ('built', 'failed', 'refused')),
    failure_class TEXT,                         -- Why it failed (failure_classes.py); NULL: it did not.
    blocks TEXT                                 -- What it settles as failed; NULL: another try may help.
        CHECK (blocks IN ('release', 'target')),
    superseded INTEGER NOT NULL DEFAULT 0,      -- 1: it counts no longer, because another try was asked for.
    sentence TEXT,                              -- What happened, in one sentence.
    evidence TEXT,                              -- The lines of the log that show it.
    advice TEXT,                                -- What would help, in one sentence.
    seconds REAL,                               -- How long it took.
    cpu_seconds REAL,                           -- The CPU time it took.
    peak_memory INTEGER,                        -- The most memory it held.
    interpreter TEXT,                           -- The Python that built it.
    build_requires TEXT,                        -- JSON list of {"name", "version"}: its build environment.
    log TEXT,                                   -- Path of its log below logs/.
    begun_at REAL,                              -- When it was first seen being built.
    alone INTEGER NOT NULL DEFAULT 0,           -- 1: nothing else ran on its builder meanwhile.
    retry_on TEXT                               -- Where another try in this run may help; NULL: nowhere.
        CHECK (retry_on IN ('alone', 'elsewhere')),
    predicted_normal REAL NOT NULL DEFAULT 0,   -- How many seconds a builder of speed 1 was expected to take.
    normal_seconds REAL,                        -- How many seconds a builder of speed 1 would have taken.
    summary TEXT,                               -- The summary of the project in its sdist.
    built_with TEXT,                            -- JSON of the builder's facts and the sdist's URL.
    subject TEXT,                               -- The missing header, library, program or module, or what is too new.
    missing_kind TEXT                           -- The kind of the missing thing; NULL: nothing is known to be missing.
        CHECK (missing_kind IN ('header', 'library', 'tool', 'module', 'pkg-config')),
    remedies TEXT,                              -- JSON list of its remedies: {"name", "why", "change"}.
    retry_with TEXT,                            -- JSON list of the next try's remedies; then it blocks nothing.
    wait_until REAL,                            -- The next try begins not before this time.
    needs_memory INTEGER,                       -- The next try needs a builder with more memory than this.
    depended_on TEXT,                           -- JSON of digests of toolchain, packages, tools, recipe, remedies.
    package TEXT,                               -- The distribution's package that has the missing thing.
    requires_python TEXT,                       -- The Pythons that its sdist or wheel states, if they decided.
    phase TEXT,                                 -- How far it came; NULL: its builder did not say.
    backend TEXT,                               -- The build backend (PEP 517); NULL: it is not known.
    declared TEXT,                              -- The project that the sdist itself declares for a missing module.
    priority INTEGER NOT NULL DEFAULT 40        -- Its place among the builds of its builder, the lowest first.
) WITHOUT ROWID;
CREATE INDEX attempt_release ON attempt (release_id, target_id);
CREATE INDEX attempt_batch ON attempt (batch_id);
CREATE INDEX attempt_open ON attempt (release_id, target_id) WHERE state = 'open';
CREATE INDEX attempt_finished ON attempt (finished_at);
CREATE INDEX attempt_run ON attempt (run);
CREATE INDEX attempt_unbuilt ON attempt (run) WHERE outcome IS NOT 'built';
CREATE INDEX attempt_host_open ON attempt (host) WHERE state = 'open';
CREATE INDEX attempt_host_done ON attempt (host, finished_at) WHERE state = 'done';
CREATE INDEX attempt_missing ON attempt (missing_kind, subject) WHERE missing_kind IS NOT NULL;
CREATE INDEX attempt_settling ON attempt (failure_class, target_id)
    WHERE state = 'done' AND outcome <> 'built' AND NOT superseded;
CREATE INDEX attempt_waiting ON attempt (wait_until) WHERE wait_until IS NOT NULL;

-- The wheels of the fleet.
CREATE TABLE wheel (
    id INTEGER PRIMARY KEY,                     -- The number by which other tables name the wheel.
    release_id INTEGER NOT NULL                 -- The release.
        REFERENCES release (id),
    attempt_id TEXT                             -- The attempt that built it; NULL: it was imported.
        REFERENCES attempt (id),
    filename TEXT NOT NULL UNIQUE,              -- The file name.
    sha256 TEXT NOT NULL,                       -- The hash of the file.
    size INTEGER NOT NULL,                      -- The size of the file.
    metadata_sha256 TEXT NOT NULL,              -- The hash of its METADATA.
    requires_python TEXT,                       -- The Python versions it supports, from its METADATA.
    tags TEXT NOT NULL,                         -- JSON list of its tags, as in the file name.
    added_at REAL NOT NULL,                     -- When it was admitted.
    removed_at REAL,                            -- When its bytes were removed; the name is never given again.
    repaired TEXT,                              -- JSON: tool, outcome, platform, vendored libraries, message.
    apt_packages TEXT NOT NULL DEFAULT '[]',    -- JSON list of the packages that it needs where it is installed.
    imports TEXT                                -- The outcome of the import check; NULL: there was none.
        CHECK (imports IN ('imported', 'failed', 'unchecked')),
    import_facts TEXT,                          -- JSON: the modules that were imported, message.
    built_as TEXT,                              -- JSON: filename and sha256 as the builder sent it; NULL: these.
    sdist_filename TEXT,                        -- The sdist that gave these bytes the last time; NULL: not known.
    sdist_sha256 TEXT,                          -- The hash of that sdist: upstream may replace it under its name.
    rebuild_requested INTEGER NOT NULL DEFAULT 0,  -- 1: the operator asked for it to be built again.
    withdrawn_at REAL,                          -- When an operator took it off the index; NULL: it was not.
    withdrawn TEXT,                             -- The operator's reason for that.
    yanked TEXT,                                -- The operator's reason to yank it, maybe empty; NULL: it is not.
    imported TEXT,                              -- JSON: who imported it, when and why; NULL: a builder made it.
    libc TEXT,                                  -- The C libraries it works with: 'glibc>=2.34'; NULL: any, or unknown.
    copied TEXT                                 -- JSON of the packages whose libraries it carries; NULL: not read.
);
CREATE INDEX wheel_release ON wheel (release_id);
CREATE INDEX wheel_unread ON wheel (id) WHERE copied IS NULL;
CREATE INDEX wheel_copied ON wheel (id) WHERE copied <> '{}';
CREATE INDEX wheel_withdrawn ON wheel (release_id) WHERE withdrawn_at IS NOT NULL;

-- Wheels that carry a copy of a library of which builders of their system have a newer version.
CREATE TABLE outdated_copy (
    wheel_id INTEGER NOT NULL                   -- The wheel.
        REFERENCES wheel (id) ON DELETE CASCADE,
    package TEXT NOT NULL,                      -- The distribution's package of the library.
    copied TEXT NOT NULL,                       -- The version in the wheel.
    available TEXT NOT NULL,                    -- The newest version that a builder has.
    host TEXT NOT NULL,                         -- That builder.
    since REAL NOT NULL,                        -- Since when it is known.
    ordered TEXT,                               -- The version for which a rebuild was ordered; NULL: none was.
    PRIMARY KEY (wheel_id, package)
) WITHOUT ROWID;

-- Releases whose wheels an operator withdrew: they are not built until they are restored.
CREATE TABLE withdrawal (
    release_id INTEGER NOT NULL                 -- The release.
        REFERENCES release (id) ON DELETE CASCADE,
    target TEXT NOT NULL,                       -- A part of the names of the targets for which it holds; '': all.
    reason TEXT NOT NULL,                       -- The operator's reason.
    at REAL NOT NULL,                           -- When it was ordered.
    PRIMARY KEY (release_id, target)
) WITHOUT ROWID;

-- Which wheel can be installed on which target: it settles every one of them.
CREATE TABLE wheel_target (
    release_id INTEGER NOT NULL,                -- The release, for look-ups by it.
    target_id INTEGER NOT NULL                  -- The target.
        REFERENCES target (id) ON DELETE CASCADE,
    wheel_id INTEGER NOT NULL                   -- The wheel.
        REFERENCES wheel (id) ON DELETE CASCADE,
    PRIMARY KEY (release_id, target_id, wheel_id)
) WITHOUT ROWID;

-- What happened to the fleet, in sentences for the operator.
CREATE TABLE event (
    id INTEGER PRIMARY KEY,                     -- Events in the order in which they were noted.
    at REAL NOT NULL,                           -- When it happened.
    run TEXT NOT NULL,                          -- The run in which it happened.
    host TEXT NOT NULL,                         -- The host it happened to.
    sentence TEXT NOT NULL,                     -- What happened.
    who TEXT,                                   -- The operator who ordered it; NULL: nobody did.
    why TEXT                                    -- The operator's reason.
);
CREATE INDEX event_at ON event (at);

-- Orders of operators to the fleet (control/). An order is in force until it is done, another one lifts it, or its time
-- is over.
CREATE TABLE control (
    id INTEGER PRIMARY KEY,                     -- Orders in the order in which they were given.
    at REAL NOT NULL,                           -- When it was given.
    who TEXT NOT NULL,                          -- Who gave it: a login name.
    verb TEXT NOT NULL,                         -- What to do, such as pause.
    noun TEXT NOT NULL,                         -- To what kind of thing: builder, build, project or wheel.
    subject TEXT NOT NULL,                      -- To which one: a host, an attempt, a name, NAME==VERSION, a file name.
    target TEXT NOT NULL DEFAULT '',            -- A part of the names of the targets that it is about; empty: all.
    reason TEXT NOT NULL,                       -- Why, in the operator's words.
    until REAL,                                 -- It ends by itself at this time; NULL: it does not.
    done_at REAL,                               -- Since when it is not in force; NULL: it is.
    answer TEXT                                 -- What came of it, in one sentence; NULL: nothing has obeyed it yet.
);
CREATE INDEX control_in_force ON control (verb, subject) WHERE done_at IS NULL;
CREATE INDEX control_unanswered ON control (verb) WHERE done_at IS NULL AND answer IS NULL;
CREATE INDEX control_subject ON control (subject, id);
CREATE INDEX control_until ON control (until) WHERE done_at IS NULL AND until IS NOT NULL;

-- What the site shows of each release and target in scope. The publisher writes it; it can be made again.
CREATE TABLE site_release (
    release_id INTEGER NOT NULL                 -- The release.
        REFERENCES release (id) ON DELETE CASCADE,
    target_id INTEGER NOT NULL                  -- The target.
        REFERENCES target (id) ON DELETE CASCADE,
    project_id INTEGER NOT NULL                 -- The project.
        REFERENCES project (id) ON DELETE CASCADE,
    status TEXT NOT NULL,                       -- The status (site/status_rows.py names them).
    failure_class TEXT,                         -- The class of the failure behind it.
    finished_at REAL NOT NULL DEFAULT 0,        -- When the attempt behind it ended; 0: there is none.
    package TEXT,                               -- The distribution's package that the build missed.
    PRIMARY KEY (release_id, target_id)
) WITHOUT ROWID;
CREATE INDEX site_release_project ON site_release (project_id, failure_class, finished_at);
CREATE INDEX site_release_status ON site_release (status, finished_at);

-- Each project that has a page, with what lists of projects show of it. The publisher writes it; it can be made again.
CREATE TABLE site_project (
    project_id INTEGER PRIMARY KEY              -- The project.
        REFERENCES project (id) ON DELETE CASCADE,
    name TEXT NOT NULL UNIQUE,                  -- The normalised name.
    display_name TEXT NOT NULL,                 -- The name as its authors spell it.
    summary TEXT NOT NULL DEFAULT '',           -- Its summary.
    status TEXT NOT NULL,                       -- Of the statuses of its releases the one that matters most.
    project_status TEXT,                        -- Status of the project itself, where its releases do not tell all.
    listed INTEGER NOT NULL,                    -- 1: simple/ has a page of it.
    packed INTEGER NOT NULL DEFAULT 0           -- 1: it has no page of its own, but an entry below projects/.
);
CREATE INDEX site_project_listed ON site_project (name) WHERE listed;
CREATE INDEX site_project_best ON site_project (status, length(name), name);
CREATE INDEX site_project_project_status ON site_project (project_status, name) WHERE project_status IS NOT NULL;

-- The words of a project's name, for the search: python-dateutil is found by itself and by dateutil.
CREATE TABLE search_word (
    word TEXT NOT NULL,                         -- The word.
    project_id INTEGER NOT NULL                 -- The project whose name has it.
        REFERENCES site_project (project_id) ON DELETE CASCADE,
    PRIMARY KEY (word, project_id)
) WITHOUT ROWID;
CREATE INDEX search_word_project ON search_word (project_id);

-- Projects whose row of `site_project` came, went or changed since the last publication: lists with them are stale.
CREATE TABLE dirty_page (
    name TEXT PRIMARY KEY                       -- The normalised name.
) WITHOUT ROWID;

-- How many builds of a project fail by a failure class. Kept by triggers.
CREATE TABLE blocked_by_class (
    failure_class TEXT NOT NULL,                -- The failure class.
    project_id INTEGER NOT NULL                 -- The project.
        REFERENCES project (id) ON DELETE CASCADE,
    builds INTEGER NOT NULL,                    -- How many of its releases on a target fail so.
    lookups INTEGER NOT NULL DEFAULT 0,         -- How often clients looked the project up.
    PRIMARY KEY (failure_class, project_id)
) WITHOUT ROWID;
CREATE INDEX blocked_by_class_lookups ON blocked_by_class (failure_class, lookups DESC, project_id);
CREATE INDEX blocked_by_class_project ON blocked_by_class (project_id);

-- How many builds ended on a day. Kept by triggers; cannot be made again.
CREATE TABLE build_day (
    day INTEGER NOT NULL,                       -- The day.
    host TEXT NOT NULL,                         -- The builder.
    outcome TEXT NOT NULL,                      -- The outcome, as in `attempt`.
    builds INTEGER NOT NULL,                    -- How many builds ended so.
    seconds REAL NOT NULL,                      -- How long they took together.
    PRIMARY KEY (day, host, outcome)
) WITHOUT ROWID;
CREATE INDEX build_day_host ON build_day (host, day);

-- How long the queue was, once for each hour with a publication. Cannot be made again.
CREATE TABLE queue_hour (
    hour INTEGER PRIMARY KEY,                   -- The hour.
    queued INTEGER NOT NULL                     -- How many builds waited.
);

-- Downloads and look-ups by day and name, from the web nodes' logs; a name may be unknown. Cannot be made again.
CREATE TABLE use_day (
    name TEXT NOT NULL,                         -- The normalised name that clients asked for.
    day INTEGER NOT NULL,                       -- The day.
    downloads INTEGER NOT NULL DEFAULT 0,       -- Downloads of the fleet's wheels.
    lookups INTEGER NOT NULL DEFAULT 0,         -- Requests of its page under simple/.
    saved_seconds REAL NOT NULL DEFAULT 0,      -- The time its builds took here, times their downloads.
    PRIMARY KEY (name, day)
) WITHOUT ROWID;

-- The sums of `use_day` by name. Kept by triggers.
CREATE TABLE use_total (
    name TEXT PRIMARY KEY,                      -- The normalised name.
    downloads INTEGER NOT NULL,                 -- All its downloads.
    lookups INTEGER NOT NULL,                   -- All its look-ups.
    saved_seconds REAL NOT NULL                 -- All the time that its downloads saved.
) WITHOUT ROWID;
CREATE INDEX use_total_lookups ON use_total (lookups DESC, name);
CREATE INDEX use_total_downloads ON use_total (downloads DESC, name);

-- The time that all downloads of a day saved. Kept by triggers.
CREATE TABLE saved_day (
    day INTEGER PRIMARY KEY,                    -- The day.
    seconds REAL NOT NULL                       -- The time saved.
);

-- Downloads by day and by client. Cannot be made again.
CREATE TABLE client_day (
    day INTEGER NOT NULL,                       -- The day.
    kind TEXT NOT NULL,                         -- 'all' (key ''), 'installer', 'python', 'machine' or 'system'.
    key TEXT NOT NULL,                          -- The client's value of this kind, such as pip.
    downloads INTEGER NOT NULL,                 -- How many downloads.
    PRIMARY KEY (kind, key, day)
) WITHOUT ROWID;

-- Visits of the site's pages by day, without who or where from. Cannot be made again.
CREATE TABLE visit_day (
    day INTEGER NOT NULL,                       -- The day.
    kind TEXT NOT NULL,                         -- The kind of page, such as home or project; or json, read by programs.
    visits INTEGER NOT NULL,                    -- How many.
    PRIMARY KEY (day, kind)
) WITHOUT ROWID;

-- How far each log file of each web node was counted (downloads/log_rotation.py). Cannot be made again.
CREATE TABLE log_position (
    host TEXT NOT NULL,                         -- The web node.
    head TEXT NOT NULL,                         -- Digest of the file's beginning and of what stands before the offset.
    offset INTEGER NOT NULL,                    -- How many bytes were counted.
    at REAL NOT NULL,                           -- The time of the newest line counted.
    PRIMARY KEY (host, head)
) WITHOUT ROWID;

-- Counters that pages show, kept by triggers. By kind, with its key:
--   status, a status of `site_release`: its rows      page, a status of `site_project`: its rows
--   listed, '': projects under simple/                as-a-whole, a project status: projects
--   wheels and bytes, '': the fleet's wheels          target-wheels and target-bytes, a target's id
--   class-builds, class-projects and class-lookups, a failure class
--   package-builds, package-projects and package-lookups, a package
--   host-builds, host-built and host-seconds, a host  unknown-names, a day (downloads/record_sums.py)
--   outcome, an outcome: builds ever                  build-seconds, '': the time they took
--   downloads, saved-seconds and served-bytes, ''     queue-builds, queue-later and queue-seconds, a target's id
CREATE TABLE counter (
    kind TEXT NOT NULL,                         -- What is counted.
    key TEXT NOT NULL,                          -- Of which of its kind.
    value NOT NULL,                             -- The count or sum.
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;

-- Rebuild checks: wheels that another builder built again. They settle nothing and predict nothing.
CREATE TABLE rebuild (
    wheel_id INTEGER PRIMARY KEY                -- The wheel.
        REFERENCES wheel (id) ON DELETE CASCADE,
    id TEXT NOT NULL UNIQUE,                    -- The name of its inbox and outbox entry.
    run TEXT NOT NULL,                          -- The run that asked for it.
    host TEXT NOT NULL,                         -- The builder that builds it again.
    claimed_at REAL NOT NULL,                   -- When it was assigned.
    finished_at REAL,                           -- When its result was taken in.
    verdict TEXT                                -- The outcome; NULL: there is none yet, and the next run forgets it.
        CHECK (verdict IN ('agrees', 'differs', 'failed')),
    sha256 TEXT,                                -- The hash of the wheel that it made.
    sentence TEXT,                              -- What differs, or why it could not be built.
    differences TEXT                            -- JSON list of the first files in the wheel that differ.
);
CREATE INDEX rebuild_run ON rebuild (run);
CREATE INDEX rebuild_unfinished ON rebuild (host) WHERE verdict IS NULL;

-- The recipes of the last run.
CREATE TABLE recipe (
    name TEXT PRIMARY KEY,                      -- The normalised name of the project.
    digest TEXT NOT NULL,                       -- The digest of the recipe.
    data TEXT NOT NULL                          -- The recipe, as JSON.
) WITHOUT ROWID;

-- How often each remedy was applied alone, and how often it helped.
CREATE TABLE remedy_use (
    name TEXT PRIMARY KEY,                      -- The name of the remedy.
    applied INTEGER NOT NULL DEFAULT 0,         -- How often it was applied.
    helped INTEGER NOT NULL DEFAULT 0           -- How often that gave a wheel.
) WITHOUT ROWID;
CREATE INDEX remedy_use_helped ON remedy_use (helped DESC, applied DESC, name);

-- Which remedies helped against which failure class, and in which project: they are tried in that order.
CREATE TABLE remedy_outcome (
    failure_class TEXT NOT NULL,                -- The failure class that it was tried against.
    name TEXT NOT NULL,                         -- The name of the remedy.
    project_id INTEGER NOT NULL                 -- The project.
        REFERENCES project (id) ON DELETE CASCADE,
    applied INTEGER NOT NULL,                   -- How often it was tried.
    helped INTEGER NOT NULL,                    -- How often the next attempt got past that failure.
    PRIMARY KEY (failure_class, name, project_id)
) WITHOUT ROWID;
CREATE INDEX remedy_outcome_project ON remedy_outcome (project_id);

-- Which packages of a distribution have a missing thing, as a builder of it found.
CREATE TABLE provider (
    system TEXT NOT NULL,                       -- OS, its version and the platform, such as debian-12-linux_aarch64.
    missing_kind TEXT NOT NULL,                 -- The kind of the missing thing, as in `attempt`.
    subject TEXT NOT NULL,                      -- The missing thing.
    packages TEXT NOT NULL,                     -- JSON list of packages, the best first; empty: none has it.
    looked_up_at REAL NOT NULL,                 -- When a builder looked it up.
    cost TEXT,                                  -- JSON of "packages" and "bytes" that the first one adds; NULL: unknown.
    PRIMARY KEY (system, missing_kind, subject)
) WITHOUT ROWID;

-- The packages that a run installed on builders, or was refused.
CREATE TABLE apt_package (
    host TEXT NOT NULL,                         -- The builder.
    package TEXT NOT NULL,                      -- The package.
    state TEXT NOT NULL                         -- Whether it was installed.
        CHECK (state IN ('installed', 'refused')),
    why TEXT,                                   -- Why it was refused.
    at REAL NOT NULL,                           -- When.
    over_budget INTEGER,                        -- The bytes it would take, if only the budget refused it.
    PRIMARY KEY (host, package)
) WITHOUT ROWID;

-- How many builds of a project miss a package. Kept by triggers.
CREATE TABLE blocked_by_package (
    package TEXT NOT NULL,                      -- The package.
    project_id INTEGER NOT NULL                 -- The project.
        REFERENCES project (id) ON DELETE CASCADE,
    builds INTEGER NOT NULL,                    -- How many of its releases on a target miss it.
    lookups INTEGER NOT NULL DEFAULT 0,         -- How often clients looked the project up.
    PRIMARY KEY (package, project_id)
) WITHOUT ROWID;
CREATE INDEX blocked_by_package_lookups ON blocked_by_package (package, lookups DESC, project_id);
CREATE INDEX blocked_by_package_project ON blocked_by_package (project_id);

-- What the operator asked for and could not be considered (planner/unconsidered.py).
CREATE TABLE unconsidered (
    id INTEGER PRIMARY KEY,                     -- The rows of a source in its order.
    source TEXT NOT NULL,                       -- The step that found it; a source replaces all its rows at once.
    what TEXT NOT NULL,                         -- What was asked for, as the operator wrote it.
    "where" TEXT NOT NULL,                      -- FILE:LINE, or the name of the variable.
    code TEXT NOT NULL,                         -- The reason code.
    sentence TEXT NOT NULL,                     -- Why, in one sentence.
    cure TEXT NOT NULL,                         -- What would help, in one sentence.
    log TEXT NOT NULL DEFAULT ''                -- Path on the site of a log that tells more.
);
CREATE INDEX unconsidered_source ON unconsidered (source);

-- Every name that a wheel ever had, with its bytes. No row changes or goes: a name never stands for other bytes.
CREATE TABLE given_name (
    filename TEXT PRIMARY KEY,                  -- The file name, written here before the file has it.
    project TEXT NOT NULL,                      -- The normalised name of the project.
    version TEXT NOT NULL,                      -- The normalised version.
    sha256 TEXT NOT NULL                        -- The hash of the file.
) WITHOUT ROWID;
CREATE INDEX given_name_release ON given_name (project, version);

-- What pip on a target resolves a requirements file to (planner/requirements_files.py).
CREATE TABLE resolution (
    path TEXT NOT NULL,                         -- The file, as controller_requirements names it.
    target_id INTEGER NOT NULL                  -- The target.
        REFERENCES target (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,                       -- Digest of the question.
    resolved_at REAL NOT NULL,                  -- When it was resolved.
    pages TEXT NOT NULL,                        -- Digest of the pages of all projects in the answer.
    pins TEXT NOT NULL,                         -- JSON list of [name, version]: the answer.
    lines TEXT NOT NULL,                        -- JSON list of the lines that were resolved.
    unresolved TEXT NOT NULL,                   -- JSON list of {"line", "reason"}: the lines that were not.
    problem TEXT,                               -- Why nothing was resolved.
    log TEXT NOT NULL,                          -- The log of pip; empty where everything was resolved.
    PRIMARY KEY (path, target_id)
) WITHOUT ROWID;

-- Troubles that an operator is told of (controller_notify), until it was told that they are over.
CREATE TABLE notification (
    subject TEXT PRIMARY KEY,                   -- KIND:WHAT, such as builder-suspended:pi3.
    kind TEXT NOT NULL,                         -- The kind of trouble, as in `events` of controller_notify.
    sentence TEXT NOT NULL,                     -- What it is, in one sentence.
    since REAL NOT NULL,                        -- Since when it is there.
    told TEXT NOT NULL DEFAULT '[]',            -- JSON list of the channels that know of it, by digests of the entries.
    told_at REAL,                               -- When somebody was told last; NULL: nobody was.
    cleared_at REAL                             -- Since when it is over; NULL: it is not.
) WITHOUT ROWID;

INSERT INTO meta (key, value) VALUES ('report_changes', '0');

-- Triggers that count in `meta.report_changes` how often anything that the report shows has changed.
CREATE TRIGGER report_project_insert AFTER INSERT ON project
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_project_delete AFTER DELETE ON project
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_project_update AFTER UPDATE OF display_name, state, in_scope, problem, judged ON project
    WHEN OLD.display_name IS NOT NEW.display_name
        OR OLD.state IS NOT NEW.state
        OR OLD.in_scope IS NOT NEW.in_scope
        OR OLD.problem IS NOT NEW.problem
        OR OLD.judged IS NOT NEW.judged
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_release_target_insert AFTER INSERT ON release_target
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_release_target_delete AFTER DELETE ON release_target
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_release_target_update AFTER UPDATE OF verdict, reason, need, priority ON release_target
    WHEN OLD.verdict IS NOT NEW.verdict OR OLD.reason IS NOT NEW.reason OR OLD.need IS NOT NEW.need
        OR OLD.priority IS NOT NEW.priority AND NEW.need = 'now'
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_attempt_insert AFTER INSERT ON attempt
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_attempt_delete AFTER DELETE ON attempt
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_attempt_update AFTER UPDATE OF
        state, outcome, failure_class, blocks, superseded, sentence, evidence, advice, seconds, finished_at,
        log
    ON attempt
    WHEN OLD.state IS NOT NEW.state
        OR OLD.outcome IS NOT NEW.outcome
        OR OLD.failure_class IS NOT NEW.failure_class
        OR OLD.blocks IS NOT NEW.blocks
        OR OLD.superseded IS NOT NEW.superseded
        OR OLD.sentence IS NOT NEW.sentence
        OR OLD.evidence IS NOT NEW.evidence
        OR OLD.advice IS NOT NEW.advice
        OR OLD.seconds IS NOT NEW.seconds
        OR OLD.finished_at IS NOT NEW.finished_at
        OR OLD.log IS NOT NEW.log
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_wheel_insert AFTER INSERT ON wheel
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_wheel_delete AFTER DELETE ON wheel
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_wheel_target_insert AFTER INSERT ON wheel_target
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_wheel_target_delete AFTER DELETE ON wheel_target
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_builder_target_insert AFTER INSERT ON builder_target
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_builder_target_delete AFTER DELETE ON builder_target
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_builder_delete AFTER DELETE ON builder
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_outdated_copy_insert AFTER INSERT ON outdated_copy
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_outdated_copy_update AFTER UPDATE ON outdated_copy
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_outdated_copy_delete AFTER DELETE ON outdated_copy
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_event_insert AFTER INSERT ON event
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_use_total_insert AFTER INSERT ON use_total
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_use_total_update AFTER UPDATE ON use_total
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_unconsidered_insert AFTER INSERT ON unconsidered
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_unconsidered_delete AFTER DELETE ON unconsidered
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_resolution_insert AFTER INSERT ON resolution
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_resolution_delete AFTER DELETE ON resolution
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER report_resolution_update AFTER UPDATE OF log ON resolution
    WHEN OLD.log IS NOT NEW.log
BEGIN
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

-- Triggers that mark the projects whose pages are no longer true, so no writer can forget it. 1 also replaces 2,
-- "being rendered" (site/publication.py).
CREATE TRIGGER stale_upstream_file_insert AFTER INSERT ON upstream_file
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
END;

CREATE TRIGGER stale_upstream_file_delete AFTER DELETE ON upstream_file
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = OLD.release_id) AND pages_stale <> 1;
END;

CREATE TRIGGER stale_upstream_file_update AFTER UPDATE OF
        url, sha256, size, upload_time, requires_python, yanked, metadata_sha256, provenance
    ON upstream_file
    WHEN OLD.url IS NOT NEW.url
        OR OLD.sha256 IS NOT NEW.sha256
        OR OLD.size IS NOT NEW.size
        OR OLD.upload_time IS NOT NEW.upload_time
        OR OLD.requires_python IS NOT NEW.requires_python
        OR OLD.yanked IS NOT NEW.yanked
        OR OLD.metadata_sha256 IS NOT NEW.metadata_sha256
        OR OLD.provenance IS NOT NEW.provenance
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
END;

CREATE TRIGGER stale_release_target_insert AFTER INSERT ON release_target
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
END;

CREATE TRIGGER stale_release_target_delete AFTER DELETE ON release_target
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = OLD.release_id) AND pages_stale <> 1;
END;

CREATE TRIGGER stale_release_target_update AFTER UPDATE OF verdict, reason, need, priority ON release_target
    WHEN OLD.verdict IS NOT NEW.verdict OR OLD.reason IS NOT NEW.reason OR OLD.need IS NOT NEW.need
        OR OLD.priority IS NOT NEW.priority AND NEW.need = 'now'
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
END;

CREATE TRIGGER stale_attempt_insert AFTER INSERT ON attempt
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
END;

CREATE TRIGGER stale_attempt_delete AFTER DELETE ON attempt
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = OLD.release_id) AND pages_stale <> 1;
END;

CREATE TRIGGER stale_attempt_update AFTER UPDATE OF
        state, outcome, failure_class, blocks, superseded, sentence, evidence, advice, seconds, finished_at,
        log
    ON attempt
    WHEN OLD.state IS NOT NEW.state
        OR OLD.outcome IS NOT NEW.outcome
        OR OLD.failure_class IS NOT NEW.failure_class
        OR OLD.blocks IS NOT NEW.blocks
        OR OLD.superseded IS NOT NEW.superseded
        OR OLD.sentence IS NOT NEW.sentence
        OR OLD.evidence IS NOT NEW.evidence
        OR OLD.advice IS NOT NEW.advice
        OR OLD.seconds IS NOT NEW.seconds
        OR OLD.finished_at IS NOT NEW.finished_at
        OR OLD.log IS NOT NEW.log
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
END;

CREATE TRIGGER stale_wheel_insert AFTER INSERT ON wheel
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
END;

CREATE TRIGGER stale_wheel_delete AFTER DELETE ON wheel
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = OLD.release_id) AND pages_stale <> 1;
END;

CREATE TRIGGER stale_wheel_update AFTER UPDATE OF removed_at, withdrawn_at, withdrawn, yanked ON wheel
    WHEN OLD.removed_at IS NOT NEW.removed_at
        OR OLD.withdrawn_at IS NOT NEW.withdrawn_at
        OR OLD.withdrawn IS NOT NEW.withdrawn
        OR OLD.yanked IS NOT NEW.yanked
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
END;

CREATE TRIGGER stale_release_yanked AFTER UPDATE OF yanked ON release
    WHEN OLD.yanked IS NOT NEW.yanked
BEGIN
    UPDATE project SET pages_stale = 1 WHERE id = NEW.project_id AND pages_stale <> 1;
END;

CREATE TRIGGER stale_wheel_target_insert AFTER INSERT ON wheel_target
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
END;

CREATE TRIGGER stale_wheel_target_delete AFTER DELETE ON wheel_target
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = OLD.release_id) AND pages_stale <> 1;
END;

CREATE TRIGGER stale_project_update AFTER UPDATE OF
        display_name, state, in_scope, problem, judged, status, status_reason
    ON project
    WHEN OLD.display_name IS NOT NEW.display_name
        OR OLD.state IS NOT NEW.state
        OR OLD.in_scope IS NOT NEW.in_scope
        OR OLD.problem IS NOT NEW.problem
        OR OLD.judged IS NOT NEW.judged
        OR OLD.status IS NOT NEW.status
        OR OLD.status_reason IS NOT NEW.status_reason
BEGIN
    UPDATE project SET pages_stale = 1 WHERE id = NEW.id AND pages_stale <> 1;
END;

-- In everything mode a project is shown once its page was read: the list brings 740,000 at once.
CREATE TRIGGER stale_project_insert AFTER INSERT ON project
    WHEN NOT NEW.listed
BEGIN
    UPDATE project SET pages_stale = 1 WHERE id = NEW.id AND pages_stale <> 1;
END;

CREATE TRIGGER stale_target_update AFTER UPDATE OF tags, python_version ON target
    WHEN OLD.tags IS NOT NEW.tags OR OLD.python_version IS NOT NEW.python_version
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE pages_stale <> 1
        AND id IN (
            SELECT r.project_id FROM wheel_target s JOIN release r ON r.id = s.release_id WHERE s.target_id = NEW.id);
END;

CREATE TRIGGER stale_builder_target_insert AFTER INSERT ON builder_target
    WHEN NOT EXISTS (SELECT 1 FROM builder_target WHERE target_id = NEW.target_id AND host <> NEW.host)
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE pages_stale <> 1
        AND id IN (SELECT project_id FROM site_release WHERE status = 'waiting' AND target_id = NEW.target_id);
END;

CREATE TRIGGER stale_builder_target_delete AFTER DELETE ON builder_target
    WHEN NOT EXISTS (SELECT 1 FROM builder_target WHERE target_id = OLD.target_id AND host <> OLD.host)
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE pages_stale <> 1
        AND id IN (SELECT project_id FROM site_release WHERE status = 'waiting' AND target_id = OLD.target_id);
END;

CREATE TRIGGER stale_rebuild_update AFTER UPDATE OF verdict ON rebuild
    WHEN OLD.verdict IS NOT NEW.verdict
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE pages_stale <> 1 AND id = (
            SELECT r.project_id FROM wheel w JOIN release r ON r.id = w.release_id WHERE w.id = NEW.wheel_id);
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER stale_attempt_remedies AFTER UPDATE OF remedies, retry_with, wait_until ON attempt
    WHEN OLD.remedies IS NOT NEW.remedies
        OR OLD.retry_with IS NOT NEW.retry_with
        OR OLD.wait_until IS NOT NEW.wait_until
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
    UPDATE meta SET value = value + 1 WHERE key = 'report_changes';
END;

CREATE TRIGGER stale_wheel_facts AFTER UPDATE OF repaired, apt_packages, imports, import_facts ON wheel
    WHEN OLD.repaired IS NOT NEW.repaired
        OR OLD.apt_packages IS NOT NEW.apt_packages
        OR OLD.imports IS NOT NEW.imports
        OR OLD.import_facts IS NOT NEW.import_facts
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
END;

CREATE TRIGGER stale_wheel_sdist AFTER UPDATE OF sdist_filename, sdist_sha256 ON wheel
    WHEN OLD.sdist_filename IS NOT NEW.sdist_filename OR OLD.sdist_sha256 IS NOT NEW.sdist_sha256
BEGIN
    UPDATE project SET pages_stale = 1
        WHERE id = (SELECT project_id FROM release WHERE id = NEW.release_id) AND pages_stale <> 1;
END;

-- Triggers that keep since when upstream lists no file of a release, by the controller's clock.
CREATE TRIGGER gone_upstream_file_delete AFTER DELETE ON upstream_file
BEGIN
    UPDATE release SET gone_at = CAST(strftime('%s', 'now') AS REAL)
        WHERE id = OLD.release_id
            AND NOT EXISTS (SELECT 1 FROM upstream_file WHERE release_id = OLD.release_id);
END;

CREATE TRIGGER gone_upstream_file_insert AFTER INSERT ON upstream_file
BEGIN
    UPDATE release SET gone_at = NULL WHERE id = NEW.release_id AND gone_at IS NOT NULL;
END;

-- Triggers that keep counters, histories and names. In a trigger, the conflict policy of the statement that fires it
-- overrides its own OR IGNORE. So they say WHERE NOT EXISTS or ON CONFLICT ... DO UPDATE.
CREATE TRIGGER queue_insert AFTER INSERT ON release_target
    WHEN NEW.need <> 'none'
BEGIN
    INSERT INTO counter (kind, key, value)
        VALUES ('queue-builds', NEW.target_id, NEW.need = 'now'), ('queue-later', NEW.target_id, NEW.need = 'later'),
            ('queue-seconds', NEW.target_id, (NEW.need = 'now') * NEW.predicted_seconds)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER queue_delete AFTER DELETE ON release_target
    WHEN OLD.need <> 'none'
BEGIN
    INSERT INTO counter (kind, key, value)
        VALUES ('queue-builds', OLD.target_id, -(OLD.need = 'now')),
            ('queue-later', OLD.target_id, -(OLD.need = 'later')),
            ('queue-seconds', OLD.target_id, -(OLD.need = 'now') * OLD.predicted_seconds)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER queue_update AFTER UPDATE OF need, predicted_seconds ON release_target
    WHEN OLD.need IS NOT NEW.need OR NEW.need = 'now' AND OLD.predicted_seconds IS NOT NEW.predicted_seconds
BEGIN
    INSERT INTO counter (kind, key, value)
        VALUES ('queue-builds', NEW.target_id, (NEW.need = 'now') - (OLD.need = 'now')),
            ('queue-later', NEW.target_id, (NEW.need = 'later') - (OLD.need = 'later')),
            ('queue-seconds', NEW.target_id,
                (NEW.need = 'now') * NEW.predicted_seconds - (OLD.need = 'now') * OLD.predicted_seconds)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER site_release_insert AFTER INSERT ON site_release
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('status', NEW.status, 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO blocked_by_class (failure_class, project_id, builds, lookups)
        SELECT NEW.failure_class, NEW.project_id, 1,
            coalesce((
                SELECT u.lookups FROM use_total u JOIN project p ON p.name = u.name WHERE p.id = NEW.project_id), 0)
        WHERE NEW.failure_class IS NOT NULL
        ON CONFLICT (failure_class, project_id) DO UPDATE SET builds = builds + 1;
END;

CREATE TRIGGER site_release_delete AFTER DELETE ON site_release
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('status', OLD.status, -1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    UPDATE blocked_by_class SET builds = builds - 1
        WHERE failure_class = OLD.failure_class AND project_id = OLD.project_id;
    DELETE FROM blocked_by_class
        WHERE failure_class = OLD.failure_class AND project_id = OLD.project_id AND builds <= 0;
END;

CREATE TRIGGER site_release_update AFTER UPDATE ON site_release
    WHEN OLD.status IS NOT NEW.status OR OLD.failure_class IS NOT NEW.failure_class
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('status', OLD.status, -1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    UPDATE blocked_by_class SET builds = builds - 1
        WHERE failure_class = OLD.failure_class AND project_id = OLD.project_id;
    DELETE FROM blocked_by_class
        WHERE failure_class = OLD.failure_class AND project_id = OLD.project_id AND builds <= 0;
    INSERT INTO counter (kind, key, value) VALUES ('status', NEW.status, 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO blocked_by_class (failure_class, project_id, builds, lookups)
        SELECT NEW.failure_class, NEW.project_id, 1,
            coalesce((
                SELECT u.lookups FROM use_total u JOIN project p ON p.name = u.name WHERE p.id = NEW.project_id), 0)
        WHERE NEW.failure_class IS NOT NULL
        ON CONFLICT (failure_class, project_id) DO UPDATE SET builds = builds + 1;
END;

CREATE TRIGGER blocked_by_class_insert AFTER INSERT ON blocked_by_class
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('class-builds', NEW.failure_class, NEW.builds)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('class-projects', NEW.failure_class, 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('class-lookups', NEW.failure_class, NEW.lookups)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER blocked_by_class_update AFTER UPDATE ON blocked_by_class
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('class-builds', NEW.failure_class, NEW.builds - OLD.builds)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('class-lookups', NEW.failure_class, NEW.lookups - OLD.lookups)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER blocked_by_class_delete AFTER DELETE ON blocked_by_class
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('class-builds', OLD.failure_class, -OLD.builds)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('class-projects', OLD.failure_class, -1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('class-lookups', OLD.failure_class, -OLD.lookups)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER site_project_insert AFTER INSERT ON site_project
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('page', NEW.status, 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('listed', '', NEW.listed)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('as-a-whole', coalesce(NEW.project_status, ''), 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO dirty_page (name)
        SELECT NEW.name WHERE NOT EXISTS (SELECT 1 FROM dirty_page WHERE name = NEW.name);
END;

CREATE TRIGGER site_project_delete AFTER DELETE ON site_project
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('page', OLD.status, -1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('listed', '', -OLD.listed)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('as-a-whole', coalesce(OLD.project_status, ''), -1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO dirty_page (name)
        SELECT OLD.name WHERE NOT EXISTS (SELECT 1 FROM dirty_page WHERE name = OLD.name);
END;

CREATE TRIGGER site_project_update AFTER UPDATE ON site_project
    WHEN OLD.display_name IS NOT NEW.display_name
        OR OLD.summary IS NOT NEW.summary
        OR OLD.status IS NOT NEW.status
        OR OLD.project_status IS NOT NEW.project_status
        OR OLD.listed IS NOT NEW.listed
        OR OLD.packed IS NOT NEW.packed
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('page', OLD.status, -1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('listed', '', -OLD.listed)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('as-a-whole', coalesce(OLD.project_status, ''), -1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('page', NEW.status, 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('listed', '', NEW.listed)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('as-a-whole', coalesce(NEW.project_status, ''), 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO dirty_page (name)
        SELECT NEW.name WHERE NOT EXISTS (SELECT 1 FROM dirty_page WHERE name = NEW.name);
END;

CREATE TRIGGER wheel_before_delete BEFORE DELETE ON wheel
BEGIN
    DELETE FROM wheel_target WHERE wheel_id = OLD.id;
END;

CREATE TRIGGER wheel_insert AFTER INSERT ON wheel
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('wheels', '', 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('bytes', '', NEW.size)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER wheel_delete AFTER DELETE ON wheel
    WHEN OLD.removed_at IS NULL
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('wheels', '', -1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('bytes', '', -OLD.size)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER wheel_removed AFTER UPDATE OF removed_at ON wheel
    WHEN OLD.removed_at IS NULL AND NEW.removed_at IS NOT NULL
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('wheels', '', -1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('bytes', '', -OLD.size)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER wheel_returned AFTER UPDATE OF removed_at ON wheel
    WHEN OLD.removed_at IS NOT NULL AND NEW.removed_at IS NULL
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('wheels', '', 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('bytes', '', NEW.size)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER wheel_target_insert AFTER INSERT ON wheel_target
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('target-wheels', NEW.target_id, 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value)
        VALUES ('target-bytes', NEW.target_id, coalesce((SELECT size FROM wheel WHERE id = NEW.wheel_id), 0))
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER wheel_target_delete AFTER DELETE ON wheel_target
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('target-wheels', OLD.target_id, -1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value)
        VALUES ('target-bytes', OLD.target_id, -coalesce((SELECT size FROM wheel WHERE id = OLD.wheel_id), 0))
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER history_attempt_insert AFTER INSERT ON attempt
    WHEN NEW.state = 'done' AND NEW.outcome IS NOT NULL AND NEW.finished_at IS NOT NULL
BEGIN
    INSERT INTO build_day (day, host, outcome, builds, seconds)
        VALUES (CAST(NEW.finished_at / 86400 AS INTEGER), NEW.host, NEW.outcome, 1, coalesce(NEW.seconds, 0))
        ON CONFLICT (day, host, outcome) DO UPDATE SET builds = builds + 1, seconds = seconds + excluded.seconds;
    INSERT INTO counter (kind, key, value) VALUES ('outcome', NEW.outcome, 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('build-seconds', '', coalesce(NEW.seconds, 0))
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('host-builds', NEW.host, 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('host-built', NEW.host, NEW.outcome = 'built')
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('host-seconds', NEW.host, coalesce(NEW.seconds, 0))
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER history_attempt_update AFTER UPDATE OF state ON attempt
    WHEN OLD.state <> 'done' AND NEW.state = 'done' AND NEW.outcome IS NOT NULL AND NEW.finished_at IS NOT NULL
BEGIN
    INSERT INTO build_day (day, host, outcome, builds, seconds)
        VALUES (CAST(NEW.finished_at / 86400 AS INTEGER), NEW.host, NEW.outcome, 1, coalesce(NEW.seconds, 0))
        ON CONFLICT (day, host, outcome) DO UPDATE SET builds = builds + 1, seconds = seconds + excluded.seconds;
    INSERT INTO counter (kind, key, value) VALUES ('outcome', NEW.outcome, 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('build-seconds', '', coalesce(NEW.seconds, 0))
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('host-builds', NEW.host, 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('host-built', NEW.host, NEW.outcome = 'built')
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('host-seconds', NEW.host, coalesce(NEW.seconds, 0))
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER use_day_insert AFTER INSERT ON use_day
BEGIN
    INSERT INTO use_total (name, downloads, lookups, saved_seconds)
        VALUES (NEW.name, NEW.downloads, NEW.lookups, NEW.saved_seconds)
        ON CONFLICT (name) DO UPDATE SET downloads = downloads + excluded.downloads,
            lookups = lookups + excluded.lookups, saved_seconds = saved_seconds + excluded.saved_seconds;
    INSERT INTO counter (kind, key, value) VALUES ('downloads', '', NEW.downloads)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('saved-seconds', '', NEW.saved_seconds)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO saved_day (day, seconds) VALUES (NEW.day, NEW.saved_seconds)
        ON CONFLICT (day) DO UPDATE SET seconds = seconds + excluded.seconds;
END;

CREATE TRIGGER use_day_update AFTER UPDATE ON use_day
BEGIN
    INSERT INTO use_total (name, downloads, lookups, saved_seconds)
        VALUES (
            NEW.name, NEW.downloads - OLD.downloads, NEW.lookups - OLD.lookups, NEW.saved_seconds - OLD.saved_seconds)
        ON CONFLICT (name) DO UPDATE SET downloads = downloads + excluded.downloads,
            lookups = lookups + excluded.lookups, saved_seconds = saved_seconds + excluded.saved_seconds;
    INSERT INTO counter (kind, key, value) VALUES ('downloads', '', NEW.downloads - OLD.downloads)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('saved-seconds', '', NEW.saved_seconds - OLD.saved_seconds)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO saved_day (day, seconds) VALUES (NEW.day, NEW.saved_seconds - OLD.saved_seconds)
        ON CONFLICT (day) DO UPDATE SET seconds = seconds + excluded.seconds;
END;

CREATE TRIGGER use_total_insert AFTER INSERT ON use_total
BEGIN
    UPDATE blocked_by_class SET lookups = NEW.lookups
        WHERE project_id =(SELECT id FROM project WHERE name = NEW.name) AND lookups <> NEW.lookups;
    UPDATE project SET pages_stale = 1 WHERE name = NEW.name AND pages_stale <> 1;
END;

CREATE TRIGGER use_total_update AFTER UPDATE ON use_total
BEGIN
    UPDATE blocked_by_class SET lookups = NEW.lookups
        WHERE project_id =(SELECT id FROM project WHERE name = NEW.name) AND lookups <> NEW.lookups;
END;

CREATE TRIGGER use_total_downloads AFTER UPDATE OF downloads ON use_total
    WHEN OLD.downloads IS NOT NEW.downloads
BEGIN
    UPDATE project SET pages_stale = 1 WHERE name = NEW.name AND pages_stale <> 1;
END;

CREATE TRIGGER blocked_by_package_site_release_insert AFTER INSERT ON site_release
    WHEN NEW.package IS NOT NULL
BEGIN
    INSERT INTO blocked_by_package (package, project_id, builds, lookups)
        SELECT NEW.package, NEW.project_id, 1,
            coalesce((
                SELECT u.lookups FROM use_total u JOIN project p ON p.name = u.name WHERE p.id = NEW.project_id), 0)
        WHERE NEW.package IS NOT NULL
        ON CONFLICT (package, project_id) DO UPDATE SET builds = builds + 1;
END;

CREATE TRIGGER blocked_by_package_site_release_delete AFTER DELETE ON site_release
    WHEN OLD.package IS NOT NULL
BEGIN
    UPDATE blocked_by_package SET builds = builds - 1 WHERE package = OLD.package AND project_id = OLD.project_id;
    DELETE FROM blocked_by_package WHERE package = OLD.package AND project_id = OLD.project_id AND builds <= 0;
END;

CREATE TRIGGER blocked_by_package_site_release_update AFTER UPDATE ON site_release
    WHEN OLD.package IS NOT NEW.package
BEGIN
    UPDATE blocked_by_package SET builds = builds - 1 WHERE package = OLD.package AND project_id = OLD.project_id;
    DELETE FROM blocked_by_package WHERE package = OLD.package AND project_id = OLD.project_id AND builds <= 0;
    INSERT INTO blocked_by_package (package, project_id, builds, lookups)
        SELECT NEW.package, NEW.project_id, 1,
            coalesce((
                SELECT u.lookups FROM use_total u JOIN project p ON p.name = u.name WHERE p.id = NEW.project_id), 0)
        WHERE NEW.package IS NOT NULL
        ON CONFLICT (package, project_id) DO UPDATE SET builds = builds + 1;
END;

CREATE TRIGGER blocked_by_package_insert AFTER INSERT ON blocked_by_package
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('package-builds', NEW.package, NEW.builds)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('package-projects', NEW.package, 1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('package-lookups', NEW.package, NEW.lookups)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER blocked_by_package_update AFTER UPDATE ON blocked_by_package
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('package-builds', NEW.package, NEW.builds - OLD.builds)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('package-lookups', NEW.package, NEW.lookups - OLD.lookups)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER blocked_by_package_delete AFTER DELETE ON blocked_by_package
BEGIN
    INSERT INTO counter (kind, key, value) VALUES ('package-builds', OLD.package, -OLD.builds)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('package-projects', OLD.package, -1)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
    INSERT INTO counter (kind, key, value) VALUES ('package-lookups', OLD.package, -OLD.lookups)
        ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;
END;

CREATE TRIGGER blocked_by_package_use_total_insert AFTER INSERT ON use_total
BEGIN
    UPDATE blocked_by_package SET lookups = NEW.lookups
        WHERE project_id =(SELECT id FROM project WHERE name = NEW.name) AND lookups <> NEW.lookups;
END;

CREATE TRIGGER blocked_by_package_use_total_update AFTER UPDATE ON use_total
BEGIN
    UPDATE blocked_by_package SET lookups = NEW.lookups
        WHERE project_id =(SELECT id FROM project WHERE name = NEW.name) AND lookups <> NEW.lookups;
END;

CREATE TRIGGER given_name_wheel AFTER INSERT ON wheel
BEGIN
    INSERT INTO given_name
        SELECT NEW.filename, p.name, r.version, NEW.sha256 FROM release r JOIN project p ON p.id = r.project_id
        WHERE r.id = NEW.release_id
            AND NOT EXISTS (SELECT 1 FROM given_name WHERE filename = NEW.filename);
END;
