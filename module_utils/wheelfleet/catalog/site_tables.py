"""Migration 3: what the site is made from without reading the whole catalog each time.

Triggers mark the projects whose pages are no longer true (`project.pages_stale`), so that no writer can forget it. The
publisher keeps `shown` and `page`, one row for each thing it shows; everything that counts over them, and over builds
and downloads, is kept by triggers too. So a page with totals costs what it shows, whatever the size of the catalog.
All of it but `use_day`, `client_day`, `log_position`, `build_day` and `queue_hour` can be made again from the rest.

Days are days since the epoch, hours hours since the epoch, both UTC.
"""

from __future__ import annotations

_COLUMNS = """
    ALTER TABLE project ADD COLUMN status TEXT;            -- PEP 792; NULL: active
    ALTER TABLE project ADD COLUMN status_reason TEXT;
    ALTER TABLE upstream_file ADD COLUMN metadata_sha256 TEXT;  -- PEP 714; '': without a hash, NULL: not offered
    ALTER TABLE upstream_file ADD COLUMN provenance TEXT;  -- PEP 740: its URL
    -- What is new in these columns is read with the next look at each page.
    UPDATE project SET etag = NULL, last_modified = NULL, page_digest = NULL;
    ALTER TABLE release ADD COLUMN gone_at REAL;           -- since when upstream lists no file of it
    UPDATE release SET gone_at = CAST(strftime('%s', 'now') AS REAL)
        WHERE NOT EXISTS (SELECT 1 FROM upstream_file WHERE release_id = release.id);
    CREATE INDEX release_gone ON release (gone_at) WHERE gone_at IS NOT NULL;
    ALTER TABLE wheel ADD COLUMN removed_at REAL;          -- its bytes are gone, its name is never given again
    ALTER TABLE attempt ADD COLUMN summary TEXT;           -- what the sdist says the project is
    ALTER TABLE attempt ADD COLUMN built_with TEXT;        -- JSON: the builder's facts, the sdist's URL
"""

