"""The page of one project, `project/NAME/index.html`, with its JSON and badge beside it.

Long histories are split into pages (`page-2.html` …), so that the first page of the largest project is no longer than
others. Sizes, durations and addresses are formatted here, not in the template.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...libc import read_needed_libc
from ...os_release import release_in_words
from ...text import human_duration, human_size, utc
from ..kinds import Kind
from ..renderer import Renderer, SiteFacts
from ..status_rows import StatusRow
from . import badge, project_answers, project_json, provenance
from .project_answers import WORDS, Answer
from .project_facts import Attempt, OwnFile, ProjectFacts, Rebuild, Release, log_page
from .project_json import address

RELEASES_A_PAGE = 25
#: Attempts shown on a page, the latest of its releases; the JSON has all of them.
MOST_ATTEMPTS = 60
BADGE_LABEL = "wheelfleet"

_STATUS_SENTENCES = {
    "archived": "Its authors have archived the project: no new releases are to be expected.",
    "deprecated": "Its authors call the project deprecated: look for what replaces it.",
    "quarantined": "Upstream holds the project in quarantine, for it may do harm: nothing of it is here.",
}


class Cell(NamedTuple):
    """One release on one target: `href` is the address of the file or, without one, of the log's page; `log` is the
    address of the log's page beside a file."""

    status: str
    word: str
    href: str | None
    log: str | None
    failure_class: str | None
    note: str


class MatrixRow(NamedTuple):
    """One release in the table of releases and targets."""

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


class FileLine(NamedTuple):
    """A wheel of ours in the table of files."""

    filename: str
    href: str | None
    explained: str
    size: str
    date: str
    sha256: str
    saved: str
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
    version: str
    target: str
    builder: str
    ended: str
    took: str
    failure_class: str | None
    sentence: str | None
    advice: str | None
    tried_with: tuple[dict[str, str], ...]
    next_try: str | None
    evidence: str | None
    log_page: str | None
    log: str | None


def pages(facts: ProjectFacts, render: Renderer, kinds: Sequence[Kind] = ()) -> Iterator[tuple[str, bytes]]:
    """Everything below `project/NAME/`: paths below the site, and their bytes. `kinds` are those of the whole site."""
    found = project_answers.answers(facts, kinds)
    folder = f"project/{facts.name}"
    chunks = [facts.releases[i : i + RELEASES_A_PAGE] for i in range(0, len(facts.releases), RELEASES_A_PAGE)] or [()]
    on_site = {file.file.filename for release in facts.releases for file in release.files if file.on_site}
    signed = bool(render.site.signing_key)
    common = {
        "project": facts,
        "targets": facts.targets,
        "banner": _STATUS_SENTENCES.get(facts.status),
        "count": len(chunks),
    }
    for number, releases in enumerate(chunks, start=1):
        path = f"{folder}/{_page_name(number)}"
        attempts = project_json.attempts(facts._replace(releases=releases))
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
                rows=[_matrix_row(release, on_site) for release in releases] if facts.targets else [],
                files=[line for release in releases for line in _file_lines(facts.name, release, signed)],
                builds=[_build_line(attempt) for attempt in attempts[:MOST_ATTEMPTS]],
                builds_in_all=len(attempts),
            ),
        )
    yield f"{folder}/json", project_json.document(facts, found, signed=signed)
    yield f"{folder}/badge.svg", badge.svg(BADGE_LABEL, facts)


def _page_name(number: int) -> str:
    return "index.html" if number == 1 else f"page-{number}.html"


def _first_page(facts: ProjectFacts, found: Sequence[Answer], site: SiteFacts) -> dict[str, object]:
    base = site.index_url.removesuffix("/simple/")
    here = f"{base}/project/{facts.name}"
    figures = []
    if facts.downloads:
        figures.append((f"{facts.downloads:,}", "download" if facts.downloads == 1 else "downloads"))
    if facts.saved_seconds:
        figures.append((human_duration(facts.saved_seconds), "of compiling saved so far"))
    return {
        "answers": found,
        "installs": project_answers.installs(found, site, facts),
        "is_listed": any(file.listed for release in facts.releases for file in release.files),
        "figures": figures,
        "badge_says": ": ".join((BADGE_LABEL, badge.state(facts)[0])),
        "badge_markdown": f"[![{BADGE_LABEL}]({here}/badge.svg)]({here}/index.html)",
    }


def _matrix_row(release: Release, on_site: set[str]) -> MatrixRow:
    upstream = release.upstream
    wheels = f"{upstream.wheels} wheel{'' if upstream.wheels == 1 else 's'}" if upstream.wheels else ""
    if not upstream.sdists and not upstream.wheels:
        wheels = "nothing any more"
    cells = [_cell(cell, on_site) if cell else None for cell in release.cells]
    return MatrixRow(release.version, (upstream.uploaded or "")[:10], upstream.yanked, upstream.sdists, wheels, cells)


def _cell(row: StatusRow, on_site: set[str]) -> Cell:
    log = address(log_page(row.log)) if row.log else None
    if row.status != "built":
        note = f"{row.reason} It will be tried again." if row.tried_again else row.reason
        return Cell(row.status, WORDS.get(row.status, row.status), log, None, row.failure_class, note)
    href = address(row.file) if row.file and row.filename in on_site else None
    facts = [human_size(row.size)] if row.size is not None else []
    if row.seconds is not None:
        facts.append(f"built in {human_duration(row.seconds)}")
    return Cell("built", WORDS["built"], href, log, None, ", ".join(facts))


def _file_lines(name: str, release: Release, signed: bool) -> Iterator[FileLine]:
    for own in release.files:
        file = own.file
        yield FileLine(
            filename=file.filename,
            href=address(f"files/{name}/{file.filename}") if own.on_site else None,
            explained=own.explained,
            size=human_size(file.size or 0),
            date=(file.upload_time or "")[:10],
            sha256=file.sha256 or "",
            saved=human_duration(own.seconds) if own.seconds is not None else "",
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
        version=attempt.version,
        target=attempt.target,
        builder=attempt.builder,
        ended=utc(attempt.ended if attempt.ended is not None else attempt.began),
        took=human_duration(attempt.seconds) if attempt.seconds is not None else "",
        failure_class=attempt.failure_class,
        sentence=attempt.sentence,
        advice=attempt.advice,
        tried_with=attempt.tried_with or (),
        next_try=attempt.next_try,
        evidence=attempt.evidence,
        log_page=address(attempt.log_page) if attempt.log_page else None,
        log=address(attempt.log) if attempt.log else None,
    )
