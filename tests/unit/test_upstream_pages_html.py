"""Project pages in HTML tell what JSON tells; what is not an index, or not all of it, is a BadPage."""

from __future__ import annotations

import html

import pytest
from wheelfleet.upstream.pages import HTML_TYPE, BadPage, read_project_page

from tests.support.page_samples import MARK, SDIST, SHA256, URL, read_html, read_json


def test_an_html_page_tells_what_json_tells_except_sizes_and_times() -> None:
    page = read_html(
        f"""<!DOCTYPE html><html><head>{MARK}
        <meta name="pypi:project-status" content="deprecated">
        <meta name="pypi:project-status-reason" content="old &amp; tired">
        <title>Links for foo</title></head><body><h1>Links for foo</h1>
        <a href="https://files.example/a/Foo-1.0.tar.gz#sha256={SHA256}" data-requires-python="&gt;=3.8,&lt;4"
           data-core-metadata="sha256=00" data-yanked>Foo-1.0.tar.gz</a><br/>
        <A HREF='foo-1.1-py3-none-any.whl' DATA-YANKED="bro&quot;ken">foo-1.1-py3-none-any.whl</A>
        <a href="/files/foo-1.2.tar.gz#md5=0011">foo-1.2.tar.gz</a>
        </body></html><!--SERIAL 42-->"""
    )
    assert (page.serial, page.status, page.status_reason) == (42, "deprecated", "old & tired")
    assert [(file.url, file.sha256, file.requires_python, file.yanked) for file in page.files] == [
        ("https://files.example/a/Foo-1.0.tar.gz", SHA256, ">=3.8,<4", ""),
        ("https://index.example/simple/foo/foo-1.1-py3-none-any.whl", None, None, 'bro"ken'),
        ("https://index.example/files/foo-1.2.tar.gz", None, None, None),
    ]


def test_an_html_page_tells_of_metadata_and_provenance() -> None:
    page = read_html(
        f"""{MARK}
        <a href="foo-1.0-py3-none-any.whl" data-core-metadata="sha256={SHA256}" data-dist-info-metadata="sha256=00"
           data-provenance="https://upstream.example/integrity">x</a>
        <a href="foo-1.1-py3-none-any.whl" data-dist-info-metadata="sha256={SHA256}"
           data-provenance="javascript:x">x</a>
        <a href="foo-1.2-py3-none-any.whl" data-core-metadata="true">x</a>
        <a href="foo-1.3-py3-none-any.whl">x</a>"""
    )
    assert [(file.metadata_sha256, file.provenance) for file in page.files] == [
        (SHA256, "https://upstream.example/integrity"), (SHA256, None), ("", None), (None, None),
    ]  # fmt: skip


def test_both_forms_of_a_page_are_one_content() -> None:
    row = {key: value for key, value in SDIST.items() if key not in ("size", "upload-time")}
    anchor = f'<a href="{SDIST["url"]}" data-requires-python="{html.escape(str(SDIST["requires-python"]))}">x</a>'
    assert read_html(MARK + anchor).digest == read_json(row).digest


def test_links_are_relative_to_the_base_of_the_page() -> None:
    page = read_html(f'{MARK}<base href="/pool/"><base href="/not/"><a href="Foo-1.0.tar.gz">x</a>')
    assert page.files[0].url == "https://index.example/pool/Foo-1.0.tar.gz"


def test_the_base_cannot_lead_into_this_machine() -> None:
    page = read_html(f'{MARK}<base href="file:///srv/"><a href="Foo-1.0.tar.gz">x</a>')
    assert page.files == ()
    assert "file URL" in page.unusable[0][1]


def test_the_header_tells_the_serial_of_an_html_page() -> None:
    assert read_html(f"{MARK}<!--SERIAL 42-->", serial="43").serial == 43
    assert read_html(MARK).serial is None


def test_a_web_servers_folder_listing_is_a_page_too() -> None:
    page = read_html(
        """<html><head><title>Index of /simple/foo</title></head><body><h1>Index of /simple/foo</h1>
        <a href="?C=N;O=D">Name</a> <a href="../">Parent Directory</a>
        <a href="foo-1.0.tar.gz">foo-1.0.ta..&gt;</a> <a href="foo%2D1.1.tar.gz">foo-1.1.tar.gz</a></body></html>"""
    )
    assert [file.version for file in page.files] == ["1.0", "1.1"]
    assert page.unusable == ()