_TABLES = """
    -- What the site shows of each release x target in scope (site/report.py names the statuses).
    CREATE TABLE shown (
        release_id INTEGER NOT NULL REFERENCES release (id) ON DELETE CASCADE,
        target_id INTEGER NOT NULL REFERENCES target (id) ON DELETE CASCADE,
        project_id INTEGER NOT NULL REFERENCES project (id) ON DELETE CASCADE,
        status TEXT NOT NULL,
        class TEXT,                    -- of a failure
        at REAL NOT NULL DEFAULT 0,    -- when the attempt behind it ended; 0: there is none
        PRIMARY KEY (release_id, target_id)
    ) WITHOUT ROWID;
    CREATE INDEX shown_project ON shown (project_id, class, at);
    CREATE INDEX shown_status ON shown (status, at);

    -- Each project that has a page for people, with what lists of projects say of it.
    CREATE TABLE page (
        project_id INTEGER PRIMARY KEY REFERENCES project (id) ON DELETE CASCADE,
        name TEXT NOT NULL UNIQUE,
        display_name TEXT NOT NULL,
        summary TEXT NOT NULL DEFAULT '',
        status TEXT NOT NULL,          -- of all its releases the one that matters most (site/published_rows.py)
        as_a_whole TEXT,               -- status of the project itself, where its releases do not tell all
        listed INTEGER NOT NULL        -- whether simple/ has a page of it
    );
    CREATE INDEX page_listed ON page (name) WHERE listed;
    CREATE INDEX page_best ON page (status, length(name), name);
    CREATE INDEX page_as_a_whole ON page (as_a_whole, name) WHERE as_a_whole IS NOT NULL;

    -- The words of a project's name, for search: 'python-dateutil' is found by 'python-dateutil' and by 'dateutil'.
    CREATE TABLE search_word (
        word TEXT NOT NULL,
        project_id INTEGER NOT NULL REFERENCES page (project_id) ON DELETE CASCADE,
        PRIMARY KEY (word, project_id)
    ) WITHOUT ROWID;
    CREATE INDEX search_word_project ON search_word (project_id);

    -- Names whose `page` row came, went or says something else: lists of projects that hold them are no longer true.
    CREATE TABLE page_news (name TEXT PRIMARY KEY) WITHOUT ROWID;

    -- How many builds of a project a failure class blocks, and how often clients asked for the project.
    CREATE TABLE blocked (
        class TEXT NOT NULL,
        project_id INTEGER NOT NULL REFERENCES project (id) ON DELETE CASCADE,
        builds INTEGER NOT NULL,
        lookups INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (class, project_id)
    ) WITHOUT ROWID;
    CREATE INDEX blocked_lookups ON blocked (class, lookups DESC, project_id);
    CREATE INDEX blocked_project ON blocked (project_id);

    -- Builds that ended, by day.
    CREATE TABLE build_day (
        day INTEGER NOT NULL,
        host TEXT NOT NULL,
        outcome TEXT NOT NULL,         -- as in attempt
        builds INTEGER NOT NULL,
        seconds REAL NOT NULL,
        PRIMARY KEY (day, host, outcome)
    ) WITHOUT ROWID;
    CREATE INDEX build_day_host ON build_day (host, day);

    -- How long the queue was, once an hour in which something was published.
    CREATE TABLE queue_hour (hour INTEGER PRIMARY KEY, queued INTEGER NOT NULL);

    -- Downloads of our wheels and lookups of pages under simple/, by day and normalised name, counted from the web
    -- nodes' logs. A name may be one nobody knows: clients asked for it.
    CREATE TABLE use_day (
        name TEXT NOT NULL,
        day INTEGER NOT NULL,
        downloads INTEGER NOT NULL DEFAULT 0,
        lookups INTEGER NOT NULL DEFAULT 0,
        saved_seconds REAL NOT NULL DEFAULT 0,   -- what building here took, times downloads
        PRIMARY KEY (name, day)
    ) WITHOUT ROWID;
    CREATE TABLE use_total (
        name TEXT PRIMARY KEY,
        downloads INTEGER NOT NULL,
        lookups INTEGER NOT NULL,
        saved_seconds REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE saved_day (day INTEGER PRIMARY KEY, seconds REAL NOT NULL);
    CREATE INDEX use_total_lookups ON use_total (lookups DESC, name);
    CREATE INDEX use_total_downloads ON use_total (downloads DESC, name);

    -- Downloads by day and by what asked: kind 'all' (key ''), 'installer', 'python', 'machine', 'system'.
    CREATE TABLE client_day (
        day INTEGER NOT NULL,
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        downloads INTEGER NOT NULL,
        PRIMARY KEY (kind, key, day)
    ) WITHOUT ROWID;

    -- How far each log file of each web node was counted. A file is known by its beginning and by what stands before
    -- the place reached (downloads/log_rotation.py).
    CREATE TABLE log_position (
        host TEXT NOT NULL,
        head TEXT NOT NULL,
        offset INTEGER NOT NULL,
        at REAL NOT NULL,              -- of the newest line counted
        PRIMARY KEY (host, head)
    ) WITHOUT ROWID;

    -- Counters, kept by the triggers below. kind, key:
    --   status, a status of `shown`: rows           page, a status of `page`: projects        listed, '': projects
    --   as-a-whole, a status of `page.as_a_whole`: projects
    --   wheels, '' and bytes, '': our wheels        target-wheels, target-bytes by target id: those that serve it
    --   class-builds, class-projects, class-lookups by failure class
    --   host-builds, host-built, host-seconds by host; unknown-names by day (downloads/record_sums.py)
    --   outcome, built/failed/refused: builds ever  build-seconds, '': their time
    --   downloads, '' and saved-seconds, ''
    CREATE TABLE total (kind TEXT NOT NULL, key TEXT NOT NULL, value NOT NULL, PRIMARY KEY (kind, key)) WITHOUT ROWID;
"""


def _count(kind: str, key: str, by: str) -> str:
    return (
        f"INSERT INTO total (kind, key, value) VALUES ('{kind}', {key}, {by}) "
        "ON CONFLICT (kind, key) DO UPDATE SET value = value + excluded.value;"
    )


def _trigger(name: str, event: str, *statements: str, when: str = "") -> str:
    condition = f" WHEN {when}" if when else ""
    body = "\n        ".join(statements)
    return f"    CREATE TRIGGER {name} AFTER {event}{condition} BEGIN\n        {body}\n    END;\n"


def _differ(*columns: str) -> str:
    return " OR ".join(f"OLD.{column} IS NOT NEW.{column}" for column in columns)


def _stale(release: str) -> str:
    """Marks the project of a release; 1 also where it is 2, "being rendered" (site/publication.py)."""
    return (
        "UPDATE project SET pages_stale = 1 "
        f"WHERE id = (SELECT project_id FROM release WHERE id = {release}.release_id) AND pages_stale <> 1;"
    )


