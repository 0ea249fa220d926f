"""Real builds on a builder: what comes out of good sdists and bad ones."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.builder.folders import BuilderHome

from tests.support.builder import LIBRARY, Builder
from tests.support.interpreters import cpythons
from tests.support.sdists import broken_sdist, c_sdist, hostile_sdist, pure_sdist
from tests.support.upstream import Upstream
from tests.support.wheels import installed_wheel, wheel_file

#: The Pythons that build, and that run the worker: the oldest and the newest here.
EXTREMES = sorted({cpythons()[0], cpythons()[-1]})


# ------------------------------------------------------------------------------------------------ building


@pytest.mark.parametrize("python", EXTREMES, ids=lambda path: path.name)
def test_sdists_become_wheels_with_the_oldest_and_the_newest_python(builder: Builder, python: Path) -> None:
    sdists = [pure_sdist("Pure.Demo", "1.0"), c_sdist("c-demo", "2.0"), pure_sdist("z", "1", filename="z-1.zip")]
    assignments = [builder.assignment(s, position=i, interpreter=python) for i, s in enumerate(sdists)]
    results = builder.build(*assignments, python=python, parallel=2)
    assert [(result["outcome"], result["phase"], result["message"]) for result in results] == [
        ("built", "collect", None)
    ] * 3
    names = [result["wheels"][0]["filename"] for result in results]
    version = "".join(re.findall(r"\d+", python.name)[:2])
    assert names[0] == "pure_demo-1.0-py3-none-any.whl"
    assert names[1].startswith(f"c_demo-2.0-cp{version}-cp{version}-linux_")
    for result in results:
        assert builder.wheel(result)[:2] == b"PK"
    builder.assert_nothing_is_left()


def test_a_result_says_what_the_build_was_made_of_and_what_it_cost(builder: Builder) -> None:
    sdist = c_sdist("demo", "1.0", script="held = bytearray(50 << 20)")
    (result,) = builder.build(builder.assignment(sdist))
    facts = ("schema", "attempt", "outcome", "stopped_by", "phase", "exit_code", "build_requires", "sdist_sha256")
    assert [result[fact] for fact in facts] == [1, "demo-1.0-0000", "built", None, "collect", 0, [], sdist.sha256]
    assert re.fullmatch(r"CPython 3\.\d+\.\d+", result["interpreter"])
    assert result["summary"] == "Klein, aber größer als nichts: demo"
    assert result["cpu_seconds"] > 0
    assert result["seconds"] > 0
    assert result["peak_memory"] > 50 << 20
    log = (builder.home / "outbox" / "demo-1.0-0000" / "log.gz").stat().st_size
    assert result["log"] == {"filename": "log.gz", "size": log}


def test_the_log_begins_with_what_is_built_and_marks_each_phase(builder: Builder) -> None:
    sdist = c_sdist("demo", "1.0", script="print('hello from the build', flush=True)")
    assignment = builder.assignment(sdist)
    builder.build(assignment)
    log = builder.log("demo-1.0-0000")
    header, _, rest = log.partition("\n\n")
    for line in (
        "attempt: demo-1.0-0000",
        f"sdist: demo-1.0.tar.gz (SHA-256 {sdist.sha256})",
        f"interpreter: {assignment['tools']}",
        f"host: {os.uname().nodename} (Linux ",
        "limits: 120 s, 60 s without output, 1024 MiB of memory, 64 processes, 1024 MiB on the disk, 1024 KiB of log",
    ):
        assert line in header
    assert re.findall(r"^::wheelfleet phase (\w+) \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$", rest, re.MULTILINE) == [
        *("fetch", "unpack", "environment", "requires", "build")
    ]
    assert rest.index("phase build") < rest.index("hello from the build") < rest.index("::wheelfleet built demo-1.0-")


def test_a_password_in_the_sdists_url_is_not_written_to_the_log(builder: Builder) -> None:
    with Upstream() as upstream:
        sdist = pure_sdist("demo", "1.0")
        upstream.add_release(sdist)
        upstream.basic_auth = ("pi", "secret")
        assignment = builder.assignment(sdist)
        assignment["sdist"]["url"] = upstream.file_url(sdist).replace("://", "://pi:secret@")
        (result,) = builder.build(assignment)
    assert result["outcome"] == "built"
    assert "secret" not in builder.log("demo-1.0-0000")


def test_a_build_sees_a_home_of_its_own_and_the_assignments_environment(builder: Builder, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    script = (
        f"import json, os, sys\nopen({str(seen)!r}, 'w').write(json.dumps([dict(os.environ), os.getcwd(), sys.path]))"
    )
    builder.build(builder.assignment(pure_sdist("demo", "1.0", script=script)))
    environment, folder, path = json.loads(seen.read_text())
    work_dir = str(builder.home.resolve() / "work" / "demo-1.0-0000")
    assert environment["HOME"] == f"{work_dir}/home"
    assert environment["PIWHEELS_BUILD"] == "1"
    assert environment["WHEELFLEET_HOME"] == str(builder.home.resolve())
    assert environment["MAKEFLAGS"] == "-j2"
    assert folder.startswith(f"{work_dir}/source/")
    assert [part for part in path if str(LIBRARY) in part] == []


# --------------------------------------------------------------------------------------- build requirements


def test_a_sdist_without_pyproject_builds_with_setuptools_from_upstream(builder: Builder) -> None:
    setuptools = installed_wheel("setuptools")
    with Upstream() as upstream:
        upstream.add_release(setuptools)
        assignments = [
            builder.assignment(sdist, position=order, index_url=upstream.index_url)
            for order, sdist in enumerate(
                [c_sdist("old", "1.0", backend="legacy"), pure_sdist("new", "1.0", backend="setuptools")]
            )
        ]
        results = builder.build(*assignments)
    for result in results:
        assert (result["outcome"], result["message"]) == ("built", None)
        assert {"name": "setuptools", "version": setuptools.version} in result["build_requires"]


def test_a_wheel_of_our_index_is_preferred_to_a_newer_sdist_of_upstream(builder: Builder, tmp_path: Path) -> None:
    own = tmp_path / "site" / "simple"
    page = own / "helper" / "index.html"
    page.parent.mkdir(parents=True)
    wheel = wheel_file("helper", "1.0")
    (page.parent / wheel.filename).write_bytes(wheel.data)
    page.write_text(f'<a href="{wheel.filename}#sha256={wheel.sha256}">{wheel.filename}</a>')
    sdist = pure_sdist("demo", "1.0", build_requires=["helper"], dynamic_requires=["other"])
    with Upstream() as upstream:
        upstream.add_release(pure_sdist("helper", "2.0"))
        upstream.add_release(wheel_file("other", "3.0"))
        assignment = builder.assignment(sdist, index_url=upstream.index_url, own_index_url=own.as_uri())
        (result,) = builder.build(assignment)
    assert result["outcome"] == "built"
    assert result["build_requires"] == [{"name": "helper", "version": "1.0"}, {"name": "other", "version": "3.0"}]


@pytest.mark.parametrize("sandbox", [True, False])
def test_programs_among_the_build_requirements_are_found(builder: Builder, sandbox: bool) -> None:
    helper = wheel_file("helper", "1.0", files={"helper-1.0.data/scripts/helper": "#!/bin/sh\necho ready\n"})
    script = "import subprocess\nassert subprocess.check_output('helper') == b'ready\\n'"
    sdist = pure_sdist("demo", "1.0", build_requires=["helper"], script=script)
    with Upstream() as upstream:
        upstream.add_release(helper)
        assignment = builder.assignment(sdist, index_url=upstream.index_url, sandbox=sandbox)
        (result,) = builder.build(assignment)
    assert (result["outcome"], result["message"]) == ("built", None)


def test_an_own_index_that_does_not_exist_yet_breaks_nothing(builder: Builder, tmp_path: Path) -> None:
    sdist = pure_sdist("demo", "1.0", build_requires=["helper"])
    with Upstream() as upstream:
        upstream.add_release(wheel_file("helper", "2.0"))
        assignment = builder.assignment(
            sdist, index_url=upstream.index_url, own_index_url=(tmp_path / "not" / "there").as_uri()
        )
        (result,) = builder.build(assignment)
    assert (result["outcome"], result["build_requires"]) == ("built", [{"name": "helper", "version": "2.0"}])


# ------------------------------------------------------------------------------------------------ failures


@pytest.mark.parametrize(
    ("requires", "phase"),
    [({"build_requires": ["no-such-thing"]}, "environment"), ({"dynamic_requires": ["no-such-thing"]}, "requires")],
)
def test_a_build_requirement_that_cannot_be_had_is_named(builder: Builder, requires: Any, phase: str) -> None:
    with Upstream() as upstream:
        (result,) = builder.build(
            builder.assignment(pure_sdist("demo", "1.0", **requires), index_url=upstream.index_url)
        )
    assert (result["outcome"], result["phase"], result["exit_code"]) == ("failed", phase, 1)
    assert result["message"] == "The build requirements (no-such-thing) cannot be installed (pip: exit code 1)."
    assert "No matching distribution found for no-such-thing" in builder.log("demo-1.0-0000")


def test_a_build_that_fails_says_in_which_step_and_keeps_its_log(builder: Builder) -> None:
    (result,) = builder.build(builder.assignment(broken_sdist("demo", "1.0")))
    assert (result["outcome"], result["phase"], result["exit_code"], result["wheels"]) == ("failed", "build", 1, [])
    assert result["message"] == "The backend's build_wheel failed (exit code 1)."
    assert "AssertionError: this never builds" in builder.log("demo-1.0-0000")
    builder.assert_nothing_is_left()


def test_each_step_before_the_build_can_fail_with_its_own_phase(builder: Builder) -> None:
    wrong_hash = builder.assignment(pure_sdist("wrong-hash", "1"))
    wrong_hash["sdist"]["sha256"] = "0" * 64
    no_tools = builder.assignment(pure_sdist("no-tools", "1"), tools="/nowhere/bin/python")
    climbing = builder.assignment(hostile_sdist("climbing", "1", "path-traversal"))
    no_project = builder.assignment(hostile_sdist("no-project", "1", "no-pyproject-or-setup"))
    results = builder.build(wrong_hash, no_tools, climbing, no_project)
    assert [(result["outcome"], result["phase"], result["reason"]) for result in results] == [
        ("failed", "fetch", "sdist-differs"),
        ("failed", "fetch", "not-provisioned"),
        ("failed", "unpack", "sdist-broken"),
        ("failed", "unpack", "sdist-broken"),
    ]
    messages = [result["message"] for result in results]
    assert "upstream states 0000" in messages[0]
    assert messages[1] == "The tools /nowhere/bin/python are not on this builder; provision it again."
    assert "leads out of it" in messages[2]
    assert "is no Python project" in messages[3]


def test_an_unreadable_assignment_becomes_a_failure_and_stops_nobody(builder: Builder) -> None:
    home = BuilderHome(builder.home)
    home.create()
    (home.inbox / "from-the-future-1.json").write_text('{"schema": 3, "attempt": "from-the-future-1"}')
    (home.inbox / "garbage-1.json").write_text("{")
    (home.inbox / "Not An Attempt.json").write_text("{}")
    (result,) = builder.build(builder.assignment(pure_sdist("demo", "1.0")))
    assert result["outcome"] == "built"
    future, garbage = builder.result("from-the-future-1"), builder.result("garbage-1")
    assert "schema 2, not 3; provision the builder again" in future["message"]
    assert "is not JSON" in garbage["message"]
    assert [future["reason"], garbage["reason"]] == ["not-provisioned", "not-provisioned"]
    assert [path.name for path in home.inbox.iterdir()] == ["Not An Attempt.json"]


def test_limits_hold_for_everything_that_a_build_starts(builder: Builder) -> None:
    deep = "import subprocess, sys\nsubprocess.run([sys.executable, '-c', {!r}], start_new_session=True)"
    holding = "import os, time; held = os.urandom(300 << 20); time.sleep(60)"
    greedy = broken_sdist("greedy", "1", script=deep.format(holding))
    silent = broken_sdist("silent", "1", script=deep.format("import time; time.sleep(60)"))
    results = builder.build(
        builder.assignment(greedy, limits={"memory": 200 << 20}),
        builder.assignment(silent, limits={"silence_seconds": 1}),
    )
    assert [(r["outcome"], r["stopped_by"], r["phase"], r["exit_code"]) for r in results] == [
        ("failed", "memory", "build", None),
        ("failed", "silence", "build", None),
    ]
    assert "more than the 200 MiB of memory it may use" in builder.log("greedy-1-0000")
    builder.assert_nothing_is_left()


def test_a_backend_that_the_kernel_kills_is_not_a_fault_of_the_package(builder: Builder) -> None:
    sdist = broken_sdist("demo", "1", script="import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    (result,) = builder.build(builder.assignment(sdist))
    assert (result["stopped_by"], result["exit_code"], result["phase"]) == ("killed", -9, "build")


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("wheel_filename = 'demo-1-py3-none-any.whl'", "left no wheel"),
        (
            "import os\nos.symlink('/etc/passwd', wheel_directory + '/demo-1-py3-none-any.whl')\n"
            "wheel_filename = 'demo-1-py3-none-any.whl'",
            "is not a regular file",
        ),
        (
            "open(wheel_directory + '/demo 1.whl', 'w').close()\nwheel_filename = 'demo 1.whl'",
            "is not a file name of a distribution",
        ),
        (
            "import os\nos.rmdir(wheel_directory)\nos.symlink('/etc', wheel_directory)\nwheel_filename = 'demo.whl'",
            "put a link in the place of the folder",
        ),
    ],
)
def test_what_is_no_wheel_is_not_handed_out(builder: Builder, script: str, message: str) -> None:
    (result,) = builder.build(builder.assignment(broken_sdist("demo", "1", script=script)))
    assert (result["outcome"], result["phase"], result["wheels"]) == ("failed", "collect", [])
    assert message in result["message"]
    assert sorted(builder.state()["outbox"]["demo-1-0000"]) == ["log.gz", "result.json"]


def test_whatever_a_build_does_to_its_folder_a_result_comes_out(builder: Builder) -> None:
    script = """
import os, pathlib, shutil
work = pathlib.Path(wheel_directory).parent
(work / "result").symlink_to("/etc")
(work / "progress.json").unlink()
(work / "progress.json").mkdir()
(work / "log").unlink()
(work / "log").symlink_to("/etc/passwd")
locked = work / "tmp" / "locked"
locked.mkdir()
(locked / "file").touch()
locked.chmod(0o000)
raise SystemExit(1)
"""
    (result,) = builder.build(builder.assignment(broken_sdist("demo", "1", script=script)))
    assert result["outcome"] == "failed"
    assert builder.log("demo-1-0000") == ""
    builder.assert_nothing_is_left()
