"""Why did an attempt fail, and what would help? From the builder's result and the end of its log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from packaging.utils import canonicalize_name

from .failure_classes import FAILURE_CLASSES, Blocks
from .plain import plain, without_escapes
from .rules import RULES, Lacks, Rule

#: How much of a log's end is looked at, in characters; and how much of a line.
LOG_END = 64 << 10
_LONGEST_LINE = 2000

#: For `stopped_by` of a result.
_STOPPED = {
    "timeout": "time-out",
    "silence": "silence",
    "memory": "out-of-memory",
    "processes": "too-many-processes",
    "disk": "out-of-disk",
    "log": "log-limit",
    "killed": "killed",
    "interrupted": "interrupted",
}

#: For the phases whose failures the builder explains in its message: what to look for in it, in order.
_MESSAGES = {
    "fetch": (
        (r"server answers (?:404|410)\b", "sdist-missing"),
        (r"upstream states", "hash-mismatch"),
        (r"is larger than", "out-of-disk"),
        (r"builder could not do its part|provision it again", "builder-fault"),
        (r"", "network"),
    ),
    "unpack": ((r"No space left|builder could not do its part", "builder-fault"), (r"", "sdist-broken")),
    "crates": (
        (r"builder could not do its part|builder_crates_index", "builder-fault"),
        (r"older than 1\.68|lock ?file version|`edition20\d\d`|requires rustc", "toolchain-too-old"),
        (r"^The crate.{1,300} could not be (?:reached|downloaded): ", "network"),
        (r"cannot be had, a server refuses", "download-in-build"),
        (r"", "build-requirements"),
    ),
    "collect": ((r"builder could not do its part", "builder-fault"), (r"", "no-wheel")),
}

#: How the front end says that pip failed, and not the project's own build.
_REQUIREMENTS_FAILED = re.compile(r"^The build requirements \(.*cannot be installed")

#: How the lines begin that the builder itself adds to a log, and those with which a phase begins.
_OURS = "::wheelfleet "
_PHASE = f"{_OURS}phase "

#: Lines that only frame what happened.
_FRAME = re.compile(
    r"^[\s|│^~]*$|^[\s|│]*(?:\[end of output\]|note: This (?:error|is an issue)|hint: See above|::wheelfleet )"
)
_LINES_BEFORE, _LINES_AFTER = 2, 1

#: The program behind what logs say of a compiler.
_PROGRAMS = {"C": "cc", "CXX": "c++", "Fortran": "gfortran", "rust": "rustc"}
#: Libraries of old are asked for by a program of their own: pg_config.
_CONFIG_PROGRAM = re.compile(r"[-_]config$")
_LAST_LINES = 5


@dataclass(frozen=True)
class Failure:
    """A failure's name and what people need to know about it; `blocks` None means that it is worth another try."""

    class_name: str
    sentence: str
    #: Lines of the log that show it, without control characters.
    evidence: list[str]
    remedy: str
    blocks: Blocks | None
    #: What is missing, too new or too old, as the log calls it, and which kind of thing is missing (rules/rule.py).
    subject: str | None = None
    lacks: Lacks | None = None


def failure(class_name: str, sentence: str, evidence: Iterable[str] = ()) -> Failure:
    """A failure with the remedy and the consequences of its class (a name in FAILURE_CLASSES)."""
    known = FAILURE_CLASSES[class_name]
    return Failure(class_name, plain(sentence, 600), [plain(line) for line in evidence], known.remedy, known.blocks)


