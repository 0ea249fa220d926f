"""The page of one project, `project/NAME/index.html`, with its JSON and badge beside it.

Long histories are split into pages (`page-2.html` …), so that the first page of the largest project is no longer than
others. Sizes, durations and addresses are formatted here, not in the template.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache, partial
from itertools import groupby
from typing import NamedTuple

from ...libc import read_needed_libc
from ...os_release import release_in_words
from ...text import human_duration, human_size, utc
from ..glossary import State
from ..kinds import Kind
from ..queue_places import own_place
from ..renderer import Renderer, SiteFacts
from ..status_rows import StatusRow
from . import badge, feed, project_answers, project_json, provenance
from .project_answers import Answer, word_of
from .project_facts import Attempt, OwnFile, ProjectFacts, Rebuild, Release, Target, log_page
from .project_json import address, file_address

RELEASES_A_PAGE = 25
#: Releases in sight on the first page; the others are folded away.
RELEASES_IN_SIGHT = 6
#: The latest builds of a release that are shown; the JSON has all.
MOST_BUILDS = 10
#: Dependencies that are named before the fold is opened, and those on the page at most; the JSON has all.
DEPENDENCIES_IN_SIGHT, MOST_DEPENDENCIES = 5, 60
BADGE_LABEL = "wheelfleet"

_STATUS_SENTENCES = {
    "archived": "Its authors have archived the project: no new releases are to be expected.",
    "deprecated": "Its authors call the project deprecated: look for what replaces it.",
    "quarantined": "Upstream holds the project in quarantine, for it may do harm: nothing of it is here.",
}


class Cell(NamedTuple):
    """One release on one target. `href` leads to the log of a failure, else to the release's details."""

    status: str
    word: str
    href: str | None
    #: The size of a wheel, or the class of a failure.
    note: str
    reason: str


class Reason(NamedTuple):
    """Why a release has no wheel of ours on a target."""

    status: str
    word: str
    target: str
    failure_class: str | None
    sentence: str


class FileLine(NamedTuple):
    """A wheel of ours."""

    filename: str
    href: str | None
    explained: str
    #: Its size, its day, and what an install saves.
    facts: str
    sha256: str
    provenance: str | None
    signature: str | None
    yanked: str | None
    requires_python: str | None
    note: str | None
    #: The rebuild check: a status and a sentence.
    rebuild: tuple[str, str] | None
    #: The message of a failed import check; then remarks on sdist, libraries, packages and import check, in sentences.
    trouble: str | None
    remarks: tuple[str, ...]
    imported: bool


class BuildLine(NamedTuple):
    """A build that ended."""

    status: str
    outcome: str
    #: When it ended, where, for which target, and how long it took.
    facts: str
    failure_class: str | None
    sentence: str | None
    advice: str | None
    tried_with: tuple[dict[str, str], ...]
    next_try: str | None
    evidence: str | None
    log_page: str | None
    log: str | None


class ReleaseRow(NamedTuple):
    """One release in the table of releases and targets, with its details."""

    version: str
    #: The day of its upload; empty: unknown.
    date: str
    #: Upstream's reason for the yank, perhaps empty; None: it is not yanked.
    yanked: str | None
    #: The file name and address of each.
    sdists: tuple[tuple[str, str | None], ...]
    #: The number of upstream's wheels, in words.
    wheels: str
    #: One for each target; None where there is no verdict.
    cells: list[Cell | None]
    #: What the details have, in words.
    inside: str
    reasons: list[Reason]
    files: list[FileLine]
    builds: list[BuildLine]
    #: The number of older builds.
    more_builds: int


def pages(facts: ProjectFacts, render: Renderer, kinds: Sequence[Kind] = ()) -> Iterator[tuple[str, bytes]]:
    """Everything below `project/NAME/`: paths below the site, and their bytes. `kinds` are those of the whole site."""
    found = project_answers.answers(facts, kinds)
    folder = f"project/{facts.name}"
    chunks = [facts.releases[i : i + RELEASES_A_PAGE] for i in range(0, len(facts.releases), RELEASES_A_PAGE)] or [()]
    signed = bool(render.site.signing_key)
    files = render.site.files(project_json.TOP)
    columns = _columns(facts.targets)
    news = feed.of_project(facts, render)
    common = {
        "has_feed": news is not None,
        "project": facts,
        "targets": [facts.targets[column] for column in columns],
        "chips": [_chip(facts.targets[column]) for column in columns],
        "systems": [(system, len(list(same))) for system, same in groupby(facts.targets[c].system for c in columns)],
        "banner": _STATUS_SENTENCES.get(facts.status),
        "count": len(chunks),
    }
    for number, releases in enumerate(chunks, start=1):
        path = f"{folder}/{_page_name(number)}"
        yield (
            path,
            render.page(
                path,
                "project.html.j2",
                **common,
                **(_first_page(facts, found, render.site) if number == 1 else {}),
                number=number,
                newer=_page_name(number - 1) if number > 1 else None,
                older=_page_name(number + 1) if number < len(chunks) else None,
                span=(releases[0].version, releases[-1].version) if releases else None,
                rows=[_release_row(facts, release, columns, render.states, signed, files) for release in releases],
                shown=RELEASES_IN_SIGHT if number == 1 else RELEASES_A_PAGE,
            ),
        )
    yield f"{folder}/json", project_json.document(facts, found, signed=signed, files=files)
    if news is not None:
        yield f"{folder}/feed.atom", news
    yield f"{folder}/badge.svg", badge.svg(BADGE_LABEL, facts, render.site.upstream_name)


