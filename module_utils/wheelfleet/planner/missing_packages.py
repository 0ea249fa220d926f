"""Packages of the distribution that failed builds miss: the builders that look them up, the hosts that install them.

Subjects come from logs and package names from builders, so both are untrusted: malformed ones are left out.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..apt_packages import MOST_PROVIDERS, PACKAGE, Cost, Subject, can_be_looked_up, is_allowed
from ..catalog import attempts, events
from ..catalog.meta import get_meta, set_meta

#: Seconds after which a subject without a package is looked up again, and a refused package tried again.
ASK_AGAIN = 30 * 24 * 3600.0
#: Most subjects that one host looks up, and most packages that it installs, at a time.
MOST_ASKED, MOST_INSTALLED = 500, 50
#: The modules by which builders find packages and refuse them.
_RULES = ("apt_packages.py", *(f"builder/apt_{name}.py" for name in ("contents", "file_lookup", "guard", "names")))

#: A system: packages differ by the builder's distribution and release, and by the platform it builds for.
_SYSTEM = (
    "coalesce(json_extract(b.facts, '$.os.id'), '') || '-' || coalesce(json_extract(b.facts, '$.os.version'), '') "
    "|| '-' || t.platform"
)
#: The failures that count: something was missing, the verdict is still "build", and no wheel serves the target.
_MISSING = f"""
    SELECT a.id, a.release_id, a.missing_kind, a.subject, a.package, r.project_id, {_SYSTEM} AS system
    FROM attempt a
    JOIN builder b ON b.host = a.host
    JOIN target t ON t.id = a.target_id
    JOIN release r ON r.id = a.release_id
    JOIN release_target w ON w.release_id = a.release_id AND w.target_id = a.target_id AND w.verdict = 'build'
    WHERE a.missing_kind IN ('header', 'library', 'tool', 'pkg-config') AND a.subject IS NOT NULL
      AND a.state = 'done' AND a.outcome IS NOT 'built' AND NOT a.superseded
      AND NOT EXISTS (SELECT 1 FROM wheel_target s WHERE s.release_id = a.release_id AND s.target_id = a.target_id)
    """
#: The systems of the builders of this run.
_HOSTS = f"""
    SELECT DISTINCT b.host, b.speed, {_SYSTEM} AS system
    FROM builder_target o JOIN builder b ON b.host = o.host JOIN target t ON t.id = o.target_id
    """


def apt_rules() -> str:
    """A digest of the rules by which builders find packages and refuse them: a new version of them is another one."""
    folder = Path(__file__).parents[1]
    return hashlib.sha256(b"".join((folder / name).read_bytes() for name in _RULES)).hexdigest()


def has_new_rules(db: sqlite3.Connection) -> bool:
    """Whether answers and refusals may be by other rules than today's."""
    return get_meta(db, "apt_rules") != apt_rules()


def forget_by_older_rules(db: sqlite3.Connection) -> None:
    """Forget what was found and refused by older rules, so that it is looked up and tried again now."""
    if has_new_rules(db):
        db.execute("DELETE FROM provider")
        db.execute("DELETE FROM apt_package WHERE state = 'refused'")
        set_meta(db, "apt_rules", apt_rules())


def subjects_to_look_up(db: sqlite3.Connection, now: float, hosts: Collection[str]) -> dict[str, list[Subject]]:
    """The missing subjects to look up, by host: the fastest builder of their system among `hosts`."""
    if not hosts:
        return {}
    rows = db.execute(
        f"""
        SELECT system, missing_kind, subject, count(DISTINCT project_id) AS projects FROM ({_MISSING}) missing
        WHERE NOT EXISTS (
            SELECT 1 FROM provider o
            WHERE o.system = missing.system AND o.missing_kind = missing.missing_kind AND o.subject = missing.subject
              AND (o.packages <> '[]' OR o.looked_up_at > ?)
        )
        GROUP BY system, missing_kind, subject ORDER BY projects DESC, missing_kind, subject
        """,
        (now - ASK_AGAIN,),
    ).fetchall()
    if not rows:
        return {}
    fastest: dict[str, str] = {}
    for row in db.execute(f"{_HOSTS} ORDER BY b.speed, b.host DESC"):
        if row["host"] in hosts:
            fastest[row["system"]] = row["host"]
    asked: dict[str, list[Subject]] = {}
    for row in rows:
        subject = Subject(row["missing_kind"], row["subject"])
        host = fastest.get(row["system"])
        if host is not None and can_be_looked_up(subject) and len(asked.setdefault(host, [])) < MOST_ASKED:
            asked[host].append(subject)
    return {host: subjects for host, subjects in asked.items() if subjects}