def classify(result: Mapping[str, object], log_end: str, name: str) -> Failure:
    """Name the failure of an attempt at project `name`.

    `result` is the builder's result document (docs/architecture.md) and `log_end` the end of the log, of which up to
    `LOG_END` characters are looked at. Neither is trusted: any content is classified, in bounded time.
    """
    message, phase = _text(result, "message"), _text(result, "phase")
    lines = _lines(log_end)
    stopped = _STOPPED.get(_text(result, "stopped_by"))
    if stopped is not None:
        return failure(stopped, message or FAILURE_CLASSES[stopped].meaning, _last(lines))
    for pattern, class_name in _MESSAGES.get(phase, ()):
        if re.search(pattern, message):
            return failure(class_name, message or FAILURE_CLASSES[class_name].meaning)
    in_requirement = _REQUIREMENTS_FAILED.search(message) is not None
    said = [line for line in lines if not line.startswith(_OURS)]
    found = _by_log(said, name, in_requirement) or _by_log([message], name, in_requirement)
    if found is not None:
        return found
    rest = "build-requirements" if in_requirement else "builder-fault" if phase == "environment" else "unknown"
    return failure(rest, message or FAILURE_CLASSES[rest].meaning, _last(lines))


def _by_log(lines: Sequence[str], name: str, in_requirement: bool) -> Failure | None:
    for rule in RULES:
        if rule.only not in ("", "in a requirement" if in_requirement else "in the build"):
            continue
        hit = _find(rule, lines, name)
        if hit is not None:
            index, found = hit
            return _explained(rule, found, _around(lines, index), in_requirement)
    return None


def _find(rule: Rule, lines: Sequence[str], name: str) -> tuple[int, str] | None:
    """Index of the line that tells the cause, and what it names."""
    order = range(len(lines)) if rule.choose == "first" else range(len(lines) - 1, -1, -1)
    for index in order:
        match = rule.pattern.search(lines[index])
        if match is None or (rule.after and not any(map(rule.after.search, lines[max(0, index - 4) : index]))):
            continue
        found = plain(match[match.lastindex] if match.lastindex else rule.subject, 200).rstrip(" .:")
        if not rule.own or canonicalize_name(found.partition(".")[0]) == canonicalize_name(name):
            return index, found
    return None


def _explained(rule: Rule, found: str, evidence: Iterable[str], in_requirement: bool) -> Failure:
    base = failure(rule.failure, rule.sentence.format(found=found), evidence)
    if about := rule.about or found:
        base = replace(base, subject=_PROGRAMS.get(about, about) if rule.lacks == "tool" else about)
    if rule.lacks is not None:
        base = replace(base, lacks="tool" if _CONFIG_PROGRAM.search(found) else rule.lacks)
    if rule.remedy:
        base = replace(base, remedy=rule.remedy.format(found=found))
    if rule.settles != "as the class says":
        base = replace(base, blocks="target" if rule.settles == "target" else None)
    if in_requirement and rule.failure not in ("network", "build-requirements"):
        # What is wrong with a build requirement says nothing about the project on other targets.
        blocks = base.blocks and "target"
        base = replace(base, sentence=f"While the build requirements were installed: {base.sentence}", blocks=blocks)
    return base


def _text(result: Mapping[str, object], key: str) -> str:
    value = result.get(key)
    return plain(value, 600) if isinstance(value, str) else ""


def _lines(text: str) -> list[str]:
    lines = without_escapes(text[-LOG_END:]).splitlines()
    if len(text) > LOG_END and len(lines) > 1:
        del lines[0]  # most likely not whole
    half = _LONGEST_LINE // 2
    return [line if len(line) <= _LONGEST_LINE else f"{line[:half]} … {line[-half:]}" for line in lines]


def _around(lines: Sequence[str], index: int) -> list[str]:
    before = [line for line in lines[max(0, index - 8) : index] if not _FRAME.match(line)]
    after = [line for line in lines[index + 1 : index + 8] if not _FRAME.match(line)]
    return [*before[-_LINES_BEFORE:], lines[index], *after[:_LINES_AFTER]]


def _last(lines: Sequence[str]) -> list[str]:
    """The last lines of what the last phase said."""
    begin = max((index + 1 for index, line in enumerate(lines) if line.startswith(_PHASE)), default=0)
    return [line for line in lines[begin:] if not _FRAME.match(line)][-_LAST_LINES:]
