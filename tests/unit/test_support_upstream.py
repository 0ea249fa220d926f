"""The tests' own upstream is a faithful index: the real pip and the real uv, and an XML-RPC client, say so."""

from __future__ import annotations

import contextlib
import http.client
import importlib.metadata
import json
import shutil
import subprocess
import sys
import sysconfig
import threading
import typing
import urllib.error
import urllib.parse
import urllib.request
import xmlrpc.client
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import Message
from pathlib import Path

import pytest
from packaging.version import Version
from wheelfleet.builder.unpack import UnpackError, unpack

from tests.support import sdists, wheels
from tests.support.artifacts import Artifact
from tests.support.servers import serve
from tests.support.upstream import Upstream

JSON = "application/vnd.pypi.simple.v1+json"
TAG = f"cp{sys.version_info[0]}{sys.version_info[1]}"
PLATFORM = sysconfig.get_platform().replace("-", "_")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


class Got(typing.NamedTuple):
    status: int
    headers: Message
    body: bytes

    @property
    def json(self) -> typing.Any:
        return json.loads(self.body)


def get(url: str, **headers: str) -> Got:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return Got(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Got(error.code, error.headers, error.read())


def pip(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pip", "--isolated", "--no-cache-dir", "--disable-pip-version-check"]
    return subprocess.run([*command, *arguments], capture_output=True, text=True, check=False)


def built_by_pip(sdist_name: str, index_url: str, folder: Path) -> list[str]:
    done = pip("wheel", "--no-deps", "--index-url", index_url, "--wheel-dir", folder, sdist_name)
    assert done.returncode == 0, done.stdout + done.stderr
    return [file.name for file in folder.iterdir()]


@pytest.mark.parametrize("form", ["json", "html"])
def test_pip_installs_a_wheel_and_reads_its_metadata_file(upstream: Upstream, tmp_path: Path, form: str) -> None:
    setattr(upstream, "html" if form == "json" else "json", False)
    upstream.add_release(
        wheels.wheel_file("spam", "1.0", requires_dist=["eggs>=2"]),
        wheels.wheel_file("eggs", "2.0"),
        wheels.wheel_file("eggs", "1.0"),
    )
    done = pip("install", "--index-url", upstream.index_url, "--target", tmp_path, "spam")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "spam.py").exists()
    assert (tmp_path / "eggs-2.0.dist-info").exists()
    assert upstream.requests.count("/files/eggs/eggs-2.0-py3-none-any.whl.metadata", status=200) == 1


@pytest.mark.parametrize("form", ["json", "html"])
def test_uv_installs_a_wheel(upstream: Upstream, tmp_path: Path, form: str) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed beside the tests")
    setattr(upstream, "html" if form == "json" else "json", False)
    upstream.add_release(wheels.wheel_file("spam", "1.0", requires_dist=["eggs"]), wheels.wheel_file("eggs", "2.0"))
    options = ["--no-cache", "--python", sys.executable, "--target", str(tmp_path), "--index-url", upstream.index_url]
    done = subprocess.run([uv, "pip", "install", *options, "spam"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "eggs-2.0.dist-info").exists()


@pytest.mark.parametrize(
    ("sdist", "wheel"),
    [
        (sdists.pure_sdist("RPi.Fake", "0.7.1", filename="RPi.Fake-0.7.1.tar.gz"), "rpi_fake-0.7.1-py3-none-any.whl"),
        (sdists.pure_sdist("my-pkg", "1.0-1", filename="my-pkg-1.0-1.zip"), "my_pkg-1.0.post1-py3-none-any.whl"),
        (sdists.c_sdist("native", "1.0"), f"native-1.0-{TAG}-{TAG}-{PLATFORM}.whl"),
        (sdists.c_sdist("stable", "1.0", abi3=True), f"stable-1.0-cp39-abi3-{PLATFORM}.whl"),
        (sdists.cli_tagged_sdist("loaded", "1.0"), f"loaded-1.0-{TAG}-none-{PLATFORM}.whl"),
        (sdists.sdist_that_builds("given", "1.0", wheels.wheel_file("given", "1.0")), "given-1.0-py3-none-any.whl"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.filename,
)
@pytest.mark.slow
def test_pip_builds_the_sdists_offline_into_wheels_that_import(
    upstream: Upstream, tmp_path: Path, sdist: Artifact, wheel: str
) -> None:
    upstream.add_file(sdist)
    assert built_by_pip(sdist.name, upstream.index_url, tmp_path) == [wheel]
    done = pip("install", "--no-index", "--target", tmp_path / "installed", tmp_path / wheel)
    assert done.returncode == 0, done.stderr
    module = wheel.partition("-")[0]
    code = f"import {module}; print(getattr({module}, 'answer', lambda: 42)())"
    imported = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "installed", capture_output=True, text=True, check=True
    )
    assert imported.stdout == "42\n"


@pytest.mark.parametrize(
    ("sdist", "message"),
    [
        (sdists.broken_sdist("broken", "1.0"), "this never builds"),
        (sdists.missing_header_sdist("printer", "1.0"), "cups/cups.h: No such file"),
        (sdists.syntax_error_sdist("old", "1.0"), "SyntaxError"),
        (sdists.pure_sdist("false-hash", "1.0").announcing(sha256="0" * 64), "DO NOT MATCH THE HASHES"),
    ],
    ids=["script", "header", "syntax", "hash"],
)
def test_sdists_that_should_fail_fail_with_their_own_message(
    upstream: Upstream, tmp_path: Path, sdist: Artifact, message: str
) -> None:
    upstream.add_file(sdist)
    done = pip("wheel", "--no-deps", "--index-url", upstream.index_url, "--wheel-dir", tmp_path, sdist.name)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr


def test_sdists_and_wheels_have_the_same_bytes_every_time() -> None:
    code = (
        "from tests.support import sdists, wheels; "
        "print(sdists.c_sdist('spam', '1.0').sha256, wheels.wheel_file('spam', '1.0').sha256)"
    )
    root = Path(__file__).parents[2]
    elsewhere = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    here = [sdists.c_sdist("spam", "1.0").sha256, wheels.wheel_file("spam", "1.0").sha256]
    assert elsewhere.stdout.split() == here


@pytest.mark.parametrize("flaw", [flaw for flaw in typing.get_args(wheels.Flaw) if flaw != "zip-bomb"])
def test_a_flawed_wheel_differs_from_the_good_one(flaw: wheels.Flaw) -> None:
    assert wheels.wheel_file("spam", "1.0", flaws=[flaw]).data != wheels.wheel_file("spam", "1.0").data


def test_a_zip_bomb_is_small_and_says_how_large_it_becomes(tmp_path: Path) -> None:
    bomb = wheels.wheel_file("spam", "1.0", flaws=["zip-bomb"], bomb_bytes=64 << 20)
    (tmp_path / bomb.filename).write_bytes(bomb.data)
    with zipfile.ZipFile(tmp_path / bomb.filename) as archive:
        assert sum(entry.file_size for entry in archive.infolist()) > 64 << 20
    assert bomb.size < 1 << 20


@pytest.mark.parametrize("flaw", ["path-traversal", "absolute-path", "symlink-out", "hardlink-out", "device"])
def test_a_hostile_sdist_holds_a_member_that_no_careful_unpacking_takes(flaw: sdists.Flaw, tmp_path: Path) -> None:
    hostile = sdists.hostile_sdist("spam", "1.0", flaw)
    (tmp_path / hostile.filename).write_bytes(hostile.data)
    (tmp_path / "source").mkdir()
    with pytest.raises(UnpackError):
        unpack(tmp_path / hostile.filename, tmp_path / "source")


@pytest.mark.skipif(
    Version(importlib.metadata.version("setuptools")) < Version("70.1"),
    reason="setuptools beside the tests is older than 70.1 and cannot make wheels alone",
)
@pytest.mark.parametrize(
    ("sdist", "wheel"),
    [
        (sdists.pure_sdist("legacy", "1.0", backend="legacy"), "legacy-1.0-py3-none-any.whl"),
        (sdists.c_sdist("stable", "1.0", abi3=True, backend="setuptools"), f"stable-1.0-cp39-abi3-{PLATFORM}.whl"),
    ],
    ids=["legacy", "abi3"],
)
@pytest.mark.slow
def test_the_real_setuptools_can_be_served_as_a_build_requirement(
    upstream: Upstream, tmp_path: Path, sdist: Artifact, wheel: str
) -> None:
    upstream.add_release(wheels.installed_wheel("setuptools"), sdist)
    assert built_by_pip(sdist.name, upstream.index_url, tmp_path) == [wheel]


def test_pages_and_root_list_carry_serials(upstream: Upstream) -> None:
    first = upstream.add_release(sdists.pure_sdist("RPi.Fake", "1.0"))
    second = upstream.add_release(sdists.pure_sdist("eggs", "1.0"))
    root = get(upstream.index_url, Accept=JSON)
    assert root.json["meta"]["_last-serial"] == second
    assert root.json["projects"] == [
        {"name": "eggs", "_last-serial": second},
        {"name": "RPi.Fake", "_last-serial": first},
    ]
    page = get(f"{upstream.index_url}RPi_Fake/", Accept=JSON)
    assert page.json["meta"]["_last-serial"] == first
    assert page.headers["X-PyPI-Last-Serial"] == str(first)
    upstream.serial_as_string = True
    assert get(f"{upstream.index_url}eggs/", Accept=JSON).json["meta"]["_last-serial"] == str(second)
    upstream.serials = False
    assert "_last-serial" not in get(f"{upstream.index_url}eggs/", Accept=JSON).json["meta"]


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (JSON, JSON),
        ("*/*", "text/html"),
        ("text/html", "text/html"),
        (f"{JSON}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01", JSON),
        (f"{JSON};q=0.1, text/html", "text/html"),
        ("application/vnd.pypi.simple.latest+json", JSON),
        ("application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.v1+html"),
    ],
)
def test_the_client_chooses_the_form(upstream: Upstream, accept: str, content_type: str) -> None:
    upstream.add_file(sdists.pure_sdist("spam", "1.0"))
    assert get(f"{upstream.index_url}spam/", Accept=accept).headers["Content-Type"].partition(";")[0] == content_type


def test_a_client_that_takes_no_form_gets_406(upstream: Upstream) -> None:
    assert get(upstream.index_url, Accept="image/png").status == 406


def test_a_conditional_request_is_answered_304_until_the_page_changes(upstream: Upstream) -> None:
    upstream.last_modified = True
    upstream.add_file(sdists.pure_sdist("spam", "1.0"))
    url = f"{upstream.index_url}spam/"
    page = get(url, Accept=JSON)
    etag, modified = page.headers["ETag"], page.headers["Last-Modified"]
    assert get(url, Accept=JSON, If_None_Match=etag).status == 304
    assert get(url, Accept=JSON, If_Modified_Since=modified).status == 304
    assert upstream.requests.count("/simple/spam/", status=304) == 2
    upstream.yank("spam", "1.0", "broken")
    assert get(url, Accept=JSON, If_None_Match=etag).json["files"][0]["yanked"] == "broken"
    assert get(url, Accept=JSON, If_Modified_Since=modified).status == 200
    upstream.etags = upstream.last_modified = False
    assert get(url, Accept=JSON, If_None_Match=etag).headers["ETag"] is None


def test_every_change_gets_a_serial_and_a_row_in_the_changelog(upstream: Upstream) -> None:
    upstream.add_release(sdists.pure_sdist("RPi.Fake", "1.0"), upload_time="2024-05-06T07:08:09Z")
    before = upstream.serial
    upstream.yank("rpi-fake", "1.0", "broken")
    upstream.unyank("rpi-fake", "1.0")
    upstream.quarantine("rpi-fake")
    assert get(f"{upstream.index_url}rpi-fake/", Accept=JSON).json["files"] == []
    upstream.delete_release("rpi-fake", "1.0")
    upstream.delete_project("rpi-fake")
    assert get(f"{upstream.index_url}rpi-fake/").status == 404
    with xmlrpc.client.ServerProxy(upstream.xmlrpc_url) as client:
        assert client.changelog_last_serial() == upstream.serial
        rows = typing.cast("list[list[typing.Any]]", client.changelog_since_serial(before))
        actions = ["yank release", "unyank release", "project status quarantined", "remove release", "remove project"]
        assert [row[3] for row in rows] == actions
        assert {row[0] for row in rows} == {"RPi.Fake"}
        assert [row[4] for row in rows] == list(range(before + 1, upstream.serial + 1))
        upstream.changelog_limit = 2
        with pytest.raises(xmlrpc.client.Fault) as fault:
            client.changelog_since_serial(0)
        assert fault.value.faultCode == -32500


def test_a_stale_page_is_the_page_as_it_was(upstream: Upstream) -> None:
    old = upstream.add_release(sdists.pure_sdist("spam", "1.0"))
    new = upstream.add_release(sdists.pure_sdist("spam", "2.0"))
    upstream.fault("spam", "stale", times=1, serial=old)
    pages = [get(f"{upstream.index_url}spam/", Accept=JSON) for _ in range(2)]
    assert [page.json["versions"] for page in pages] == [["1.0"], ["1.0", "2.0"]]
    assert [page.json["meta"]["_last-serial"] for page in pages] == [old, new]


def test_files_are_on_another_host_without_passwords_like_an_object_store(upstream: Upstream) -> None:
    upstream.basic_auth = ("user", "secret")
    sdist = sdists.pure_sdist("spam", "1.0")
    upstream.add_file(sdist)
    page = get(f"{upstream.index_url}spam/", Accept=JSON, Authorization="Basic dXNlcjpzZWNyZXQ=").json
    url = page["files"][0]["url"]
    assert url == upstream.file_url(sdist)
    assert urllib.parse.urlsplit(url).netloc != urllib.parse.urlsplit(upstream.url).netloc
    assert get(url).body == sdist.data
    assert get(f"{url}.missing").status == 403
    upstream.basic_auth, upstream.files_elsewhere = None, False
    assert get(upstream.file_url(sdist)).body == sdist.data
    assert upstream.file_url(sdist).startswith(upstream.url)


def test_pages_have_links_to_what_no_installer_takes(upstream: Upstream) -> None:
    upstream.add_file(sdists.pure_sdist("spam", "1.0"))
    listed = [file["filename"] for file in get(f"{upstream.index_url}spam/", Accept=JSON).json["files"]]
    assert (listed[0], len(listed)) == ("spam-1.0.tar.gz", 4)
    assert b"All projects</a>" in get(f"{upstream.index_url}spam/").body
    upstream.odd_links = False
    assert len(get(f"{upstream.index_url}spam/", Accept=JSON).json["files"]) == 1
    assert b"All projects</a>" not in get(f"{upstream.index_url}spam/").body


def test_a_cache_is_a_page_behind_the_list_once_and_can_be_asked_around(upstream: Upstream) -> None:
    upstream.add_release(sdists.pure_sdist("spam", "1.0"))
    url = f"{upstream.index_url}spam/"
    assert get(url, Accept=JSON).json["versions"] == ["1.0"]
    upstream.add_release(sdists.pure_sdist("spam", "2.0"))
    get(upstream.index_url)
    assert [get(url, Accept=JSON).json["versions"] for _ in range(2)] == [["1.0"], ["1.0", "2.0"]]
    upstream.add_release(sdists.pure_sdist("spam", "3.0"))
    get(upstream.index_url)
    assert get(url, Accept=JSON, Cache_Control="no-cache").json["versions"] == ["1.0", "2.0", "3.0"]


def test_faults_strike_as_often_as_told(upstream: Upstream) -> None:
    upstream.add_file(sdists.pure_sdist("spam", "1.0"))
    url = f"{upstream.index_url}spam/"
    good = get(url, Accept=JSON)
    upstream.fault("spam", "429", times=1, retry_after=7)
    limited = get(url, Accept=JSON)
    assert (limited.status, limited.headers["Retry-After"]) == (429, "7")
    assert get(url, Accept=JSON).body == good.body
    upstream.fault("/simple/", "503")
    assert get(upstream.index_url).status == 503
    assert get(url, Accept=JSON).status == 200
    upstream.heal()
    upstream.fault("spam", "garbage", times=1)
    with pytest.raises(json.JSONDecodeError):
        _ = get(url, Accept=JSON, If_None_Match=good.headers["ETag"]).json
    upstream.fault("spam", "truncated", times=1)
    with pytest.raises(http.client.IncompleteRead):
        get(url, Accept=JSON)
    upstream.fault("spam", "close", times=1)
    with pytest.raises(http.client.RemoteDisconnected):
        get(url, Accept=JSON)
    upstream.fault("spam", "redirect", times=1)
    assert get(url, Accept=JSON).body == good.body
    upstream.fault("spam", "empty", times=1)
    assert get(url, Accept=JSON).body == b""


def test_files_can_be_faulty_too(upstream: Upstream) -> None:
    sdist = sdists.pure_sdist("spam", "1.0")
    upstream.add_file(sdist)
    upstream.fault(sdist.filename, "garbage", times=1)
    wrong = get(upstream.file_url(sdist)).body
    assert len(wrong) == sdist.size
    assert wrong != sdist.data
    assert get(upstream.file_url(sdist)).body == sdist.data


def test_a_hanging_answer_does_not_hold_the_server_up() -> None:
    before = set(threading.enumerate())
    with Upstream() as upstream, ThreadPoolExecutor() as pool:
        upstream.add_file(sdists.pure_sdist("spam", "1.0"))
        upstream.fault("spam", "hang")
        waiting = pool.submit(get, f"{upstream.index_url}spam/")
        upstream.requests.wait_for("/simple/spam/")
        assert get(upstream.index_url).status == 200
        upstream.stop()
        assert isinstance(waiting.exception(), http.client.RemoteDisconnected)
    assert set(threading.enumerate()) == before


def test_idle_kept_alive_connections_end_with_the_server() -> None:
    before = set(threading.enumerate())
    with Upstream() as upstream, contextlib.ExitStack() as open_connections:
        for _ in range(50):
            connection = http.client.HTTPConnection("127.0.0.1", upstream.port)
            open_connections.callback(connection.close)
            for _ in range(2):
                connection.request("GET", "/simple/")
                assert connection.getresponse().read()
        upstream.stop()
        assert set(threading.enumerate()) == before


def test_it_comes_back_at_the_same_address(upstream: Upstream) -> None:
    upstream.stop()
    with pytest.raises(urllib.error.URLError):
        get(upstream.index_url)
    upstream.start()
    assert get(upstream.index_url).status == 200


def test_without_the_password_there_is_no_answer(upstream: Upstream, tmp_path: Path) -> None:
    upstream.basic_auth = ("user", "secret")
    upstream.add_file(sdists.pure_sdist("spam", "1.0"))
    assert get(upstream.index_url).status == 401
    assert built_by_pip("spam", upstream.index_url_with_password, tmp_path) == ["spam-1.0-py3-none-any.whl"]


def test_pages_are_packed_for_clients_that_unpack(upstream: Upstream) -> None:
    upstream.populate(100)
    assert get(upstream.index_url, Accept_Encoding="gzip").headers["Content-Encoding"] == "gzip"
    upstream.gzip = False
    assert get(upstream.index_url, Accept_Encoding="gzip").headers["Content-Encoding"] is None


def test_a_populated_index_makes_its_sdists_on_demand(upstream: Upstream, tmp_path: Path) -> None:
    upstream.populate(1000)
    assert len(get(upstream.index_url, Accept=JSON).json["projects"]) == 1000
    built = built_by_pip("project-000999", upstream.index_url, tmp_path)
    assert built == ["project_000999-1.0-py3-none-any.whl"]


def test_a_static_folder_is_served_with_the_types_installers_want(tmp_path: Path) -> None:
    wheel = wheels.wheel_file("spam", "1.0")
    folder = tmp_path / "simple" / "spam"
    folder.mkdir(parents=True)
    (folder / wheel.filename).write_bytes(wheel.data)
    (folder / "index.html").write_text(f'<!DOCTYPE html><a href="{wheel.filename}">{wheel.filename}</a>')
    (folder / "index.json").write_text('{"meta": {"api-version": "1.0"}}')
    with serve(tmp_path) as server:
        assert get(f"{server.url}/simple/spam/index.json").headers["Content-Type"] == JSON
        assert get(f"{server.url}/simple/spam/", Accept=JSON).headers["Content-Type"] == JSON
        assert get(f"{server.url}/simple/../../etc/passwd").status == 404
        (folder / "index.json").unlink()
        done = pip("install", "--index-url", f"{server.url}/simple", "--target", tmp_path / "installed", "spam")
        assert done.returncode == 0, done.stderr
        assert server.requests.count(f"/simple/spam/{wheel.filename}", status=200) == 1
