"""The stylesheet: colours that can be told from their ground (WCAG 2.2, 1.4.3), nothing from elsewhere, and small."""

from __future__ import annotations

import gzip
import itertools
import re

import pytest

from tests.support.catalogs import TEMPLATES

STYLE = (TEMPLATES / "assets" / "style.css").read_text()
GROUNDS = ("ground", "card", "wash")
LETTERS = ("ink", "quiet", "link", "failed", "trouble", "waiting", "built", "upstream", "skipped")


def palette(scheme: str) -> dict[str, str]:
    """The colours by name, each as six hexadecimal digits."""
    light, dark = re.findall(r":root \{(.*?)\}", STYLE, re.S)[:2]
    found = re.findall(r"--(\w+): #([0-9a-f]{3,6});", light if scheme == "light" else dark)
    return {name: digits if len(digits) == 6 else "".join(digit * 2 for digit in digits) for name, digits in found}


def luminance(colour: str) -> float:
    channels = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_letters_can_be_read_on_every_ground(scheme: str) -> None:
    colours = palette(scheme)
    faint = [
        (letter, ground)
        for letter, ground in itertools.product(LETTERS, GROUNDS)
        if contrast(colours[letter], colours[ground]) < 4.5
    ]
    assert faint == []


def test_nothing_is_loaded_from_elsewhere() -> None:
    addresses = re.findall(r"url\((.*?)\)", STYLE)
    assert addresses
    assert all((TEMPLATES / "assets" / address).is_file() for address in addresses)
    assert "@import" not in STYLE


def test_every_colour_that_is_used_has_a_value() -> None:
    assert set(re.findall(r"var\(--([\w-]+)\)", STYLE)) <= set(re.findall(r"--([\w-]+):", STYLE))


def test_it_is_small_on_the_wire() -> None:
    assert len(gzip.compress(STYLE.encode())) < 6_700
