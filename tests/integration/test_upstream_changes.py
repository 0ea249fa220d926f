"""What happens upstream reaches the catalog and the pages, and what goes wrong there stops nobody else."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from tests.support import sdists, wheels
from tests.support.operator import Operator
from tests.support.upstream import Upstream


def page(operator: Operator, name: str) -> dict:
    return json.loads((operator.site / "simple" / name / "index.json").read_text())


def problem(operator: Operator, name: str) -> str | None:
    return operator.query("SELECT problem FROM project WHERE name = ?", name)[0]["problem"]


@pytest.fixture
def demo(operator: Operator, upstream: Upstream) -> Operator:
    """Version 1.0 of demo has been built and published."""
    upstream.add_release(sdists.pure_sdist("demo", "1.0"))
    operator.variables["controller_packages"] = ["demo"]
    operator.build()
    assert operator.wheels() == ["demo-1.0-py3-none-any.whl"]
    return operator


def test_new_releases_yanks_and_deletions_reach_the_page(demo: Operator, upstream: Upstream):
    old, new = "demo-1.0-py3-none-any.whl", "demo-1.1-py3-none-any.whl"

    def yanked() -> dict[str, str | bool]:
        return {file["filename"]: file.get("yanked", False) for file in page(demo, "demo")["files"]}

    upstream.add_release(sdists.pure_sdist("demo", "1.1"))
    upstream.yank("demo", "1.0", "eats data")
    demo.build()
    assert yanked() == {old: "eats data", new: False}, "the old one stays"
    upstream.unyank("demo", "1.0")
    demo.build()
    assert yanked() == {old: False, new: False}
    upstream.delete_release("demo", "1.0")
    demo.build()
    assert demo.wheels() == [new]
    assert (demo.state / "files/demo" / old).is_file(), "for a while"


def test_removed_projects_leave_the_pages_one_404_is_not_believed(demo: Operator, upstream: Upstream):
    upstream.add_release(wheels.wheel_file("stays", "1.0"))
    upstream.add_release(sdists.pure_sdist("infected", "1.0"))
    demo.variables["controller_packages"] = ["demo", "infected", "stays"]
    upstream.fault("demo", "404", times=1)
    demo.build()
    assert demo.wheels() == ["demo-1.0-py3-none-any.whl", "infected-1.0-py3-none-any.whl"]
    upstream.delete_project("demo")
    upstream.quarantine("infected")
    run = demo.build(expect=3)
    assert demo.wheels() == []
    assert run.lines("^Not considered: demo .controller_packages.: Upstream has removed the project. Remove it")


@pytest.mark.long
@pytest.mark.skipif(shutil.which("rsync") is None, reason="needs rsync; apt-get install rsync")
def test_a_young_release_taken_away_leaves_web_nodes_until_it_is_back(
    operator: Operator, upstream: Upstream, tmp_path: Path
) -> None:
    """As PyPI's quarantine of one release looks: its files vanish, and its project lives."""
    node = tmp_path / "node"
    node.mkdir()
    operator.variables |= {"controller_packages": [{"name": "useful", "newest": 2}], "webnode_root": str(node)}
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    harmful = sdists.pure_sdist("useful", "1.1")
    upstream.add_release(sdists.pure_sdist("useful", "1.0"), upload_time=yesterday)
    upstream.add_release(harmful, upload_time=yesterday)
    operator.build()
    old, young = "useful-1.0-py3-none-any.whl", "useful-1.1-py3-none-any.whl"
    assert operator.wheels() == [old, young]
    served = (node / f"files/useful/{young}").read_bytes()

    upstream.delete_release("useful", "1.1")
    run = operator.build()
    assert run.lines("upstream took useful 1.1 away 1 day after its upload, as it does with harmful releases")
    assert operator.wheels() == [old]
    assert (node / f"files/useful/{old}").is_file()
    assert list(node.glob(f"**/{young}*")) == []
    assert young not in (node / "simple/useful/index.html").read_text()
    assert (operator.state / f"files/useful/{young}").read_bytes() == served
    assert operator.build().changed == 0

    upstream.add_release(harmful, upload_time=yesterday)
    operator.build()
    assert operator.wheels() == [old, young]
    assert (node / f"files/useful/{young}").read_bytes() == served
    assert operator.attempts() == [("useful", "built")] * 2, "nothing was built again"
    assert operator.build().changed == 0


