"""What the index's pages say: PEP 503, 592, 629, 658, 691, 700, 714."""

from __future__ import annotations

import hashlib
import json
import zipfile
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote

import pytest
from wheelfleet.site.index_pages import project_pages
from wheelfleet.site.listing import ListedFile, ProjectFiles, timestamp
from wheelfleet.site.renderer import Renderer, as_json

from tests.support.catalogs import TARGET, TEMPLATES, ControllerState
from tests.support.site_pages import broken_links, elements, links, listed

ODD = "\"\\ä\x1b</a>&'\u2028😀"


@pytest.mark.parametrize("text", ["1.0", ODD])
@pytest.mark.parametrize("known", [True, False])
def test_the_json_page_is_what_an_encoder_would_write(text: str, known: bool) -> None:
    ours = ListedFile(
        f"demo-{text}.whl", text, "ab12", 7, "cd34", f">={text}", text if known else None, "2026-11-22T18:05:00.000000Z"
    )
    theirs = ListedFile(
        f"demo-{text}.tar.gz", text, "ab12" if known else None, 7 if known else None, "" if known else None,
        None, "" if known else None, None, f"https://files.example/{text}",
        f"https://files.example/{text}" if known else None,
    )  # fmt: skip
    content = ProjectFiles(
        1, "demo", "present", (ours, theirs), (), (), (text,), "archived" if known else None, text if known else None
    )
    html_page, json_page = project_pages(Renderer([TEMPLATES]), content)
    said = json.loads(json_page)
    assert as_json(said) == json_page
    assert [file["filename"] for file in said["files"]] == [ours.filename, theirs.filename]
    assert [file["url"] for file in said["files"]] == [f"../../files/demo/{quote(ours.filename)}", theirs.url]
    assert [file.get("provenance") for file in said["files"]] == [None, theirs.provenance]
    assert [name for _, _, name in elements(html_page.decode(), "a")] == [ours.filename, theirs.filename]


