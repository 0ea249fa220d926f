"""What the pages say, word for word: read by the pypi-simple library, and held against the standards."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from pypi_simple import ACCEPT_HTML_ONLY, ACCEPT_JSON_ONLY, ProjectPage, PyPISimple

from tests.support.catalogs import ControllerState
from tests.support.nginx import NginxSite, nginx_site

PROJECTS = (
    "app", "library", "limited", "pinned", "quoted", "rebuilt", "tagged", "wheel-fleet-demo", "yanked",
)  # fmt: skip
V1_JSON = "application/vnd.pypi.simple.v1+json"


@pytest.fixture(scope="module")
def nginx(state: ControllerState) -> Iterator[NginxSite]:
    with nginx_site(state.site) as nginx:
        yield nginx


@pytest.fixture(scope="module", params=[ACCEPT_JSON_ONLY, ACCEPT_HTML_ONLY], ids=["json", "html"])
def reader(request: pytest.FixtureRequest, nginx: NginxSite) -> Iterator[PyPISimple]:
    """Reads one of the two forms; what it would only warn of is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with PyPISimple(f"{nginx.url}/simple/", accept=request.param) as reader:
            yield reader


@pytest.fixture
def json_page(nginx: NginxSite) -> Any:
    """Gives a project's page as the JSON it is."""

    def page(project: str) -> Any:
        return urllib3.request("GET", f"{nginx.url}/simple/{project}/", headers={"Accept": V1_JSON}).json()

    return page


def test_the_list_of_projects_is_complete(reader: PyPISimple) -> None:
    index = reader.get_index_page()
    assert sorted(index.projects) == sorted(PROJECTS)
    assert index.repository_version == "1.4"


@pytest.mark.parametrize("project", PROJECTS)
def test_every_file_can_be_had_and_is_what_the_page_says(
    state: ControllerState, reader: PyPISimple, tmp_path: Path, project: str
) -> None:
    page = reader.get_project_page(project)
    assert page.project == project
    assert {package.filename for package in page.packages} == {
        path.name for path in (state.files_dir / project).glob("*.whl")
    }
    for package in page.packages:
        assert package.package_type == "wheel"
        assert package.digests["sha256"] and package.metadata_digests and package.metadata_digests["sha256"]
        # Both compare what comes with the digests of the page.
        reader.download_package(package, tmp_path / package.filename)
        assert reader.get_package_metadata(package).startswith("Metadata-Version: ")


def test_yanks_and_requires_python_are_told_with_special_characters(reader: PyPISimple) -> None:
    yanked = {package.version: package for package in reader.get_project_page("yanked").packages}
    assert (yanked["1.0"].is_yanked, yanked["1.0"].yanked_reason) == (False, None)
    assert (yanked["2.0"].is_yanked, yanked["2.0"].yanked_reason) == (True, "eats <data>")
    limited = {package.version: package.requires_python for package in reader.get_project_page("limited").packages}
    assert limited == {"1.0": None, "2.0": ">=4"}


def test_what_became_of_a_project_upstream_is_told(tmp_path: Path) -> None:
    with ControllerState(tmp_path / "var") as state:
        state.wheel("finished", "1.0")
        state.execute("UPDATE project SET status = 'archived', status_reason = 'no <more> releases'")
        state.publish()
        with nginx_site(state.site) as nginx:
            pages = [project_page(nginx, accept) for accept in (ACCEPT_JSON_ONLY, ACCEPT_HTML_ONLY)]
    assert [(page.status, page.status_reason) for page in pages] == [("archived", "no <more> releases")] * 2


def project_page(nginx: NginxSite, accept: str) -> ProjectPage:
    with PyPISimple(f"{nginx.url}/simple/", accept=accept) as reader:
        return reader.get_project_page("finished")


def test_both_forms_say_the_same_in_the_same_order(nginx: NginxSite) -> None:
    told = []
    for accept in (ACCEPT_JSON_ONLY, ACCEPT_HTML_ONLY):
        with PyPISimple(f"{nginx.url}/simple/", accept=accept) as reader:
            pages = [reader.get_project_page(project) for project in PROJECTS]
        told.append(
            [
                (each.filename, each.url, each.digests, each.requires_python, each.is_yanked, each.metadata_digests,
                 each.provenance_url)
                for page in pages
                for each in page.packages
            ]
        )  # fmt: skip
    assert told[0] == told[1]


@pytest.mark.parametrize("project", PROJECTS)
def test_no_value_is_null_that_a_client_may_not_expect_to_be(json_page: Any, project: str) -> None:
    page = json_page(project)
    assert page["meta"]["api-version"] == "1.4"
    assert page["name"] == project
    assert page["versions"] and all(isinstance(version, str) for version in page["versions"])
    for file in page["files"]:
        # uv takes a null for none of these; pip 22.3.1 and 23.0.1 break at the old name of core-metadata.
        assert type(file["size"]) is int
        assert type(file.get("yanked", False)) in (bool, str)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", file["upload-time"])
        assert re.fullmatch("[0-9a-f]{64}", file["hashes"]["sha256"])
        assert re.fullmatch("[0-9a-f]{64}", file["core-metadata"]["sha256"])
        assert "dist-info-metadata" not in file


def test_the_highest_build_comes_first_among_otherwise_equal_files(json_page: Any) -> None:
    # pdm takes the first of them, whatever its build tag; all others look at the tag.
    builds = [file["filename"].split("-")[2] for file in json_page("rebuilt")["files"]]
    assert [build if build.isdigit() else "" for build in builds] == ["10", "2", "1", ""]


def test_pages_are_whole_and_the_same_however_they_are_sent(nginx: NginxSite) -> None:
    for project in PROJECTS:
        for accept in (V1_JSON, "text/html"):
            plain, packed = (
                urllib3.request(
                    "GET", f"{nginx.url}/simple/{project}/", headers={"Accept": accept, "Accept-Encoding": coding}
                )
                for coding in ("identity", "gzip")
            )
            assert plain.data == packed.data
        assert json.loads(plain.data) if accept == V1_JSON else plain.data.endswith(b"</html>\n")