def _stale_triggers() -> str:
    said = {
        "upstream_file": ("url", "sha256", "size", "upload_time", "requires_python", "yanked", "metadata_sha256",
                          "provenance"),
        "wanted": ("verdict", "reason", "need"),
        "attempt": ("state", "outcome", "class", "blocks", "forgiven", "sentence", "evidence", "remedy", "seconds",
                    "finished_at", "log"),
        "wheel": ("removed_at",),
        "serves": (),
    }  # fmt: skip
    triggers = []
    for table, columns in said.items():
        triggers.append(_trigger(f"stale_{table}_insert", f"INSERT ON {table}", _stale("NEW")))
        triggers.append(_trigger(f"stale_{table}_delete", f"DELETE ON {table}", _stale("OLD")))
        if columns:
            event = f"UPDATE OF {', '.join(columns)} ON {table}"
            triggers.append(_trigger(f"stale_{table}_update", event, _stale("NEW"), when=_differ(*columns)))
    columns = ("display_name", "state", "in_scope", "problem", "judged", "status", "status_reason")
    triggers.append(
        _trigger(
            "stale_project_update",
            f"UPDATE OF {', '.join(columns)} ON project",
            "UPDATE project SET pages_stale = 1 WHERE id = NEW.id AND pages_stale <> 1;",
            when=_differ(*columns),
        )
    )
    triggers.append(
        _trigger(
            "stale_project_insert",
            "INSERT ON project",
            "UPDATE project SET pages_stale = 1 WHERE id = NEW.id AND pages_stale <> 1;",
        )
    )
    # Which wheels of ours upstream's replace depends on what a target installs.
    triggers.append(
        _trigger(
            "stale_target_update",
            "UPDATE OF tags, python_version ON target",
            "UPDATE project SET pages_stale = 1 WHERE pages_stale <> 1 AND id IN (SELECT r.project_id FROM serves s "
            "JOIN release r ON r.id = s.release_id WHERE s.target_id = NEW.id);",
            when=_differ("tags", "python_version"),
        )
    )
    # Whether anybody offers its target is said of what waits.
    for event, row in (("INSERT", "NEW"), ("DELETE", "OLD")):
        triggers.append(
            _trigger(
                f"stale_offer_{event.lower()}",
                f"{event} ON offer",
                "UPDATE project SET pages_stale = 1 WHERE pages_stale <> 1 AND id IN (SELECT project_id FROM shown "
                f"WHERE status = 'waiting' AND target_id = {row}.target_id);",
                when=f"NOT EXISTS (SELECT 1 FROM offer WHERE target_id = {row}.target_id AND host <> {row}.host)",
            )
        )
    return "".join(triggers)


def _gone_triggers() -> str:
    """Since when a release has no file upstream: by the clock of the controller, whose database this is."""
    return _trigger(
        "gone_upstream_file_delete",
        "DELETE ON upstream_file",
        "UPDATE release SET gone_at = CAST(strftime('%s', 'now') AS REAL) WHERE id = OLD.release_id "
        "AND NOT EXISTS (SELECT 1 FROM upstream_file WHERE release_id = OLD.release_id);",
    ) + _trigger(
        "gone_upstream_file_insert",
        "INSERT ON upstream_file",
        "UPDATE release SET gone_at = NULL WHERE id = NEW.release_id AND gone_at IS NOT NULL;",
    )


def _shown_triggers() -> str:
    """Counters over `shown`, and the failure classes of each project."""

    def plus(row: str, by: int) -> list[str]:
        block = (
            f"INSERT INTO blocked (class, project_id, builds, lookups) SELECT {row}.class, {row}.project_id, 1, "
            "coalesce((SELECT u.lookups FROM use_total u JOIN project p ON p.name = u.name "
            f"WHERE p.id = {row}.project_id), 0) WHERE {row}.class IS NOT NULL "
            "ON CONFLICT (class, project_id) DO UPDATE SET builds = builds + 1;"
        )
        unblock = (
            f"UPDATE blocked SET builds = builds - 1 WHERE class = {row}.class AND project_id = {row}.project_id;",
            f"DELETE FROM blocked WHERE class = {row}.class AND project_id = {row}.project_id AND builds <= 0;",
        )
        return [_count("status", f"{row}.status", str(by)), *([block] if by > 0 else unblock)]

    blocked = [
        _trigger(
            "blocked_insert",
            "INSERT ON blocked",
            _count("class-builds", "NEW.class", "NEW.builds"),
            _count("class-projects", "NEW.class", "1"),
            _count("class-lookups", "NEW.class", "NEW.lookups"),
        ),
        _trigger(
            "blocked_update",
            "UPDATE ON blocked",
            _count("class-builds", "NEW.class", "NEW.builds - OLD.builds"),
            _count("class-lookups", "NEW.class", "NEW.lookups - OLD.lookups"),
        ),
        _trigger(
            "blocked_delete",
            "DELETE ON blocked",
            _count("class-builds", "OLD.class", "-OLD.builds"),
            _count("class-projects", "OLD.class", "-1"),
            _count("class-lookups", "OLD.class", "-OLD.lookups"),
        ),
    ]
    return "".join(
        [
            _trigger("shown_insert", "INSERT ON shown", *plus("NEW", 1)),
            _trigger("shown_delete", "DELETE ON shown", *plus("OLD", -1)),
            _trigger(
                "shown_update",
                "UPDATE ON shown",
                *plus("OLD", -1),
                *plus("NEW", 1),
                when=_differ("status", "class"),
            ),
            *blocked,
        ]
    )


