"""The newest wheels, and the feeds of them (Atom, RFC 4287): one of all, and one of each project."""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import NamedTuple
from urllib.parse import quote

from ...text import human_duration, human_size, printable
from ..filters import explain_tag
from ..renderer import Renderer, SiteFacts
from .project_facts import ProjectFacts

#: Wheels in the feed.
MOST_ENTRIES = 50

#: Releases in the feed of a project, and wheels that are named of each.
MOST_RELEASES, MOST_FILES = 20, 5

#: Wheels read for each wheel wanted, because some of the newest may not be on the site.
_LOOK_AT = 2

#: Systems named in a title: a wheel may have thousands of tags (PEP 425).
_MOST_SYSTEMS = 3

#: Characters that XML 1.0 forbids, even escaped (its section 2.2).
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class NewWheel:
    """A wheel whose project the index lists. `size` is in bytes, `seconds` is the build's duration, `added_at` is in
    seconds since the epoch."""

    release_id: int
    #: The normalised name; then the author's spelling and summary, without control characters.
    name: str
    display_name: str
    summary: str
    version: str
    filename: str
    size: int
    tags: tuple[str, ...]
    added_at: float
    seconds: float | None

    @property
    def systems(self) -> tuple[str, ...]:
        """The systems that it installs on, in words; of many the first few."""
        return tuple(dict.fromkeys(explain_tag(tag) for tag in self.tags[:64]))[:_MOST_SYSTEMS]


class Entry(NamedTuple):
    """An entry: its permanent ID, when it was changed last (RFC 3339), and what it is about."""

    id: str
    updated: str
    title: str
    #: The project's normalised name.
    project: str
    summary: str


def newest_wheels(db: sqlite3.Connection, most: int) -> list[NewWheel]:
    """The newest wheels on the index that are not yanked, the newest first; at most `most`."""
    rows = db.execute(
        """
        SELECT w.release_id, p.name, p.display_name, p.summary, r.version, w.filename, w.size, w.tags,
               w.added_at, a.seconds
        FROM (SELECT * FROM wheel ORDER BY id DESC LIMIT ?) w
        JOIN release r ON r.id = w.release_id
        JOIN site_project p ON p.project_id = r.project_id AND p.listed
        LEFT JOIN attempt a ON a.id = w.attempt_id
        WHERE w.removed_at IS NULL AND w.withdrawn_at IS NULL AND coalesce(w.yanked, r.yanked) IS NULL
            -- Yanked upstream: all sdists are, or, without sdists, all files (site/listing.py).
            AND NOT coalesce(
                (SELECT min(f.yanked IS NOT NULL) FROM upstream_file f WHERE f.release_id = r.id AND f.kind = 'sdist'),
                (SELECT min(f.yanked IS NOT NULL) FROM upstream_file f WHERE f.release_id = r.id), 0)
        ORDER BY w.id DESC LIMIT ?
        """,
        (most * _LOOK_AT, most),
    )
    return [
        NewWheel(
            release_id=row["release_id"],
            name=row["name"],
            display_name=printable(row["display_name"]),
            summary=printable(row["summary"]),
            version=row["version"],
            filename=row["filename"],
            size=row["size"],
            tags=tuple(json.loads(row["tags"])),
            added_at=row["added_at"],
            seconds=row["seconds"],
        )
        for row in rows
    ]


def pages(db: sqlite3.Connection, render: Renderer) -> Iterator[tuple[str, bytes]]:
    """The feed of all projects."""
    feed_id = _feed_id(render.site)
    entries = [
        Entry(
            uuid.uuid5(feed_id, wheel.filename).urn,
            rfc3339(wheel.added_at),
            f"{wheel.display_name} {wheel.version} for {'; '.join(wheel.systems)}",
            wheel.name,
            _about(wheel),
        )
        for wheel in newest_wheels(db, MOST_ENTRIES)
    ]
    title = f"New wheels · {render.site.title}"
    yield "feed.atom", _atom(render, "feed.atom", feed_id, title, "index.html", entries)


def of_project(facts: ProjectFacts, render: Renderer) -> bytes | None:
    """The feed of a project: an entry for each of the newest releases that the index has wheels of; None without any.

    An entry is renewed by each further wheel of its release.
    """
    feed_id = uuid.uuid5(_feed_id(render.site), facts.name)
    entries = []
    for release in facts.releases:
        files = [own.file for own in release.files if own.listed and own.file.yanked is None]
        if not files:
            continue
        added = max(file.upload_time or rfc3339(0) for file in files)
        named = [f"{file.filename}, {human_size(file.size or 0)}" for file in files[:MOST_FILES]]
        entries.append(
            Entry(
                uuid.uuid5(feed_id, release.version).urn,
                f"{added[:19]}Z",
                f"{facts.display_name} {release.version}",
                facts.name,
                "; ".join([*named, *([f"and {len(files) - MOST_FILES} more"] if files[MOST_FILES:] else [])]),
            )
        )
    if not entries:
        return None
    page = f"project/{quote(facts.name)}/index.html"
    title = f"New wheels of {facts.display_name} · {render.site.title}"
    return _atom(render, f"project/{facts.name}/feed.atom", feed_id, title, page, entries[:MOST_RELEASES])


def _about(wheel: NewWheel) -> str:
    built = "" if wheel.seconds is None else f", built in {human_duration(wheel.seconds)}"
    summary = f"{wheel.summary.rstrip('.')}. " if wheel.summary else ""
    return f"{summary}{wheel.filename}, {human_size(wheel.size)}{built}."


def _atom(render: Renderer, path: str, feed_id: uuid.UUID, title: str, page: str, entries: Sequence[Entry]) -> bytes:
    """The feed at `path`, about what `page` shows. Its links are absolute if the site's address is known, otherwise
    relative to the feed."""
    text = render.text(
        "feed.atom.j2",
        top=f"{render.site.url}/" if render.site.url else "../" * path.count("/"),
        path=path,
        page=page,
        title=title,
        feed_id=feed_id.urn,
        # Atom requires `updated`, also in an empty feed.
        updated=max((entry.updated for entry in entries), default=rfc3339(0)),
        entries=entries,
    )
    return _NOT_XML.sub("\ufffd", text.decode()).encode()


def rfc3339(moment: float) -> str:
    """Seconds since the epoch in the format of Atom (RFC 3339): `2026-11-22T18:05:00Z`."""
    return datetime.fromtimestamp(int(moment), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _feed_id(site: SiteFacts) -> uuid.UUID:
    """The feed's permanent ID, unique to the site. A wheel's file name never changes its bytes, so an entry's ID is
    derived from this ID and the name."""
    return uuid.uuid5(uuid.NAMESPACE_URL, site.url or f"wheelfleet:{site.title}")
