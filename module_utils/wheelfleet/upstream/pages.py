"""Reads an index: the page of a project and the list of all projects, as JSON or as HTML.

The rules are those of PEP 503, 592, 629, 691, 700, 714 and 792. All input is untrusted: the result is a page, whose
unusable files stand in `unusable` with the reason, or BadPage is raised.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, cast
from urllib.parse import urljoin

from ..names import LONGEST_FILE_NAME, BadFileName, is_archive_name, is_project_name, normalize, read_file_name
from . import list_parts
from .files import FileList, UpstreamFile, is_number, shown
from .simple_html import Anchor, BadHtml, HtmlHead, read_html

JSON_TYPE = "application/vnd.pypi.simple.v1+json"
HTML_TYPE = "application/vnd.pypi.simple.v1+html"
PLAIN_HTML_TYPE = "text/html"

#: A name that is normalised already, as nearly all in lists are.
_NORMAL_NAME = re.compile("[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
#: Bytes in which a page's own charset is sought, as in browsers.
_LONGEST_HEAD = 1024

Status = Literal["active", "archived", "quarantined", "deprecated"]


class BadPage(ValueError):
    """The response is no page of an index; the message describes it and completes "answered with"."""


@dataclass(frozen=True)
class ProjectPage:
    """A project as its page shows it.

    `display_name` is None if the page has only the normalised name. `unusable` are pairs of file name and sentence.
    """

    name: str
    display_name: str | None
    serial: int | None
    status: Status
    status_reason: str | None
    files: tuple[UpstreamFile, ...]
    unusable: tuple[tuple[str, str], ...]

    @cached_property
    def digest(self) -> str:
        """A hash of all that the page states except its serial and the order of its files."""
        content = [
            self.name,
            self.display_name,
            self.status,
            self.status_reason,
            sorted(self.files, key=lambda file: file.filename),
            sorted(self.unusable),
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()


@dataclass(frozen=True)
class RootList:
    """All projects of an index by normalised name, each with the serial of its last change; None if it states none.

    `parts` are the names of each part of the list by its digest (`list_parts`), None for a part that was known before:
    `projects` lacks those. A list that cannot be split has no parts, and `projects` is all of it.
    """

    serial: int | None
    projects: dict[str, int | None]
    parts: Mapping[int, Sequence[str] | None] = field(default_factory=dict)


def read_project_page(
    body: bytes, content_type: str, *, project: str, url: str, serial: str | None = None
) -> ProjectPage:
    """Read the page of `project` from `url`; `serial` is the header X-PyPI-Last-Serial. Raises BadPage."""
    if _is_json(content_type):
        return _project_from_json(_json(body), project, url, serial)
    return _project_from_html(body, content_type, project, url, serial)


def read_root_list(
    body: bytes, content_type: str, *, serial: str | None = None, known: Container[int] = ()
) -> RootList:
    """Read the list of all projects; `serial` is the header X-PyPI-Last-Serial. Raises BadPage.

    `known` are digests of parts that need not be read. They count only in a list that states its own serial.
    """
    if _is_json(content_type):
        return _root_from_parts(body, serial, known) or _root_from_json(body, serial)
    return _root_from_html(body, content_type, serial)


def _is_json(content_type: str) -> bool:
    media = content_type.partition(";")[0].strip().lower()
    if media not in (JSON_TYPE, HTML_TYPE, PLAIN_HTML_TYPE):
        raise BadPage(f"content of the type {shown(media) or 'unknown'}, which is not one of a package index")
    return media == JSON_TYPE


# ------------------------------------------------------------------ projects


def _project_from_json(page: Any, project: str, url: str, serial: str | None) -> ProjectPage:
    meta = _meta(page)
    name = page.get("name", project)
    rows = page.get("files")
    status = page.get("project-status")
    if not isinstance(rows, list):
        raise BadPage('JSON without a list of "files" (PEP 691)')
    if not isinstance(name, str) or normalize(name) != normalize(project):
        raise BadPage(f"the page of another project ({shown(name) if isinstance(name, str) else 'without a name'})")
    if not isinstance(status, dict):
        status = {}
    files = FileList(project, url, url)
    for row in rows:
        files.take(row)
    return _page(
        files,
        display_name=name if name != normalize(name) and is_project_name(name) else None,
        serial=read_serial(meta.get("_last-serial"), serial),
        status=status.get("status", status.get("state")),
        reason=status.get("reason"),
    )


def _project_from_html(body: bytes, content_type: str, project: str, url: str, serial: str | None) -> ProjectPage:
    rows: list[dict[str, Any]] = []
    links = own = 0

    def take(anchor: Anchor) -> None:
        nonlocal links, own
        row = _row_of_anchor(anchor)
        links += bool(row["filename"])
        # Templates of servers have other links as well. As in pip, only links with a file's name count.
        if is_archive_name(row["filename"]) or normalize(row["filename"]).startswith(normalize(project)):
            own += _is_file_of(project, row["filename"])
            rows.append(row)

    head = _read_html(body, content_type, take)
    # A link with a file's name is enough, whatever else the page links to.
    _check_links(head, min(links, own) or links, own, f"a file of {project}")
    try:
        base = urljoin(url, (head.base or "").strip())
    except ValueError:
        raise BadPage("HTML whose base URL is not one") from None
    files = FileList(project, url, base)
    for row in rows:
        files.take(row)
    return _page(
        files,
        display_name=None,
        serial=read_serial(serial, head.serial),
        status=head.metas.get("pypi:project-status"),
        reason=head.metas.get("pypi:project-status-reason"),
    )


def _is_file_of(project: str, filename: str) -> bool:
    try:
        read_file_name(filename, project)
    except BadFileName:
        return False
    return True


def _row_of_anchor(anchor: Anchor) -> dict[str, Any]:
    """A link of a project's page in the form of JSON, so that both forms have the same checks."""
    attributes = anchor.attributes
    href = attributes.get("href", "")
    metadata = attributes.get("data-core-metadata", attributes.get("data-dist-info-metadata"))
    row: dict[str, Any] = {
        # Not the link's text, which folder listings shorten. pip uses the URL, too.
        "filename": anchor.last_segment,
        "url": href,
        "hashes": dict(re.findall(r"(?:^|&)(\w+)=([^&]*)", href.partition("#")[2])),
        "requires-python": attributes.get("data-requires-python"),
        "core-metadata": _stated_metadata(metadata),
        "provenance": attributes.get("data-provenance"),
    }
    if "data-yanked" in attributes:
        row["yanked"] = attributes["data-yanked"] or True
    return row


