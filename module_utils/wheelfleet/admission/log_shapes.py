"""The lines that the logs of failures have in common: for who writes the next rule.

A line's shape is the line with numbers, paths, names and the like replaced by a word in angle brackets. Shapes are
counted by project, because one project with many releases is one rule's work. A shape that is as common in the logs of
failures whose cause is known, such as `error: subprocess-exited-with-error`, tells nothing and is left out.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..contract.log_lines import OURS, PHASE
from ..text import last_lines, plain
from .result import log_tail

#: Most lines of a log that are compared, and the longest ones.
_MOST_LINES, _LONGEST_LINE = 60, 400
#: Two shapes of at least so many words that differ in one word are one shape.
_FEWEST_WORDS = 4
#: A line tells nothing if so large a part of its share of the logs is its share of those whose cause is known.
_MORE_COMMON = 0.5
#: Failures whose cause is known that are read for comparison.
_MOST_KNOWN = 300

#: A line that may tell why a build failed.
_TELLING = re.compile(
    r"error|fail|fatal|not found|no such|missing|can(?:no|')t|could ?n[o']t|unable|unknown|undefined|unsupported"
    r"|not (?:supported|installed|available|in path)|requires?\b|required|must\b|needs?\b|please|install|invalid|abort"
    r"|no module|denied|exception|no package|refus",
    re.IGNORECASE,
)
#: Lines of pip around a message, and of progress.
_AROUND = re.compile(
    r"^\s*Traceback|^[\s|│^~×╰─>\[\]]*$|end of output|^\s*(?:note|hint): |^\s*\[?\d+[/%]|^\s*× |"
    r"^\s*(?:Getting|Preparing|Building|Collecting|Installing|Downloading|Processing)\b.*"
    r"(?:\.\.\.|\.whl\S*|: \w+|status '\w+')$|" + re.escape(OURS)
)
#: What pip, compilers and distutils say after the cause.
_VERDICT = re.compile(
    r"subprocess-exited-with-error|metadata-generation-failed|compilation terminated|Failed (?:to build|building)"
    r"|Could not build wheels|command .* failed with exit|returned non-zero exit status|an issue with the package"
)
#: A frame of a traceback, whose next line is code.
_FRAME = re.compile(r"^[\s|│]*(?=File \")")
#: The builder's own last word, where the build says nothing.
_ENDED = f"{OURS}failed "
#: How names of files end.
_ENDINGS = "c|cc|cpp|cxx|h|hh|hpp|pyx|pxd|py|f|f90|rs|go|so|o|a|cmake|txt|toml|cfg|build"
_MASKS = (
    (re.compile(r"\b[a-z][a-z+]{1,9}://[^\s'\"<>)]+"), "<url>"),
    (re.compile(r"\['[^\]]{1,400}\]"), "<list>"),
    (re.compile(r"‘[^’]{1,120}’|`[^'`]{1,120}['`]|\"[^\"]{1,120}\"|(?<!\w)'[^']{1,120}'"), "<name>"),
    (re.compile(r"[\w.+~@$-]*(?:/[\w.+~@=-]+)+/?"), "<path>"),
    (re.compile(rf"\b[\w+-]+\.(?:{_ENDINGS})\b(?:\.\d+)*"), "<file>"),
    (re.compile(r"\b(?:0x)?(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b"), "<hex>"),
    (re.compile(r"\bv?\d+(?:[.,:]\d+)*(?:[a-z]+\d*)?\b"), "<number>"),
)
_WORD = re.compile(r"\S+")
#: In place of the word by which two shapes differ.
_ANY = "<any>"


@dataclass(frozen=True)
class FailedLog:
    """One failed attempt; `log` is its path below logs/, or None if it is lost. `lines` are the last of its phase."""

    project: str
    version: str
    host: str
    failure_class: str
    log: str | None
    lines: Sequence[str]


@dataclass(frozen=True)
class Shape:
    """A line that logs have in common, masked; `example` is such a line of the newest log, `of` that log."""

    text: str
    projects: Sequence[str]
    logs: int
    example: str
    of: FailedLog


def shape(line: str, project: str) -> str:
    """The line with numbers, paths, names and the like replaced, one blank between words.

    >>> shape("foo.c:12: fatal error: /opt/x/y.h is not of 'libbar' 3.1", "foo")
    "<file>:<number>: fatal error: <path> is not of <name> <number>"
    """
    text = plain(line, _LONGEST_LINE)
    own = r"[-_. ]".join(re.escape(part) for part in re.split(r"[-_.]", project) if part)
    if own:
        text = re.sub(rf"(?<![\w<]){own}(?![\w>])", "<project>", text, flags=re.IGNORECASE)
    for pattern, name in _MASKS:
        text = pattern.sub(name, text)
    return " ".join(text.split())


def telling_lines(lines: Iterable[str]) -> list[str]:
    """The last lines that may tell a cause; if none does, the last three that say anything."""
    said, ended, depth = [], [], 0
    for line in lines:
        frame = _FRAME.match(line)
        if frame:
            depth = frame.end()
        elif depth and len(line) - len(line.lstrip(" │|")) >= depth:
            # The code of a frame, or marks below it.
            continue
        else:
            depth = 0
            if line.startswith(_ENDED):
                ended.append(line)
            elif not _AROUND.search(line):
                said.append(line)
    telling = [line for line in said if _TELLING.search(line)]
    causes = [line for line in telling if not _VERDICT.search(line)]
    return (causes or telling)[-_MOST_LINES:] or said[-3:] or ended[-1:]


def common_shapes(failed: Sequence[FailedLog], known: Sequence[FailedLog] = ()) -> list[Shape]:
    """The shapes of lines of `failed`, the newest first, each log under the one that most projects have in common.

    `known` are failures whose cause is known: what their logs say as often is left out.
    """
    lines_of = [_by_key(each) for each in failed]
    ordinary = _projects_by_key((each, _by_key(each)) for each in known)
    share = len({each.project for each in failed}) / max(1, len({each.project for each in known}))
    everywhere = _projects_by_key(zip(failed, lines_of, strict=True))
    tells = {
        key for key, projects in everywhere.items() if len(ordinary.get(key, ())) * share < _MORE_COMMON * len(projects)
    }
    left = set(range(len(failed)))
    shapes = []
    while left:
        having: dict[str, list[int]] = defaultdict(list)
        for index in sorted(left):
            for key in lines_of[index]:
                if key in tells:
                    having[key].append(index)
        if not having:
            break
        best = min(having, key=lambda key: (-len({failed[i].project for i in having[key]}), _rank(key, having[key])))
        covered = having[best]
        newest = failed[covered[0]]
        shapes.append(
            Shape(best, sorted({failed[i].project for i in covered}), len(covered), lines_of[covered[0]][best], newest)
        )
        left -= set(covered)
    return shapes


def _rank(key: str, having: Sequence[int]) -> tuple[int, int, int, str]:
    """Of shapes that as many projects have: that of more logs, an exact one, the one with more words of its own."""
    words = _WORD.findall(key)
    return -len(having), key.count(_ANY), -sum("<" not in word for word in words), key


def _by_key(failed: FailedLog) -> Mapping[str, str]:
    """The lines of a log by their shapes, and by these with any one word left open."""
    keys: dict[str, str] = {}
    for line in telling_lines(failed.lines):
        text = shape(line, failed.project)
        keys[text] = line
        words = text.split(" ")
        if _FEWEST_WORDS <= len(words) <= 40:
            for index, word in enumerate(words):
                if not word.startswith("<"):
                    keys.setdefault(" ".join((*words[:index], _ANY, *words[index + 1 :])), line)
    return keys


def _projects_by_key(logs: Iterable[tuple[FailedLog, Iterable[str]]]) -> Mapping[str, set[str]]:
    projects: dict[str, set[str]] = defaultdict(set)
    for failed, keys in logs:
        for key in keys:
            projects[key].add(failed.project)
    return projects


def failed_logs(db: sqlite3.Connection, logs: Path, classes: Sequence[str], most: int) -> list[FailedLog]:
    """The newest failed attempts of these classes that still count."""
    return list(_read(db, logs, f"a.failure_class IN ({_marks(classes)})", classes, most))


def known_logs(db: sqlite3.Connection, logs: Path, classes: Sequence[str]) -> list[FailedLog]:
    """The newest failed attempts of all other classes whose builds came to an end by themselves."""
    return list(
        _read(db, logs, f"a.blocks IS NOT NULL AND a.failure_class NOT IN ({_marks(classes)})", classes, _MOST_KNOWN)
    )


def class_counts(db: sqlite3.Connection, classes: Sequence[str]) -> Counter[str]:
    """How many failed attempts that still count each class has."""
    rows = db.execute(
        f"""
        SELECT failure_class, count(*) AS many FROM attempt
        WHERE state = 'done' AND outcome = 'failed' AND NOT superseded AND failure_class IN ({_marks(classes)})
        GROUP BY failure_class
        """,
        list(classes),
    )
    return Counter({row["failure_class"]: row["many"] for row in rows})


def _read(db: sqlite3.Connection, logs: Path, condition: str, classes: Sequence[str], most: int) -> Iterator[FailedLog]:
    rows = db.execute(
        f"""
        SELECT p.name, r.version, a.host, a.failure_class, a.log, a.evidence FROM attempt a
        JOIN release r ON r.id = a.release_id JOIN project p ON p.id = r.project_id
        WHERE a.state = 'done' AND a.outcome = 'failed' AND NOT a.superseded AND {condition}
        ORDER BY a.finished_at DESC, a.id LIMIT ?
        """,
        [*classes, most],
    ).fetchall()
    for row in rows:
        text = log_tail(logs, row["log"])
        lines = last_lines(text.encode(), begins_within=False).splitlines()
        begin = max((index + 1 for index, line in enumerate(lines) if line.startswith(PHASE)), default=0)
        found = lines[begin:] or (row["evidence"] or "").splitlines()
        yield FailedLog(
            row["name"], row["version"], row["host"], row["failure_class"], row["log"] if text else None, found
        )


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))