def record_answers(
    db: sqlite3.Connection,
    host: str,
    asked: Sequence[Subject],
    owners: Iterable[Mapping[str, Any]],
    now: float,
    costs: Mapping[str, Any] | None = None,
) -> int:
    """Keep the packages that a host found for subjects and name them in the failures; returns how many were named.

    `costs` are what packages would add to the host, by name: mappings with `packages` and `bytes`.
    """
    said: dict[Subject, list[str]] = {}
    for answer in owners:
        packages = answer.get("packages")
        if isinstance(packages, list):
            names = [name for name in packages if isinstance(name, str) and PACKAGE.fullmatch(name)]
            said[Subject(str(answer.get("missing")), str(answer.get("subject")))] = names[:MOST_PROVIDERS]
    systems = [row["system"] for row in db.execute(f"{_HOSTS} WHERE b.host = ? ORDER BY system", (host,))]
    for system in systems:
        for subject in asked:
            if subject in said:
                best = said[subject][:1]
                cost = Cost.read((costs or {}).get(best[0])) if best else None
                db.execute(
                    """
                    INSERT INTO provider (system, missing_kind, subject, packages, looked_up_at, cost)
                    VALUES (?, ?, ?, ?, ?, ?)
                    ON CONFLICT (system, missing_kind, subject) DO UPDATE SET packages = excluded.packages,
                        looked_up_at = excluded.looked_up_at, cost = excluded.cost
                    """,
                    (system, *subject, json.dumps(said[subject]), now, json.dumps(asdict(cost)) if cost else None),
                )
    rows = db.execute(
        f"SELECT id FROM ({_MISSING}) WHERE system IN (SELECT value FROM json_each(?)) AND package IS NULL",
        (json.dumps(systems),),
    ).fetchall()
    return sum(name_package(db, row["id"]) for row in rows)


def name_package(db: sqlite3.Connection, attempt: str) -> bool:
    """Set the package that has the missing thing in a failed attempt, if it is known; returns whether it is."""
    packages = providers(db, attempt)
    if packages is None:
        return False
    if not packages:
        row = db.execute("SELECT missing_kind, subject FROM attempt WHERE id = ?", (attempt,)).fetchone()
        ours = " It may be a file of its own that the sdist does not have." if row["missing_kind"] == "header" else ""
        advice = f"No package of the builder's distribution has {row['subject']}.{ours}"
        attempts.advise(db, attempt, advice)
        return False
    package = packages[0]
    advice = f"Install {package} on the builder (apt-get install {package})."
    attempts.name_package(db, attempt, package, advice)
    return True


def providers(db: sqlite3.Connection, attempt: str) -> list[str] | None:
    """The packages that have what a failed attempt misses, best first; None if nobody looked them up."""
    row = db.execute(
        f"""
        SELECT o.packages FROM attempt a
        JOIN builder b ON b.host = a.host JOIN target t ON t.id = a.target_id
        JOIN provider o ON o.system = {_SYSTEM} AND o.missing_kind = a.missing_kind AND o.subject = a.subject
        WHERE a.id = ?
        """,
        (attempt,),
    ).fetchone()
    return None if row is None else list(json.loads(row["packages"]))


def without_package(db: sqlite3.Connection, host: str) -> list[str]:
    """The failed attempts on the systems of a host that end with something missing that no package has."""
    rows = db.execute(
        f"""
        SELECT missing.id FROM ({_MISSING}) missing
        JOIN provider o USING (system, missing_kind, subject) JOIN attempt a ON a.id = missing.id
        WHERE o.packages = '[]' AND a.retry_with IS NULL
          AND missing.system IN (SELECT system FROM ({_HOSTS}) WHERE host = ?)
        ORDER BY missing.id
        """,
        (host,),
    )
    return [row["id"] for row in rows]


def to_install(
    db: sqlite3.Connection,
    permissions: Mapping[str, bool | Sequence[str]],
    now: float,
    budgets: Mapping[str, int] | None = None,
) -> dict[str, list[str]]:
    """The packages to install by host, within its operator's permission; packages that most projects need come first.

    For each missing subject this is the first permitted package that has it, then the packages that other builders of
    the system got. Packages that the host has, or refused within ASK_AGAIN, are left out; one that only the budget
    refused is tried again once the host's budget (bytes, by host) covers it.
    """
    permitted = {host: permission for host, permission in permissions.items() if permission}
    if not permitted:
        return {}
    lacking = db.execute(
        f"""
        SELECT system, missing_kind, packages, count(DISTINCT project_id) AS projects
        FROM ({_MISSING}) missing JOIN provider o USING (system, missing_kind, subject)
        WHERE packages <> '[]' GROUP BY system, missing_kind, subject, packages ORDER BY projects DESC, packages
        """
    ).fetchall()
    hosts: dict[str, set[str]] = {}
    for row in db.execute(_HOSTS):
        hosts.setdefault(row["host"], set()).add(row["system"])
    wanted: dict[str, list[str]] = {}
    for host, permission in permitted.items():
        systems = hosts.get(host, set())
        beside = _installed_beside(db, host)
        rows = db.execute(
            """
            SELECT package FROM apt_package
            WHERE host = ? AND (state = 'installed' OR (at > ? AND (over_budget IS NULL OR over_budget > ?)))
            """,
            (host, now - ASK_AGAIN, (budgets or {}).get(host, 0)),
        )
        known = {row["package"] for row in rows}
        chosen = [
            next(
                (name for name in json.loads(row["packages"]) if is_allowed(name, row["missing_kind"], permission)),
                None,
            )
            for row in lacking
            if row["system"] in systems
        ]
        # As "tool" any package may be permitted; the other host's permission covered it already.
        chosen += [name for name in beside if is_allowed(name, "tool", permission)]
        new = [name for name in dict.fromkeys(chosen) if name is not None and name not in known]
        if new:
            wanted[host] = new[:MOST_INSTALLED]
    return wanted


