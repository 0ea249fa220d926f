"""What somebody with a machine of a kind gets of a project: the newest version that installs there, and the commands.

A version installs from here or from upstream: pip takes the best of both, and so does an answer. It passes over yanked
files (PEP 592), and over pre-releases where there is a final release (PEP 440).
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from packaging.version import Version

from ...text import human_duration, human_size
from ..commands import ENVIRONMENT, pip_commands
from ..glossary import State
from ..kinds import Kind
from ..listing import GONE_STATES
from ..queue_places import own_place
from ..renderer import SiteFacts
from ..status_rows import StatusRow
from .help_pages import uv_commands
from .project_facts import OwnFile, ProjectFacts, Release

#: Distributions whose packages are called as Debian's.
_LIKE_DEBIAN = ("debian ", "ubuntu ")
#: What pip needs there to compile, whatever the project.
_COMPILERS = ("build-essential", "python3-dev")
_NOT_ASKED = "Nobody has asked this fleet to build it for these machines."


class Answer(NamedTuple):
    """The answer for one kind. `version` is None where nothing installs; then `why_not` says why.

    `newer` is the newest release that the fleet was asked for, if it does not install: its version, status and reason.
    """

    kind: Kind
    status: str
    version: str | None = None
    #: Our wheel; None: upstream's.
    file: OwnFile | None = None
    newer: tuple[str, str, str] | None = None
    why_not: str = ""
    #: The release that `why_not` is about, as the fleet knows it; None: it knows none.
    about_row: StatusRow | None = None
    #: The release that `why_not` or `newer` is about, if it waits in the queue.
    queued: StatusRow | None = None

    @property
    def apt(self) -> tuple[str, ...]:
        """The packages that our wheel needs on the kind's system."""
        if self.file is None:
            return ()
        return self.file.apt_by_release.get(self.kind.release) or self.file.apt

    @property
    def about(self) -> str:
        """What is to be known of our wheel, in words."""
        if self.file is None:
            return ""
        size = human_size(self.file.file.size or 0)
        seconds = self.file.seconds
        return size if seconds is None else f"{size}, saves {human_duration(seconds)} of compiling"


class _Offer(NamedTuple):
    status: str
    file: OwnFile | None


class Compile(NamedTuple):
    """The commands by which pip may compile a version, where its build here missed a package."""

    kinds: tuple[Kind, ...]
    version: str
    lines: tuple[str, ...]


class Install(NamedTuple):
    """The commands for some of the kinds, as lines."""

    kinds: tuple[Kind, ...]
    pip: tuple[str, ...]
    uv: tuple[str, ...]


def answers(facts: ProjectFacts, kinds: Sequence[Kind]) -> tuple[Answer, ...]:
    """One answer for each kind that a builder is of, and for others that something installs on; none of a project that
    upstream does not have."""
    if facts.status in GONE_STATES:
        return ()
    columns = {target.name: number for number, target in enumerate(facts.targets)}
    found = (_answer(facts.releases, columns.get(kind.target), kind) for kind in kinds)
    return tuple(answer for answer in found if answer.kind.offered or answer.version is not None)


def newest(found: Sequence[Answer]) -> str | None:
    """The newest version that installs on any of the kinds."""
    return max((answer.version for answer in found if answer.version), key=_version, default=None)


def installs(found: Sequence[Answer], site: SiteFacts, facts: ProjectFacts) -> tuple[Install, ...]:
    """The commands that work, in the order of the answers; kinds with the same commands share them."""
    beside = any(answer.file for answer in found)
    groups: dict[tuple[tuple[str, ...], tuple[str, ...]], list[Kind]] = {}
    for answer in found:
        if answer.version is not None:
            wanted = f"{facts.name}=={answer.version}" if _is_behind(answer.version, facts.latest) else facts.name
            groups.setdefault(_commands(site, answer, wanted, beside), []).append(answer.kind)
    return tuple(Install(tuple(kinds), pip, uv) for (pip, uv), kinds in groups.items())


