"""The list of all projects, read in parts, is the list as a whole."""

from __future__ import annotations

import json
import random

import pytest
from wheelfleet.upstream.list_parts import digest, split
from wheelfleet.upstream.pages import JSON_TYPE, read_root_list


def body(projects: list[object], **more: object) -> bytes:
    page = {"meta": {"api-version": "1.4", "_last-serial": 99_000}, "projects": projects, **more}
    return json.dumps(page).encode()


def entries(serials: dict[str, int]) -> list[object]:
    return [{"_last-serial": serial, "name": name} for name, serial in serials.items()]


def some_serials(seed: int, many: int = 3_000) -> dict[str, int]:
    draw = random.Random(seed)
    return {f"p-{number}": draw.randrange(1, 90_000) for number in range(many)}


@pytest.mark.parametrize("indent", [None, 1])
def test_parts_have_what_the_list_has(indent: int | None) -> None:
    serials = some_serials(1)
    whole = json.dumps(json.loads(body(entries(serials))), indent=indent).encode()
    root = read_root_list(whole, JSON_TYPE)
    assert root.projects == serials
    assert len(root.parts) > 10
    assert [name for names in root.parts.values() for name in names or ()] == list(serials)


def test_known_parts_are_not_read_and_changes_touch_few() -> None:
    serials = some_serials(2)
    known = read_root_list(body(entries(serials)), JSON_TYPE).parts
    changed = {name: serial for name, serial in serials.items() if name != "p-700"} | {"p-5": 91_000, "p-new": 92_000}
    root = read_root_list(body(entries(changed)), JSON_TYPE, known=known.keys())
    assert {"p-5": 91_000, "p-new": 92_000}.items() <= root.projects.items() <= changed.items()
    assert len(root.projects) < len(serials) / 4
    gone = known.keys() - root.parts.keys()
    before = {name for each in gone for name in known[each] or ()}
    assert before - root.projects.keys() == {"p-700"}


def test_without_a_serial_of_its_own_all_of_a_list_is_read() -> None:
    page = json.dumps({"meta": {"api-version": "1.1"}, "projects": entries(some_serials(3))}).encode()
    known = read_root_list(page, JSON_TYPE).parts
    assert read_root_list(page, JSON_TYPE, known=known.keys()).projects == some_serials(3)


@pytest.mark.parametrize(
    "odd",
    [
        {"_last-serial": 500, "name": "a", "note": "} , { 300, "},
        {"name": 'b", "_last-serial": 200', "x": [{"name": "inner", "_last-serial": 300}, 1]},
        {"_last-serial": 100, "name": "c", "projects": [{"name": "d", "_last-serial": 700}]},
    ],
)
def test_odd_entries_change_nothing_of_what_is_read(odd: object) -> None:
    listed = [*entries(some_serials(4, 300)), odd, *entries({"z-1": 100, "z-2": 5})]
    as_parts = read_root_list(body(listed, projects_note="100, ]"), JSON_TYPE).projects
    shuffled = json.dumps(json.loads(body(listed)), separators=(",", ":"))
    assert as_parts == read_root_list(shuffled.replace('"projects":', '"projects" :').encode(), JSON_TYPE).projects
    assert as_parts.keys() >= {"p-0", "z-1", "z-2"}


def test_what_has_no_list_is_not_split() -> None:
    for text in (b"", b"[]", b'{"projects":[]}', b'{"projects": 1}', b'{"projects":['):
        assert split(text) is None


def test_a_digest_fits_into_the_catalog() -> None:
    assert all(-(2**63) <= digest(b"%d" % number) < 2**63 for number in range(100))
