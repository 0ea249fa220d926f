"""The lines that the logs of failures have in common: for who writes the next rule.

A line's shape is the line with numbers, paths, names and the like replaced by a word in angle brackets. Shapes are
counted by project, because one project with many releases is one rule's work. A shape that is as common in the logs of
failures whose cause is known, such as `error: subprocess-exited-with-error`, tells nothing and is left out.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..contract.log_lines import OURS
from ..text import plain
from .failed_logs import FailedLog

#: Most lines of a log that are compared, and the longest ones.
_MOST_LINES, _LONGEST_LINE = 60, 400
#: Two shapes of at least so many words that differ in one word are one shape.
_FEWEST_WORDS = 4
#: A line tells nothing if so large a part of its share of the logs is its share of those whose cause is known.
_MORE_COMMON = 0.5

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