def _stated_metadata(value: str | None) -> Any:
    """`data-core-metadata` in the form of JSON: the hashes, or whether there is metadata (PEP 714)."""
    if value is None:
        return False
    return dict(re.findall(r"(\w+)=(\w+)", value)) or True


def _page(files: FileList, *, display_name: str | None, serial: int | None, status: Any, reason: Any) -> ProjectPage:
    special = status in ("archived", "quarantined", "deprecated")
    return ProjectPage(
        name=normalize(files.project),
        display_name=display_name,
        serial=serial,
        status=cast("Status", status) if special else "active",
        status_reason=shown(reason) or None if special and isinstance(reason, str) else None,
        # A quarantined project offers no files (PEP 792), whatever its page lists.
        files=() if status == "quarantined" else tuple(files.usable.values()),
        unusable=tuple(files.unusable),
    )


# ------------------------------------------------------------------ the root


def _shrink(entry: dict[str, Any]) -> Any:
    """Shrink each object as it is parsed, so that 740,000 dictionaries never exist at once."""
    name = entry.get("name")
    if not isinstance(name, str) or "projects" in entry or "api-version" in entry:
        return entry
    if len(name) > LONGEST_FILE_NAME or not _NORMAL_NAME.fullmatch(name):
        if not is_project_name(name):
            return None
        name = normalize(name)
    return (name, read_serial(entry.get("_last-serial")))


def _root_from_parts(body: bytes, serial: str | None, known: Container[int]) -> RootList | None:
    """Read the list part by part; None if it cannot be split, or needs to be read as a whole for its error."""
    split = list_parts.split(body)
    if split is None:
        return None
    rest, parts = split
    try:
        own = read_serial(_meta(json.loads(rest)).get("_last-serial"), serial)
        projects: dict[str, int | None] = {}
        names: dict[int, Sequence[str] | None] = {}
        for part in parts:
            digest = list_parts.digest(part)
            if own is not None and digest in known:
                names[digest] = None
                continue
            entries = [each for each in json.loads(b"[%b]" % part, object_hook=_shrink) if isinstance(each, tuple)]
            names[digest] = [name for name, _ in entries]
            for name, stated in entries:
                _add(projects, name, stated)
    except (ValueError, RecursionError):
        return None
    return RootList(own, projects, names) if names and (projects or None in names.values()) else None