@pytest.mark.parametrize(
    "moment", [0.0, 1_700_000_000.25, 1_763_769_599.9999996, 1_763_769_600 - 1e-6, 951_782_399.5, 4_102_444_800]
)
def test_times_are_written_as_datetime_writes_them(moment: float) -> None:
    said = datetime.fromtimestamp(moment, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert timestamp(moment) == said


def page_json(state: ControllerState, name: str) -> dict[str, Any]:
    return dict(json.loads((state.site / "simple" / name / "index.json").read_text()))


def test_a_wheel_is_listed_with_its_hash_metadata_and_requires_python(state: ControllerState) -> None:
    filename = state.wheel("RPi.GPIO", "0.7.1", "cp311-cp311-linux_aarch64", requires_python=">=3.8,<4")
    state.publish()

    wheel = state.site / "files/rpi-gpio" / filename
    metadata = wheel.with_name(f"{filename}.metadata").read_bytes()
    with zipfile.ZipFile(wheel) as archive:
        assert metadata == archive.read("rpi_gpio-0.7.1.dist-info/METADATA")
    page = (state.site / "simple/rpi-gpio/index.html").read_text()
    metadata_hash = f"sha256={hashlib.sha256(metadata).hexdigest()}"
    wheel_hash = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert links(state.site / "simple/rpi-gpio/index.html") == {
        filename: {
            "href": f"../../files/rpi-gpio/{filename}#sha256={wheel_hash}",
            "data-core-metadata": metadata_hash,
            "data-requires-python": ">=3.8,<4",
        }
    }
    assert 'data-requires-python="&gt;=3.8,&lt;4"' in page
    assert page.startswith("<!DOCTYPE html>")


def test_the_json_page_has_exactly_the_fields_of_its_standards(state: ControllerState) -> None:
    filename = state.wheel("RPi.GPIO", "0.7.1", requires_python=">=3.8")
    state.publish()

    wheel = (state.site / "files/rpi-gpio" / filename).read_bytes()
    metadata = (state.site / "files/rpi-gpio" / f"{filename}.metadata").read_bytes()
    assert page_json(state, "rpi-gpio") == {
        "meta": {"api-version": "1.4"},
        "name": "rpi-gpio",
        "versions": ["0.7.1"],
        "files": [
            {
                "filename": filename,
                "url": f"../../files/rpi-gpio/{filename}",
                "hashes": {"sha256": hashlib.sha256(wheel).hexdigest()},
                "size": len(wheel),
                "upload-time": "2023-11-14T22:13:20.250000Z",
                "yanked": False,
                "core-metadata": {"sha256": hashlib.sha256(metadata).hexdigest()},
                "requires-python": ">=3.8",
            }
        ],
    }


def test_requires_python_is_left_out_when_the_wheel_does_not_say(state: ControllerState) -> None:
    filename = state.wheel("spidev", "3.8")
    state.publish()
    assert "data-requires-python" not in links(state.site / "simple/spidev/index.html")[filename]
    assert "requires-python" not in page_json(state, "spidev")["files"][0]


def test_every_index_page_states_its_version(state: ControllerState) -> None:
    state.wheel("spidev", "3.8")
    state.publish()
    for page in ("simple/index.html", "simple/spidev/index.html"):
        metas = [attributes for _, attributes, _ in elements((state.site / page).read_text(), "meta")]
        assert {"name": "pypi:repository-version", "content": "1.4"} in metas


def test_files_are_in_the_order_of_their_versions_and_not_of_their_letters(state: ControllerState) -> None:
    for version in ("1.10", "1.9", "1.10rc1", "1.9.post1"):
        state.wheel("spidev", version)
    state.wheel("spidev", "1.9", "cp311-cp311-linux_armv7l")
    state.publish()
    assert listed(state.site, "spidev") == [
        "spidev-1.9-cp311-cp311-linux_armv7l.whl",
        "spidev-1.9-py3-none-any.whl",
        "spidev-1.9.post1-py3-none-any.whl",
        "spidev-1.10rc1-py3-none-any.whl",
        "spidev-1.10-py3-none-any.whl",
    ]
    assert page_json(state, "spidev")["versions"] == ["1.9", "1.9.post1", "1.10rc1", "1.10"]


def test_the_list_of_projects_is_sorted_and_says_the_same_in_both_forms(state: ControllerState) -> None:
    for name in ("spidev", "RPi.GPIO", "netifaces"):
        state.wheel(name, "1.0")
    state.publish()
    root = links(state.site / "simple/index.html")
    assert list(root) == ["netifaces", "rpi-gpio", "spidev"]
    assert root["rpi-gpio"] == {"href": "rpi-gpio/"}
    assert json.loads((state.site / "simple/index.json").read_text()) == {
        "meta": {"api-version": "1.4"},
        "projects": [{"name": "netifaces"}, {"name": "rpi-gpio"}, {"name": "spidev"}],
    }


@pytest.mark.parametrize(("reason", "in_json"), [("leaks memory <b>", "leaks memory <b>"), ("", True)])
def test_a_yank_upstream_is_carried_over_with_its_reason(
    state: ControllerState, reason: str, in_json: str | bool
) -> None:
    state.release("spidev", "3.8", yanked=reason)
    filename = state.wheel("spidev", "3.8")
    state.publish()
    assert links(state.site / "simple/spidev/index.html")[filename]["data-yanked"] == reason
    assert page_json(state, "spidev")["files"][0]["yanked"] == in_json


def test_a_release_is_yanked_only_with_its_last_sdist(state: ControllerState) -> None:
    release = state.release("spidev", "3.8", yanked="wrong file")
    state.upstream_file(release, "spidev-3.8.zip")
    filename = state.wheel("spidev", "3.8")
    state.publish()
    assert "data-yanked" not in links(state.site / "simple/spidev/index.html")[filename]


def test_of_several_yanked_sdists_the_one_with_a_reason_gives_it(state: ControllerState) -> None:
    release = state.release("spidev", "3.8", yanked="")
    state.upstream_file(release, "spidev-3.8.zip", yanked="wrong file")
    filename = state.wheel("spidev", "3.8")
    state.publish()
    assert links(state.site / "simple/spidev/index.html")[filename]["data-yanked"] == "wrong file"


def test_a_release_that_has_lost_its_sdist_is_yanked_with_its_wheels(state: ControllerState) -> None:
    release = state.release("spidev", "3.8", sdist=False)
    state.upstream_file(release, "spidev-3.8-cp39-cp39-win_amd64.whl", yanked="broken")
    filename = state.wheel("spidev", "3.8")
    state.publish()
    assert links(state.site / "simple/spidev/index.html")[filename]["data-yanked"] == "broken"


def test_a_release_upstream_deleted_leaves_the_pages_its_files_stay(state: ControllerState) -> None:
    old = state.wheel("spidev", "3.7")
    new = state.wheel("spidev", "3.8")
    state.publish()
    state.upstream_removes("spidev", "3.7")
    state.publish()
    assert listed(state.site, "spidev") == [new]
    assert (state.site / "files/spidev" / old).exists()

    state.execute("DELETE FROM wheel WHERE filename = ?", old)
    state.outdate("spidev")
    state.publish()
    assert sorted(path.name for path in (state.site / "files/spidev").iterdir()) == [new, f"{new}.metadata"]


@pytest.mark.parametrize("gone", ["absent", "deleted", "quarantined"])
def test_a_project_upstream_no_longer_offers_has_no_page(state: ControllerState, gone: str) -> None:
    state.wheel("spidev", "3.8")
    state.wheel("netifaces", "1.0")
    state.publish()
    state.execute("UPDATE project SET state = ?, pages_stale = 1 WHERE name = 'spidev'", gone)
    state.publish()
    assert not (state.site / "simple/spidev").exists()
    assert list(links(state.site / "simple/index.html")) == ["netifaces"]


def test_quarantined_files_cannot_be_fetched_and_come_back_later(state: ControllerState) -> None:
    filename = state.wheel("spidev", "3.8")
    state.publish()
    state.execute("UPDATE project SET state = 'quarantined', pages_stale = 1")
    state.publish()
    assert not (state.site / "files/spidev").exists()

    state.execute("UPDATE project SET state = 'present', pages_stale = 1")
    state.publish()
    assert listed(state.site, "spidev") == [filename]
    assert broken_links(state.site) == []


def test_a_wheel_of_the_same_name_as_one_of_upstreams_is_not_listed(state: ControllerState) -> None:
    filename = state.wheel("spidev", "3.8", "cp311-cp311-linux_aarch64")
    state.upstream_file(state.release("spidev", "3.8"), filename)
    state.publish()
    assert listed(state.site, "spidev") == []


def test_upstreams_pure_wheel_is_not_shadowed_whatever_our_build_tag(state: ControllerState) -> None:
    state.wheel("spidev", "3.8", "py3-none-any", build="2")
    ours = state.wheel("spidev", "3.8", "cp311-cp311-linux_aarch64")
    state.upstream_file(state.release("spidev", "3.8"), "spidev-3.8-py2.py3-none-any.whl")
    state.publish()
    assert listed(state.site, "spidev") == [ours]


@pytest.mark.parametrize(
    "said", [{"yanked": "broken"}, {"requires_python": ">=3.13"}], ids=lambda said: next(iter(said))
)
def test_upstreams_pure_wheel_not_for_the_target_hides_nothing_of_ours(
    state: ControllerState, said: dict[str, str]
) -> None:
    state.target(tags=["py3-none-any"])
    ours = state.wheel("spidev", "3.8", "py3-none-any", build="1", serves=[TARGET])
    state.upstream_file(state.release("spidev", "3.8"), "spidev-3.8-py3-none-any.whl", **said)
    state.publish()
    assert listed(state.site, "spidev") == [ours]


def test_upstream_wheels_for_other_machines_hide_nothing_of_ours(state: ControllerState) -> None:
    ours = state.wheel("spidev", "3.8", "cp311-cp311-linux_aarch64")
    state.upstream_file(state.release("spidev", "3.8"), "spidev-3.8-cp311-cp311-win_amd64.whl")
    state.publish()
    assert listed(state.site, "spidev") == [ours]


def test_a_file_name_is_quoted_where_an_address_needs_it(state: ControllerState) -> None:
    filename = state.wheel("spidev", "1!3.8+pi.1")
    state.publish()
    assert filename == "spidev-1!3.8+pi.1-py3-none-any.whl"
    href = links(state.site / "simple/spidev/index.html")[filename]["href"] or ""
    assert href.startswith("../../files/spidev/spidev-1%213.8%2Bpi.1-py3-none-any.whl#sha256=")
    assert broken_links(state.site) == []
