"""Orders about builds and releases: stop, skip, unskip, first."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from ..catalog import controls, projects
from ..catalog.controls import Control
from ..catalog.projects import known_names
from ..names import is_archive_name
from ..nearest import hint, nearest
from .rule import Asked, BadOrder, Decision, Rule, same_as


@dataclass(frozen=True)
class Releases:
    """The releases that an order is about: a project, and a specifier (PEP 440) that may be empty."""

    name: str
    specifier: str = ""

    def __str__(self) -> str:
        return f"{self.name}{self.specifier}"

    def matches(self, version: str) -> bool:
        """Whether a version of the project is meant."""
        return SpecifierSet(self.specifier).contains(Version(version), prereleases=True)


def releases_of(word: str) -> Releases:
    """The releases that a word such as numpy, numpy==2.4.0 or numpy<2 means. Raises BadOrder."""
    try:
        requirement = Requirement(word)
    except InvalidRequirement:
        requirement = None
    if requirement is None or requirement.url or requirement.marker or requirement.extras or is_archive_name(word):
        raise BadOrder(f"{word} is neither a project nor a release; write numpy or numpy==2.4.0.")
    return Releases(canonicalize_name(requirement.name), str(requirement.specifier))


def expand(db: sqlite3.Connection, asked: Asked) -> list[str]:
    """For stop the running attempts that a word means: an attempt, a host, a project or a release; else the word."""
    if asked.verb != "stop":
        return [asked.subject]
    running = _running(db)
    word = asked.subject
    found = [row["id"] for row in running if word in (row["id"], row["host"])]
    if not found and _is_requirement(word):
        releases = releases_of(word)
        found = [row["id"] for row in running if row["name"] == releases.name and releases.matches(row["version"])]
    if asked.target:
        found = [row["id"] for row in running if row["id"] in found and asked.target in row["target"]]
    # What was stopped before, and not tried again since, is the same order twice.
    if found := found or _stopped(db, word):
        return found
    raise BadOrder(_why_nothing_stops(db, word, running))


def end_stop(db: sqlite3.Connection, attempt: str, now: float, answer: str) -> Control | None:
    """End the order to stop an attempt, which has ended; returns the order, None if nobody gave one."""
    given = controls.in_force(db, ["stop"], attempt)
    controls.end(db, [each.id for each in given], now, answer)
    return given[0] if given else None


def said_of_stop(stop: Control) -> str:
    """Who stopped a build, and why."""
    return f"{stop.who} stopped it: {stop.reason.rstrip('.')}."


def _stop(db: sqlite3.Connection, asked: Asked) -> Decision:
    row = next((row for row in _running(db) if row["id"] == asked.subject), None)
    if row is None:
        before = controls.latest(db, RULES, asked.subject)
        if before is not None and before.verb == "stop":
            return Decision(before.answer or "It is being stopped.", asked.subject, same=before)
        raise BadOrder(_why_nothing_stops(db, asked.subject, _running(db)))
    given = controls.in_force(db, ["stop"], asked.subject)
    sentence = f"Its build of {row['name']} {row['version']} for {row['target']} is stopped {asked.because}"
    return Decision(sentence, asked.subject, row["host"], same=given[0] if given else None)


def _skip(db: sqlite3.Connection, asked: Asked) -> Decision:
    releases = known_releases(db, asked.subject)
    _check_target(db, asked.target)
    given = _about(db, "skip", releases, asked.target)
    sentence = f"{releases}{_on(asked)} is not built any more, as ordered {asked.because}"
    same = same_as(asked, given)
    if same is None:
        projects.rejudge_named(db, releases.name)
    return Decision(sentence, str(releases), same=same, lifts=given)


def unskip(db: sqlite3.Connection, skip: Control, now: float) -> None:
    """Have a release judged again whose skip is over."""
    projects.rejudge_named(db, releases_of(skip.subject).name)
    controls.add(
        db, at=now, who=skip.who, verb="unskip", noun=skip.noun, subject=skip.subject, target=skip.target, reason=""
    )


def _unskip(db: sqlite3.Connection, asked: Asked) -> Decision:
    releases = known_releases(db, asked.subject)
    given = _about(db, "skip", releases, asked.target)
    if not given:
        before = controls.latest(db, ("skip", "unskip"), str(releases), asked.target)
        if before is not None and before.verb == "unskip":
            return Decision(f"{releases} is not skipped since {before.who}'s order.", str(releases), same=before)
        others = [
            f"{each.subject}{f' on {each.target}' if each.target else ''}"
            for each in controls.in_force(db, ["skip"])
            if releases_of(each.subject).name == releases.name
        ]
        raise BadOrder(
            f"No order skips {releases}{_on(asked)}; in force is {', '.join(others)}."
            if others
            else f"No order skips {releases}; what controller_skip or a recipe skips is changed there."
        )
    sentence = f"{releases}{_on(asked)} is built again, as ordered {asked.because}"
    projects.rejudge_named(db, releases.name)
    return Decision(sentence, str(releases), lifts=given)


def _first(db: sqlite3.Connection, asked: Asked) -> Decision:
    releases = known_releases(db, asked.subject)
    _check_target(db, asked.target)
    given = _about(db, "first", releases, asked.target)
    mine = _verdicts(db, releases, asked.target)
    build = [row for row in mine if row["verdict"] == "build"]
    if not build:
        why = f": {mine[0]['reason'].rstrip('.')}." if mine else ", because it is not in scope (controller_packages)."
        raise BadOrder(f"{releases}{_on(asked)} is not to be built{why}")
    if not any(row["need"] != "none" for row in build) and not failed_attempts(db, releases, asked.target):
        raise BadOrder(f"{releases}{_on(asked)} is built already; to build it again: playbooks/wheels.yml, rebuild.")
    sentence = f"{releases}{_on(asked)} is built next, as ordered {asked.because}"
    return Decision(sentence, str(releases), same=given[0] if given else None)


RULES: Mapping[str, Rule] = {"stop": _stop, "skip": _skip, "unskip": _unskip, "first": _first}


def known_releases(db: sqlite3.Connection, word: str) -> Releases:
    """The releases that a word means. Raises BadOrder if the catalog does not know the project, or no such release."""
    releases = releases_of(word)
    project = db.execute("SELECT id FROM project WHERE name = ?", (releases.name,)).fetchone()
    if project is None:
        near = nearest(releases.name, known_names(db, releases.name))
        cure = f"do you mean {near}?" if near else "it can be ordered once it is in scope (controller_packages)."
        raise BadOrder(f"The fleet knows no project {releases.name}; {cure}")
    rows = db.execute("SELECT version FROM release WHERE project_id = ?", (project["id"],)).fetchall()
    versions = sorted((row["version"] for row in rows), key=Version)
    # A range may be about releases to come.
    if releases.specifier.startswith("==") and versions and not any(map(releases.matches, versions)):
        raise BadOrder(f"The fleet knows no release {releases}; the newest of {releases.name} is {versions[-1]}.")
    return _spelt_alike(releases, versions)


def _spelt_alike(releases: Releases, versions: Sequence[str]) -> Releases:
    """One release by the version that the catalog has, so that demo==1 and demo==1.0 are the same subject (PEP 440)."""
    if not releases.specifier.startswith("==") or "*" in releases.specifier:
        return releases
    meant = [version for version in versions if releases.matches(version)]
    return Releases(releases.name, f"=={meant[0]}") if len(meant) == 1 else releases


def about(db: sqlite3.Connection, verb: str, name: str) -> list[tuple[Control, Releases]]:
    """The orders in force with a verb about a project or releases of it, each with the releases."""
    found = [(each, releases_of(each.subject)) for each in controls.in_force_from(db, verb, name)]
    return [(each, releases) for each, releases in found if releases.name == name]


def end_firsts(db: sqlite3.Connection, release_id: int, now: float) -> None:
    """End the orders to build a release first, or all releases of its project, if nothing of them is left to build."""
    if not controls.in_force(db, ["first"]):
        return
    (name,) = db.execute(
        "SELECT p.name FROM release r JOIN project p ON p.id = r.project_id WHERE r.id = ?", (release_id,)
    ).fetchone()
    for order, releases in about(db, "first", name):
        left = [row for row in _verdicts(db, releases, order.target) if row["need"] != "none"]
        if order.answer is not None and not left:
            controls.end(db, [order.id], now, "Nothing of it is left to build.")


def keys(db: sqlite3.Connection, order: Control) -> list[tuple[int, int]]:
    """The IDs of release and target of all verdicts that an order about releases means."""
    rows = _verdicts(db, releases_of(order.subject), order.target)
    return [(row["release_id"], row["target_id"]) for row in rows]


def _verdicts(db: sqlite3.Connection, releases: Releases, target: str) -> list[sqlite3.Row]:
    """The verdicts on releases for the targets with a text in their names."""
    rows = db.execute(
        """
        SELECT w.*, r.version, t.name AS target FROM project p
        JOIN release r ON r.project_id = p.id JOIN release_target w ON w.release_id = r.id
        JOIN target t ON t.id = w.target_id WHERE p.name = ?
        """,
        (releases.name,),
    )
    return [row for row in rows if releases.matches(row["version"]) and target in row["target"]]


def failed_attempts(db: sqlite3.Connection, releases: Releases, target: str) -> list[str]:
    """The attempts at releases, for targets with a text in their names, that failed and that nothing superseded."""
    rows = db.execute(
        """
        SELECT a.id, r.version, t.name AS target FROM project p JOIN release r ON r.project_id = p.id
        JOIN attempt a ON a.release_id = r.id JOIN target t ON t.id = a.target_id
        WHERE p.name = ? AND a.state IN ('done', 'lost') AND a.outcome IS NOT 'built' AND NOT a.superseded
        """,
        (releases.name,),
    )
    return [row["id"] for row in rows if releases.matches(row["version"]) and target in row["target"]]


def _about(db: sqlite3.Connection, verb: str, releases: Releases, target: str) -> list[Control]:
    return [each for each in controls.in_force(db, [verb], str(releases)) if each.target == target]


def _running(db: sqlite3.Connection) -> list[sqlite3.Row]:
    return db.execute(
        """
        SELECT a.id, a.host, p.name, r.version, t.name AS target FROM attempt a
        JOIN release r ON r.id = a.release_id JOIN project p ON p.id = r.project_id
        JOIN target t ON t.id = a.target_id
        WHERE a.state = 'open' AND a.begun_at IS NOT NULL ORDER BY a.host, a.id
        """
    ).fetchall()


def _stopped(db: sqlite3.Connection, word: str) -> list[str]:
    """The attempts that a word means and that an operator stopped, if nothing has superseded them."""
    rows = db.execute(
        """
        SELECT a.id, p.name, r.version FROM attempt a JOIN release r ON r.id = a.release_id
        JOIN project p ON p.id = r.project_id
        WHERE a.failure_class = 'stopped' AND a.outcome <> 'built' AND NOT a.superseded ORDER BY a.id
        """
    ).fetchall()
    releases = releases_of(word) if _is_requirement(word) else None
    return [
        row["id"]
        for row in rows
        if row["id"] == word or (releases and releases.name == row["name"] and releases.matches(row["version"]))
    ]


def _why_nothing_stops(db: sqlite3.Connection, word: str, running: list[sqlite3.Row]) -> str:
    waiting = db.execute(
        """
        SELECT a.host, a.id, p.name, r.version FROM attempt a
        JOIN release r ON r.id = a.release_id JOIN project p ON p.id = r.project_id
        WHERE a.state = 'open' AND a.begun_at IS NULL ORDER BY a.host, a.id
        """
    ).fetchall()
    name = releases_of(word).name if _is_requirement(word) else None
    for row in waiting:
        if word == row["id"] or name == row["name"]:
            return (
                f"{row['name']} {row['version']} waits on {row['host']} and has not begun; to keep it from being "
                f"built: skip {row['name']}=={row['version']}."
            )
    known = {part for row in running for part in (row["id"], row["host"], row["name"])}
    if not known:
        return f"{word} is not being built, and nothing else is."
    if near := nearest(word, known):
        return f"{word} is not being built; do you mean {near}?"
    going_on = sorted({f"{row['name']}=={row['version']}" for row in running})
    more = f" and {len(going_on) - 3} more" if len(going_on) > 3 else ""
    return f"{word} is not being built; what goes on is {', '.join(going_on[:3])}{more}."


def _is_requirement(word: str) -> bool:
    try:
        releases_of(word)
    except BadOrder:
        return False
    return True


def _check_target(db: sqlite3.Connection, part: str) -> None:
    """Raise BadOrder unless the text is a part of some target's name."""
    names = [row["name"] for row in db.execute("SELECT name FROM target ORDER BY name")]
    if part and not any(part in name for name in names):
        pieces = {piece for name in names for piece in (name, *name.split("-"))}
        raise BadOrder(f"No target's name has {part} in it{hint(part, pieces if nearest(part, pieces) else names)}")


def _on(asked: Asked) -> str:
    return f" on {asked.target}" if asked.target else ""
