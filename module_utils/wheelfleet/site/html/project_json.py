"""`project/NAME/json`: the whole project for programs. Keys without a value are left out.

    name, display_name, summary
    status              {status, reason}; PEP 792's words, or `deleted` or `absent` if upstream has no such project
    notice              {status, sentence} about the project as a whole
    targets             [{name, python, system, machine}], in the order in which they are tried
    newest              the newest version that installs on any of `boards`
    boards              what installs on each kind of machine: [{target, boards, system, python, version, source, file,
                        apt, status, reason, compile, newer, expected_seconds}]; `source` is here or upstream, `reason`
                        says why no version installs, `compile` {version, lines} how pip may compile it, `newer`
                        {version, status, reason} is the newest release that does not install, `expected_seconds` the
                        predicted time of its build, if it is in the queue
    downloads, saved_seconds
    downloads_lately    {until, by_day}: the downloads of 30 days up to the last day with one
    about               what the METADATA of the newest wheel says: {version, license, requires_python, people, links:
                        [{label, url}], dependencies: [{name, versions, marker, extra, page, json}]}; `extra`: only
                        with an extra; `page` and `json`: of those that are known here
    other_releases      the number of upstream's other releases
    releases            by version, the newest first:
        targets         by target: {status, reason, failure_class, advice, builder, seconds, finished_at, file, log,
                        log_page, tried_again}
        files           [{filename, url, sha256, size, requires_python, yanked, upload_time, tags, listed, note,
                        provenance, signature, build_seconds, repair, apt, check, rebuild, earlier_sdist, imported}];
                        `listed`: whether the index has the file; `earlier_sdist`: its sdist, if upstream has replaced
                        it under the same name; `signature`: of the provenance; `rebuild`: the rebuild check {builder,
                        verdict, at, sha256, sentence, differences}, its verdict agrees, differs or failed, its
                        differences names of files in the wheel; `imported`: {who, at, reason} of a wheel that the fleet
                        did not build
        upstream        {sdists: [{filename, url}], wheels, uploaded, yanked}
    attempts            builds that ended, the latest first: [{id, version, target, builder, outcome, began, ended,
                        seconds, cpu_seconds, peak_memory, interpreter, failure_class, sentence, evidence, advice,
                        tried_with: [{name, why, change}], next_try, log, log_page}]

Addresses of this site are relative to the document. Times are UTC (`2026-11-22T18:05:00.000000Z`), durations
seconds, sizes and memory bytes. `status` is one of failed, waiting, built, upstream, skipped and passed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any
from urllib.parse import quote

from ..listing import timestamp
from ..renderer import as_json
from ..status_rows import StatusRow
from . import provenance
from .about import About
from .project_answers import Answer, compiles, newest
from .project_facts import Attempt, OwnFile, ProjectFacts, Rebuild, Release, Upstream, log_page

#: From `project/NAME/` to the top of the site.
TOP = "../../"
#: Matches paths that quoting would not change: several times faster than quoting.
_PLAIN = re.compile(r"[\w.~/-]*", re.ASCII).fullmatch


def document(
    facts: ProjectFacts, found: Sequence[Answer] = (), *, signed: bool = False, files: str = f"{TOP}files"
) -> bytes:
    """The bytes of `project/NAME/json`, with the answers for each kind of machine.

    `signed`: whether provenance is. `files`: where the folder of files is.
    """
    on_site = {file.file.filename for release in facts.releases for file in release.files if file.on_site}
    return as_json(
        _known(
            name=facts.name,
            display_name=facts.display_name,
            summary=facts.summary or None,
            status=_known(status=facts.status, reason=facts.status_reason),
            notice=dict(zip(("status", "sentence"), facts.notice, strict=True)) if facts.notice else None,
            targets=[target._asdict() for target in facts.targets],
            newest=newest(found),
            boards=[_board(facts.name, answer, files) for answer in found],
            downloads=facts.downloads,
            saved_seconds=facts.saved_seconds,
            downloads_lately=facts.lately._asdict() if facts.lately else None,
            about=_about(facts.about, facts.known_dependencies) if facts.about else None,
            other_releases=facts.other_releases,
            releases={release.version: _release(facts, release, on_site, signed, files) for release in facts.releases},
            attempts=[_attempt(attempt) for attempt in attempts(facts)],
        )
    )


def attempts(facts: ProjectFacts) -> list[Attempt]:
    """All attempts of a project, the latest first."""
    every = [attempt for release in facts.releases for attempt in release.attempts]
    every.sort(key=lambda attempt: (-(attempt.ended or attempt.began), attempt.id))
    return every


def file_address(files: str, name: str, filename: str) -> str:
    """The address of a wheel of ours; `files` is that of the folder of all (`SiteFacts.files`)."""
    path = f"{name}/{filename}"
    return f"{files}/{path if _PLAIN(path) else quote(path)}"


def address(path: str) -> str:
    """The address of a path below the site, relative to `project/NAME/`."""
    return TOP + (path if _PLAIN(path) else quote(path))


def _about(about: About, known: Collection[str]) -> dict[str, Any]:
    return _known(
        version=about.version,
        license=about.license or None,
        requires_python=about.requires_python or None,
        people=about.people or None,
        links=[{"label": link.label, "url": link.url} for link in about.links] or None,
        dependencies=[
            _known(
                name=each.name,
                versions=each.versions or None,
                marker=each.marker or None,
                extra=each.is_extra or None,
                page=address(f"project/{each.name}/index.html") if each.name in known else None,
                json=address(f"project/{each.name}/json") if each.name in known else None,
            )
            for each in about.dependencies
        ]
        or None,
    )


def _board(name: str, answer: Answer, files: str) -> dict[str, Any]:
    kind, own = answer.kind, answer.file
    return _known(
        target=kind.target,
        boards=kind.boards,
        system=kind.system,
        python=kind.python,
        version=answer.version,
        source=None if answer.version is None else "here" if own else "upstream",
        file=file_address(files, name, own.file.filename) if own else None,
        apt=answer.apt or None,
        status=answer.status,
        reason=answer.why_not or None,
        compile=_compile(name, answer),
        newer=dict(zip(("version", "status", "reason"), answer.newer, strict=True)) if answer.newer else None,
        expected_seconds=answer.queued.expected_seconds if answer.queued else None,
    )


def _compile(name: str, answer: Answer) -> dict[str, Any] | None:
    for way in compiles([answer], name):
        return {"version": way.version, "lines": list(way.lines)}
    return None


def _release(facts: ProjectFacts, release: Release, on_site: set[str], signed: bool, files: str) -> dict[str, Any]:
    return {
        "targets": {
            target.name: _cell(cell, on_site, files)
            for target, cell in zip(facts.targets, release.cells, strict=True)
            if cell is not None
        },
        "files": [_file(facts.name, file, signed, files) for file in release.files],
        "upstream": _upstream(release.upstream),
    }


def _cell(cell: StatusRow, on_site: set[str], files: str) -> dict[str, Any]:
    return _known(
        status=cell.status,
        reason=cell.reason,
        failure_class=cell.failure_class,
        advice=cell.advice,
        builder=cell.builder,
        seconds=cell.seconds,
        finished_at=_time(cell.finished_at),
        file=file_address(files, cell.project, cell.filename) if cell.filename and cell.filename in on_site else None,
        log=address(cell.log) if cell.log else None,
        log_page=address(log_page(cell.log)) if cell.log else None,
        tried_again=cell.tried_again or None,
    )


def _file(name: str, own: OwnFile, signed: bool, files: str) -> dict[str, Any]:
    file = own.file
    return _known(
        filename=file.filename,
        url=file_address(files, name, file.filename) if own.on_site else None,
        sha256=file.sha256,
        size=file.size,
        requires_python=file.requires_python,
        yanked=file.yanked,
        upload_time=file.upload_time,
        tags=own.tags,
        listed=own.listed,
        note=own.note,
        provenance=address(provenance.path(name, file.filename)) if own.on_site else None,
        signature=address(provenance.signature_path(name, file.filename)) if signed and own.on_site else None,
        build_seconds=own.seconds,
        repair=_known(**own.libraries._asdict()) if own.libraries else None,
        apt=own.apt or None,
        apt_by_release=dict(own.apt_by_release) or None,
        libc=own.libc,
        check=_known(**own.imports._asdict()) if own.imports else None,
        rebuild=_rebuild(own.rebuild) if own.rebuild else None,
        earlier_sdist=own.earlier_sdist,
        imported={**own.imported._asdict(), "at": timestamp(own.imported.at)} if own.imported else None,
    )


def _rebuild(rebuild: Rebuild) -> dict[str, Any]:
    return _known(
        **{**rebuild._asdict(), "at": timestamp(rebuild.at), "differences": list(rebuild.differences) or None}
    )


def _upstream(upstream: Upstream) -> dict[str, Any]:
    return _known(
        sdists=[_known(filename=filename, url=url) for filename, url in upstream.sdists],
        wheels=upstream.wheels,
        uploaded=upstream.uploaded,
        yanked=upstream.yanked,
    )


def _attempt(attempt: Attempt) -> dict[str, Any]:
    return _known(
        **{
            **attempt._asdict(),
            "began": timestamp(attempt.began),
            "ended": _time(attempt.ended),
            "log": address(attempt.log) if attempt.log else None,
            "log_page": address(attempt.log_page) if attempt.log_page else None,
        }
    )


def _time(moment: float | None) -> str | None:
    return timestamp(moment) if moment is not None else None


def _known(**values: Any) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
