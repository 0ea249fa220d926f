"""The documents between controller and builder: what is refused, what is believed, and what the page says of them."""

from __future__ import annotations

import ast
import json
import random
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.builder.capacity import Capacity
from wheelfleet.builder.complete import complete
from wheelfleet.builder.hooks import __file__ as hooks
from wheelfleet.contract.adjustments import RECIPE_KEYS, Adjustments, Form, Patch
from wheelfleet.contract.assignment import Assignment, HandOver, checked_assignment
from wheelfleet.contract.log_lines import PHASE, PHASE_TIME
from wheelfleet.contract.report import Report
from wheelfleet.contract.result import check_result, new_result, sanitized
from wheelfleet.contract.shape import ContractError

from tests.support import contract_tables
from tests.support.builder import Builder
from tests.support.sdists import pure_sdist

SHARE, WHOLE = Capacity(parallel=2, jobs=2, memory=1 << 30), Capacity(parallel=1, jobs=4, memory=1 << 31)
INDEX = "https://index.example.org/simple"
#: Values of every form that JSON has.
JUNK: list[Any] = [None, True, 0, -1, 1e300, 10**400, float("nan"), "", "x" * 5000, "\x1b[2J", [], [[]], {}, {"a": 1}]


def assignment(folder: Path, **changes: Any) -> Assignment:
    return Builder(folder).assignment(pure_sdist("demo", "1.0"), **changes)


def completed(folder: Path, adjustments: Adjustments, **changes: Any) -> Assignment:
    given: HandOver = assignment(folder, adjustments=adjustments.as_data(), **changes)
    return complete(given, lib=folder, share=SHARE, whole=WHOLE, index_url=INDEX)


def test_a_builder_obeys_what_is_adjusted_of_its_share(tmp_path: Path) -> None:
    usual = completed(tmp_path, Adjustments())
    assert (usual["jobs"], usual["alone"], usual["limits"]["memory"]) == (2, False, 1 << 30)
    adjusted = completed(
        tmp_path, Adjustments(jobs=1, seconds=7, environment={"A": "b"}, flags={"CFLAGS": ("-g0",)}),
        environment={"CFLAGS": "-O2"},
    )  # fmt: skip
    assert (adjusted["jobs"], adjusted["limits"]["seconds"]) == (1, 7)
    assert (adjusted["environment"]["A"], adjusted["environment"]["CFLAGS"]) == ("b", "-O2 -g0")
    for heavy in (completed(tmp_path, Adjustments(memory=1 << 30)), completed(tmp_path, Adjustments(), alone=True)):
        assert (heavy["alone"], heavy["jobs"], heavy["limits"]["memory"]) == (True, 4, 1 << 31)
    checked_assignment(json.loads(json.dumps(adjusted)))


@pytest.mark.parametrize("key", sorted(Assignment.__required_keys__ - {"pip_options"}))
def test_an_assignment_with_a_field_of_another_form_is_refused(tmp_path: Path, key: str) -> None:
    whole: dict[str, Any] = {**assignment(tmp_path)}
    checked_assignment(whole)
    for wrong in ({"no": object()}, [object()], object()):
        with pytest.raises(ContractError):
            checked_assignment({**whole, key: wrong})


@pytest.mark.parametrize(
    "wrong", [{"unheard": 1}, {"jobs": "2"}, {"requires": "numpy"}, {"environment": {"A": 1}}, {"alone": 1}]
)
def test_adjustments_of_another_form_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ContractError):
        Adjustments.from_data(wrong)


def test_every_adjustment_survives_json_and_merging() -> None:
    values: dict[Form, Any] = {
        Form.REQUIREMENTS: ("a<1",), Form.VARIABLES: {"A": "b"}, Form.SETTINGS: {"a": "b"}, Form.SWITCH: True,
        Form.FLAGS: {"CFLAGS": ("-g0",)}, Form.PATCHES: (Patch("a", "b"),), Form.JOBS: 2, Form.DURATION: 3,
        Form.SIZE: 1 << 20,
    }  # fmt: skip
    for name, form in RECIPE_KEYS.values():
        one = Adjustments(**{name: values[form]})
        assert Adjustments.from_data(json.loads(json.dumps(one.as_data()))) == one
        assert one.in_words() and one | Adjustments() == Adjustments() | one == one


def test_whatever_a_builder_sends_is_refused_or_believed_in_bounds() -> None:
    dice = random.Random(12)
    for _ in range(2000):
        document = {**new_result("demo-1"), **{key: dice.choice(JUNK) for key in dice.sample([*new_result("")], 5)}}
        try:
            check_result(document, "demo-1")
        except ContractError as error:
            assert "result.json" in str(error)
            continue
        text = json.dumps(sanitized(document))
        assert "\\u001b" not in text and len(text) < 20_000
        assert sanitized(sanitized(document)) == sanitized(document)


def test_a_report_that_is_none_is_refused() -> None:
    for targets in ([{}], [1], {"name": "x"}, [{"name": 1, "tags": []}]):
        with pytest.raises(ContractError, match="the report's targets"):
            Report.from_data({"targets": targets}).check()


def test_what_imports_nothing_of_ours_marks_a_phase_as_all_do() -> None:
    assert f'"{PHASE}build", time.strftime("{PHASE_TIME}", time.gmtime())' in Path(hooks).read_text()


def test_the_page_shows_every_field_of_every_document() -> None:
    assert contract_tables.page() == contract_tables.PAGE.read_text(), "run make docs"
    modules = ("adjustments", "assignment", "report", "result", "worker_status")
    classes = {
        (module, node.name)
        for module in modules
        for node in ast.parse((contract_tables.CONTRACT / f"{module}.py").read_text()).body
        if isinstance(node, ast.ClassDef)
    }
    inside = {("adjustments", "Form"), ("adjustments", "Patch"), ("report", "Libc"), ("report", "Target")}
    assert classes - inside == contract_tables.tables_shown()