def _root_from_json(body: bytes, serial: str | None) -> RootList:
    page = _json(body, _shrink)
    meta = _meta(page)
    listed = page.get("projects")
    if not isinstance(listed, list):
        raise BadPage('JSON without a list of "projects" (PEP 691)')
    projects: dict[str, int | None] = {}
    for entry in listed:
        if isinstance(entry, tuple):
            _add(projects, *entry)
    if listed and not projects:
        raise BadPage("JSON that lists projects, but none with a name")
    return RootList(read_serial(meta.get("_last-serial"), serial), projects)


def _root_from_html(body: bytes, content_type: str, serial: str | None) -> RootList:
    projects: dict[str, int | None] = {}
    links = own = 0

    def take(anchor: Anchor) -> None:
        nonlocal links, own
        name = anchor.folder
        links += bool(name)
        # The text is the name (PEP 503), except in folder listings, which shorten long names.
        if is_project_name(name) and (
            normalize(anchor.text.strip().rstrip("/")) == normalize(name) or anchor.leads_below
        ):
            own += 1
            _add(projects, normalize(name), None)

    head = _read_html(body, content_type, take)
    _check_links(head, links, own, "a project")
    return RootList(read_serial(serial, head.serial), projects)


def _add(projects: dict[str, int | None], name: str, serial: int | None) -> None:
    """Add a project; of several serials of one name the highest counts."""
    before = projects.setdefault(name, serial)
    if before is not serial:
        projects[name] = max(serial or 0, before or 0) or None


# ------------------------------------------------------------------ for both


def _json(body: bytes, object_hook: Callable[[dict[str, Any]], Any] | None = None) -> Any:
    try:
        return json.loads(body, object_hook=object_hook)
    except RecursionError:
        raise BadPage("JSON that is nested too deeply") from None
    except ValueError as error:  # also for numbers of thousands of digits, and invalid UTF-8
        raise BadPage(f"something that is not JSON ({shown(str(error))})") from None


def _meta(page: Any) -> dict[str, Any]:
    """The `meta` of a JSON page whose version is supported (PEP 629). Raises BadPage."""
    meta = page.get("meta") if isinstance(page, dict) else None
    version = meta.get("api-version") if isinstance(meta, dict) else None
    if not isinstance(meta, dict) or not isinstance(version, str):
        raise BadPage('JSON without "meta" and its "api-version" (PEP 691)')
    _check_version(version)
    return meta


def _read_html(body: bytes, content_type: str, take: Callable[[Anchor], None]) -> HtmlHead:
    try:
        head = read_html(body.decode(_charset(body, content_type), "replace"), take)
    except BadHtml as error:
        raise BadPage(f"HTML that {error}") from None
    _check_version(head.metas.get("pypi:repository-version", "1.0"))
    return head


def _charset(body: bytes, content_type: str) -> str:
    """The charset that the header names, else the page; UTF-8 if neither names one that Python knows."""
    header = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", content_type, re.ASCII | re.IGNORECASE)
    meta = re.search(rb"<meta[^>]{1,200}?charset\s*=\s*[\"']?([\w.:-]+)", body[:_LONGEST_HEAD], re.IGNORECASE)
    for name in (header[1] if header else "", meta[1].decode("ascii", "replace") if meta else ""):
        try:
            # Some codecs do not decode bytes to text.
            "a".encode(name).decode(name)
        except (LookupError, UnicodeError, TypeError):
            continue
        return name
    return "utf-8"


def _check_version(version: str) -> None:
    if not re.fullmatch(r"1\.[0-9]+", version.strip()):
        raise BadPage(f"version {shown(version)} of the simple API, and only version 1 can be read (PEP 629)")


def _check_links(head: HtmlHead, links: int, own: int, what: str) -> None:
    """Raise BadPage for other pages of a web server, because an empty index would mean that all projects are gone."""
    if links and not own and not head.is_an_index:
        raise BadPage(f"HTML with {links} links, none of them to {what}")
    if not head.looks_like_an_index and own < max(links, 1):
        raise BadPage(f"HTML that does not look like an index: {own} of its {links} links lead to {what}")


def read_serial(*stated: Any) -> int | None:
    """The first value that is a serial, as a number or digits. 0 means "unknown" in some indexes and does not count."""
    for value in stated:
        number = int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value.strip()) else value
        if number and is_number(number):
            return cast("int", number)
    return None