def compiles(found: Sequence[Answer], name: str) -> tuple[Compile, ...]:
    """How to compile where nothing installs and the package is known that the build missed."""
    groups: dict[tuple[str, tuple[str, ...]], list[Kind]] = {}
    for answer in found:
        row, kind = answer.about_row, answer.kind
        if row and row.package and row.version and kind.release.startswith(_LIKE_DEBIAN) and kind.python_of_apt:
            lines = (
                _apt(("python3-venv", *_COMPILERS, row.package)),
                f"{kind.interpreter} -m venv {ENVIRONMENT}",
                f"{ENVIRONMENT}/bin/pip install {shlex.quote(f'{name}=={row.version}')}",
            )
            groups.setdefault((row.version, lines), []).append(kind)
    return tuple(Compile(tuple(kinds), version, lines) for (version, lines), kinds in groups.items())


def word_of(row: StatusRow, states: Mapping[str, State]) -> str:
    """The word for a status, as pages show it; `states` has those of the glossary."""
    return "being built" if row.is_being_built else states[row.status].mark


def _answer(releases: Sequence[Release], column: int | None, kind: Kind) -> Answer:
    judged = [(release, None if column is None else release.cells[column]) for release in releases]
    offered = [(release, offer) for release, cell in judged if (offer := _offer(release, cell, kind.target))]
    final = next((each for each in offered if not _version(each[0].version).is_prerelease), None)
    best = final or next(iter(offered), None)
    first = next(((release, cell) for release, cell in judged if cell and cell.status != "passed"), None)
    if best is None:
        known = first or next(((release, cell) for release, cell in judged if cell), None)
        status, reason = _why_not(*known) if known else ("passed", _NOT_ASKED)
        row = known[1] if known else None
        return Answer(kind, status, why_not=reason, about_row=row, queued=_queued(known))
    release, offer = best
    newer = None
    if first and first[0] is not release and _version(first[0].version) > _version(release.version):
        status, reason = _why_not(*first)
        newer = (first[0].version, status, reason)
    return Answer(kind, offer.status, release.version, offer.file, newer, queued=_queued(first) if newer else None)


def _queued(known: tuple[Release, StatusRow] | None) -> StatusRow | None:
    return known[1] if known and own_place(known[1]) else None


def _offer(release: Release, cell: StatusRow | None, target: str) -> _Offer | None:
    """What pip finds of the release for the target; None if it finds nothing."""
    ours = [own for own in release.files if own.listed and own.file.yanked is None and target in own.serves]
    if ours:
        chosen = cell.filename if cell else None
        return _Offer("built", next((own for own in ours if own.file.filename == chosen), ours[0]))
    if cell and cell.status == "upstream" and release.upstream.yanked is None:
        return _Offer("upstream", None)
    return None


def _why_not(release: Release, cell: StatusRow) -> tuple[str, str]:
    if cell.status not in ("built", "upstream"):
        return cell.status, cell.reason
    yanked = release.upstream.yanked
    for own in release.files:
        if own.file.filename == cell.filename:
            if own.note:
                return "skipped", own.note
            yanked = own.file.yanked if yanked is None else yanked
    because = f": {yanked.rstrip('.')}" if yanked else ""
    return "skipped", f"{release.version} is yanked{because}."


def _is_behind(version: str, latest: str | None) -> bool:
    """Whether pip takes the version only if it is named: else it takes upstream's latest, and may compile that."""
    mine = _version(version)
    return mine.is_prerelease or (latest is not None and _version(latest) > mine)


def _commands(site: SiteFacts, answer: Answer, wanted: str, beside: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The lines for pip and for uv. `beside`: with this index, because it has wheels of the project."""
    kind, needed = answer.kind, answer.apt
    packages = (*(["python3-venv"] if kind.python_of_apt else []), *needed)
    apt = [_apt(packages)] if packages else []
    if not beside:
        make = f"{kind.interpreter} -m venv {ENVIRONMENT}"
        return (*apt, make, f"{ENVIRONMENT}/bin/pip install {shlex.quote(wanted)}"), ()
    pip = (*apt, *pip_commands(site.index_url, wanted, kind.interpreter))
    return pip, (*([_apt(needed)] if needed else []), *uv_commands(site, wanted, kind.interpreter))


def _apt(packages: Sequence[str]) -> str:
    return f"sudo apt install {shlex.join(packages)}"


_version = lru_cache(maxsize=65536)(Version)