def test_an_sdist_that_comes_late_is_built(operator: Operator, upstream: Upstream):
    upstream.add_release(wheels.wheel_file("late", "1.0", "cp311-cp311-win_amd64"))
    operator.variables["controller_packages"] = ["late"]
    operator.build()
    assert operator.verdicts() == {"late 1.0": "passed"}
    upstream.add_file(sdists.pure_sdist("late", "1.0"))
    operator.build()
    assert operator.attempts() == [("late", "built")]


def test_a_second_run_builds_nothing_and_other_bytes_get_another_name(demo: Operator, upstream: Upstream):
    """An index that states no Requires-Python, one that has our wheel's name, and one that replaces an sdist."""
    upstream.add_release(replace(sdists.pure_sdist("newer", "1.0", requires_python=">=3.99"), requires_python=None))
    upstream.add_release(
        sdists.pure_sdist("theirs", "1.0"), replace(wheels.wheel_file("theirs", "1.0"), requires_python=">=3.99")
    )
    upstream.delete_file("demo", "demo-1.0.tar.gz")
    upstream.add_file(sdists.pure_sdist("demo", "1.0", source="def answer():\n    return 43\n"))
    demo.variables["controller_packages"] = ["demo", "newer", "theirs"]
    built = [("demo", "built"), ("demo", "built"), ("newer", "failed"), ("theirs", "built")]
    for _ in range(2):
        demo.build()
        assert demo.attempts() == built
        *demos, theirs = demo.wheels()
        assert demos == ["demo-1.0-1-py3-none-any.whl", "demo-1.0-py3-none-any.whl"]
        assert re.fullmatch(r"theirs-1\.0-1-cp3\d+-none-any\.whl", theirs), "others are not offered it"
        assert demo.verdicts() == {"demo 1.0": "build", "newer 1.0": "passed", "theirs 1.0": "build"}


def test_a_stale_page_is_not_taken_and_the_project_is_asked_again(demo: Operator, upstream: Upstream):
    old = upstream.serial_of("demo")
    upstream.add_release(sdists.pure_sdist("demo", "1.1"))
    demo.build()
    fault = upstream.fault("demo", "stale", serial=old)
    upstream.delete_release("demo", "1.1")
    demo.build()
    assert "demo-1.1-py3-none-any.whl" in demo.wheels(), "the older page does not undo the newer one"
    assert problem(demo, "demo")
    upstream.heal(fault)
    demo.build()
    assert demo.wheels() == ["demo-1.0-py3-none-any.whl"]
    assert problem(demo, "demo") is None


def test_trouble_with_some_projects_stops_no_other_and_is_tried_again(operator: Operator, upstream: Upstream):
    kinds = ["429", "500", "503", "garbage", "truncated", "hang"]
    bad = {f"bad-{kind}": kind for kind in kinds}
    for name in ("good", *bad):
        upstream.add_release(sdists.pure_sdist(name, "1.0"))
    faults = [upstream.fault(name, kind, **({"retry_after": 1} if kind == "429" else {})) for name, kind in bad.items()]
    operator.variables |= {"controller_packages": ["good", *bad], "controller_timeout": 1}
    run = operator.build(expect=3)
    assert operator.attempts() == [("good", "built")]
    for name in bad:
        assert run.lines(name) and problem(operator, name)
    for fault in faults:
        upstream.heal(fault)
    operator.build()
    assert sorted(operator.attempts()) == sorted((name, "built") for name in ("good", *bad))
    assert {problem(operator, name) for name in bad} == {None}


def test_an_upstream_that_does_not_answer_is_one_sentence_and_a_failed_run(demo: Operator, upstream: Upstream):
    upstream.stop()
    run = demo.build(expect=2)
    assert run.lines("did not answer") and run.lines(str(upstream.port))
    assert demo.wheels() == ["demo-1.0-py3-none-any.whl"], "what was published stays"
    upstream.start()
    assert demo.build().changed == 0


