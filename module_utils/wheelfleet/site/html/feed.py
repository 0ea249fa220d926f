"""The newest wheels, and the feed of them (Atom, RFC 4287)."""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from ...text import printable
from ..filters import explain_tag
from ..renderer import Renderer, SiteFacts

#: Wheels in the feed.
MOST_ENTRIES = 50

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
    """The feed. Its links are absolute if the site's address is known, otherwise relative to the feed."""
    wheels = newest_wheels(db, MOST_ENTRIES)
    feed_id = _feed_id(render.site)
    entries = [(uuid.uuid5(feed_id, wheel.filename).urn, rfc3339(wheel.added_at), wheel) for wheel in wheels]
    text = render.text(
        "feed.atom.j2",
        base=f"{render.site.url}/" if render.site.url else "",
        feed_id=feed_id.urn,
        # Atom requires `updated`, also in an empty feed.
        updated=max((updated for _, updated, _ in entries), default=rfc3339(0)),
        entries=entries,
    )
    yield "feed.atom", _NOT_XML.sub("\ufffd", text.decode()).encode()


def rfc3339(moment: float) -> str:
    """Seconds since the epoch in the format of Atom (RFC 3339): `2026-11-22T18:05:00Z`."""
    return datetime.fromtimestamp(int(moment), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _feed_id(site: SiteFacts) -> uuid.UUID:
    """The feed's permanent ID, unique to the site. A wheel's file name never changes its bytes, so an entry's ID is
    derived from this ID and the name."""
    return uuid.uuid5(uuid.NAMESPACE_URL, site.url or f"wheelfleet:{site.title}")
