"""The same tree where nothing negotiates, behind the plainest of servers and on disk: pages are HTML there."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conformance.conftest import CHOSEN, REQUIREMENTS
from tests.support.catalogs import ControllerState
from tests.support.clients import CLIENTS, PDM, PIPS, POETRY, UV, Client, ClientFailed


@contextmanager
def plain_http_server(site: Path, log: Path) -> Iterator[str]:
    """`python -m http.server`: knows nothing of indexes and gives index.html for a folder. It logs what is asked."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(site), str(port)]
    with log.open("w") as said, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as process:
        assert process.stdout
        assert "Serving HTTP" in process.stdout.readline()
        try:
            yield f"http://127.0.0.1:{port}/simple/"
        finally:
            process.terminate()


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_the_plainest_of_servers_will_do(state: ControllerState, tmp_path: Path, client: Client) -> None:
    log = tmp_path / "requests"
    with plain_http_server(state.site, log) as index:
        installed = client.install(index, tmp_path / "home", *REQUIREMENTS)
    assert installed.packages == CHOSEN
    assert ("eats <data>" in installed.said) == (client is not PDM)
    asked = re.findall(r'"GET (\S+) HTTP/1.1" (\d+)', log.read_text())
    assert {status for _, status in asked} <= {"200", "304"}
    refused = [path.rpartition(".")[2] for path, _ in asked if "/app-2.0-" in path]
    assert refused == ["metadata" if client.reads_metadata else "whl"]


@pytest.mark.parametrize("client", [*PIPS, UV], ids=str)
def test_a_folder_will_do(state: ControllerState, tmp_path: Path, client: Client) -> None:
    installed = client.install(f"{state.site.as_uri()}/simple", tmp_path / "home", *REQUIREMENTS)
    assert installed.packages == CHOSEN


@pytest.mark.parametrize("client", [PIPS[0], PIPS[-1], UV, POETRY, PDM], ids=str)
def test_bytes_that_are_not_the_ones_published_are_refused(
    state: ControllerState, tmp_path: Path, client: Client
) -> None:
    site = tmp_path / "site"
    shutil.copytree(state.site, site)
    with ControllerState(tmp_path / "evil") as evil:
        filename = evil.wheel("library", "1.0", source="import os\n")
        shutil.copy(evil.files_dir / "library" / filename, site / "files" / "library" / filename)
    with (
        plain_http_server(site, tmp_path / "requests") as index,
        pytest.raises(ClientFailed, match=r"(?i)hash"),
    ):
        client.install(index, tmp_path / "home", "library")