def _page_triggers() -> str:
    def news(row: str) -> str:
        # Not OR IGNORE: the conflict policy of the statement that fires a trigger stands above the trigger's own.
        return (
            f"INSERT INTO page_news (name) SELECT {row}.name "
            f"WHERE NOT EXISTS (SELECT 1 FROM page_news WHERE name = {row}.name);"
        )

    def counts(row: str, sign: str) -> list[str]:
        return [
            _count("page", f"{row}.status", f"{sign}1"),
            _count("listed", "''", f"{sign}{row}.listed"),
            _count("as-a-whole", f"coalesce({row}.as_a_whole, '')", f"{sign}1"),
        ]

    said = ("display_name", "summary", "status", "as_a_whole", "listed")
    return "".join(
        [
            _trigger("page_insert", "INSERT ON page", *counts("NEW", ""), news("NEW")),
            _trigger("page_delete", "DELETE ON page", *counts("OLD", "-"), news("OLD")),
            _trigger(
                "page_update",
                "UPDATE ON page",
                *counts("OLD", "-"),
                *counts("NEW", ""),
                news("NEW"),
                when=_differ(*said),
            ),
        ]
    )


def _wheel_triggers() -> str:
    def served(row: str, sign: str) -> list[str]:
        size = f"(SELECT size FROM wheel WHERE id = {row}.wheel_id)"
        return [
            _count("target-wheels", f"{row}.target_id", f"{sign}1"),
            _count("target-bytes", f"{row}.target_id", f"{sign}coalesce({size}, 0)"),
        ]

    def counts(row: str, sign: str) -> list[str]:
        return [_count("wheels", "''", f"{sign}1"), _count("bytes", "''", f"{sign}{row}.size")]

    # Before a wheel goes: its rows of `serves` would go with it, too late to ask how large it was.
    before = (
        "    CREATE TRIGGER wheel_before_delete BEFORE DELETE ON wheel BEGIN\n"
        "        DELETE FROM serves WHERE wheel_id = OLD.id;\n    END;\n"
    )
    return before + "".join(
        [
            _trigger("wheel_insert", "INSERT ON wheel", *counts("NEW", "")),
            _trigger("wheel_delete", "DELETE ON wheel", *counts("OLD", "-"), when="OLD.removed_at IS NULL"),
            _trigger(
                "wheel_removed",
                "UPDATE OF removed_at ON wheel",
                *counts("OLD", "-"),
                when="OLD.removed_at IS NULL AND NEW.removed_at IS NOT NULL",
            ),
            _trigger(
                "wheel_returned",
                "UPDATE OF removed_at ON wheel",
                *counts("NEW", ""),
                when="OLD.removed_at IS NOT NULL AND NEW.removed_at IS NULL",
            ),
            _trigger("serves_insert", "INSERT ON serves", *served("NEW", "")),
            _trigger("serves_delete", "DELETE ON serves", *served("OLD", "-")),
        ]
    )


