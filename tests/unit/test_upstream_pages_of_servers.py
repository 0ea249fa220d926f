"""Pages as index servers write them: what each says, leaves out, or says in its own way."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wheelfleet.upstream.files import UpstreamFile
from wheelfleet.upstream.pages import HTML_TYPE, JSON_TYPE, ProjectPage, read_project_page, read_root_list

from tests.support.page_samples import SHA256

HASH = {"sha256": SHA256}


def read(body: str | dict[str, Any], url: str, content_type: str = JSON_TYPE) -> ProjectPage:
    text = body if isinstance(body, str) else json.dumps(body)
    return read_project_page(text.encode(), content_type, project="foo", url=url)


def only_file(page: ProjectPage) -> UpstreamFile:
    assert page.unusable == ()
    (file,) = page.files
    return file


def test_devpi_says_requires_python_as_an_empty_string() -> None:
    row = {"filename": "foo-1.0.tar.gz", "url": "../../+f/a1a/1/foo-1.0.tar.gz", "hashes": HASH, "requires-python": ""}
    page = read(
        {"meta": {"api-version": "1.0"}, "name": "foo", "files": [row]}, "http://devpi.example/root/own/+simple/foo/"
    )
    file = only_file(page)
    assert file.url == "http://devpi.example/root/own/+f/a1a/1/foo-1.0.tar.gz"
    assert (file.sha256, file.requires_python, file.yanked) == (SHA256, None, None)
    assert (file.size, file.upload_time, page.serial) == (None, None, None)


def test_bandersnatchs_json_has_digits_for_serial_and_no_yanks_reason() -> None:
    row = {
        "filename": "foo-1.0.tar.gz",
        "hashes": HASH,
        "requires-python": None,
        "size": 7,
        "upload-time": "",
        "url": "../../packages/a1/foo-1.0.tar.gz",
        "yanked": True,
    }
    meta = {"_last-serial": "12", "api-version": "1.1"}
    page = read({"files": [row], "meta": meta, "name": "Foo", "versions": ["1.0"]}, "http://tree.example/simple/foo/")
    file = only_file(page)
    assert (page.serial, page.display_name) == (12, "Foo")
    assert (file.yanked, file.size, file.upload_time) == ("", 7, None)
    assert file.url == "http://tree.example/packages/a1/foo-1.0.tar.gz"


def test_bandersnatchs_html_has_the_reason_and_the_serial_in_a_comment() -> None:
    page = read(
        f"""<!DOCTYPE html>
<html>
  <head>
    <meta name="pypi:repository-version" content="1.0">
    <title>Links for Foo</title>
  </head>
  <body>
    <h1>Links for Foo</h1>
    <a href="../../packages/a1/foo-1.0.tar.gz#sha256={SHA256}" data-yanked="it &lt;breaks&gt;">foo-1.0.tar.gz</a><br/>
  </body>
</html>
<!--SERIAL 12-->""",
        "http://tree.example/simple/foo/",
        HTML_TYPE,
    )
    file = only_file(page)
    assert (page.serial, file.yanked, file.sha256, file.size) == (12, "it <breaks>", SHA256, None)


def test_bandersnatchs_list_has_one_serial_of_its_own() -> None:
    meta = {"_last-serial": 12, "api-version": "1.1"}
    root = read_root_list(json.dumps({"meta": meta, "projects": [{"name": "foo"}]}).encode(), JSON_TYPE)
    assert (root.serial, root.projects) == (12, {"foo": None})


def test_pulps_serial_is_the_same_everywhere() -> None:
    row = {"name": "foo", "_last-serial": 1000000000}
    body = {"meta": {"api-version": "1.1", "_last-serial": 1000000000}, "projects": [row, {**row, "name": "bar"}]}
    root = read_root_list(json.dumps(body).encode(), JSON_TYPE)
    assert set(root.projects.values()) == {root.serial} == {1000000000}


def test_pypiservers_page_has_hashes_alone() -> None:
    page = read(
        f"""<!DOCTYPE html>
<html lang="en">
    <head><meta charset="utf-8"><title>Links for foo</title></head>
    <body>
        <h1>Links for foo</h1>
            <a href="/packages/foo-1.0.tar.gz#sha256={SHA256}">foo-1.0.tar.gz</a><br>
    </body>
</html>""",
        "http://127.0.0.1:8080/simple/foo/",
        "text/html; charset=UTF-8",
    )
    file = only_file(page)
    assert file.url == "http://127.0.0.1:8080/packages/foo-1.0.tar.gz"
    assert (file.sha256, file.size, page.serial) == (SHA256, None, None)


@pytest.mark.parametrize("fragment", ["", f"#sha256={SHA256}"])
def test_dumb_pypis_page_has_a_form_and_a_script_around_its_links(fragment: str) -> None:
    page = read(
        f"""<!doctype html>
<html>
    <head><title>foo</title></head>
    <body>
        <h1>foo</h1>
        <p>Latest version: <input type="text" value="foo==1.0" id="requirement" readonly="readonly" /></p>
        <ul>
                <li><a href="../../pool/foo-1.0.tar.gz{fragment}">foo-1.0.tar.gz</a> (1.0)</li>
        </ul>
        <script>
            document.getElementById('requirement').onfocus = (e) => e.target.select();
        </script>
    </body>
</html>""",
        "http://static.example/simple/foo/",
        "text/html",
    )
    assert only_file(page).sha256 == (SHA256 if fragment else None)
    assert only_file(page).url == "http://static.example/pool/foo-1.0.tar.gz"


def test_proxpi_gives_true_for_a_reason_and_names_relative_to_the_page() -> None:
    row = {"filename": "foo-1.0.tar.gz", "hashes": HASH, "url": "foo-1.0.tar.gz", "yanked": True}
    page = read({"files": [row], "meta": {"api-version": "1.0"}, "name": "foo"}, "http://proxpi.example/index/foo/")
    file = only_file(page)
    assert (file.url, file.yanked) == ("http://proxpi.example/index/foo/foo-1.0.tar.gz", "")


def test_simple_repository_server_says_1_4_and_no_status() -> None:
    row = {"filename": "foo-1.0.tar.gz", "url": "../../resources/foo/foo-1.0.tar.gz", "hashes": HASH, "size": 7}
    meta = {"api-version": "1.4", "_last-serial": 5}
    page = read({"meta": meta, "name": "foo", "files": [row], "versions": ["1.0"]}, "http://srs.example/simple/foo/")
    assert (page.status, page.serial, only_file(page).size) == ("active", 5, 7)
