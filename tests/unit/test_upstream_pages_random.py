"""Nonsense at random: whatever a page says, what is read from it is fit for the catalog, or it is a BadPage."""

from __future__ import annotations

import json
import random
from datetime import datetime
from typing import Any

from packaging.specifiers import SpecifierSet
from packaging.version import Version
from wheelfleet.upstream.pages import JSON_TYPE, BadPage, ProjectPage, read_project_page, read_root_list

from tests.support.page_samples import MARK, SDIST, SHA256, URL, json_page, read_html, root_json

VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    2**80,
    "",
    "foo",
    "\x00\x1b",
    "\ud800",
    "☃" * 50,
    "a" * 3000,
    "foo-1.0.tar.gz",
    "1.0",
    "https://[",
    "javascript:1",
    "../x",
    "quarantined",
    [],
    {},
    [[[[]]]],
    {"sha256": "zz"},
    {"filename": 1},
    "2024-01-01T00:00:00Z",
    "9999-12-31T23:59:59-23:59",
    ">=3",
    "=====",
]


def mutated(value: Any, chance: random.Random) -> Any:
    """A copy of a page's data with some of it replaced, dropped or doubled."""
    if chance.random() < 0.08:
        return chance.choice(VALUES)
    if isinstance(value, dict):
        return {
            chance.choice([key, key, key, key, key, "filename", "meta"]): mutated(each, chance)
            for key, each in value.items()
            if chance.random() > 0.03
        }
    if isinstance(value, list):
        return [mutated(each, chance) for each in value for _ in range(chance.choice([1, 1, 1, 2, 0]))]
    return value


def assert_fit_for_the_catalog(page: ProjectPage) -> None:
    """Whatever came in, what goes on is typed, printable, within SQLite's numbers and safe to follow."""
    assert len(page.digest) == 64
    assert len({file.filename for file in page.files}) == len(page.files)
    for file in page.files:
        assert file.kind in ("sdist", "wheel")
        assert str(Version(file.version)) == file.version
        assert file.url.startswith(("http://", "https://"))
        assert file.url.isascii()
        assert file.url.isprintable()
        assert file.sha256 is None or len(bytes.fromhex(file.sha256)) == 32
        assert file.size is None or 0 <= file.size < 2**63
        assert file.upload_time is None or datetime.fromisoformat(file.upload_time)
        assert file.requires_python is None or SpecifierSet(file.requires_python) is not None
        assert file.yanked is None or file.yanked.isprintable()
    texts = [page.status_reason or "", *(text for pair in page.unusable for text in pair)]
    assert all(text.isprintable() and len(text) <= 1000 for text in texts)


def test_no_mutation_of_a_json_page_does_harm() -> None:
    chance = random.Random(20261122)
    whole = json.loads(json_page(SDIST, {**SDIST, "filename": "foo-2.0-py3-none-any.whl"}, status={"status": "active"}))
    read = 0
    for _ in range(3000):
        body = json.dumps(mutated(whole, chance)).encode()
        if chance.random() < 0.2:
            at = chance.randrange(len(body))
            body = body[:at] + chance.randbytes(chance.randrange(4)) + body[at + chance.randrange(3) :]
        try:
            assert_fit_for_the_catalog(read_project_page(body, JSON_TYPE, project="foo", url=URL))
            read += 1
        except BadPage as problem:
            assert str(problem).isprintable()
    assert 500 < read < 2900


def test_no_mutation_of_an_html_page_does_harm() -> None:
    chance = random.Random(20261123)
    pieces = [
        MARK,
        "<!DOCTYPE html>",
        "<base href='/pool/'>",
        "<title>Links for foo</title>",
        f'<a href="foo-1.0.tar.gz#sha256={SHA256}" data-yanked="why">',
        '<a href="https://files.example/foo-2.0-py3-none-any.whl" data-requires-python="&gt;=3">',
        "foo-1.0.tar.gz",
        "</a>",
        "</a>",
        "</a>",
        "<br>",
        "&lt;&#0;&#xD800;&nosuch;",
        "<!--x-->",
        "<script>",
        "</script>",
        "\x00",
        '"',
        "<",
        ">",
        "<a href='javascript:x'>",
        "<a href='http://[/foo-3.tar.gz'>",
        "<a href='%00/foo-%ff.tar.gz'>",
    ]
    read = 0
    for _ in range(3000):
        body = MARK + "".join(chance.choices(pieces, k=chance.randrange(1, 12)))
        try:
            assert_fit_for_the_catalog(read_html(body))
            read += 1
        except BadPage as problem:
            assert str(problem).isprintable()
    assert 300 < read < 2900


def test_no_mutation_of_a_root_list_does_harm() -> None:
    chance = random.Random(20261124)
    whole = json.loads(root_json(*({"name": f"p{i}", "_last-serial": i} for i in range(5))))
    read = 0
    for _ in range(2000):
        try:
            root = read_root_list(json.dumps(mutated(whole, chance)).encode(), JSON_TYPE)
            read += 1
        except BadPage:
            continue
        assert all(name.isascii() and name.isprintable() for name in root.projects)
        assert all(serial is None or 0 < serial < 2**63 for serial in root.projects.values())
    assert 300 < read < 1900