def test_a_page_without_head_is_believed_when_all_links_are_its_files() -> None:
    assert len(read_html('<a href="foo-1.0.tar.gz">foo-1.0.tar.gz</a><a href="foo-1.0.exe">foo-1.0.exe</a>').files) == 1


def test_links_around_those_to_files_are_not_files_and_hide_none() -> None:
    """As pip takes a page: what does not end like an archive is no file of it, with a head or without one."""
    page = read_html(
        """<nav><a href="/">Home</a> <a href="/foo/">foo</a> <a href="../">All projects</a></nav>
        <a href="foo-1.0.tar.gz">foo-1.0.tar.gz</a> <a href="foo-1.0.exe">foo-1.0.exe</a>
        <footer><a href="https://docs.example.org/server-2.0">Served by server 2.0</a></footer>"""
    )
    assert [file.version for file in page.files] == ["1.0"]
    assert [name for name, _ in page.unusable] == ["foo", "foo-1.0.exe"]


def test_a_project_without_files_is_believed_with_links_around_them() -> None:
    assert read_html(f'{MARK}<h1>Links for foo</h1><a href="/help">Help</a>').files == ()


@pytest.mark.parametrize(
    ("charset", "content_type", "head"),
    [
        ("utf-8", "text/html", ""),
        ("iso-8859-1", "text/html; charset=ISO-8859-1", ""),
        ("iso-8859-1", "text/html", '<meta charset="iso-8859-1">'),
        ("iso-8859-1", "text/html", '<meta http-equiv="Content-Type" content="text/html; charset=latin-1">'),
        ("utf-16", 'text/html; charset="UTF-16"', ""),
        ("utf-8", "text/html; charset=no-such-charset", ""),
        ("utf-8", "text/html; charset=base64", ""),
    ],
)
def test_html_is_read_in_the_characters_that_it_says_it_is_in(charset: str, content_type: str, head: str) -> None:
    text = f'<head>{head}<title>Links for foo</title></head><a href="foo-1.0.zip" data-yanked="zerstört">x</a>'
    page = read_project_page(text.encode(charset), content_type, project="foo", url=URL)
    assert page.files[0].yanked == "zerstört"


def test_a_project_without_files_is_believed_when_the_page_is_an_index() -> None:
    assert read_html(f"<html><head>{MARK}</head></html>").files == ()
    assert read_html("<html><h1>Links for foo</h1></html>").files == ()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "does not look like an index"),
        ("<html><body>Please log in</body></html>", "does not look like an index"),
        ("<title>Links for foo</title><a href='/login'>Log in</a>", "none of them to a file of foo"),
        ("<a href='/foo/'>foo</a><a href='/login'>Log in</a>", "none of them to a file of foo"),
        ('<meta name="pypi:repository-version" content="2.0">', "version 2.0"),
        (f'{MARK}<a href="foo-1.0.tar.gz">foo-1.0', "breaks off"),
        (f'{MARK}<a href="foo-1.0.tar.gz">foo-1.0.tar.gz</a><a href="foo-2', "breaks off"),
        (f"{MARK}<!-- ", "breaks off"),
        # Python's parser has changed its mind about it.
        (f"{MARK}<![spam[", "not HTML|breaks off"),
        (f'{MARK}<base href="http://[">', "base URL"),
    ],
)
def test_html_that_is_no_whole_project_page_is_a_bad_page(body: str, why: str) -> None:
    with pytest.raises(BadPage, match=why):
        read_html(body)


@pytest.mark.parametrize("piece", ["<", "<a", "<a ", '<a href="', "<!--", "</", "<a><b>x</b>", "<a href=foo-1.tar.gz>"])
@pytest.mark.slow
def test_megabytes_of_hostile_html_cost_no_more_than_their_size(piece: str) -> None:
    """A quadratic reader would need hours for this; pytest would not come back."""
    body = MARK.encode() + piece.encode() * ((2 << 20) // len(piece))
    with pytest.raises(BadPage):
        read_project_page(body, HTML_TYPE, project="foo", url=URL)
