"""The steps of a build in its log: the phases that the builder wrote there, with the time that each took.

A build can write such lines, too. So they are shown and decide nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import NamedTuple

from ...contract.log_lines import PHASE, PHASE_TIME
from ...contract.result import PHASES, Phase
from .ansi import Run

#: What a reader calls the phases.
STEPS: dict[Phase, str] = {
    "fetch": "Fetch the sdist",
    "unpack": "Unpack the sdist",
    "crates": "Fetch Rust crates",
    "modules": "Fetch Go modules",
    "environment": "Make the build environment",
    "requires": "Install what the build asks for",
    "build": "Build the wheel",
    "repair": "Repair the wheel",
    "check": "Check the wheel",
    "collect": "Collect the wheel",
}

_PHASE = re.compile(rf"{re.escape(PHASE)}({'|'.join(PHASES)})(?: (\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\dZ))?")
#: Seconds. No build takes longer; the clock of a board that has none of its own jumps when the network comes.
_LONGEST = 30 * 86400.0


class Line(NamedTuple):
    """A line of the log on the page."""

    number: int
    runs: list[Run]
    text: str
    #: "evidence" if it shows why the build failed, "error" if it looks like an error, or empty.
    mark: str
    #: The number of lines just before it that are not on the page.
    left_out: int


@dataclass
class Step:
    """Lines of the log under a heading; the first ones may have none."""

    title: str
    #: The number of the line that begins it, the lines left out just before that one, and all its lines.
    number: int
    left_out: int
    total: int
    lines: list[Line]
    #: How long it took, in whole seconds; None: not known.
    seconds: float | None = None


def steps_of(lines: Sequence[Line], total: int, seconds: float | None) -> list[Step]:
    """The lines under the phases that begin in the order of phases; what is out of order stays a line, so there are no
    more steps than phases. `total` is the number of all lines, `seconds` how long the build took."""
    steps = [Step("", 1, 0, total, [])]
    began: list[float | None] = [None]
    left = list(PHASES)
    for line in lines:
        match = _PHASE.fullmatch(line.text) if line.text.startswith(PHASE) else None
        phase: Phase | None = next((each for each in left if match and each == match[1]), None)
        if match is None or phase is None:
            steps[-1].lines.append(line)
            continue
        del left[: left.index(phase) + 1]
        steps[-1].total = line.number - steps[-1].number
        steps.append(Step(STEPS[phase], line.number, line.left_out, total + 1 - line.number, []))
        began.append(_moment(match[2]))
    first = began[1] if len(began) > 1 else None
    ended = [*began[1:], None if first is None or seconds is None else first + seconds]
    for step, begin, end in zip(steps, began, ended):
        step.seconds = _between(begin, end)
    return steps


def _moment(text: str | None) -> float | None:
    """Epoch seconds of a time in a log; None without one, and for one that no calendar has."""
    try:
        return datetime.strptime(text or "", PHASE_TIME).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        return None


def _between(begin: float | None, end: float | None) -> float | None:
    if begin is None or end is None or not 0 <= round(end - begin) <= _LONGEST:
        return None
    return round(end - begin)
