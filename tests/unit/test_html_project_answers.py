"""What a project's page answers for each kind of machine, and the commands that it gives for them."""

from __future__ import annotations

import json
from html import unescape
from typing import Any

import pytest
from wheelfleet.site.html import project
from wheelfleet.site.html.project_facts import read_project
from wheelfleet.site.kinds import read_kinds
from wheelfleet.site.listing import project_files
from wheelfleet.site.renderer import Renderer, SiteFacts
from wheelfleet.site.status_rows import project_rows

from tests.support.catalogs import TARGET, TEMPLATES, ControllerState
from tests.support.site_pages import elements

TRIXIE = "cp313-cp313-linux_aarch64-glibc2.41"
BOOKWORM_313 = "cp313-cp313-linux_aarch64-glibc2.36"
URL = "https://wheels.example"
INDEX = f"--extra-index-url {URL}/simple/"


@pytest.fixture
def state(state: ControllerState) -> ControllerState:
    """A fleet with one Raspberry Pi of Debian 12 and one of Debian 13."""
    for target, version in ((TRIXIE, "13"), (TARGET, "12")):
        state.target(target)
        facts = {"board": "Raspberry Pi 4 Model B Rev 1.4", "os": {"id": "debian", "version": version}}
        state.builder(f"pi{version}", target, facts=facts)
    return state


def pages_of(state: ControllerState, site: SiteFacts | None = None) -> dict[str, bytes]:
    db, project_id = state.catalog.db, state.project("spam")
    rows = project_rows(db, [project_id]).get(project_id, [])
    facts = read_project(db, project_id, project_files(db, project_id), rows, "", ())
    made = project.pages(facts, Renderer([TEMPLATES], site or SiteFacts(URL)), read_kinds(db))
    return {path.removeprefix("project/spam/"): data for path, data in made}


def boards(state: ControllerState) -> dict[str, dict[str, Any]]:
    """The rows of the JSON, by the major version of the system."""
    document = json.loads(pages_of(state)["json"])
    return {row["system"].split(",")[0].split()[-1]: row for row in document["boards"]}


def commands(state: ControllerState, site: SiteFacts | None = None) -> list[list[str]]:
    html = pages_of(state, site)["index.html"].decode()
    blocks = html.split('<div class="command"><pre tabindex="0"><code>')[1:]
    return [unescape(block.partition("</code>")[0]).split("\n") for block in blocks]


def build(state: ControllerState, version: str = "1.0", target: str = TARGET, apt: tuple[str, ...] = ()) -> str:
    state.want("spam", version, target=target)
    file = state.wheel("spam", version, "-".join(target.split("-")[:3]), serves=[target])
    state.execute("UPDATE wheel SET apt_packages = ? WHERE filename = ?", json.dumps(apt), file)
    return file


def test_each_kind_has_the_newest_version_from_here_or_from_upstream(state: ControllerState) -> None:
    file = build(state, "2.0")
    build(state, "1.0")
    state.want("spam", "2.0", target=TRIXIE, verdict="upstream")
    found = boards(state)
    assert (found["12"]["version"], found["12"]["source"]) == ("2.0", "here")
    assert found["12"]["file"] == f"../../files/spam/{file}"
    assert (found["13"]["version"], found["13"]["source"]) == ("2.0", "upstream")
    html = pages_of(state)["index.html"].decode()
    assert "Raspberry Pi 3 and later, Zero 2 W<small>Raspberry Pi OS 13, 64-bit, Python 3.13</small>" in html
    assert json.loads(pages_of(state)["json"])["newest"] == "2.0"


def test_a_newer_release_that_does_not_install_is_named_with_its_reason(state: ControllerState) -> None:
    build(state, "1.0")
    state.want("spam", "2.0")
    state.attempt("spam", "2.0", failure_class="missing-header", blocks="target", sentence="png.h is missing.")
    assert boards(state)["12"]["version"] == "1.0"
    assert boards(state)["12"]["newer"] == {"version": "2.0", "status": "failed", "reason": "png.h is missing."}
    assert "<small>2.0: png.h is missing.</small>" in pages_of(state)["index.html"].decode()


def test_a_kind_for_which_nothing_installs_says_why_not(state: ControllerState) -> None:
    state.want("spam", "1.0", verdict="skip", reason="takes three days")
    found = boards(state)
    assert (found["12"]["status"], found["12"]["reason"]) == ("skipped", "takes three days")
    assert "version" not in found["12"]
    assert found["13"]["reason"] == "Nobody has asked this fleet to build it for these machines."
    assert commands(state) == []


def test_what_is_yanked_is_never_offered(state: ControllerState) -> None:
    state.release("spam", "1.0", yanked="It is broken.")
    build(state)
    state.want("spam", "1.0", target=TRIXIE, verdict="upstream")
    found = boards(state)
    assert {row["reason"] for row in found.values()} == {"1.0 is yanked: It is broken."}
    assert commands(state) == []


def test_a_wheel_that_the_operator_yanked_gives_way_to_an_older_one(state: ControllerState) -> None:
    file = build(state, "2.0")
    build(state, "1.0")
    state.execute("UPDATE wheel SET yanked = 'crashes' WHERE filename = ?", file)
    assert boards(state)["12"]["version"] == "1.0"
    assert boards(state)["12"]["newer"]["reason"] == "2.0 is yanked: crashes."


def test_a_final_release_comes_before_a_newer_pre_release(state: ControllerState) -> None:
    build(state, "2.0rc1")
    assert boards(state)["12"]["version"] == "2.0rc1"
    assert commands(state)[0][-1].endswith(" spam==2.0rc1")
    build(state, "1.0")
    assert boards(state)["12"]["version"] == "1.0"


