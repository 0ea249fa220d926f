"""Compares versions of Debian's packages, as deb-version(7) orders them."""

from __future__ import annotations

import re
from itertools import zip_longest

#: A part without letters before a number, and no number: what the end of a version counts as.
_END: tuple[tuple[int, ...], int] = ((0,), 0)
_PART = re.compile(r"(\D*)(\d*)", re.ASCII)


def is_newer(one: str, other: str) -> bool:
    """Whether `one` is a newer version than `other`.

    >>> is_newer("4.5.0-6+deb12u2", "4.5.0-6+deb12u1"), is_newer("1.0~rc1-1", "1.0-1")
    (True, False)
    """
    (epoch, upstream, revision), (epoch2, upstream2, revision2) = _split(one), _split(other)
    if epoch != epoch2:
        return epoch > epoch2
    for mine, its in ((upstream, upstream2), (revision, revision2)):
        for part, part2 in zip_longest(_parts(mine), _parts(its), fillvalue=_END):
            if part != part2:
                return part > part2
    return False


def _split(version: str) -> tuple[int, str, str]:
    before, colon, rest = version.partition(":")
    epoch = int(before) if colon and before.isdecimal() else 0
    upstream, _, revision = (rest if colon else version).rpartition("-")
    return (epoch, upstream, revision) if upstream else (epoch, revision, "")


def _parts(text: str) -> list[tuple[tuple[int, ...], int]]:
    return [
        ((*(_order(character) for character in letters), 0), int(number or 0))
        for letters, number in _PART.findall(text)
        if letters or number
    ]


def _order(character: str) -> int:
    """A tilde comes before the end of a part, letters before all other characters."""
    return -1 if character == "~" else ord(character) + (0 if character.isalpha() else 0x110000)