def _page_name(number: int) -> str:
    return "index.html" if number == 1 else f"page-{number}.html"


def _first_page(facts: ProjectFacts, found: Sequence[Answer], site: SiteFacts) -> dict[str, object]:
    base = site.index_url.removesuffix("/simple/")
    here = f"{base}/project/{facts.name}"
    return {
        "answers": found,
        "compiles": project_answers.compiles(found, facts.name),
        "installs": project_answers.installs(found, site, facts),
        "is_listed": any(file.listed for release in facts.releases for file in release.files),
        "about": facts.about,
        "lately": _bars(facts.lately.by_day) if facts.lately else "",
        "in_sight": DEPENDENCIES_IN_SIGHT,
        "most_needed": MOST_DEPENDENCIES,
        "report_of": partial(_report, site),
        "place_of": own_place,
        "badge_says": ": ".join((BADGE_LABEL, badge.state(facts, site.upstream_name)[0])),
        "badge_markdown": f"[![{BADGE_LABEL}]({here}/badge.svg)]({here}/index.html)",
    }


def _bars(values: Sequence[int]) -> str:
    """The path of a small bar plot, 20 high and 4 wide for each value."""
    highest = max(values)
    heights = ((at * 4, round(20 * value / highest, 1)) for at, value in enumerate(values) if value)
    return "".join(f"M{left} 20v-{height}h3v{height}z" for left, height in heights)


def _report(site: SiteFacts, row: StatusRow) -> str:
    """Where a reader reports that this build failed; empty if nowhere."""
    return site.report(
        {
            "project": row.project,
            "version": row.version,
            "target": row.target,
            "class": row.failure_class,
            "log": log_page(row.log) if row.log else None,
            "page": f"project/{row.project}/index.html",
        }
    )


def _columns(targets: Sequence[Target]) -> list[int]:
    """The positions of the targets, those of one system side by side."""
    systems = list(dict.fromkeys(target.system for target in targets))
    return sorted(range(len(targets)), key=lambda number: systems.index(targets[number].system))


@lru_cache(maxsize=256)
def _chip(target: Target) -> str:
    """A target in few letters, for narrow windows."""
    return f"{target.python.removeprefix('CPython ')} {target.machine}"


def _release_row(
    facts: ProjectFacts, release: Release, columns: Sequence[int], states: Mapping[str, State], signed: bool, files: str
) -> ReleaseRow:
    upstream = release.upstream
    wheels = _counted(upstream.wheels, "wheel") if upstream.wheels else ""
    if not upstream.sdists and not upstream.wheels:
        wheels = "nothing any more"
    cells = [(facts.targets[column], release.cells[column]) for column in columns]
    parts = [_counted(len(release.files), "file")] if release.files else []
    parts += [_counted(len(release.attempts), "build")] if release.attempts else []
    return ReleaseRow(
        release.version,
        (upstream.uploaded or "")[:10],
        upstream.yanked,
        upstream.sdists,
        wheels,
        [_cell(row, states) if row else None for _, row in cells],
        ", ".join(parts) or "Details",
        [_reason(target, row, states) for target, row in cells if row and row.status != "built"],
        list(_file_lines(facts.name, release, signed, files)),
        [_build_line(attempt) for attempt in release.attempts[:MOST_BUILDS]],
        max(0, len(release.attempts) - MOST_BUILDS),
    )


def _counted(many: int, what: str) -> str:
    return f"{many} {what}" if many == 1 else f"{many} {what}s"


def _cell(row: StatusRow, states: Mapping[str, State]) -> Cell:
    word = word_of(row, states)
    if row.status == "built":
        size = human_size(row.size) if row.size is not None else ""
        return Cell("built", word, f"#v{row.version}", size, row.reason)
    if row.log:
        return Cell(row.status, word, address(log_page(row.log)), row.failure_class or "", row.reason)
    return Cell(row.status, word, None, row.failure_class or "", row.reason)


