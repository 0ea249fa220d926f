"""The verdict on each release of a project for each target: build, upstream, skip or passed.

Releases are chosen as pip chooses them: of the matching versions the newest that has a file for the target (a wheel
with one of its tags, or an sdist), by Requires-Python, yanks (PEP 592) and pre-releases (PEP 440). Pure functions;
`verdicts` reads and writes the catalog.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from .. import requires_python
from ..catalog import states
from .scope import Policy, ScopeRule


@dataclass(frozen=True)
class Target:
    """A target; `tags` is the interpreter's whole tag set (PEP 425)."""

    id: int
    name: str
    python_version: Version
    tags: frozenset[str]
    preference: int = 0


class File(NamedTuple):
    """A file of upstream. `yanked` is the reason, or None; `uploaded` is in epoch seconds, None if unknown.

    `first_seen` (epoch seconds) stands in for an unknown upload time. `learned` is Requires-Python as builds of the
    sdist found it, by target ID, because upstream may not have it.
    """

    id: int
    filename: str
    kind: states.FileKind
    size: int | None = None
    uploaded: float | None = None
    requires_python: str | None = None
    yanked: str | None = None
    learned: Mapping[int, str] = MappingProxyType({})
    first_seen: float | None = None


class Release(NamedTuple):
    """One version of a project with upstream's files for it."""

    id: int
    version: Version
    files: tuple[File, ...]


class Verdict(NamedTuple):
    """The verdict on a release for a target, with its reason. `sdist` is the file to build from."""

    release_id: int
    target_id: int
    verdict: states.Verdict
    reason: str
    sdist: File | None = None


@dataclass
class Judgement:
    """All verdicts on a project, by release and target; `again_at` (epoch seconds) is the end of the next cooldown.

    `wants_older`: a rule found fewer releases than it wants, so an older one would get a verdict too, if there was one.
    """

    verdicts: dict[tuple[int, int], Verdict] = field(default_factory=dict)
    again_at: float | None = None
    wants_older: bool = False


#: If several rules concern one release, the stronger verdict counts.
_STRENGTH = {"passed": 0, "skip": 1, "upstream": 2, "build": 3}


def judge(
    name: str,
    releases: Iterable[Release],
    rules: Iterable[ScopeRule],
    targets: Iterable[Target],
    policy: Policy,
    now: float,
) -> Judgement:
    """The verdicts on all releases that a rule concerns, for each target."""
    newest_first = sorted(releases, key=lambda release: release.version, reverse=True)
    judgement = Judgement()
    for rule in rules:
        for target in targets:
            if rule.targets is None or target.id in rule.targets:
                _judge_rule(name, newest_first, rule, target, policy, now, judgement)
    return judgement


def newest(releases: Iterable[Release], judgement: Judgement) -> dict[int, int]:
    """By target ID, the ID of the newest release that is built for the target or served by upstream."""
    versions = {release.id: release.version for release in releases}
    found: dict[int, int] = {}
    for verdict in judgement.verdicts.values():
        if verdict.verdict in ("build", "upstream"):
            known = found.get(verdict.target_id)
            if known is None or versions[verdict.release_id] > versions[known]:
                found[verdict.target_id] = verdict.release_id
    return found


def installable(filename: str, tags: frozenset[str]) -> bool:
    """Whether a wheel's file name has a tag of the target (PEP 425), as pip decides it; False for a bad name."""
    return not _tags(filename).isdisjoint(tags)


def _tags(filename: str) -> frozenset[str]:
    name, _, rest = filename.partition("-")
    version, _, tags = rest.partition("-")
    # The tags of names repeat; a build tag makes a name rare, and an odd name or version may make it none.
    usual = tags.count("-") == 2 and name and version and "__" not in name and "_" not in version
    return _tags_of(f"x-1-{tags}") if usual else _tags_of(filename)


@lru_cache(maxsize=8192)
def _tags_of(filename: str) -> frozenset[str]:
    try:
        return frozenset(str(tag) for tag in parse_wheel_filename(filename)[3])
    except InvalidWheelFilename:
        return frozenset()