def _history_triggers() -> str:
    ended = (
        "INSERT INTO build_day (day, host, outcome, builds, seconds) VALUES "
        "(CAST(NEW.finished_at / 86400 AS INTEGER), NEW.host, NEW.outcome, 1, coalesce(NEW.seconds, 0)) "
        "ON CONFLICT (day, host, outcome) DO UPDATE SET builds = builds + 1, seconds = seconds + excluded.seconds;"
    )
    counted = [
        ended,
        _count("outcome", "NEW.outcome", "1"),
        _count("build-seconds", "''", "coalesce(NEW.seconds, 0)"),
        _count("host-builds", "NEW.host", "1"),
        _count("host-built", "NEW.host", "NEW.outcome = 'built'"),
        _count("host-seconds", "NEW.host", "coalesce(NEW.seconds, 0)"),
    ]
    is_done = "NEW.state = 'done' AND NEW.outcome IS NOT NULL AND NEW.finished_at IS NOT NULL"
    in_total = "ON CONFLICT (name) DO UPDATE SET downloads = downloads + excluded.downloads, lookups = lookups + excluded.lookups, saved_seconds = saved_seconds + excluded.saved_seconds;"  # noqa: E501
    asked_for = (
        "UPDATE blocked SET lookups = NEW.lookups WHERE project_id = (SELECT id FROM project WHERE name = NEW.name) "
        "AND lookups <> NEW.lookups;"
    )
    downloaded = "UPDATE project SET pages_stale = 1 WHERE name = NEW.name AND pages_stale <> 1;"

    def saved(seconds: str) -> str:
        return (
            f"INSERT INTO saved_day (day, seconds) VALUES (NEW.day, {seconds}) "
            "ON CONFLICT (day) DO UPDATE SET seconds = seconds + excluded.seconds;"
        )

    changed = "UPDATE meta SET value = value + 1 WHERE key = 'report_changes';"
    return "".join(
        [
            _trigger("history_attempt_insert", "INSERT ON attempt", *counted, when=is_done),
            _trigger(
                "history_attempt_update",
                "UPDATE OF state ON attempt",
                *counted,
                when=f"OLD.state <> 'done' AND {is_done}",
            ),
            _trigger(
                "use_day_insert",
                "INSERT ON use_day",
                "INSERT INTO use_total (name, downloads, lookups, saved_seconds) "
                f"VALUES (NEW.name, NEW.downloads, NEW.lookups, NEW.saved_seconds) {in_total}",
                _count("downloads", "''", "NEW.downloads"),
                _count("saved-seconds", "''", "NEW.saved_seconds"),
                saved("NEW.saved_seconds"),
            ),
            _trigger(
                "use_day_update",
                "UPDATE ON use_day",
                "INSERT INTO use_total (name, downloads, lookups, saved_seconds) VALUES (NEW.name, "
                "NEW.downloads - OLD.downloads, NEW.lookups - OLD.lookups, NEW.saved_seconds - OLD.saved_seconds) "
                f"{in_total}",
                _count("downloads", "''", "NEW.downloads - OLD.downloads"),
                _count("saved-seconds", "''", "NEW.saved_seconds - OLD.saved_seconds"),
                saved("NEW.saved_seconds - OLD.saved_seconds"),
            ),
            _trigger("use_total_insert", "INSERT ON use_total", asked_for, downloaded),
            _trigger("use_total_update", "UPDATE ON use_total", asked_for),
            _trigger(
                "use_total_downloads",
                "UPDATE OF downloads ON use_total",
                downloaded,
                when=_differ("downloads"),
            ),
            _trigger("report_use_total_insert", "INSERT ON use_total", changed),
            _trigger("report_use_total_update", "UPDATE ON use_total", changed),
        ]
    )


_BACKFILL = """
    INSERT INTO build_day (day, host, outcome, builds, seconds)
        SELECT CAST(finished_at / 86400 AS INTEGER), host, outcome, count(*), coalesce(sum(seconds), 0) FROM attempt
        WHERE state = 'done' AND outcome IS NOT NULL AND finished_at IS NOT NULL GROUP BY 1, 2, 3;
    INSERT INTO total (kind, key, value) SELECT 'outcome', outcome, sum(builds) FROM build_day GROUP BY outcome;
    INSERT INTO total (kind, key, value) SELECT 'host-builds', host, sum(builds) FROM build_day GROUP BY host;
    INSERT INTO total (kind, key, value)
        SELECT 'host-built', host, sum(iif(outcome = 'built', builds, 0)) FROM build_day GROUP BY host;
    INSERT INTO total (kind, key, value) SELECT 'host-seconds', host, sum(seconds) FROM build_day GROUP BY host;
    INSERT INTO total (kind, key, value) SELECT 'build-seconds', '', coalesce(sum(seconds), 0) FROM build_day;
    INSERT INTO total (kind, key, value) SELECT 'wheels', '', count(*) FROM wheel;
    INSERT INTO total (kind, key, value) SELECT 'bytes', '', coalesce(sum(size), 0) FROM wheel;
    INSERT INTO total (kind, key, value) SELECT 'target-wheels', target_id, count(*) FROM serves GROUP BY target_id;
    INSERT INTO total (kind, key, value)
        SELECT 'target-bytes', s.target_id, sum(w.size) FROM serves s JOIN wheel w ON w.id = s.wheel_id GROUP BY 2;
    UPDATE project SET pages_stale = 1;
"""

SITE_TABLES = (
    _COLUMNS
    + _TABLES
    + _BACKFILL
    + _stale_triggers()
    + _gone_triggers()
    + _shown_triggers()
    + _page_triggers()
    + _wheel_triggers()
    + _history_triggers()
)
