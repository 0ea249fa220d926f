"""Project pages in JSON are read by the standard; nonsense is a BadPage or an unusable file, never a crash."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wheelfleet.upstream.pages import JSON_TYPE, BadPage, read_project_page, read_root_list

from tests.support.page_samples import SDIST, SHA256, URL, json_page, read_json


def test_a_json_page_tells_all_about_its_files() -> None:
    page = read_json(SDIST)
    (file,) = page.files
    assert (page.name, page.display_name, page.serial, page.status, page.unusable) == ("foo", None, 7, "active", ())
    assert file._asdict() == {
        "filename": "Foo-1.0.tar.gz",
        "kind": "sdist",
        "version": "1.0",
        "url": "https://files.example/a/Foo-1.0.tar.gz",
        "sha256": SHA256,
        "size": 1234,
        "upload_time": "2024-05-06T07:08:09.123456Z",
        "requires_python": ">=3.8,<4",
        "yanked": None,
        "metadata_sha256": None,
        "provenance": None,
    }


@pytest.mark.parametrize(
    ("said", "metadata_sha256"),
    [
        ({"core-metadata": {"sha256": SHA256.upper()}}, SHA256),
        ({"core-metadata": True}, ""),
        ({"core-metadata": {"blake2b": "00"}}, ""),
        ({"core-metadata": False, "dist-info-metadata": {"sha256": SHA256}}, None),
        ({"dist-info-metadata": {"sha256": SHA256}}, SHA256),
        ({"core-metadata": {"sha256": "no hash"}}, ""),
        ({"core-metadata": "true"}, None),
        ({}, None),
    ],
)
def test_metadata_beside_a_file_is_known_by_its_hash_or_as_being_there(
    said: dict[str, Any], metadata_sha256: str | None
) -> None:
    (file,) = read_json({**SDIST, **said}).files
    assert file.metadata_sha256 == metadata_sha256


@pytest.mark.parametrize(
    ("said", "provenance"),
    [
        ("https://upstream.example/integrity", "https://upstream.example/integrity"),
        ("/integrity/foo", "https://index.example/integrity/foo"),
        ("javascript:alert(1)", None),
        (None, None),
        (7, None),
    ],
)
def test_a_provenance_is_a_url_or_nothing(said: Any, provenance: str | None) -> None:
    (file,) = read_json({**SDIST, "provenance": said}).files
    assert file.provenance == provenance


def test_versions_are_normalised() -> None:
    page = read_json({**SDIST, "filename": "foo-1.0-RC1.tar.gz"}, {**SDIST, "filename": "foo-1.0_1-py3-none-any.whl"})
    assert [(file.kind, file.version) for file in page.files] == [("sdist", "1.0rc1"), ("wheel", "1.0.post1")]


def test_the_name_is_shown_as_the_page_spells_it() -> None:
    page = read_project_page(
        json.dumps({"meta": {"api-version": "1.0"}, "name": "RPi.GPIO", "files": []}).encode(),
        JSON_TYPE,
        project="rpi-gpio",
        url=URL,
    )
    assert (page.name, page.display_name) == ("rpi-gpio", "RPi.GPIO")


@pytest.mark.parametrize(
    ("stated", "header", "serial"),
    [
        (7, None, 7),
        ("7", None, 7),
        (7, "9", 7),
        (None, "9", 9),
        (0, "9", 9),
        (-1, None, None),
        (True, None, None),
        ("7x", None, None),
        (1.5, None, None),
        (2**63, None, None),
        ([7], "nine", None),
    ],
)
def test_a_serial_is_a_number_or_digits_in_the_page_or_else_in_the_header(
    stated: Any, header: str | None, serial: int | None
) -> None:
    assert read_json(meta={"api-version": "1.0", "_last-serial": stated}, serial=header).serial == serial


@pytest.mark.parametrize(
    ("stated", "yanked"), [(False, None), (None, None), ("", None), (True, ""), ("broken", "broken")]
)
def test_a_yank_is_true_or_a_reason(stated: Any, yanked: str | None) -> None:
    assert read_json({**SDIST, "yanked": stated}).files[0].yanked == yanked


@pytest.mark.parametrize("key", ["status", "state"])
def test_a_projects_status_and_its_reason_are_read(key: str) -> None:
    page = read_json(SDIST, status={key: "archived", "reason": "moved\nto bar"})
    assert (page.status, page.status_reason, len(page.files)) == ("archived", "moved�to bar", 1)


def test_a_quarantined_project_offers_no_files_whatever_its_page_lists() -> None:
    page = read_json(SDIST, status={"status": "quarantined"})
    assert (page.status, page.files) == ("quarantined", ())


@pytest.mark.parametrize("status", ["archived", 7, ["quarantined"], {"status": "on fire"}, {"status": ["quarantined"]}])
def test_a_status_nobody_knows_is_active(status: Any) -> None:
    assert read_json(SDIST, status=status).status == "active"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", None),
        ("size", "1234"),
        ("size", -1),
        ("size", 2**70),
        ("size", True),
        ("upload-time", None),
        ("upload-time", ""),
        ("upload-time", "yesterday"),
        ("upload-time", "0001-01-01T00:00:00+14:00"),
        ("upload-time", 1714979289),
        ("requires-python", None),
        ("requires-python", ""),
        ("requires-python", ">=3.6.*.*"),
        ("requires-python", [">=3"]),
        ("requires-python", ">=3," * 1000),
        ("hashes", {}),
        ("hashes", {"md5": "x"}),
        ("hashes", None),
    ],
)
def test_what_only_helps_is_dropped_where_it_is_wrong(key: str, value: Any) -> None:
    (file,) = read_json({**SDIST, key: value}).files
    field = {"hashes": "sha256"}.get(key, key.replace("-", "_"))
    (good,) = read_json(SDIST).files
    assert file._asdict() == {**good._asdict(), field: None}


def test_upload_times_are_utc_whatever_the_page_writes() -> None:
    page = read_json({**SDIST, "upload-time": "2024-05-06T09:08:09+02:00"})
    assert page.files[0].upload_time == "2024-05-06T07:08:09Z"


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("filename", "bar-1.0.tar.gz", "does not begin with that name"),
        ("filename", "foo-1.0-py2.7.egg", "not an sdist"),
        ("filename", "foo-1.0.dev.one.tar.gz", "not a version"),
        ("filename", f"foo-{'9' * 5000}.tar.gz", "cannot be stored"),
        ("filename", "foo-1.0\x1b[2J.tar.gz", "not a safe file name"),
        ("filename", "foo-1.0\ud800.tar.gz", "not a safe file name"),
        ("filename", "../../foo-1.0.tar.gz", "not a safe file name"),
        ("filename", None, "no file name"),
        ("filename", ["foo-1.0.tar.gz"], "no file name"),
        ("url", None, "no URL"),
        ("url", "", "no URL"),
        ("url", {"a": 1}, "no URL"),
        ("url", "https://files.example/" + "a" * 9000, "no URL of a sensible length"),
        ("url", "javascript:alert(1)", "javascript URL"),
        ("url", "file:///etc/passwd", "file URL"),
        ("url", "ftp://files.example/foo-1.0.tar.gz", "ftp URL"),
        ("url", "http:///foo-1.0.tar.gz", "which is none"),
        ("url", "https://[::1/foo-1.0.tar.gz", "which is none"),
        ("url", "https://files.example:99999/foo-1.0.tar.gz", "which is none"),
        ("url", "https://files.example/\r\nHost: evil", "no URL has"),
        ("url", "https://files.example\\@evil.example/", "no URL has"),
        ("url", "https://files.example/\ud800", "no URL has"),
        ("hashes", {"sha256": "abc"}, "not a SHA-256"),
        ("hashes", {"sha256": 7}, "not a SHA-256"),
        ("hashes", ["sha256"], "not a SHA-256"),
        ("yanked", 1, "yanked"),
        ("yanked", ["reason"], "yanked"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_left_out_with_the_reason(key: str, value: Any, why: str) -> None:
    other = {**SDIST, "filename": "foo-2.0.tar.gz"}
    page = read_json({**SDIST, key: value}, other)
    assert [file.filename for file in page.files] == ["foo-2.0.tar.gz"]
    ((filename, reason),) = page.unusable
    assert why in reason
    assert reason.endswith(".") or len(reason) >= 1000
    assert filename.isprintable()
    assert reason.isprintable()
    page.digest.encode()


def test_entries_that_are_no_files_at_all_are_left_out() -> None:
    page = read_json(None, 7, "foo-1.0.tar.gz", [], SDIST)
    assert (len(page.files), len(page.unusable)) == (1, 4)


def test_a_file_listed_twice_counts_once() -> None:
    page = read_json(SDIST, SDIST, {**SDIST, "hashes": {"sha256": "b2" * 32}})
    assert [file.sha256 for file in page.files] == [SHA256]
    assert "listed twice" in page.unusable[0][1]


def test_urls_are_made_absolute_and_safe() -> None:
    page = read_json(
        {**SDIST, "url": "../../files/Foo-1.0.tar.gz"},
        {**SDIST, "filename": "foo-2.tar.gz", "url": "//files.example/a b/ü%20/foo-2.tar.gz?x=1&y=2#egg=foo"},
    )
    assert [file.url for file in page.files] == [
        "https://index.example/files/Foo-1.0.tar.gz",
        "https://files.example/a%20b/%C3%BC%20/foo-2.tar.gz?x=1&y=2",
    ]


def test_a_local_index_may_lead_to_local_files() -> None:
    page = read_json({**SDIST, "url": "../../files/Foo-1.0.tar.gz"}, url="file:///srv/simple/foo/")
    assert page.files[0].url == "file:///srv/files/Foo-1.0.tar.gz"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "not JSON"),
        (b'{"meta": {"api-version": "1.0"}, "files": [{"filename": ', "not JSON"),
        (b"<html></html>", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"meta": {"api-version": "1.0"}, "name": ' + b"[" * 500 + b"]" * 500 + b', "files": []}', "another project"),
        (b'{"size": ' + b"9" * 10_000 + b"}", "not JSON"),
        (b"[]", '"meta"'),
        (b"null", '"meta"'),
        (b'{"files": []}', '"meta"'),
        (b'{"meta": [], "files": []}', '"meta"'),
        (b'{"meta": {"api-version": 1}, "files": []}', '"meta"'),
        (b'{"meta": {"api-version": "2.0"}, "files": []}', "version 2.0"),
        (b'{"meta": {"api-version": "1.0"}}', '"files"'),
        (b'{"meta": {"api-version": "1.0"}, "files": {}}', '"files"'),
        (b'{"meta": {"api-version": "1.0"}, "name": "bar", "files": []}', "another project"),
        (b'{"meta": {"api-version": "1.0"}, "name": null, "files": []}', "another project"),
    ],
)
def test_json_that_is_no_project_page_is_a_bad_page(body: bytes, why: str) -> None:
    with pytest.raises(BadPage, match=why):
        read_project_page(body, JSON_TYPE, project="foo", url=URL)


@pytest.mark.parametrize("content_type", ["", "application/json", "text/plain", "application/vnd.pypi.simple.v2+json"])
def test_a_content_type_no_index_uses_is_a_bad_page(content_type: str) -> None:
    with pytest.raises(BadPage, match="content of the type"):
        read_project_page(json_page(SDIST), content_type, project="foo", url=URL)
    with pytest.raises(BadPage, match="content of the type"):
        read_root_list(b"{}", content_type)


def test_the_digest_changes_with_what_the_page_says_and_with_nothing_else() -> None:
    two = {**SDIST, "filename": "foo-2.0.tar.gz"}
    digest = read_json(SDIST, two).digest
    assert read_json(two, SDIST, meta={"api-version": "1.1", "_last-serial": 99}).digest == digest
    others = [
        read_json(SDIST),
        read_json(SDIST, {**two, "yanked": "broken"}),
        read_json(SDIST, {**two, "yanked": True}),
        read_json(SDIST, {**two, "url": "https://elsewhere.example/foo-2.0.tar.gz"}),
        read_json(SDIST, {**two, "hashes": {"sha256": "b2" * 32}}),
        read_json(SDIST, {**two, "requires-python": ">=3.9"}),
        read_json(SDIST, two, status={"status": "archived"}),
        read_json(SDIST, two, {**SDIST, "filename": "foo-3.egg"}),
    ]
    assert len({digest, *(page.digest for page in others)}) == len(others) + 1
