"""What stands beside our wheels: upstream's files in the full view, its project status, its own wheels for our targets.

PEP 592, 658, 691, 700, 714, 740, 792.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from wheelfleet.planner.inputs import PlanInputs

from tests.support.catalogs import TARGET, ControllerState, site_bytes
from tests.support.site_pages import elements, links, listed

UPSTREAM = "https://files.example/packages"
SDIST = "spidev-3.8.tar.gz"
OTHERS = "spidev-3.8-cp311-cp311-win_amd64.whl"
TAGS = ["cp311-cp311-linux_aarch64", "cp311-cp311-manylinux_2_36_aarch64", "py3-none-any"]
OURS = "cp311-cp311-linux_aarch64"
THEIRS = "spidev-3.8-cp311-cp311-manylinux_2_36_aarch64.whl"
PAGES = ("index.html", "index.json")
OTHER_TARGET = "cp312-cp312-linux_aarch64-glibc2.36"


def beside_ours(state: ControllerState) -> str:
    """Upstream has an sdist and a wheel for another machine, and says all it can; returns the name of our wheel."""
    release = state.release("spidev", "3.8", sdist=False)
    state.upstream_file(
        release, SDIST, url=f"{UPSTREAM}/{SDIST}", sha256="5d" * 32, size=5000, requires_python=">=3.8,<4",
        upload_time="2024-01-02T03:04:05.678900Z",
    )  # fmt: skip
    state.upstream_file(
        release, OTHERS, url=f"{UPSTREAM}/{OTHERS}", sha256="77" * 32, size=7000, upload_time="2024-01-02T03:04:06Z",
        yanked="crashes <at> start", metadata_sha256="99" * 32, provenance="https://upstream.example/integrity/spidev",
    )  # fmt: skip
    return state.wheel("spidev", "3.8", OURS)


def page_json(state: ControllerState, name: str = "spidev") -> dict[str, Any]:
    return dict(json.loads((state.site / f"simple/{name}/index.json").read_text()))


def files_json(state: ControllerState) -> dict[str, dict[str, Any]]:
    return {file["filename"]: file for file in page_json(state)["files"]}


def metas(state: ControllerState, name: str = "spidev") -> dict[str | None, str | None]:
    page = (state.site / f"simple/{name}/index.html").read_text()
    return {
        attributes["name"]: attributes["content"] for _, attributes, _ in elements(page, "meta") if "name" in attributes
    }


# ------------------------------------------------------------------ the full view


def test_the_own_view_lists_our_wheels_alone(state: ControllerState) -> None:
    ours = beside_ours(state)
    state.publish()
    assert listed(state.site, "spidev") == [ours]
    assert UPSTREAM.encode() not in b"".join((state.site / "simple/spidev" / name).read_bytes() for name in PAGES)


def test_the_full_view_lists_upstreams_files_with_all_that_upstream_says(
    state: ControllerState,
) -> None:
    ours = beside_ours(state)
    state.publish(index_view="full")
    assert listed(state.site, "spidev") == [ours, OTHERS, SDIST]
    anchors = links(state.site / "simple/spidev/index.html")
    assert anchors[SDIST] == {"href": f"{UPSTREAM}/{SDIST}#sha256={'5d' * 32}", "data-requires-python": ">=3.8,<4"}
    assert anchors[OTHERS] == {
        "href": f"{UPSTREAM}/{OTHERS}#sha256={'77' * 32}",
        "data-core-metadata": f"sha256={'99' * 32}",
        "data-yanked": "crashes <at> start",
        "data-provenance": "https://upstream.example/integrity/spidev",
    }
    files = files_json(state)
    assert files[SDIST] == {
        "filename": SDIST,
        "url": f"{UPSTREAM}/{SDIST}",
        "hashes": {"sha256": "5d" * 32},
        "size": 5000,
        "upload-time": "2024-01-02T03:04:05.678900Z",
        "yanked": False,
        "requires-python": ">=3.8,<4",
    }
    assert files[OTHERS] == {
        "filename": OTHERS,
        "url": f"{UPSTREAM}/{OTHERS}",
        "hashes": {"sha256": "77" * 32},
        "size": 7000,
        "upload-time": "2024-01-02T03:04:06Z",
        "yanked": "crashes <at> start",
        "core-metadata": {"sha256": "99" * 32},
        "provenance": "https://upstream.example/integrity/spidev",
    }


def test_our_own_wheel_is_said_the_same_of_in_both_views(state: ControllerState) -> None:
    ours = beside_ours(state)
    state.publish()
    alone = files_json(state)[ours], links(state.site / "simple/spidev/index.html")[ours]
    state.publish(index_view="full")
    assert (files_json(state)[ours], links(state.site / "simple/spidev/index.html")[ours]) == alone


def test_the_full_view_names_the_releases_we_built_nothing_of_too(state: ControllerState) -> None:
    beside_ours(state)
    state.upstream_file(
        state.release("spidev", "4.0", sdist=False), "spidev-4.0.tar.gz", url=f"{UPSTREAM}/spidev-4.0.tar.gz"
    )
    state.publish()
    assert page_json(state)["versions"] == ["3.8"]
    state.publish(index_view="full")
    assert page_json(state)["versions"] == ["3.8", "4.0"]
    assert "spidev-4.0.tar.gz" in listed(state.site, "spidev")


def test_of_a_file_upstream_says_little_of_nothing_is_made_up(state: ControllerState) -> None:
    beside_ours(state)
    state.upstream_file(
        state.release("spidev", "3.8"), "spidev-3.8.zip", url=f"{UPSTREAM}/spidev-3.8.zip", metadata_sha256=""
    )
    state.publish(index_view="full")
    assert links(state.site / "simple/spidev/index.html")["spidev-3.8.zip"] == {
        "href": f"{UPSTREAM}/spidev-3.8.zip",
        "data-core-metadata": "true",
    }
    assert files_json(state)["spidev-3.8.zip"] == {
        "filename": "spidev-3.8.zip",
        "url": f"{UPSTREAM}/spidev-3.8.zip",
        "hashes": {},
        "size": 0,
        "yanked": False,
        "core-metadata": True,
    }


def test_projects_we_have_no_wheel_of_have_no_page_in_either_view(state: ControllerState) -> None:
    beside_ours(state)
    release = state.release("pycups", "2.0", sdist=False)
    state.upstream_file(release, "pycups-2.0.tar.gz", url=f"{UPSTREAM}/pycups-2.0.tar.gz")
    state.want("pycups", "2.0")
    for view in ("own", "full"):
        state.publish(index_view=view)
        assert not (state.site / "simple/pycups").exists()
        assert [each["name"] for each in json.loads((state.site / "simple/index.json").read_text())["projects"]] == [
            "spidev"
        ]


@pytest.mark.parametrize("url", ["file:///srv/private/spidev-3.8.zip", "ftp://files.example/spidev-3.8.zip", "/s.zip"])
def test_only_what_clients_can_fetch_over_the_web_is_listed_of_upstreams(state: ControllerState, url: str) -> None:
    ours = beside_ours(state)
    state.upstream_file(state.release("spidev", "3.8"), "spidev-3.8.zip", url=url)
    state.publish(index_view="full")
    assert listed(state.site, "spidev") == [ours, OTHERS, SDIST]
    assert not any(url.encode() in data for path, data in site_bytes(state.site).items() if path.startswith("simple/"))


def test_a_provenance_that_only_the_controller_can_read_is_not_named(state: ControllerState) -> None:
    beside_ours(state)
    state.execute("UPDATE upstream_file SET provenance = 'file:///srv/private/spidev.provenance'")
    state.publish(index_view="full")
    assert OTHERS in listed(state.site, "spidev")
    assert not any(b"file:" in data for path, data in site_bytes(state.site).items() if path.startswith("simple/"))


def test_switching_the_view_and_back_renders_the_same_bytes(state: ControllerState) -> None:
    beside_ours(state)
    other = state.wheel("netifaces", "0.11")
    state.upstream_file(state.release("netifaces", "0.11"), "netifaces-0.11.zip", url=f"{UPSTREAM}/netifaces-0.11.zip")
    state.publish()
    own = site_bytes(state.site)
    published = state.publish(index_view="full")
    assert published.projects == 2
    assert listed(state.site, "netifaces") == [other, "netifaces-0.11.zip"]
    assert state.publish(index_view="full").changed == []
    state.publish(index_view="own")
    assert site_bytes(state.site) == own


# ------------------------------------------------------------------ project status


@pytest.mark.parametrize("view", ["own", "full"])
@pytest.mark.parametrize(("status", "reason"), [("archived", None), ("deprecated", 'use "gpiod" <instead>')])
def test_the_status_of_a_project_is_on_both_pages(
    state: ControllerState, view: str, status: str, reason: str | None
) -> None:
    beside_ours(state)
    state.publish(index_view=view)
    assert "pypi:project-status" not in metas(state)
    assert "project-status" not in page_json(state)
    state.execute("UPDATE project SET status = ?, status_reason = ?", status, reason)
    assert "simple/spidev/index.json" in state.publish(index_view=view).changed
    said = metas(state)
    assert (said["pypi:project-status"], said.get("pypi:project-status-reason")) == (status, reason)
    assert page_json(state)["project-status"] == {"status": status, **({"reason": reason} if reason else {})}
    state.execute("UPDATE project SET status = NULL, status_reason = NULL")
    state.publish(index_view=view)
    assert "project-status" not in page_json(state)


@pytest.mark.parametrize("view", ["own", "full"])
def test_of_a_quarantined_project_nothing_is_listed_or_fetched(state: ControllerState, view: str) -> None:
    ours = beside_ours(state)
    state.publish(index_view=view)
    state.execute("UPDATE project SET state = 'quarantined', status = 'quarantined'")
    state.publish(index_view=view)
    assert listed(state.site, "spidev") == []
    assert not (state.site / "files/spidev").exists()
    assert json.loads((state.site / "simple/index.json").read_text())["projects"] == []
    assert (state.files_dir / "spidev" / ours).is_file()


# ------------------------------------------------------------------ withdrawn for upstream's own wheel


@pytest.fixture
def served(state: ControllerState) -> ControllerState:
    """A wheel of ours is listed, and serves one target."""
    state.target(tags=TAGS)
    state.wheel("spidev", "3.8", OURS, serves=[TARGET])
    state.publish()
    assert listed(state.site, "spidev") == [f"spidev-3.8-{OURS}.whl"]
    return state


def upstream_ships(state: ControllerState, filename: str = THEIRS, **said: str) -> int:
    return state.upstream_file(state.release("spidev", "3.8"), filename, url=f"{UPSTREAM}/{filename}", **said)


def test_a_wheel_leaves_the_pages_once_upstream_serves_its_target(
    served: ControllerState,
) -> None:
    file = served.site / f"files/spidev/spidev-3.8-{OURS}.whl"
    before = file.read_bytes()
    theirs = upstream_ships(served)
    served.publish()
    assert listed(served.site, "spidev") == []
    assert json.loads((served.site / "simple/index.json").read_text())["projects"] == []
    assert file.read_bytes() == before
    assert file.with_name(f"{file.name}.metadata").is_file()
    assert file.name in (served.site / "project/spidev/index.html").read_text()

    served.execute("DELETE FROM upstream_file WHERE id = ?", theirs)
    served.publish()
    assert listed(served.site, "spidev") == [file.name], "upstream took its own back"


def test_other_releases_stay_listed_with_upstreams_wheel(served: ControllerState) -> None:
    newer = served.wheel("spidev", "3.9", OURS, serves=[TARGET])
    upstream_ships(served)
    served.publish()
    assert listed(served.site, "spidev") == [newer]
    served.publish(index_view="full")
    assert listed(served.site, "spidev") == [THEIRS, newer]


@pytest.mark.parametrize(
    "said",
    [{"yanked": ""}, {"yanked": "broken"}, {"requires_python": ">=3.12"}],
    ids=["yanked", "yanked-with-a-reason", "for-another-python"],
)
def test_a_wheel_of_upstreams_that_no_client_would_take_withdraws_nothing(
    served: ControllerState, said: dict[str, str]
) -> None:
    upstream_ships(served, **said)
    served.publish()
    assert listed(served.site, "spidev") == [f"spidev-3.8-{OURS}.whl"]


@pytest.mark.parametrize("filename", [OTHERS, "spidev-3.8-cp311-cp311-manylinux_2_40_aarch64.whl"])
def test_upstreams_wheel_for_other_machines_or_a_newer_libc_hides_nothing(
    served: ControllerState, filename: str
) -> None:
    upstream_ships(served, filename)
    served.publish()
    assert listed(served.site, "spidev") == [f"spidev-3.8-{OURS}.whl"]


def test_a_target_that_installs_more_than_before_is_noticed(served: ControllerState) -> None:
    newer_libc = "spidev-3.8-cp311-cp311-manylinux_2_40_aarch64.whl"
    upstream_ships(served, newer_libc)
    served.publish()
    assert listed(served.site, "spidev") == [f"spidev-3.8-{OURS}.whl"]
    served.execute(
        "UPDATE target SET tags = ? WHERE name = ?",
        json.dumps([*TAGS, "cp311-cp311-manylinux_2_40_aarch64"]), TARGET,
    )  # fmt: skip
    served.publish()
    assert listed(served.site, "spidev") == []


def test_a_wheel_stays_listed_while_one_of_its_targets_is_unserved(state: ControllerState) -> None:
    abi3 = "cp39-abi3-linux_aarch64"
    state.target(tags=[*TAGS, abi3])
    state.target(OTHER_TARGET, tags=[abi3, "cp312-cp312-manylinux_2_36_aarch64"], python_version="3.12")
    ours = state.wheel("spidev", "3.8", abi3, serves=[TARGET, OTHER_TARGET])
    upstream_ships(state)
    state.publish()
    assert listed(state.site, "spidev") == [ours]
    upstream_ships(state, "spidev-3.8-cp312-cp312-manylinux_2_36_aarch64.whl")
    state.publish()
    assert listed(state.site, "spidev") == []


def builds(state: ControllerState, policy: str) -> None:
    """The next run has this `controller_build`."""
    with state.catalog.writing() as db:
        PlanInputs([], [], False, "1", {"build": policy}).remember(db)


def test_an_operator_who_always_builds_keeps_wheels_beside_upstreams(
    served: ControllerState,
) -> None:
    upstream_ships(served)
    served.publish()
    withdrawn = site_bytes(served.site)
    builds(served, "always")
    served.publish()
    assert listed(served.site, "spidev") == [f"spidev-3.8-{OURS}.whl"]
    builds(served, "missing")
    served.publish()
    assert site_bytes(served.site) == withdrawn


@pytest.mark.parametrize(
    ("outcome", "theirs", "stays"),
    [
        ("impossible", THEIRS, False),
        ("impossible", f"spidev-3.8-1-{OURS}.whl", True),
        ("impossible", "spidev-3.8-cp312-cp312-manylinux_2_36_aarch64.whl", True),
        ("unneeded", THEIRS, True),
    ],
)
def test_no_unrepairable_wheel_is_offered_beside_a_repaired_one(
    served: ControllerState, outcome: str, theirs: str, stays: bool
) -> None:
    builds(served, "always")
    served.execute("UPDATE wheel SET repaired = ?", json.dumps({"tool": "auditwheel 6.8.2", "outcome": outcome}))
    upstream_ships(served, theirs)
    served.publish()
    assert listed(served.site, "spidev") == ([f"spidev-3.8-{OURS}.whl"] if stays else [])
    assert (served.site / f"files/spidev/spidev-3.8-{OURS}.whl").is_file(), "a lock file may name it"


# ---------------------------------------------------------------------- withdrawn because the operator skips it


def skips(state: ControllerState, *entries: dict[str, str]) -> None:
    """The next run has this `controller_skip`."""
    with state.catalog.writing() as db:
        PlanInputs([], [], False, "1", {"skip": list(entries)}).remember(db)
    state.publish()


def test_a_published_wheel_that_is_skipped_leaves_the_index_and_comes_back(
    served: ControllerState,
) -> None:
    before = site_bytes(served.site)
    file = served.site / f"files/spidev/spidev-3.8-{OURS}.whl"
    skips(served, {"name": "SpiDev", "versions": "==3.8", "reason": "crashes on a <Pi 1>"})
    assert listed(served.site, "spidev") == []
    assert file.is_file(), "a lock file may name it"
    page = (served.site / "project/spidev/index.html").read_text()
    assert "Off the index, because the operator skips it (crashes on a &lt;Pi 1&gt;)" in page
    skips(served)
    assert {path: data for path, data in site_bytes(served.site).items() if not path.startswith(".")} == {
        path: data for path, data in before.items() if not path.startswith(".")
    }


@pytest.mark.parametrize(
    ("entry", "stays"),
    [
        ({"versions": "<3.8"}, True),
        ({"target": "armv6l"}, True),
        ({"target": "aarch64"}, False),
        ({"name": "other"}, True),
    ],
    ids=str,
)
def test_skipping_other_versions_or_targets_leaves_a_wheel_in_place(
    served: ControllerState, entry: dict[str, str], stays: bool
) -> None:
    skips(served, {"name": "spidev", "reason": "so", **entry})
    assert bool(listed(served.site, "spidev")) == stays


def test_a_wheel_that_also_serves_a_target_that_is_not_skipped_stays(state: ControllerState) -> None:
    for target in (TARGET, OTHER_TARGET):
        state.target(target, tags=[OURS])
    state.wheel("spidev", "3.8", OURS, serves=[TARGET, OTHER_TARGET])
    state.publish()
    skips(state, {"name": "spidev", "target": "cp311", "reason": "so"})
    assert listed(state.site, "spidev") == [f"spidev-3.8-{OURS}.whl"]
