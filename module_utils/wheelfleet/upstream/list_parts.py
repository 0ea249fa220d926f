"""Splits the JSON list of all projects into parts, so that only those parts are read that changed since the last time.

PyPI's list has 740,000 entries in 45 MB, and every release anywhere changes it. Parsing all of it takes seconds,
hashing it a twentieth. The bounds between parts follow from the content: an entry whose serial ends in 00, one in a
hundred, ends its part. So an entry that comes, goes or changes touches its own part and at most the next one.
"""

from __future__ import annotations

import re
from hashlib import blake2b

#: A number that ends in 00, outside of a string: after it comes a comma, a brace or a space.
_BOUND = re.compile(rb"00(?=[,}\s])")
_BEGINNING = re.compile(rb'"projects"\s*:\s*\[')
_COMMA = re.compile(rb"\s*,\s*")


def split(body: bytes) -> tuple[bytes, list[bytes]] | None:
    """The list as JSON without its entries, and the entries in parts: each is the inside of a JSON list.

    None if the list is empty or not of the usual form. The parts need not be JSON: where a bound was inside of a
    string, one of them is not. If all of them are, they have the same entries as the whole list.
    """
    beginning = _BEGINNING.search(body)
    if beginning is None:
        return None
    start, end = beginning.end(), body.rfind(b"]")
    if start >= end:
        return None
    rest = body[:start] + body[end:]
    parts = []
    for bound in _BOUND.finditer(body, start, end):
        brace = body.find(b"}", bound.end(), end)
        comma = _COMMA.match(body, brace + 1, end) if bound.start() >= start and brace >= 0 else None
        if comma:
            parts.append(body[start : brace + 1])
            start = comma.end()
    last = body[start:end].strip()
    return rest, [*parts, last] if last else parts


def digest(part: bytes) -> int:
    """The part's hash, a signed number of 64 bits, as SQLite stores it."""
    return int.from_bytes(blake2b(part, digest_size=8).digest(), "big", signed=True)