def test_a_project_out_of_scope_still_offers_its_wheels(state: ControllerState) -> None:
    build(state)
    state.execute("UPDATE project SET in_scope = 0")
    assert boards(state)["12"]["version"] == "1.0"


@pytest.mark.parametrize("gone", ["quarantined", "deleted", "absent"])
def test_what_upstream_does_not_have_is_offered_to_nobody(state: ControllerState, gone: str) -> None:
    build(state)
    state.execute("UPDATE project SET state = ?", gone)
    assert boards(state) == {}
    assert commands(state) == []


def test_kinds_with_the_same_commands_share_them(state: ControllerState) -> None:
    for target in (TARGET, TRIXIE):
        build(state, target=target)
    pip, uv = commands(state)
    assert pip == ["sudo apt install python3-venv", "python3 -m venv ~/env", f"~/env/bin/pip install {INDEX} spam"]
    assert uv == ["uv venv", f"uv pip install --index {URL}/simple/ --index-strategy unsafe-best-match spam"]


def test_packages_of_the_system_come_first_by_the_names_it_has(state: ControllerState) -> None:
    for target in (TRIXIE, TARGET):
        build(state, target=target, apt=("libcups2",))
    state.execute(
        "UPDATE attempt SET built_with = ?", json.dumps({"builder": {"os": {"id": "debian", "version": "12"}}})
    )
    new, _, old, uv = commands(state)
    assert new[0] == "sudo apt install python3-venv libcups2t64"
    assert old[0] == "sudo apt install python3-venv libcups2"
    assert uv[0] == "sudo apt install libcups2"
    assert boards(state)["13"]["apt"] == ["libcups2t64"]


def test_a_python_that_is_not_the_systems_own_is_called_by_its_version(state: ControllerState) -> None:
    state.builder("pi12", BOOKWORM_313)
    build(state, target=BOOKWORM_313)
    assert commands(state)[0][0] == "python3.13 -m venv ~/env"
    assert commands(state)[1][0] == "uv venv --python python3.13"


def test_a_version_is_pinned_where_pip_would_compile_a_newer_one(state: ControllerState) -> None:
    build(state, "1.0")
    assert commands(state)[0][-1] == f"~/env/bin/pip install {INDEX} spam"
    state.release("spam", "2.0")
    assert commands(state)[0][-1] == f"~/env/bin/pip install {INDEX} spam==1.0"
    state.execute("UPDATE upstream_file SET yanked = '' WHERE filename LIKE '%2.0%'")
    assert commands(state)[0][-1] == f"~/env/bin/pip install {INDEX} spam"


def test_what_only_upstream_has_needs_no_index_of_ours(state: ControllerState) -> None:
    for target in (TARGET, TRIXIE):
        state.want("spam", "1.0", target=target, verdict="upstream")
    assert commands(state) == [["sudo apt install python3-venv", "python3 -m venv ~/env", "~/env/bin/pip install spam"]]


def test_without_an_address_of_the_site_the_page_says_what_to_write(state: ControllerState) -> None:
    build(state)
    assert commands(state, SiteFacts())[0][-1].endswith("--extra-index-url https://WHEELS.EXAMPLE/simple/ spam")
    html = pages_of(state, SiteFacts())["index.html"].decode()
    assert "Write the address of this site where it says" in html
    assert "Write the address" not in pages_of(state)["index.html"].decode()
    assert [script["src"] for _, script, _ in elements(html, "script")] == [
        f"../../{Renderer([TEMPLATES]).asset('install.js')}"
    ]


def test_with_plain_http_pip_is_told_to_trust_the_host(state: ControllerState) -> None:
    build(state)
    line = commands(state, SiteFacts("http://pi.lan:8080"))[0][-1]
    assert "--trusted-host pi.lan" in line


def test_a_kind_whose_wheel_is_being_built_says_so(state: ControllerState) -> None:
    state.want("spam", "1.0", need="now")
    state.attempt("spam", "1.0", state="open", host="pi12")
    html = pages_of(state)["index.html"].decode()
    assert '<b class="mark">being built</b><small>Being built on pi12.</small>' in html
    assert boards(state)["12"]["status"] == "waiting"


def test_where_the_build_missed_a_package_the_page_says_how_to_compile(state: ControllerState) -> None:
    for target in (TARGET, TRIXIE):
        state.want("spam", "1.0", target=target)
    about = {"failure_class": "missing-header", "blocks": "target", "sentence": "png.h is missing."}
    state.attempt("spam", "1.0", **about, package="libpng-dev")
    state.attempt("spam", "1.0", target=TRIXIE, **about)
    assert commands(state) == [
        [
            "sudo apt install python3-venv build-essential python3-dev libpng-dev",
            "python3 -m venv ~/env",
            "~/env/bin/pip install spam==1.0",
        ]
    ]
    html = pages_of(state)["index.html"].decode()
    assert "Compile it on your machine: Raspberry Pi OS 12, 64-bit, Python 3.11</h3>" in html
    assert 'href="../../failures/missing-header/index.html"><code>missing-header</code></a><small>png.h' in html
    assert boards(state)["12"]["compile"] == {"version": "1.0", "lines": commands(state)[0]}
    assert "compile" not in boards(state)["13"]


def test_where_a_version_installs_nobody_is_told_to_compile(state: ControllerState) -> None:
    build(state, "1.0")
    state.want("spam", "2.0")
    state.attempt("spam", "2.0", failure_class="missing-header", blocks="target", package="libpng-dev")
    assert not any("build-essential" in line for block in commands(state) for line in block)
