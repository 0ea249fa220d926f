"""Files on another host than the index (`site_files_url`): every client installs from the two, metadata included."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.catalogs import ControllerState, site_bytes
from tests.support.clients import PDM, PIPS, POETRY, UV, Client, ClientFailed
from tests.support.nginx import NginxSite, nginx_site
from tests.support.servers import StaticServer
from tests.support.site_pages import elements

WHEEL = "app-1.0-py3-none-any.whl"


class Hosts(NamedTuple):
    """The host of the index, which has no files, and the host of the files, which has nothing else."""

    index: NginxSite
    files: StaticServer
    state: ControllerState


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "other").mkdir()
    with ControllerState(folder / "var") as state, StaticServer(folder / "other") as files:
        state.wheel("app", "1.0", requires_dist=["library>=1"])
        state.wheel("library", "1.0")
        state.want("app", "1.0")
        state.publish(files_url=f"{files.url}/wheels")
        shutil.copytree(state.site, folder / "site")
        shutil.move(folder / "site" / "files", folder / "other" / "wheels")
        with nginx_site(folder / "site") as index:
            yield Hosts(index, files, state)


@pytest.mark.parametrize("client", [PIPS[0], PIPS[-1], UV, POETRY, PDM], ids=str)
def test_clients_install_what_lies_on_another_host(hosts: Hosts, tmp_path: Path, client: Client) -> None:
    hosts.files.requests.clear()
    installed = client.install(f"{hosts.index.url}/simple/", tmp_path / "home", "app")
    assert installed.packages == {"app": "1.0", "library": "1.0"}
    asked = [request.path for request in hosts.files.requests]
    assert f"/wheels/app/{WHEEL}" in asked
    # PEP 658: at the file's address and ".metadata".
    assert (f"/wheels/app/{WHEEL}.metadata" in asked) == client.reads_metadata
    assert not [request for request in hosts.index.requests() if request.path.startswith("/files/")]


@pytest.mark.parametrize("client", [PIPS[-1], UV], ids=str)
def test_other_bytes_than_the_index_names_are_refused(hosts: Hosts, tmp_path: Path, client: Client) -> None:
    place = hosts.files.directory / "wheels" / "library" / "library-1.0-py3-none-any.whl"
    good = place.read_bytes()
    with ControllerState(tmp_path / "evil") as evil:
        shutil.copy(evil.files_dir / "library" / evil.wheel("library", "1.0", source="import os\n"), place)
    try:
        with pytest.raises(ClientFailed, match=r"(?i)hash"):
            client.install(f"{hosts.index.url}/simple/", tmp_path / "home", "library")
    finally:
        place.write_bytes(good)


def test_every_document_names_the_file_at_the_same_address(hosts: Hosts) -> None:
    site = hosts.state.site
    there = f"{hosts.files.url}/wheels/app/{WHEEL}"
    (file,) = json.loads((site / "simple/app/index.json").read_text())["files"]
    assert (file["filename"], file["url"]) == (WHEEL, there)
    (link,) = elements((site / "simple/app/index.html").read_text(), "a")
    assert link[1]["href"] == f"{there}#sha256={file['hashes']['sha256']}"
    assert link[1]["data-core-metadata"] == f"sha256={file['core-metadata']['sha256']}"
    project = json.loads((site / "project/app/json").read_text())
    assert project["releases"]["1.0"]["files"][0]["url"] == there
    assert there in [link["href"] for _, link, _ in elements((site / "project/app/index.html").read_text(), "a")]
    assert json.loads((site / f"provenance/app/{WHEEL}.json").read_text())["file"]["url"] == there
    # The files are on the site too: for lock files that name it, and for the other host to fetch them.
    assert (site / f"files/app/{WHEEL}.metadata").is_file()


def test_back_on_the_site_everything_is_as_if_it_had_never_been_away(hosts: Hosts, tmp_path: Path) -> None:
    hosts.state.publish(site=tmp_path / "site", files_url=f"{hosts.files.url}/wheels")
    hosts.state.publish(site=tmp_path / "site")
    hosts.state.publish(site=tmp_path / "never-away")
    assert site_bytes(tmp_path / "site") == site_bytes(tmp_path / "never-away")
