"""Why did an attempt fail, and what would help? From the builder's result and the end of its log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from packaging.utils import canonicalize_name

from ..contract.log_lines import OURS, PHASE
from ..contract.reasons import Reason
from ..contract.result import Phase, Result, SdistNames, StoppedBy, believed
from ..failure_classes import FAILURE_CLASSES, Blocks
from ..text import plain, without_escapes
from .rules import RULES, MissingKind, Rule
from .rules.project import NO_BACKEND
from .rules.toolchain import TOOLCHAIN

#: How much of a log's end is looked at, in characters; and how much of a line.
LOG_END = 64 << 10
_LONGEST_LINE = 2000

#: For `stopped_by` of a result.
_STOPPED: dict[StoppedBy, str] = {
    "timeout": "time-out",
    "silence": "silence",
    "memory": "out-of-memory",
    "processes": "too-many-processes",
    "disk": "out-of-disk",
    "log": "log-limit",
    "killed": "killed",
    "interrupted": "interrupted",
}

#: The class of a builder's reason (contract/reasons.py). Of what is not here the log tells.
_CLASSES: dict[Reason, str] = {
    "sdist-missing": "sdist-missing",
    "sdist-differs": "hash-mismatch",
    "sdist-too-large": "out-of-disk",
    "index-unreachable": "network",
    "sdist-broken": "sdist-broken",
    "other-python": "other-python",
    "patch-refused": "patch-refused",
    "no-patch-command": "missing-tool",
    "cargo-too-old": "toolchain-too-old",
    "crates-misconfigured": "builder-fault",
    "crates-unreachable": "network",
    "crates-refused": "download-in-build",
    "no-wheel": "no-wheel",
    "not-provisioned": "builder-fault",
    "builder-failed": "builder-fault",
}
#: The class where the log says nothing that is known.
_REST: dict[Reason, str] = {
    "crates-unusable": "build-requirements",
    "requirements-failed": "build-requirements",
    "backend-failed": "unknown",
    "backend-missing": "undeclared-build-requirement",
}
#: For a result without a reason, as builders gave it before there were any: by how far it came.
_BY_PHASE: dict[Phase, Reason] = {
    "fetch": "index-unreachable",
    "unpack": "sdist-broken",
    "crates": "crates-unusable",
    "environment": "requirements-failed",
    "collect": "no-wheel",
}

#: What Python says of a module that is not there, or is another one than is meant.
_OF_A_MODULE = re.compile(
    r"No module named '?([\w.]{1,100})|cannot import name '\w{1,100}' from '([\w.]{1,100})'"
    r"|module '([\w.]{1,100})' has no attribute '"
)
#: For setup.py of old (PEP 517, build-backend left out), the source is on the path.
_LEGACY = "setuptools.build_meta:__legacy__"

#: Lines that only frame what happened.
_FRAME = re.compile(
    r"^[\s|│^~]*$|^[\s|│]*(?:\[end of output\]|note: This (?:error|is an issue)|hint: See above|"
    + re.escape(OURS)
    + r")"
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

    failure_class: str
    sentence: str
    #: Lines of the log that show it, without control characters.
    evidence: list[str]
    advice: str
    blocks: Blocks | None
    #: What is missing, too new or too old, as the log calls it, and which kind of thing is missing (rules/rule.py).
    subject: str | None = None
    missing_kind: MissingKind | None = None
    #: The project of the missing module, where the sdist itself declares it somewhere.
    declared: str | None = None


def failure(failure_class: str, sentence: str, evidence: Iterable[str] = ()) -> Failure:
    """A failure with the remedy and the consequences of its class (a name in FAILURE_CLASSES)."""
    known = FAILURE_CLASSES[failure_class]
    return Failure(failure_class, plain(sentence, 600), [plain(line) for line in evidence], known.advice, known.blocks)


def classify(document: Mapping[str, Any], log_end: str, name: str) -> Failure:
    """Name the failure of an attempt at project `name`.

    `document` is the builder's result (docs/contract.md) and `log_end` the end of the log, of which up to
    `LOG_END` characters are looked at. Neither is trusted: any content is classified, in bounded time.
    """
    result = believed(document)
    message, about = result["message"] or "", result["about"] or ""
    lines = _lines(log_end)
    if result["stopped_by"] is not None:
        stopped = _STOPPED[result["stopped_by"]]
        return failure(stopped, message or FAILURE_CLASSES[stopped].meaning, _last(lines))
    reason = _reason(result)
    if reason in _CLASSES:
        failure_class = _CLASSES[reason]
        found = failure(failure_class, message or FAILURE_CLASSES[failure_class].meaning)
        return (
            replace(found, subject=about, missing_kind="tool") if failure_class == "missing-tool" and about else found
        )
    rest = _REST[reason]
    if reason == "crates-unusable":
        # Of all that Cargo says, what it wants newer is known by rules.
        old = _by_rules(TOOLCHAIN, [about], name, in_requirement=False)
        return replace(old, sentence=message or old.sentence) if old else failure(rest, message)
    build_lines = [line for line in lines if not line.startswith(OURS)]
    in_requirement = reason == "requirements-failed"
    project = None if in_requirement else result["project"]
    found_by_log = _by_rules(RULES, build_lines, name, in_requirement, project)
    if found_by_log is not None:
        return found_by_log
    if reason == "backend-missing" and about:
        found = failure(rest, NO_BACKEND.format(found=about), _last(lines))
        return _with_project(replace(found, subject=plain(about, 200), missing_kind="module", blocks="target"), project)
    return failure(rest, message or FAILURE_CLASSES[rest].meaning, _last(lines))


def _reason(result: Result) -> Reason:
    """The builder's reason; where it gives none that is known, the one for how far it came."""
    if result["reason"] is not None:
        return result["reason"]
    return _BY_PHASE.get(result["phase"] or "build", "backend-failed")


