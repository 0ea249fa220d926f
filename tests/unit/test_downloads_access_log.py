"""What a line of a web node's log counts as, and what leaves the web node."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.downloads import access_log
from wheelfleet.downloads.access_log import DAY, Download, Lookup, Reading, Visit, read_log
from wheelfleet.downloads.log_rotation import LONGEST_LINE
from wheelfleet.downloads.user_agents import Client

from tests.support.access_logs import NOON, TODAY, line

PI = Client("pip", "3.11", "aarch64", "Debian GNU/Linux 12")


def read_lines(folder: Path, *lines: bytes) -> Reading:
    log = folder / "access.log"
    log.write_bytes(b"".join(lines))
    return read_log(log, [], most_bytes=1 << 30, now=NOON)


def test_a_wheel_taken_whole_is_a_download_by_its_day_and_client(tmp_path: Path):
    wheel = "numpy-2.0+local-cp311-cp311-linux_aarch64.whl"
    asked = f"/files/numpy/{wheel.replace('+', '%2B')}"
    reading = read_lines(tmp_path, line(asked), line(asked), line(asked, agent="curl/8", at=NOON - DAY))
    assert reading.downloads == {
        Download(TODAY, "numpy", wheel, PI): 2,
        Download(TODAY - 1, "numpy", wheel, Client("other")): 1,
    }


@pytest.mark.parametrize("status", [206, 304, 301, 404, 499])
def test_a_part_of_a_wheel_or_none_is_no_download(tmp_path: Path, status: int):
    assert not read_lines(tmp_path, line("/files/a/a-1-py3-none-any.whl", status=status)).downloads


@pytest.mark.parametrize(
    "path", ["/files/a/a-1.whl.metadata", "/files/A/a-1.whl", "/files/../a.whl", "/files/a/b/c.whl", "/files/a/<b>.whl"]
)
def test_what_is_no_wheel_of_ours_is_no_download(tmp_path: Path, path: str):
    assert not read_lines(tmp_path, line(path)).downloads


@pytest.mark.parametrize("status", [200, 304, 404])
def test_an_installer_that_reads_a_page_asks_for_the_project_there_or_not(tmp_path: Path, status: int):
    reading = read_lines(tmp_path, line("/simple/RPi.GPIO/?format=json", status=status), line("/simple/rpi-gpio/"))
    assert reading.lookups == {Lookup(TODAY, "rpi-gpio"): 2}


@pytest.mark.parametrize(
    "said",
    [
        {"agent": "Mozilla/5.0"},
        {"agent": "curl/8.5"},
        {"method": "HEAD"},
        {"status": 301},
        {"path": "/simple/"},
        {"path": "/project/numpy/"},
        {"path": "/simple/%6Eumpy%0A/"},
        {"path": "/simple/" + "n" * 101 + "/"},
        {"path": "/simple/caf\u00e9/"},
    ],
    ids=str,
)
def test_nobody_else_does(tmp_path: Path, said: dict[str, Any]):
    assert not read_lines(tmp_path, line(**said)).lookups


BROWSER = "Mozilla/5.0 (X11; Linux aarch64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "home"),
        ("/index.html?from=there", "home"),
        ("/search/index.html?q=numpy", "search"),
        ("/project/numpy/", "project"),
        ("/project/numpy/page-2.html", "project"),
        ("/logs/numpy/numpy-1.0-00.html", "log"),
        ("/faq/", "help"),
    ],
)
@pytest.mark.parametrize("status", [200, 304])
def test_a_page_read_in_a_browser_is_a_visit(tmp_path: Path, path: str, kind: str, status: int):
    assert read_lines(tmp_path, line(path, agent=BROWSER, status=status)).visits == {Visit(TODAY, kind): 1}


@pytest.mark.parametrize("path", ["/project/numpy/json", "/report/report.json", "/provenance/a/a-1.whl.json"])
def test_a_document_read_by_a_program_is_a_visit(tmp_path: Path, path: str):
    assert read_lines(tmp_path, line(path, agent="curl/8.5")).visits == {Visit(TODAY, "json"): 1}


@pytest.mark.parametrize(
    "said",
    [
        {"path": "/project/numpy/", "agent": "curl/8.5"},
        {"path": "/project/numpy/", "agent": "Mozilla/5.0 (compatible; Somebot/2.1; +https://bot.example)"},
        {"path": "/project/numpy/", "agent": BROWSER, "status": 404},
        {"path": "/project/numpy/", "agent": BROWSER, "method": "HEAD"},
        {"path": "/project/numpy/json", "agent": BROWSER},
        {"path": "/assets/style.css", "agent": BROWSER},
        {"path": "/search/p/n.json", "agent": "curl/8.5"},
        {"path": "/status.json", "agent": "curl/8.5"},
        {"path": "/simple/numpy/", "agent": BROWSER},
        {"path": "elsewhere/", "agent": BROWSER},
    ],
    ids=str,
)
def test_nothing_else_is_a_visit(tmp_path: Path, said: dict[str, Any]):
    assert not read_lines(tmp_path, line(**said)).visits


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"GET / HTTP/1.1\n",
        b"\xff\xfe\x00\n",
        b"[" * 5000 + b"\n",
        b"[]\n",
        b"{}\n",
        b"null\n",
        line(status="200"),
        line(path=None),
        line(agent=7),
        line(time="yesterday"),
        line(time="2026-11-22T12:00:00"),
        line(time=12),
        line(at=0),
        line(at=NOON + 3 * DAY),
        line()[: -len('"}\n')] + b"x" * LONGEST_LINE + b'"}\n',
    ],
    ids=lambda value: value[:20],
)
def test_garbage_is_counted_as_such_and_what_follows_as_itself(tmp_path: Path, garbage: bytes):
    reading = read_lines(tmp_path, line(), garbage, line())
    assert (reading.lines, reading.garbage, reading.lookups.total()) == (3, 1, 2)


def test_bytes_that_are_no_utf_8_in_an_agent_hide_nothing(tmp_path: Path):
    assert read_lines(tmp_path, line(agent="pip/25 \u00e9").replace("\u00e9".encode(), b"\xe9")).lookups.total() == 1


def test_no_address_is_in_what_leaves_the_web_node(tmp_path: Path):
    reading = read_lines(tmp_path, line(), line("/files/a/a-1-py3-none-any.whl"), line("/192.0.2.7"), b"192.0.2.7\n")
    assert reading.downloads
    assert reading.lookups
    assert "192.0.2.7" not in json.dumps(reading.as_answer())


def test_a_web_node_needs_no_more_than_python():
    folder = Path(access_log.__file__).parents[2]
    program = f"import sys; sys.path.insert(0, {str(folder)!r}); import wheelfleet.downloads.access_log"
    # Without what is installed beside the standard library.
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True)
