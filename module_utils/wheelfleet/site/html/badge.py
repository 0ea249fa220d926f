"""The badge for README files: which wheels of the project the index has."""

from __future__ import annotations

from html import escape

from ...text import printable
from ..glossary import UPSTREAM_NAME
from .project_facts import ProjectFacts, Release

_HEIGHT = 20
_MOST_LETTERS = 48
#: White text on each has a contrast of at least 4.5 to 1.
_COLOURS = {
    "built": "#1d7a3e",
    "upstream": "#0b6d80",
    "failed": "#b3261e",
    "waiting": "#6450c8",
    "none": "#59626b",
}
_LABEL_COLOUR = "#33383d"
#: Characters of other widths than most in a sans-serif font, because no font is there to measure them.
_NARROW = frozenset("fijlrtI.,:;!|'()[] ·")
_BROAD = frozenset("mwMW@%")


def state(facts: ProjectFacts, upstream: str = UPSTREAM_NAME) -> tuple[str, str]:
    """The badge's text and the key of its colour.

    They are those of the newest release that can be installed, from here or from `upstream`; without one, of the newest
    that failed; otherwise of a waiting one.
    """
    for release in facts.releases:
        if any(file.listed and file.file.yanked is None for file in release.files):
            machines = _machines(facts, release)
            return f"{release.version} · {', '.join(machines)}" if machines else release.version, "built"
        if _with_status(release, "upstream"):
            return f"{release.version} · {upstream}", "upstream"
    for release in facts.releases:
        if failures := {cell.failure_class for cell in release.cells if cell and cell.status == "failed"}:
            return f"failed: {min(map(str, failures))}", "failed"
    if any(_with_status(release, "waiting") for release in facts.releases):
        return "waiting to be built", "waiting"
    return "no wheel", "none"


def svg(label: str, facts: ProjectFacts, upstream: str = UPSTREAM_NAME) -> bytes:
    """The badge as SVG: `label` on the left, the state on the right, and both in its title for screen readers."""
    state_words, colour = state(facts, upstream)
    label, state_words = _shortened(printable(label)), _shortened(printable(state_words))
    left, right = _width(label), _width(state_words)
    title = escape(f"{label}: {state_words}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="{_HEIGHT}" role="img" '
        f'aria-labelledby="t"><title id="t">{title}</title>'
        f'<clipPath id="r"><rect width="{left + right}" height="{_HEIGHT}" rx="4"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="{_HEIGHT}" fill="{_LABEL_COLOUR}"/>'
        f'<rect x="{left}" width="{right}" height="{_HEIGHT}" fill="{_COLOURS[colour]}"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,Geneva,sans-serif" font-size="11" text-anchor="middle">'
        f"{_text(label, left / 2, left)}{_text(state_words, left + right / 2, right)}</g></svg>\n"
    ).encode()


def _machines(facts: ProjectFacts, release: Release) -> list[str]:
    served = {
        t.machine for t, cell in zip(facts.targets, release.cells, strict=True) if cell and cell.status == "built"
    }
    return sorted(served)


def _with_status(release: Release, status: str) -> bool:
    return any(cell is not None and cell.status == status for cell in release.cells)


def _text(words: str, middle: float, width: int) -> str:
    # textLength makes the text fit with any font of the reader's system.
    return (
        f'<text x="{middle:g}" y="14" textLength="{width - 12}" lengthAdjust="spacingAndGlyphs">{escape(words)}</text>'
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"


def _width(text: str) -> int:
    return 12 + round(sum(4.2 if c in _NARROW else 10.2 if c in _BROAD else 7 for c in text))
