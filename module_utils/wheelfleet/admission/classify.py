"""Finds the failure class of an attempt, from the builder's result and the end of its log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from packaging.utils import canonicalize_name

from ..contract.log_lines import OURS, OWN_LOG, PHASE
from ..contract.reasons import Reason
from ..contract.result import Phase, Result, SdistNames, StoppedBy, sanitized
from ..failure_classes import FAILURE_CLASSES, ClassName
from ..text import plain, without_escapes
from .failure import Failure, failure
from .looked_for import explained
from .rules import RULES, TELLING, Rule
from .rules.project import NO_BACKEND
from .rules.toolchain import TOOLCHAIN
from .wanted_download import with_download

#: Characters of a log's end that are searched, and characters that are kept of a line.
LOG_END = 64 << 10
_LONGEST_LINE = 2000

#: For `stopped_by` of a result.
_STOPPED: dict[StoppedBy, ClassName] = {
    "timeout": "time-out",
    "silence": "silence",
    "memory": "out-of-memory",
    "processes": "too-many-processes",
    "disk": "out-of-disk",
    "log": "log-limit",
    "killed": "killed",
    "interrupted": "interrupted",
    "operator": "stopped",
}

#: The class of a builder's reason (contract/reasons.py). Of what is not here the log tells.
_CLASSES: dict[Reason, ClassName] = {
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
    "modules-misconfigured": "builder-fault",
    "modules-unreachable": "network",
    "modules-refused": "download-in-build",
    "no-wheel": "no-wheel",
    "not-provisioned": "builder-fault",
    "builder-failed": "builder-fault",
}
#: The class where the log says nothing that is known.
_REST: dict[Reason, ClassName] = {
    "crates-unusable": "build-requirements",
    "modules-unusable": "build-requirements",
    "requirements-failed": "build-requirements",
    "backend-failed": "unknown",
    "backend-missing": "undeclared-build-requirement",
}
#: The reason by phase, for results of older builders, which have none.
_BY_PHASE: dict[Phase, Reason] = {
    "fetch": "index-unreachable",
    "unpack": "sdist-broken",
    "crates": "crates-unusable",
    "environment": "requirements-failed",
    "collect": "no-wheel",
}

#: Python's messages about a missing module, or about one that is not the expected one.
_OF_A_MODULE = re.compile(
    r"No module named '?([\w.]{1,100})|cannot import name '\w{1,100}' from '([\w.]{1,100})'"
    r"|module '([\w.]{1,100})' has no attribute '"
)
#: Without build-backend (PEP 517) setup.py has the source on its path.
_LEGACY = "setuptools.build_meta:__legacy__"

#: Lines around an error without information.
_FRAME = re.compile(
    r"^[\s|│^~]*$|^[\s|│]*(?:\[end of output\]|note: This (?:error|is an issue)|hint: See above|"
    + re.escape(OURS)
    + r")"
)
_LINES_BEFORE, _LINES_AFTER = 2, 1

#: The programs of CMake's and meson's names of languages.
_PROGRAMS = {"C": "cc", "CXX": "c++", "Fortran": "gfortran", "rust": "rustc"}
#: Older libraries have a configuration program, such as pg_config.
_CONFIG_PROGRAM = re.compile(r"[-_]config$")
_LAST_LINES = 5


def classify(document: Mapping[str, Any], log_end: str, name: str) -> Failure:
    """Classify the failure of an attempt at project `name`.

    `document` is the builder's result (docs/contract.md), `log_end` the end of the log, of which the last `LOG_END`
    characters are searched. Neither is trusted: any content is classified, in bounded time.
    """
    result = sanitized(document)
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
    if reason in ("crates-unusable", "modules-unusable"):
        # Cargo's or Go's message may be one that the rules for old toolchains know.
        old = _by_rules(TOOLCHAIN, [about], name, in_requirement=False)
        return replace(old, sentence=message or old.sentence) if old else failure(rest, message)
    own = next((index for index, line in enumerate(lines) if line.startswith(OWN_LOG)), len(lines))
    build_lines = [line for line in lines[:own] if not line.startswith(OURS)]
    own_log = [line for line in lines[own:] if not line.startswith(OURS)]
    in_requirement = reason == "requirements-failed"
    project = None if in_requirement else result["project"]
    found_by_log = _by_rules(RULES, build_lines, name, in_requirement, project)
    if found_by_log is not None:
        if in_requirement:
            return found_by_log
        return explained(_by_own_log(found_by_log, own_log, name), result["looked_for"], build_lines)
    if reason == "backend-missing" and about:
        found = failure(rest, NO_BACKEND.format(found=about), _last(lines))
        return _with_project(replace(found, subject=plain(about, 200), missing_kind="module", blocks="target"), project)
    untold = failure(rest, message or FAILURE_CLASSES[rest].meaning, _last(lines[:own]))
    return explained(_by_own_log(untold, own_log, name), result["looked_for"], build_lines)


def _reason(result: Result) -> Reason:
    """The builder's reason; for a result without one, the reason by its phase."""
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
            return with_download(_with_project(_explained(rule, found, evidence, in_requirement), project), lines)
    return None


