"""The index alone: in full view its pages list upstream's files of the same projects too (`site_index_view`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from wheelfleet.planner.record_page import record_page
from wheelfleet.upstream.client import Upstream as UpstreamClient
from wheelfleet.upstream.responses import Page, ProjectRequest

from tests.conformance.conftest import HERE
from tests.support.catalogs import ControllerState
from tests.support.clients import PDM, PIPS, POETRY, UV, Client, ClientFailed, Pip, Uv
from tests.support.nginx import NginxSite, nginx_site
from tests.support.sdists import pure_sdist
from tests.support.upstream import Upstream
from tests.support.wheels import wheel_file

OURS = f"/files/number-cruncher/number_cruncher-1.0-{HERE}.whl"
THEIRS = "/files/number-cruncher/number_cruncher-2.0-py3-none-any.whl"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """It has an sdist of 1.0, a wheel for everybody of 2.0, and took 3.0 back."""
    with Upstream() as upstream:
        upstream.add_release(pure_sdist("Number_Cruncher", "1.0"))
        upstream.add_release(pure_sdist("Number_Cruncher", "2.0"), wheel_file("Number_Cruncher", "2.0"))
        upstream.add_release(wheel_file("Number_Cruncher", "3.0"), yanked="wrong numbers")
        upstream.add_release(wheel_file("Number_Cruncher", "2.5", requires_python=">=4"))
        yield upstream


@pytest.fixture
def state(tmp_path: Path) -> Iterator[ControllerState]:
    with ControllerState(tmp_path / "var") as state:
        yield state


def read(state: ControllerState, upstream: Upstream, name: str) -> None:
    """Make the catalog say of a project what upstream's page says, as a run does."""
    project = state.project(name)
    with UpstreamClient(upstream.index_url, timeout=20) as client:
        answer = client.project(ProjectRequest(name))
    assert isinstance(answer, Page)
    with state.catalog.writing() as db:
        record_page(db, project, answer.page, etag=None, last_modified=None, now=time.time())


@contextmanager
def published(state: ControllerState, upstream: Upstream, view: str = "full") -> Iterator[NginxSite]:
    """Our wheel of 1.0 and upstream's page, published in this view."""
    read(state, upstream, "number-cruncher")
    state.wheel("Number_Cruncher", "1.0", HERE)
    state.publish(index_view=view)
    upstream.requests.clear()
    with nginx_site(state.site) as nginx:
        yield nginx


@pytest.mark.parametrize("client", [PIPS[0], PIPS[-1], UV, POETRY, PDM], ids=str)
def test_alone_it_gives_our_wheels_and_what_upstream_has_newer(
    state: ControllerState, upstream: Upstream, tmp_path: Path, client: Client
) -> None:
    with published(state, upstream) as nginx:
        index = f"{nginx.url}/simple/"
        newest = client.install(index, tmp_path / "home", "number-cruncher", binary_only=True)
        assert newest.packages == {"number-cruncher": "2.0"}
        assert upstream.requests.count(THEIRS, status=200) >= 1
        assert nginx.requests()[-1].path == "/simple/number-cruncher/"
        pinned = client.install(index, tmp_path / "home", "number-cruncher<2", binary_only=True)
        assert pinned.packages == {"number-cruncher": "1.0"}
        assert OURS in [request.path for request in nginx.requests()]


@pytest.mark.parametrize("client", [PIPS[-1], UV], ids=str)
def test_upstreams_flags_hold_here_too(
    state: ControllerState, upstream: Upstream, tmp_path: Path, client: Client
) -> None:
    with published(state, upstream) as nginx:
        pinned = client.resolve(f"{nginx.url}/simple/", tmp_path / "home", "number-cruncher==3.0")
        assert pinned.packages == {"number-cruncher": "3.0"}
        assert "wrong numbers" in pinned.said
        with pytest.raises(ClientFailed):
            client.resolve(f"{nginx.url}/simple/", tmp_path / "home", "number-cruncher==2.5")


@pytest.mark.parametrize("client", [PIPS[-1], UV], ids=str)
def test_upstreams_metadata_is_read_without_its_wheels(
    state: ControllerState, upstream: Upstream, tmp_path: Path, client: Client
) -> None:
    with published(state, upstream) as nginx:
        client.resolve(f"{nginx.url}/simple/", tmp_path / "home", "number-cruncher")
    assert [request.path for request in upstream.requests] == [f"{THEIRS}.metadata"]


@pytest.mark.parametrize("client", [PIPS[-1], UV], ids=str)
def test_a_file_that_upstream_changed_since_is_refused(
    state: ControllerState, upstream: Upstream, tmp_path: Path, client: Client
) -> None:
    with published(state, upstream) as nginx:
        upstream.add_file(wheel_file("Number_Cruncher", "2.0", files={"number_cruncher.py": "import os\n"}))
        with pytest.raises(ClientFailed, match=r"(?i)hash"):
            client.install(f"{nginx.url}/simple/", tmp_path / "home", "number-cruncher", binary_only=True)


def says_nothing(upstream: Upstream) -> None:
    upstream.hashes = upstream.core_metadata = upstream.upload_times = False


def speaks_html(upstream: Upstream) -> None:
    upstream.json = False
    upstream.absolute_urls = False


@pytest.mark.parametrize("client", [PIPS[-1], UV, POETRY, PDM], ids=str)
@pytest.mark.parametrize("habit", [says_nothing, speaks_html])
def test_an_upstream_that_tells_little_is_listed_all_the_same(
    state: ControllerState,
    upstream: Upstream,
    tmp_path: Path,
    client: Client,
    habit: Callable[[Upstream], None],
) -> None:
    habit(upstream)
    with published(state, upstream) as nginx:
        found = client.resolve(f"{nginx.url}/simple/", tmp_path / "home", "number-cruncher", binary_only=True)
    assert found.packages == {"number-cruncher": "2.0"}


@pytest.mark.parametrize(("view", "version"), [("own", "1.0"), ("full", "2.0")])
def test_before_upstream_it_hides_nothing_from_uv_that_upstream_has_newer(
    state: ControllerState, upstream: Upstream, tmp_path: Path, view: str, version: str
) -> None:
    with published(state, upstream, view) as nginx:
        urls = f"{nginx.url}/simple/", upstream.index_url
        assert first_of(UV, urls, tmp_path / "uv") == version
        assert first_of(PIPS[-1], urls, tmp_path / "pip") == "2.0"


def first_of(client: Pip | Uv, urls: tuple[str, str], home: Path) -> str:
    """The version chosen with our index before upstream's."""
    return client.resolve(urls[0], home, "number-cruncher", then=urls[1]).packages["number-cruncher"]


def test_in_own_view_no_page_speaks_of_upstreams_files(state: ControllerState, upstream: Upstream) -> None:
    with published(state, upstream, "own"):
        pages = [page.read_text() for page in (state.site / "simple/number-cruncher").glob("index.*[ln]")]
    assert len(pages) == 2
    assert not [page for page in pages if upstream.url in page or "2.0" in page]
