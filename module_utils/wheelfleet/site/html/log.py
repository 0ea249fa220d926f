"""The page of one attempt's log: its facts, the evidence, and the log by its steps, as a terminal shows it.

It is made once and stays: it links only to what stays too, so to the project's page and not to a wheel's file.
"""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...contract.log_lines import OURS
from ...text import plain, printable
from ..applied_adjustments import goes_on_with, tried_with
from ..renderer import Renderer
from .ansi import Run, Terminal
from .log_steps import Line, steps_of
from .raw_log import RawLog, looks_like_error, read_log

#: Links at the top of the page to lines that look like errors, at most.
MOST_ERROR_LINKS = 5
#: The lines of an attempt's evidence lie within this many lines; admission/classify.py leaves out some between them.
_EVIDENCE_SPAN = 20
#: The beginning of the builder's own failure line, which may be the only evidence.
_OUR_FAILURE = f"{OURS}failed "


@dataclass(frozen=True)
class LogFacts:
    """The catalog's facts of an attempt; untrusted text has no control characters."""

    project: str
    display_name: str
    version: str
    target: str
    builder: str
    #: "built", "failed", "refused" or "lost".
    outcome: str
    finished_at: float | None = None
    seconds: float | None = None
    failure_class: str | None = None
    sentence: str | None = None
    evidence: tuple[str, ...] = ()
    advice: str | None = None
    #: Its remedies, and the sentence on the next try (site/applied_adjustments.py).
    tried_with: tuple[dict[str, str], ...] = ()
    next_try: str | None = None
    sdist: str | None = None
    interpreter: str | None = None
    cpu_seconds: float | None = None
    #: In bytes.
    peak_memory: int | None = None


def read_log_facts(db: sqlite3.Connection, attempt_id: str) -> LogFacts:
    """The facts of an attempt that ended. Raises LookupError if the catalog has no such attempt."""
    row = db.execute(
        """
        SELECT p.name, p.display_name, r.version, t.name AS target, a.host, a.outcome, a.finished_at, a.seconds,
               a.failure_class, a.sentence, a.evidence, a.advice, a.remedies, a.retry_with,
               a.sdist_filename, a.interpreter, a.cpu_seconds, a.peak_memory
        FROM attempt a
        JOIN release r ON r.id = a.release_id
        JOIN project p ON p.id = r.project_id
        JOIN target t ON t.id = a.target_id
        WHERE a.id = ?
        """,
        (attempt_id,),
    ).fetchone()
    if row is None:
        raise LookupError(f"The catalog knows no attempt {attempt_id}.")

    def shown(column: str) -> str | None:
        return printable(row[column]) if row[column] else None

    return LogFacts(
        project=row["name"],
        display_name=printable(row["display_name"]),
        version=row["version"],
        target=row["target"],
        builder=row["host"],
        outcome=row["outcome"] or "lost",
        finished_at=row["finished_at"],
        seconds=row["seconds"],
        failure_class=row["failure_class"],
        sentence=shown("sentence"),
        evidence=tuple((shown("evidence") or "").splitlines()),
        advice=shown("advice"),
        tried_with=tried_with(row["remedies"]),
        next_try=goes_on_with(row["remedies"], row["retry_with"]),
        sdist=shown("sdist_filename"),
        interpreter=shown("interpreter"),
        cpu_seconds=row["cpu_seconds"],
        peak_memory=row["peak_memory"],
    )


def page(render: Renderer, path: str, raw_gz: Path | bytes, facts: LogFacts) -> bytes:
    """The page at `path` (`logs/NAME/ATTEMPT.html`) of the compressed log `raw_gz`, which lies beside it as
    `ATTEMPT.log.gz`. If the log cannot be read, the page reports that."""
    marked = facts.outcome != "built"
    try:
        with io.BytesIO(raw_gz) if isinstance(raw_gz, bytes) else raw_gz.open("rb") as file:
            raw = read_log(file, errors=marked, sought=facts.evidence)
    except OSError:
        raw = RawLog(problem="The log cannot be read; the next publication tries it again.")
    lines = _lines(raw, facts.evidence if marked else (), marked)
    shows = [line for line in lines if line.mark == "evidence"]
    errors = [line for line in lines if line.mark == "error"]
    return render.page(
        path,
        "log.html.j2",
        facts=facts,
        raw=f"{PurePosixPath(path).stem}.log.gz",
        steps=steps_of(lines, raw.total, facts.seconds),
        shows=shows,
        errors=errors[:MOST_ERROR_LINKS],
        more_errors=max(0, len(errors) - MOST_ERROR_LINKS),
        left_out=raw.total - len(lines),
        total=raw.total,
        problem=raw.problem,
    )


def _lines(raw: RawLog, evidence: Sequence[str], marked: bool) -> list[Line]:
    terminal = Terminal()
    shown: list[tuple[int, list[Run], str, int]] = []
    last = 0
    for number, line in raw.lines:
        if number > last + 1:
            terminal = Terminal()  # the colour after the gap is unknown
        runs = terminal.line(line.decode("utf-8", "replace").rstrip("\r"))
        shown.append((number, runs, runs[0].text if len(runs) == 1 else "".join(run.text for run in runs), last))
        last = number
    found = _find_evidence([text for _, _, text, _ in shown], evidence)
    return [
        Line(
            number,
            runs,
            text,
            "evidence" if index in found else "error" if marked and looks_like_error(text) else "",
            number - last - 1,
        )
        for index, (number, runs, text, last) in enumerate(shown)
    ]


def _find_evidence(texts: Sequence[str], evidence: Sequence[str]) -> set[int]:
    """The indexes of the evidence's lines: of the last place that has all of them in order, else of the place that has
    most."""
    if not evidence:
        return set()
    wanted = set(evidence)
    places = [(index, line) for index, text in enumerate(texts) if (line := _as_evidence(text)) in wanted]
    best: set[int] = set()
    for end in range(len(places), 0, -1):
        found: set[int] = set()
        left = list(evidence)
        for index, line in reversed(places[max(0, end - _EVIDENCE_SPAN) : end]):
            if places[end - 1][0] - index > _EVIDENCE_SPAN:
                break
            if line in left:
                # Lines that follow it in the evidence do not precede it in the log.
                del left[len(left) - 1 - left[::-1].index(line) :]
                found.add(index)
        if len(found) > len(best):
            best = found
        if len(best) == len(evidence):
            break
    return best


def _as_evidence(text: str) -> str:
    """A line as the classifier records it."""
    shown = text.removeprefix(_OUR_FAILURE)
    return shown.rstrip() if len(shown) <= 300 and shown.isprintable() else plain(shown)