def _by_own_log(found: Failure, own_log: Sequence[str], name: str) -> Failure:
    """The missing thing that the log of a configure step shows (`builder/own_logs`), if the build's output does not."""
    if found.failure_class not in ("unknown", "build-script-error", "configure-error"):
        return found
    cause = _by_rules(TELLING, own_log, name, in_requirement=False)
    return replace(cause, evidence=[*found.evidence, *cause.evidence]) if cause else found


def _own_module(line: str, project: SdistNames | None) -> str | None:
    """The module that a line is about, if the sdist has it beside setup.py."""
    match = _OF_A_MODULE.search(line)
    module = match[match.lastindex] if match and match.lastindex else ""
    return module if project and module.partition(".")[0] in project["modules"] else None


def own_module_failure(module: str, project: SdistNames | None, evidence: Iterable[str]) -> Failure:
    """The failure of a build that misses a module of its sdist: build isolation hides it, or it is incomplete."""
    if project and project["backend"] == _LEGACY:
        sentence = f"The build imports {module}, which lies in the sdist and is not whole there."
        return replace(failure("sdist-broken", sentence, evidence), subject=module)
    sentence = f"The build imports {module}, which lies in the sdist, where build isolation does not look for it."
    return replace(failure("own-module-missing", sentence, evidence), subject=module)


def _with_project(found: Failure, project: SdistNames | None) -> Failure:
    """Add the missing module's project to the failure, if the sdist declares it."""
    if found.missing_kind != "module" or found.subject is None or project is None:
        return found
    top = canonicalize_name(found.subject.partition(":")[0].partition(".")[0])
    return replace(found, declared=top if top in project["declared"] else None)


def _find(rule: Rule, lines: Sequence[str], name: str) -> tuple[int, str] | None:
    """Index of the line that shows the cause, and the name that it contains."""
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
        # A broken build requirement does not concern the project on other targets.
        blocks = base.blocks and "target"
        base = replace(base, sentence=f"While the build requirements were installed: {base.sentence}", blocks=blocks)
    return base


def _lines(text: str) -> list[str]:
    lines = without_escapes(text[-LOG_END:]).splitlines()
    if len(text) > LOG_END and len(lines) > 1:
        del lines[0]  # most likely incomplete
    half = _LONGEST_LINE // 2
    return [line if len(line) <= _LONGEST_LINE else f"{line[:half]} … {line[-half:]}" for line in lines]


def _around(lines: Sequence[str], index: int) -> list[str]:
    before = [line for line in lines[max(0, index - 8) : index] if not _FRAME.match(line)]
    after = [line for line in lines[index + 1 : index + 8] if not _FRAME.match(line)]
    return [*before[-_LINES_BEFORE:], lines[index], *after[:_LINES_AFTER]]


def _last(lines: Sequence[str]) -> list[str]:
    """The last lines of the last phase's output."""
    begin = max((index + 1 for index, line in enumerate(lines) if line.startswith(PHASE)), default=0)
    return [line for line in lines[begin:] if not _FRAME.match(line)][-_LAST_LINES:]