def _reason(target: Target, row: StatusRow, states: Mapping[str, State]) -> Reason:
    sentence = f"{row.reason} It will be tried again." if row.tried_again else row.reason
    where = f"{target.python}, {target.system}"
    return Reason(row.status, word_of(row, states), where, row.failure_class, sentence)


def _file_lines(name: str, release: Release, signed: bool, files: str) -> Iterator[FileLine]:
    for own in release.files:
        file = own.file
        yield FileLine(
            filename=file.filename,
            href=file_address(files, name, file.filename) if own.on_site else None,
            explained=own.explained,
            facts=", ".join(_facts_of_file(own)),
            sha256=file.sha256 or "",
            provenance=address(provenance.path(name, file.filename)) if own.on_site else None,
            signature=address(provenance.signature_path(name, file.filename)) if signed and own.on_site else None,
            yanked=file.yanked,
            requires_python=file.requires_python,
            note=own.note,
            rebuild=_rebuild(own.rebuild) if own.rebuild else None,
            trouble=own.imports.message if own.imports and own.imports.verdict == "failed" else None,
            remarks=tuple(_remarks(own)),
            imported=own.imported is not None,
        )


def _facts_of_file(own: OwnFile) -> Iterator[str]:
    yield human_size(own.file.size or 0)
    if own.file.upload_time:
        yield own.file.upload_time[:10]
    if own.seconds is not None:
        yield f"saves {human_duration(own.seconds)}"


def _rebuild(rebuild: Rebuild) -> tuple[str, str]:
    if rebuild.verdict == "agrees":
        return "built", f"Built again by {rebuild.builder}: the same bytes."
    if rebuild.verdict == "differs":
        return "trouble", f"Built again by {rebuild.builder}: not the same. {rebuild.sentence or ''}"
    return "waiting", f"{rebuild.builder} could not build it again: {rebuild.sentence or ''}"


def _remarks(own: OwnFile) -> Iterator[str]:
    """Remarks on a wheel for people who install it."""
    libraries, imports = own.libraries, own.imports
    if own.imported:
        who, at, reason = own.imported
        yield f"was not built by the fleet: {who} imported it on {utc(at)} ({reason})"
    if own.earlier_sdist:
        yield f"was built from an earlier {own.earlier_sdist}, which upstream has replaced since"
    if libraries and libraries.vendored:
        yield f"carries {', '.join(libraries.vendored)}"
    if libraries and libraries.message:
        yield libraries.message
    if own.apt:
        yield _needs(own)
    if own.libc and any(tag.rpartition("-")[2].startswith("linux_") for tag in own.tags):
        yield _needs_libc(own.libc)
    if imports and imports.verdict == "imported":
        tried = "was imported where only its dependencies were installed"
        yield f"{tried}. {imports.message}" if imports.message else tried
    if imports and imports.verdict == "unchecked":
        unknown = "whether it can be imported is not known"
        yield f"{unknown}. {imports.message}" if imports.message else unknown


def _needs(own: OwnFile) -> str:
    """What to install for a wheel; a release whose packages have other names is named."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for release, packages in own.apt_by_release.items():
        alike.setdefault(packages, []).append(release_in_words(release))
    if not alike:
        return f"needs of the system: apt install {' '.join(own.apt)}"
    said = [f"on {' and '.join(releases)}: apt install {' '.join(packages)}" for packages, releases in alike.items()]
    return f"needs of the system {'; '.join(said)}"


def _needs_libc(text: str) -> str:
    """Which C libraries a wheel works with, whose tag does not say so."""
    libc = read_needed_libc(text)
    if libc is None or libc.name != "glibc":
        return f"works with {libc.name if libc else text} alone, which its tag does not say"
    least = ".".join(map(str, libc.least))
    if libc.below:
        below = ".".join(map(str, libc.below))
        span = f"{least} or newer, and older than {below}" if libc.least > (0, 0) else f"older than {below}"
        return f"works with glibc {span}, which its tag does not say"
    return (
        f"needs glibc {least} or newer, which its tag does not say: on an older system pip takes it, and it fails there"
    )


def _build_line(attempt: Attempt) -> BuildLine:
    return BuildLine(
        status="built" if attempt.outcome == "built" else "failed",
        outcome=attempt.outcome,
        facts=", ".join(_facts_of_build(attempt)),
        failure_class=attempt.failure_class,
        sentence=attempt.sentence,
        advice=attempt.advice,
        tried_with=attempt.tried_with or (),
        next_try=attempt.next_try,
        evidence=attempt.evidence,
        log_page=address(attempt.log_page) if attempt.log_page else None,
        log=address(attempt.log) if attempt.log else None,
    )


def _facts_of_build(attempt: Attempt) -> Iterator[str]:
    yield utc(attempt.ended if attempt.ended is not None else attempt.began)
    yield attempt.builder
    yield attempt.target
    if attempt.seconds is not None:
        yield human_duration(attempt.seconds)