@pytest.mark.parametrize(
    ("switches", "what"),
    [
        ({"json": False, "serials": False, "etags": False, "hashes": False}, "nothing but names"),
        (
            {"serial_as_string": True, "etags": False, "basic_auth": ("somebody", "s3cret-word")},
            "a password, and serials as strings",
        ),
    ],
)
def test_plain_upstreams_work_too(operators: Callable, switches: dict, what: str):
    with Upstream() as upstream:
        for switch, value in switches.items():
            setattr(upstream, switch, value)
        upstream.add_release(sdists.pure_sdist("demo", "1.0"))
        operator = operators(
            upstream.index_url_with_password if "basic_auth" in switches else upstream.index_url, ["demo"]
        )
        first = operator.build("-vvv")
        assert operator.attempts() == [("demo", "built")], what
        assert operator.build().changed == 0, what
        upstream.add_release(sdists.pure_sdist("demo", "1.1"))
        operator.build()
        assert len(operator.wheels()) == 2, what
        assert "s3cret-word" not in first.output
        assert not [p for p in operator.state.rglob("*.html") if "s3cret-word" in p.read_text()]


@pytest.fixture
def pypiserver(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A foreign upstream from PyPI that knows HTML only: its URL, and the folder it serves."""
    folder = tmp_path / "pypiserver"
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        str(Path(sys.executable).with_name("pypi-server")),
        "run",
        "-i",
        "127.0.0.1",
        "-p",
        str(port),
        # By default it sends who asks for what it does not have to PyPI.
        "--disable-fallback",
        str(folder),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        yield f"http://127.0.0.1:{port}/simple/", folder
        server.terminate()


def test_pypiserver_is_an_upstream(operators: Callable, pypiserver: tuple[str, Path]):
    url, folder = pypiserver
    for artifact in (
        sdists.c_sdist("My.Ext", "1.0"),
        sdists.pure_sdist("pure", "1.0"),
        wheels.wheel_file("pure", "1.0"),
    ):
        (folder / artifact.filename).write_bytes(artifact.data)
    operator = operators(url, ["my-ext", "pure", "missing"])
    # What upstream does not have is not considered (docs/reference/exit-statuses.md).
    operator.build(expect=3)
    assert operator.attempts() == [("my-ext", "built")]
    assert operator.verdicts()["pure 1.0"] == "upstream"
    assert operator.build(expect=3).changed == 0


def test_everything_reads_only_what_the_root_list_says_has_changed(operator: Operator, upstream: Upstream):
    for number in range(8):
        upstream.add_release(sdists.pure_sdist(f"p{number}", "1.0"))
    upstream.add_release(wheels.wheel_file("served", "1.0"))
    operator.variables["controller_everything"] = True
    operator.build()
    assert len(operator.wheels()) == 8
    upstream.requests.clear()
    assert operator.build().changed == 0
    assert [(r.path, r.status) for r in upstream.requests] == [("/simple/", 304)]
    upstream.add_release(sdists.pure_sdist("p3", "1.1"))
    upstream.delete_project("p5")
    upstream.add_release(sdists.pure_sdist("new", "1.0"))
    upstream.requests.clear()
    operator.build()
    pages = {r.path for r in upstream.requests if r.path.startswith("/simple/")}
    assert pages == {"/simple/", "/simple/p3/", "/simple/p5/", "/simple/new/"}
    assert "p3-1.1-py3-none-any.whl" in operator.wheels() and "new-1.0-py3-none-any.whl" in operator.wheels()
    assert not [wheel for wheel in operator.wheels() if wheel.startswith("p5-")]
    assert operator.build().changed == 0


def test_everything_takes_the_changelog_as_a_hint_before_the_root_list(operator: Operator, upstream: Upstream):
    upstream.add_release(sdists.pure_sdist("p1", "1.0"))
    operator.variables |= {"controller_everything": True, "controller_changelog_url": upstream.xmlrpc_url}
    operator.build()
    stale = upstream.fault("/simple/", "stale", serial=upstream.serial)
    upstream.add_release(sdists.pure_sdist("p1", "1.1"))
    upstream.add_release(sdists.pure_sdist("p2", "1.0"))
    operator.build()
    assert {"p1-1.1-py3-none-any.whl", "p2-1.0-py3-none-any.whl"} <= set(operator.wheels())
    upstream.heal(stale)
    upstream.fault("/pypi", "500")
    assert operator.build().returncode == 0, "a hint that fails stops nothing"


#: A lock file (PEP 751) with a release for Windows, and an older release than upstream's newest.
LOCK = """
lock-version = "1.0"
created-by = "a test"
[[packages]]
name = "colors"
version = "3.0"
marker = "sys_platform == 'win32'"
sdist = {name = "colors-3.0.tar.gz", url = "u", hashes = {sha256 = "00"}}
[[packages]]
name = "locked"
version = "1.0"
sdist = {name = "locked-1.0.tar.gz", url = "u", hashes = {sha256 = "00"}}
"""


def test_a_requirements_file_brings_its_closure_as_pip_resolves_it(
    operator: Operator, upstream: Upstream, tmp_path: Path
):
    upstream.add_release(sdists.pure_sdist("app", "1.0", requires_dist=["middle>=1", "other; python_version < '3'"]))
    upstream.add_release(wheels.wheel_file("middle", "1.0", requires_dist=["leaf<2"]))
    upstream.add_release(sdists.pure_sdist("leaf", "1.5"))
    upstream.add_release(sdists.pure_sdist("leaf", "2.0"))
    upstream.add_release(sdists.pure_sdist("locked", "1.0"))
    upstream.add_release(sdists.pure_sdist("locked", "1.1"))
    (tmp_path / "requirements.txt").write_text("app\n")
    (tmp_path / "pylock.toml").write_text(LOCK)
    operator.variables["controller_requirements"] = [str(tmp_path / "requirements.txt"), str(tmp_path / "pylock.toml")]
    operator.build()
    assert operator.attempts() == [("app", "built"), ("leaf", "built"), ("locked", "built")]
    verdicts = {"app 1.0": "build", "middle 1.0": "upstream", "leaf 1.5": "build", "locked 1.0": "build"}
    assert operator.verdicts() == verdicts
    again = operator.build()
    assert again.changed == 0
    upstream.add_release(sdists.pure_sdist("leaf", "1.6"))
    upstream.add_release(sdists.pure_sdist("late", "1.0"))
    (tmp_path / "requirements.txt").write_text("app\nlate\n")
    check = operator.build("--check")
    # In an order that follows how long each is expected to take.
    assert sorted(line.split()[2:4] for line in check.lines("^would build")) == [["late", "1.0"], ["leaf", "1.6"]]
    operator.build()
    assert "leaf-1.6-py3-none-any.whl" in operator.wheels()


def test_a_line_that_cannot_be_resolved_is_named_and_others_are_built(
    operator: Operator, upstream: Upstream, tmp_path: Path
):
    for name in ("one", "two"):
        upstream.add_release(sdists.pure_sdist(name, "1.0"))
    file = tmp_path / "requirements.txt"
    operator.variables["controller_requirements"] = [str(file)]
    file.write_text("# mine\none\nno-such-thing>=3\n-e .\ntwo\n")
    run = operator.build(expect=3)
    built = ["one-1.0-py3-none-any.whl", "two-1.0-py3-none-any.whl"]
    assert operator.wheels() == built
    (folder, line) = sorted(run.lines("^Not considered: "))
    assert folder.startswith(f"Not considered: -e . ({file}:4): This line plays no part, because it is a folder")
    assert line.startswith(f"Not considered: no-such-thing>=3 ({file}:3): It cannot be resolved for cp3")
    assert "Could not find a version that satisfies the requirement no-such-thing>=3" in line
    report = json.loads((operator.site / "report" / "report.json").read_text())
    logs = {each["where"]: each["log"] for each in report["not_considered"]}
    assert logs[f"{file}:4"] == "" and logs[f"{file}:3"] in (operator.site / "report" / "index.html").read_text()
    log = (operator.site / logs[f"{file}:3"]).read_text()
    assert "No matching distribution found for no-such-thing" in log
    assert operator.build(expect=3).changed == 0, "it is asked again, and answers the same"
    file.write_text("one\n")
    operator.build()
    assert not (operator.site / logs[f"{file}:3"]).exists()


def test_a_release_that_cools_down_waits_and_the_one_before_is_taken(operator: Operator, upstream: Upstream):
    upstream.add_release(sdists.pure_sdist("demo", "1.0"))
    upstream.add_release(sdists.pure_sdist("demo", "2.0"), upload_time="2999-01-01T00:00:00Z")
    operator.variables |= {"controller_packages": ["demo"], "controller_cooldown_hours": 24}
    operator.build()
    assert operator.wheels() == ["demo-1.0-py3-none-any.whl"]
    assert operator.verdicts()["demo 2.0"] == "passed"


def test_inventories_that_cannot_be_meant_are_one_sentence_each(operator: Operator, upstream: Upstream):
    upstream.add_release(wheels.wheel_file("demo", "1.0"))
    usual = {**operator.variables, "controller_packages": ["demo"]}
    for variables, sentence in [
        ({"controller_packages": ["spidev >= >= 3"]}, "controller_packages has the entry 'spidev >= >= 3'"),
        ({"controller_requirements": ["/no/such/file.txt"]}, "controller_requirements names /no/such/file.txt"),
        ({"builder_pythons": ["/no/such/python"]}, "builder_pythons names /no/such/python"),
        ({"controller_prereleases": "sometimes"}, "controller_prereleases"),
        ({"controller_upstream_url": "not a url"}, "not a url"),
        ({"builder_home": "/proc/nowhere"}, "builder_home"),
        ({"controller_state_dir": "/proc/nowhere"}, "/proc/nowhere"),
    ]:
        operator.variables = usual | variables
        run = operator.build(expect=2)
        assert sentence in " ".join(run.output.split()), run.output
        assert "Traceback" not in run.output


def test_a_mirror_that_lost_its_data_empties_no_index(operator: Operator, upstream: Upstream):
    names = [f"p{number}" for number in range(12)]
    for name in names:
        upstream.add_release(wheels.wheel_file(name, "1.0"))
    upstream.add_release(sdists.pure_sdist("demo", "1.0"))
    operator.variables["controller_packages"] = ["demo", *names]
    operator.build()
    fault = upstream.fault("*", "404")
    run = operator.build(expect=3)
    assert run.lines("projects are gone")
    assert operator.wheels() == ["demo-1.0-py3-none-any.whl"]
    upstream.heal(fault)
    operator.build()
    assert problem(operator, "demo") is None


def test_another_upstream_is_read_anew_whatever_serials_it_has(operators: Callable, upstream: Upstream):
    for number in range(3):
        upstream.add_release(sdists.pure_sdist("demo", f"1.{number}"))
    operator = operators(upstream.index_url, ["demo"])
    operator.build()
    with Upstream() as another:
        another.add_release(sdists.pure_sdist("demo", "2.0"))
        operator.variables["controller_upstream_url"] = another.index_url
        operator.build()
        assert "demo-2.0-py3-none-any.whl" in operator.wheels()


def test_a_project_that_left_the_scope_keeps_wheels_and_notices_yanks(demo: Operator, upstream: Upstream):
    upstream.add_release(wheels.wheel_file("other", "1.0"))
    demo.variables["controller_packages"] = ["other"]
    demo.build()
    assert demo.wheels() == ["demo-1.0-py3-none-any.whl"]
    upstream.yank("demo", "1.0", "eats data")
    upstream.add_release(sdists.pure_sdist("demo", "2.0"))
    demo.build()
    assert [file["yanked"] for file in page(demo, "demo")["files"]] == ["eats data"], "2.0 is not built"