def may_help(
    db: sqlite3.Connection,
    now: float,
    lookup_hosts: Collection[str],
    permissions: Mapping[str, bool | Sequence[str]],
    budgets: Mapping[str, int],
) -> bool:
    """Whether a round of look-ups and installations may unblock builds: some host may install something, and packages
    for it are known, or subjects are there to look up."""
    if not any(permissions.values()):
        return False
    return bool(to_install(db, permissions, now, budgets) or subjects_to_look_up(db, now, lookup_hosts))


def _installed_beside(db: sqlite3.Connection, host: str) -> list[str]:
    """Packages that wheelfleet installed on other builders of the host's systems, by name."""
    rows = db.execute(
        f"""
        SELECT DISTINCT p.package FROM apt_package p
        JOIN ({_HOSTS}) theirs ON theirs.host = p.host
        WHERE p.state = 'installed' AND p.host <> :host
          AND theirs.system IN (SELECT system FROM ({_HOSTS}) WHERE host = :host)
        ORDER BY p.package
        """,
        {"host": host},
    )
    return [row["package"] for row in rows]


def record_installed(
    db: sqlite3.Connection,
    host: str,
    installed: Sequence[str],
    refused: Mapping[str, str],
    *,
    run: str,
    now: float,
    max_attempts: int,
    over_budget: Mapping[str, int] | None = None,
    cost: object = None,
    later: Mapping[str, str] | None = None,
) -> int:
    """Keep which packages a host installed or refused (by package, why) and requeue the builds that missed them.

    `over_budget` has the bytes of those that the budget alone refused, `cost` the packages and bytes that all of the
    installed ones added. `later` are not kept, so that they are tried again (by package, why). Returns how many builds
    went back to the queue.
    """
    for package in installed:
        _keep(db, host, package, "installed", None, now)
    for package, why in refused.items():
        _keep(db, host, package, "refused", why, now, (over_budget or {}).get(package))
        events.note(db, run=run, host=host, sentence=f"{package} was not installed. {why}", now=now)
    for package, why in (later or {}).items():
        sentence = f"{package} was not installed, and is tried again. {why}"
        events.note(db, run=run, host=host, sentence=sentence, now=now)
    rows = db.execute(
        f"""
        SELECT missing.id
        FROM ({_MISSING}) missing JOIN provider o USING (system, missing_kind, subject)
        WHERE missing.system IN (SELECT system FROM ({_HOSTS}) WHERE host = ?)
          AND EXISTS (SELECT 1 FROM json_each(o.packages) WHERE value IN (SELECT value FROM json_each(?)))
        """,
        (host, json.dumps(list(installed))),
    ).fetchall()
    attempts.requeue(db, [row["id"] for row in rows], max_attempts)
    if installed:
        builds = "1 build" if len(rows) == 1 else f"{len(rows)} builds"
        added = Cost.read(cost)
        took = f" ({added})" if added else ""
        names = ", ".join(installed)
        sentence = f"Installed {names}{took}, which builds lacked; {builds} went back to the queue."
        events.note(db, run=run, host=host, sentence=sentence, now=now)
    return len(rows)


def forget_host(db: sqlite3.Connection, host: str) -> None:
    """Forget the packages of a host that was set up again, so that they are installed again."""
    db.execute("DELETE FROM apt_package WHERE host = ?", (host,))


def _keep(
    db: sqlite3.Connection,
    host: str,
    package: str,
    state: str,
    why: str | None,
    now: float,
    over_budget: int | None = None,
) -> None:
    db.execute(
        """
        INSERT INTO apt_package (host, package, state, why, at, over_budget) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (host, package) DO UPDATE SET state = excluded.state, why = excluded.why, at = excluded.at,
            over_budget = excluded.over_budget
        """,
        (host, package, state, why, now, over_budget),
    )