def epoch_seconds(upload_time: str | None) -> float | None:
    """PEP 700's upload-time as epoch seconds; None if it is missing or malformed."""
    if not upload_time:
        return None
    try:
        return datetime.datetime.fromisoformat(upload_time.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None


def _judge_rule(
    name: str,
    newest_first: list[Release],
    rule: ScopeRule,
    target: Target,
    policy: Policy,
    now: float,
    judgement: Judgement,
) -> None:
    specifier = SpecifierSet(rule.specifier)
    matching = newest_first
    if rule.specifier:
        matching = [r for r in newest_first if specifier.contains(r.version, prereleases=True)]
    pinned = any(s.operator in ("==", "===") and not s.version.endswith(".*") for s in specifier)
    prereleases = policy.prereleases == "always" or bool(specifier.prereleases)
    verdicts, chosen = _choose(name, matching, rule.newest, target, policy, now, judgement, pinned, prereleases)
    if not chosen and not prereleases and policy.prereleases == "if-only":
        # As pip does: a project with nothing but pre-releases is installed from them (PEP 440).
        verdicts, chosen = _choose(name, matching, rule.newest, target, policy, now, judgement, pinned, True)
    if rule.newest is None or chosen < rule.newest:
        judgement.wants_older = True
    for verdict in verdicts:
        key = (verdict.release_id, verdict.target_id)
        known = judgement.verdicts.get(key)
        if known is None or _STRENGTH[verdict.verdict] > _STRENGTH[known.verdict]:
            judgement.verdicts[key] = verdict


def _choose(
    name: str,
    matching: list[Release],
    newest: int | None,
    target: Target,
    policy: Policy,
    now: float,
    judgement: Judgement,
    pinned: bool,
    prereleases: bool,
) -> tuple[list[Verdict], int]:
    """Verdicts from the newest release down until `newest` of them are chosen; also how many were."""
    verdicts: list[Verdict] = []
    chosen = 0
    for release in matching:
        if newest is not None and chosen >= newest:
            break
        why_not = None
        usable: list[File] = []
        if release.version.is_prerelease and not prereleases:
            why_not = f"a pre-release (controller_prereleases is {policy.prereleases})"
        else:
            usable, why_not, ripe_at = _usable(release.files, target, policy, now, pinned)
            if ripe_at is not None:
                judgement.again_at = min(ripe_at, judgement.again_at or ripe_at)
        if why_not:
            verdicts.append(Verdict(release.id, target.id, "passed", why_not))
            continue
        chosen += 1
        verdicts.append(_verdict(name, release, usable, target, policy))
    return verdicts, chosen


def _verdict(name: str, release: Release, usable: list[File], target: Target, policy: Policy) -> Verdict:
    sdist = min((f for f in usable if f.kind == "sdist"), key=_sdist_order, default=None)
    wheel = next((f for f in usable if f.kind == "wheel"), None)
    for skip in policy.skip:
        if skip.matches(name, release.version, target.name):
            return Verdict(release.id, target.id, "skip", f"{skip.kind}: {skip.reason}")
    if wheel is not None:
        if policy.build == "missing" or sdist is None:
            return Verdict(release.id, target.id, "upstream", f"upstream serves {wheel.filename}")
        if wheel.filename.endswith("-none-any.whl"):
            reason = f"upstream serves the pure wheel {wheel.filename}, which is never shadowed"
            return Verdict(release.id, target.id, "upstream", reason)
        return Verdict(release.id, target.id, "build", "controller_build is always", sdist)
    return Verdict(release.id, target.id, "build", "upstream has no wheel this target can install", sdist)


def _usable(
    files: Iterable[File], target: Target, policy: Policy, now: float, pinned: bool
) -> tuple[list[File], str | None, float | None]:
    """The files that pip could use on the target; the reason if there is none; the end of the next cooldown, if any."""
    usable: list[File] = []
    reasons: Mapping[str, str] = {}
    ripe_at: float | None = None
    for file in files:
        if file.kind == "wheel" and not installable(file.filename, target.tags):
            reasons = {**reasons, "binary": "no sdist: upstream has only wheels for other platforms"}
        elif file.yanked is not None and not (policy.yanked or pinned):
            reason = f"yanked: {file.yanked}" if file.yanked else "yanked"
            reasons = {**reasons, "yanked": f"{reason} (controller_yanked is false)"}
        elif excludes := _excluding(file, target):
            needs = f"needs Python {excludes}, the target has {target.python_version}"
            reasons = {**reasons, "python": needs}
        elif (ripe := _ripe_at(file, policy)) > now:
            ripe_at = min(ripe, ripe_at or ripe)
            until = datetime.datetime.fromtimestamp(ripe, datetime.timezone.utc)
            since = "" if file.uploaded is not None else "; upstream states no upload time: since it was first seen"
            cooling = f"cooling down until {until:%Y-%m-%d %H:%M} UTC (controller_cooldown_hours{since})"
            reasons = {**reasons, "cooling": cooling}
        else:
            usable.append(file)
    if usable:
        return usable, None, ripe_at
    for kind in ("cooling", "yanked", "python", "binary"):
        if kind in reasons:
            return usable, reasons[kind], ripe_at
    return usable, "upstream lists no file that pip can use", ripe_at


def _excluding(file: File, target: Target) -> str | None:
    """The Requires-Python, of upstream or of a build, that excludes the target's Python; None if there is none."""
    told = (file.requires_python, file.learned.get(target.id))
    return next((python for python in told if not requires_python.allows(python, target.python_version)), None)


def _ripe_at(file: File, policy: Policy) -> float:
    """When its cooldown ends, in epoch seconds; 0 without one, even for a file that is dated in the future."""
    since = file.uploaded if file.uploaded is not None else file.first_seen
    return (since or 0.0) + policy.cooldown_hours * 3600 if policy.cooldown_hours else 0.0


def _sdist_order(file: File) -> tuple[int, str]:
    """A sort key: the .tar.gz first, which is PEP 625's only form, then by name."""
    return (0 if file.filename.endswith(".tar.gz") else 1, file.filename)
