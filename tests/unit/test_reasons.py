"""What a builder says to the controller is a code of a closed set; what it says to people is matched by no pattern."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from wheelfleet import builder
from wheelfleet.admission import classify as classes
from wheelfleet.admission.classify import classify
from wheelfleet.admission.rules import RULES
from wheelfleet.contract.assignment import checked_assignment
from wheelfleet.contract.reasons import Reason
from wheelfleet.contract.shape import ContractError
from wheelfleet.failure_classes import FAILURE_CLASSES

SOURCES = sorted(Path(str(builder.__file__)).parent.glob("*.py"))


def sentences(source: Path) -> Iterator[str]:
    """What stands in a program for people: its strings of several words, but no docstrings."""
    tree = ast.parse(source.read_text())
    documented = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and isinstance(node.body[0], ast.Expr)
    }
    patterns = {
        id(argument)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
        for argument in ast.walk(node)
    }
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "thing" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documented:
            text = node.value
        if " " in text.strip() and id(node) not in patterns:
            yield text


def test_there_are_sentences_to_look_at() -> None:
    found = [text for source in SOURCES for text in sentences(source)]
    assert any("provision the builder again" in text for text in found)
    assert any("cannot be imported" in text for text in found)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_no_rule_knows_a_sentence_of_ours(source: Path) -> None:
    for text in sentences(source):
        for line in text.splitlines():
            for rule in RULES:
                assert not rule.pattern.search(line), (line, rule.pattern.pattern)


def test_every_reason_has_its_class() -> None:
    known = classes._CLASSES | classes._REST
    assert known.keys() == set(get_args(Reason))
    assert set(known.values()) <= FAILURE_CLASSES.keys()
    assert set(classes._BY_PHASE.values()) <= known.keys()


def test_an_assignment_of_another_schema_is_a_builder_fault() -> None:
    with pytest.raises(ContractError) as refused:
        checked_assignment({"schema": 99})
    result = {"phase": "fetch", "message": str(refused.value), "reason": "not-provisioned"}
    found = classify(result, "", "demo")
    assert found.failure_class == "builder-fault"
    assert "provision the builder again" in found.sentence


def test_what_the_sentence_says_decides_nothing() -> None:
    for text in ("the server answers 404", "upstream states another hash", "The builder could not do its part", ""):
        result = {"phase": "fetch", "message": text, "reason": "index-unreachable"}
        assert classify(result, "", "demo").failure_class == "network"


@pytest.mark.parametrize(
    ("phase", "failure_class"),
    [
        ("fetch", "network"),
        ("unpack", "sdist-broken"),
        ("crates", "build-requirements"),
        ("environment", "build-requirements"),
        ("build", "missing-header"),
        ("collect", "no-wheel"),
        ("elsewhere", "missing-header"),
    ],
)
@pytest.mark.parametrize("reason", [None, "of-a-later-version", 7])
def test_a_result_without_a_known_reason_is_classified_by_how_far_it_came(
    phase: str, failure_class: str, reason: object
) -> None:
    log = "x.c:1:10: fatal error: zmq.h: No such file or directory\n" if failure_class == "missing-header" else ""
    result = {"phase": phase, "message": "It failed.", "reason": reason}
    assert classify(result, log, "demo").failure_class == failure_class
