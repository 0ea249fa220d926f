"""Each client resolves, asks again and installs, all from the real nginx; its log says what the client really did."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.version import Version

from tests.conformance.conftest import CHOSEN, HERE, REQUIREMENTS
from tests.support.catalogs import ControllerState
from tests.support.clients import CLIENTS, PDM, PIPS, POETRY, UV, Client, Outcome
from tests.support.nginx import NginxSite, Request, nginx_site

FILES = {
    "/files/wheel-fleet-demo/wheel_fleet_demo-2.0-py3-none-any.whl",
    "/files/app/app-1.0-py3-none-any.whl",
    "/files/library/library-1.0-py3-none-any.whl",
    "/files/limited/limited-1.0-py3-none-any.whl",
    "/files/yanked/yanked-1.0-py3-none-any.whl",
    "/files/pinned/pinned-2.0-py3-none-any.whl",
    f"/files/tagged/tagged-1.0-{HERE}.whl",
    f"/files/rebuilt/rebuilt-1.0-10-{HERE}.whl",
    "/files/quoted/quoted-1%212.0%2Bpi.1-py3-none-any.whl",
}


@dataclass(frozen=True)
class Visit:
    """What a client came to, three times with the same cache, and what it asked for each time."""

    client: Client
    resolved: Outcome
    resolving: list[Request]
    resolving_again: list[Request]
    installed: Outcome
    installing: list[Request]


def asked(requests: list[Request], prefix: str = "/files/") -> list[str]:
    return [request.path for request in requests if request.path.startswith(prefix)]


@pytest.fixture(scope="module")
def nginx(state: ControllerState, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NginxSite]:
    """It has the pages as JSON alone, and lets nobody use a page again without asking whether it has changed."""
    site = tmp_path_factory.mktemp("served") / "site"
    shutil.copytree(state.site, site)
    for page in site.glob("simple/*/index.html*"):
        page.unlink()
    with nginx_site(site, webnode_page_seconds=0) as nginx:
        yield nginx


@pytest.fixture(scope="module", params=CLIENTS, ids=str)
def visit(request: pytest.FixtureRequest, nginx: NginxSite, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    client: Client = request.param
    home, index = tmp_path_factory.mktemp("home"), f"{nginx.url}/simple/"
    resolved = client.resolve(index, home, *REQUIREMENTS)
    resolving = nginx.requests()
    client.resolve(index, home, *REQUIREMENTS)
    resolving_again = nginx.requests()
    installed = client.install(index, home, *REQUIREMENTS)
    return Visit(client, resolved, resolving, resolving_again, installed, nginx.requests())


def test_the_newest_version_that_fits_is_chosen(visit: Visit) -> None:
    # pdm's lock file leaves the local part of a version out.
    public = {name: Version(version).public for name, version in visit.resolved.packages.items()}
    assert public == {name: Version(version).public for name, version in CHOSEN.items()}


def test_what_was_chosen_is_installed(visit: Visit) -> None:
    assert visit.installed.packages == CHOSEN


def test_the_wheel_made_for_this_machine_and_the_latest_rebuild_are_taken(visit: Visit) -> None:
    wheels = {path for path in asked([*visit.resolving, *visit.installing]) if path.endswith(".whl")}
    refused = "/files/app/app-2.0-py3-none-any.whl"
    # It shows what it needs in its metadata; those who cannot read that alone download it.
    assert wheels == (FILES if visit.client.reads_metadata else {*FILES, refused})


def test_a_release_that_is_not_chosen_costs_a_look_at_its_metadata(visit: Visit) -> None:
    path = "/files/app/app-2.0-py3-none-any.whl"
    expected = [f"{path}.metadata"] if visit.client.reads_metadata else [path]
    assert asked([*visit.resolving, *visit.installing], path) == expected


def test_the_pages_of_what_is_needed_are_asked_for_and_no_others(visit: Visit) -> None:
    assert set(asked(visit.resolving, "/simple/")) == {f"/simple/{name}/" for name in CHOSEN}


def test_pages_that_have_not_changed_are_not_sent_again(visit: Visit) -> None:
    answers = {(request.path, request.status) for request in visit.resolving_again}
    assert answers == {(f"/simple/{name}/", 304) for name in CHOSEN}


def test_what_was_downloaded_is_not_downloaded_again(visit: Visit) -> None:
    everything = asked([*visit.resolving, *visit.resolving_again, *visit.installing])
    assert sorted(everything) == sorted(set(everything))


def test_no_request_fails(visit: Visit) -> None:
    requests = [*visit.resolving, *visit.resolving_again, *visit.installing]
    assert [request for request in requests if request.status not in (200, 304)] == []


@pytest.mark.parametrize("visit", [client for client in CLIENTS if client is not PDM], indirect=True, ids=str)
def test_why_a_pinned_release_was_yanked_is_said(visit: Visit) -> None:
    assert "eats <data>" in visit.resolved.said + visit.installed.said


@pytest.mark.parametrize("visit", [*PIPS[-2:], UV, POETRY, PDM], indirect=True, ids=str)
def test_no_wheel_is_downloaded_to_resolve(visit: Visit) -> None:
    assert [path for path in asked(visit.resolving) if not path.endswith(".metadata")] == []


@pytest.mark.parametrize("client", [PIPS[-1], UV, POETRY, PDM], ids=str)
def test_for_webnode_page_seconds_pages_are_not_asked_for_again(
    state: ControllerState, tmp_path: Path, client: Client
) -> None:
    with nginx_site(state.site) as nginx:
        client.resolve(f"{nginx.url}/simple/", tmp_path, "tagged")
        assert asked(nginx.requests(), "/simple/") == ["/simple/tagged/"]
        client.resolve(f"{nginx.url}/simple/", tmp_path, "tagged")
        assert nginx.requests() == []
