"""Migration: which package of a distribution has what builds lacked, and how many projects each would unblock."""

from __future__ import annotations

from .site_tables import _count, _differ, _trigger

_TABLES = """
    -- Which packages have what an attempt lacks, as a builder's contents index answered. `system` is what packages
    -- differ by: distribution, release and platform, as in "debian-12-linux_armv7l".
    CREATE TABLE owner (
        system TEXT NOT NULL,
        lacks TEXT NOT NULL,
        subject TEXT NOT NULL,
        packages TEXT NOT NULL,        -- JSON list, the best first; empty: nobody has it
        asked_at REAL NOT NULL,
        PRIMARY KEY (system, lacks, subject)
    ) WITHOUT ROWID;

    -- What was installed on a host because builds lacked it, and what was not although the operator allows it.
    CREATE TABLE apt_package (
        host TEXT NOT NULL,
        package TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('installed', 'refused')),
        why TEXT,                      -- it was refused
        at REAL NOT NULL,
        PRIMARY KEY (host, package)
    ) WITHOUT ROWID;

    ALTER TABLE attempt ADD COLUMN package TEXT;  -- the first owner of what it lacks
    ALTER TABLE shown ADD COLUMN package TEXT;    -- of the attempt behind a failure

    -- How many builds of a project a package would unblock, and how often clients asked for the project.
    CREATE TABLE unblocked (
        package TEXT NOT NULL,
        project_id INTEGER NOT NULL REFERENCES project (id) ON DELETE CASCADE,
        builds INTEGER NOT NULL,
        lookups INTEGER NOT NULL DEFAULT 0,
        PRIMARY KEY (package, project_id)
    ) WITHOUT ROWID;
    CREATE INDEX unblocked_lookups ON unblocked (package, lookups DESC, project_id);
    CREATE INDEX unblocked_project ON unblocked (project_id);
    -- More counters in `total`: package-builds, package-projects, package-lookups by package.
"""


def _triggers() -> str:
    add = (
        "INSERT INTO unblocked (package, project_id, builds, lookups) SELECT NEW.package, NEW.project_id, 1, "
        "coalesce((SELECT u.lookups FROM use_total u JOIN project p ON p.name = u.name "
        "WHERE p.id = NEW.project_id), 0) WHERE NEW.package IS NOT NULL "
        "ON CONFLICT (package, project_id) DO UPDATE SET builds = builds + 1;"
    )
    remove = (
        "UPDATE unblocked SET builds = builds - 1 WHERE package = OLD.package AND project_id = OLD.project_id;",
        "DELETE FROM unblocked WHERE package = OLD.package AND project_id = OLD.project_id AND builds <= 0;",
    )
    asked_for = (
        "UPDATE unblocked SET lookups = NEW.lookups WHERE project_id = (SELECT id FROM project WHERE name = NEW.name) "
        "AND lookups <> NEW.lookups;"
    )
    return "".join(
        [
            _trigger("unblocked_shown_insert", "INSERT ON shown", add, when="NEW.package IS NOT NULL"),
            _trigger("unblocked_shown_delete", "DELETE ON shown", *remove, when="OLD.package IS NOT NULL"),
            _trigger("unblocked_shown_update", "UPDATE ON shown", *remove, add, when=_differ("package")),
            _trigger(
                "unblocked_insert",
                "INSERT ON unblocked",
                _count("package-builds", "NEW.package", "NEW.builds"),
                _count("package-projects", "NEW.package", "1"),
                _count("package-lookups", "NEW.package", "NEW.lookups"),
            ),
            _trigger(
                "unblocked_update",
                "UPDATE ON unblocked",
                _count("package-builds", "NEW.package", "NEW.builds - OLD.builds"),
                _count("package-lookups", "NEW.package", "NEW.lookups - OLD.lookups"),
            ),
            _trigger(
                "unblocked_delete",
                "DELETE ON unblocked",
                _count("package-builds", "OLD.package", "-OLD.builds"),
                _count("package-projects", "OLD.package", "-1"),
                _count("package-lookups", "OLD.package", "-OLD.lookups"),
            ),
            _trigger("unblocked_asked_insert", "INSERT ON use_total", asked_for),
            _trigger("unblocked_asked_update", "UPDATE ON use_total", asked_for),
        ]
    )


APT_OWNERS = _TABLES + _triggers()