def _by_rules(
    rules: Sequence[Rule], lines: Sequence[str], name: str, in_requirement: bool, project: SdistNames | None = None
) -> Failure | None:
    for rule in rules:
        if rule.only not in ("", "in a requirement" if in_requirement else "in the build"):
            continue
        hit = _find(rule, lines, name)
        if hit is not None:
            index, found = hit
            evidence = _around(lines, index)
            own = _own_module(lines[index], project)
            if own is not None:
                return own_module_failure(own, project, evidence)
            return _with_project(_explained(rule, found, evidence, in_requirement), project)
    return None


def _own_module(line: str, project: SdistNames | None) -> str | None:
    """The module that a line is about, if it lies in the sdist beside setup.py."""
    match = _OF_A_MODULE.search(line)
    module = match[match.lastindex] if match and match.lastindex else ""
    return module if project and module.partition(".")[0] in project["modules"] else None


def own_module_failure(module: str, project: SdistNames | None, evidence: Iterable[str]) -> Failure:
    """The build does not find a module of its own sdist: because of build isolation, or because it is not whole."""
    if project and project["backend"] == _LEGACY:
        sentence = f"The build imports {module}, which lies in the sdist and is not whole there."
        return replace(failure("sdist-broken", sentence, evidence), subject=module)
    sentence = f"The build imports {module}, which lies in the sdist, where build isolation does not look for it."
    return replace(failure("own-module-missing", sentence, evidence), subject=module)


def _with_project(found: Failure, project: SdistNames | None) -> Failure:
    """With the project that the sdist declares, if it is the one whose module is missing."""
    if found.missing_kind != "module" or found.subject is None or project is None:
        return found
    top = canonicalize_name(found.subject.partition(":")[0].partition(".")[0])
    return replace(found, declared=top if top in project["declared"] else None)


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
    base = failure(rule.failure_class, rule.sentence.format(found=found), evidence)
    if about := rule.about or found:
        base = replace(base, subject=_PROGRAMS.get(about, about) if rule.missing_kind == "tool" else about)
    if rule.missing_kind is not None:
        base = replace(base, missing_kind="tool" if _CONFIG_PROGRAM.search(found) else rule.missing_kind)
    if rule.advice:
        base = replace(base, advice=rule.advice.format(found=found))
    if rule.settles != "as the class says":
        base = replace(base, blocks="target" if rule.settles == "target" else None)
    if in_requirement and rule.failure_class not in ("network", "build-requirements"):
        # What is wrong with a build requirement says nothing about the project on other targets.
        blocks = base.blocks and "target"
        base = replace(base, sentence=f"While the build requirements were installed: {base.sentence}", blocks=blocks)
    return base


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
    begin = max((index + 1 for index, line in enumerate(lines) if line.startswith(PHASE)), default=0)
    return [line for line in lines[begin:] if not _FRAME.match(line)][-_LAST_LINES:]
