"""build.yml as its operator sees it: from an empty folder to an index that pip and uv install from, and again."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import provide
from tests.support import sdists, wheels
from tests.support.artifacts import Artifact
from tests.support.interpreters import interpreters
from tests.support.operator import Operator
from tests.support.servers import serve
from tests.support.upstream import Upstream

BIN = Path(sys.executable).parent


def install(tool: str, index_url: str, target: Path, *requirements: str, expect: int = 0) -> str:
    """Install by a real client from one index alone, without the machine's own configuration of it."""
    command = {
        "pip": [str(BIN / "python"), "-m", "pip", "--isolated", "install", "--no-cache-dir", "--target", str(target)],
        "uv": [
            str(BIN / "uv"),
            "pip",
            "install",
            "--no-config",
            "--no-cache",
            "--python",
            sys.executable,
            "--target",
            str(target),
        ],
    }[tool]
    command += ["--only-binary", ":all:", "--index-url", index_url, *requirements]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin", "HOME": str(target)}
    )
    assert done.returncode == expect, done.stdout + done.stderr
    return done.stdout + done.stderr


def imported(target: Path, module: str) -> str:
    """What the module's own test function answers, in a fresh interpreter."""
    code = f"import sys; sys.path.insert(0, {str(target)!r}); import {module}; print({module}.answer())"
    return subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def tree(folder: Path) -> dict[str, str]:
    """Every file of a folder with the hash of its bytes, but for status and metrics of the last run."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in ("status.json", "metrics.prom")
    }


@pytest.fixture
def mixed(operator: Operator, upstream: Upstream) -> Operator:
    """An operator whose scope has one project for each thing that can happen."""
    upstream.add_release(sdists.c_sdist("cext", "1.0"))
    upstream.add_release(sdists.pure_sdist("purely", "2.0"))
    upstream.add_release(sdists.pure_sdist("served", "3.0"), wheels.wheel_file("served", "3.0"))
    upstream.add_release(sdists.missing_header_sdist("needscups", "4.0"))
    operator.variables["controller_packages"] = ["cext", "purely", "served", "needscups"]
    return operator


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_what_did_not_exist_before_is_installed_over_http_and_works(mixed: Operator, tool: str, tmp_path: Path):
    run = mixed.build()
    assert [name.split("-")[0] for name in mixed.wheels()] == ["cext", "purely"]
    assert mixed.attempts() == [("cext", "built"), ("needscups", "failed"), ("purely", "built")]
    with serve(mixed.site) as site:
        install(tool, f"{site.url}/simple", tmp_path / "env", "cext", "purely")
    assert imported(tmp_path / "env", "cext") == "42"
    assert imported(tmp_path / "env", "purely") == "42"
    assert run.failed == 0


@pytest.mark.parametrize("made", [sdists.c_sdist, sdists.pure_sdist])
def test_the_run_ends_with_a_line_that_installs_with_upstreams_wheel(
    mixed: Operator, upstream: Upstream, tmp_path: Path, made: Callable[..., Artifact]
):
    installed = "newest"
    upstream.add_release(made(installed, "1.0", requires_dist=["served"]))
    mixed.variables["controller_packages"] = [installed]
    run = mixed.build()
    assert run.lines(f"{mixed.site.resolve().as_uri()}/index.html$")
    (line,) = run.lines(r"^python3\S* -m venv ")
    # As a person's shell on this system, whose own Python may refuse to be installed into (PEP 668).
    shell = {"PATH": f"/usr/bin:/bin:{sys.base_prefix}/bin", "HOME": str(tmp_path), "PIP_INDEX_URL": upstream.index_url}
    done = subprocess.run(["sh", "-c", line], env=shell, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = subprocess.run(
        [tmp_path / "env/bin/python", "-c", f"import {installed}; print({installed}.answer())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "42"


def test_the_report_says_what_became_of_everything_and_why(mixed: Operator):
    mixed.variables["controller_packages"].append("need-cups")
    run = mixed.build(expect=3)
    assert run.lines("^Not considered: need-cups .*controller_packages.*do you mean needscups[?]")
    rows = {row["project"]: row for row in json.loads((mixed.site / "report/report.json").read_text())["rows"]}
    assert {name: row["status"] for name, row in rows.items()} == {
        "cext": "built",
        "purely": "built",
        "served": "upstream",
        "needscups": "failed",
        "need-cups": "not-found",
    }
    assert "served-3.0-py3-none-any.whl" in rows["served"]["reason"]
    failed = rows["needscups"]
    assert failed["failure_class"] == "missing-header"
    # Which package has it is asked of apt after the builds (tests/fleet/test_missing_packages.py); not here.
    assert "cups/cups.h" in failed["advice"]
    assert "cups/cups.h" in failed["evidence"]
    log = gzip.decompress((mixed.site / failed["log"]).read_bytes()).decode()
    assert "fatal error: cups/cups.h" in log
    assert "cups/cups.h" in (mixed.site / "report/index.html").read_text()


def test_each_attempt_keeps_what_it_cost_and_what_it_was_made_with(mixed: Operator):
    mixed.build()
    (row,) = mixed.query(
        "SELECT a.* FROM attempt a JOIN release r ON r.id = a.release_id JOIN project p ON p.id = r.project_id "
        "WHERE p.name = 'cext'"
    )
    assert row["seconds"] > 0 and row["cpu_seconds"] > 0 and row["peak_memory"] > 1_000_000
    assert row["interpreter"].startswith("CPython 3.")
    assert json.loads(row["build_requires"]) == [], "its backend travels inside the sdist"
    assert row["sdist_sha256"] == sdists.c_sdist("cext", "1.0").sha256
    assert gzip.decompress((mixed.state / "logs" / row["log"]).read_bytes())


def test_a_second_run_changes_nothing_and_asks_conditionally(mixed: Operator, upstream: Upstream):
    mixed.build()
    assert json.loads((mixed.site / "status.json").read_text())["state"] == "ended"
    assert "\nwheelfleet_run_active 0\n" in (mixed.site / "metrics.prom").read_text()
    before, attempts = tree(mixed.state / "site"), mixed.attempts()
    upstream.requests.clear()
    run = mixed.build()
    assert run.changed == 0
    assert mixed.attempts() == attempts
    assert tree(mixed.state / "site") == before
    statuses = {request.path: request.status for request in upstream.requests}
    assert set(statuses.values()) == {304}, statuses


def test_check_mode_says_what_would_be_built_and_changes_nothing(mixed: Operator):
    run = mixed.build("--check")
    assert sorted(line.split()[2] for line in run.lines("^would build ")) == ["cext", "needscups", "purely"]
    assert not mixed.state.exists()
    assert {path.name for path in mixed.home.iterdir()} == {"tools"}


def test_check_mode_after_a_run_tells_of_news_only_and_writes_nothing(mixed: Operator, upstream: Upstream):
    mixed.build()
    before = tree(mixed.state)
    upstream.add_release(sdists.pure_sdist("purely", "2.1"))
    run = mixed.build("--check")
    (line,) = run.lines("^would build ")
    assert line.startswith("would build purely 2.1 ")
    after = {name: digest for name, digest in tree(mixed.state).items() if not name.startswith("catalog.sqlite-")}
    assert after == {name: digest for name, digest in before.items() if not name.startswith("catalog.sqlite-")}


def test_upstreams_wheel_is_never_shadowed_one_elsewhere_settles_nothing(operator: Operator, upstream: Upstream):
    upstream.add_release(sdists.c_sdist("both", "1.0"), wheels.wheel_file("both", "1.0", "cp311-cp311-win_amd64"))
    upstream.add_release(sdists.pure_sdist("pure", "1.0"), wheels.wheel_file("pure", "1.0"))
    operator.variables |= {"controller_packages": ["both", "pure"], "controller_build": "always"}
    operator.build()
    assert operator.attempts() == [("both", "built")]
    assert operator.verdicts()["pure 1.0"] == "upstream"


def test_two_pythons_share_what_they_can_and_each_gets_what_it_needs(
    operator: Operator, upstream: Upstream, two_pythons: list[str]
):
    upstream.add_release(sdists.pure_sdist("pure", "1.0"))
    upstream.add_release(sdists.c_sdist("bound", "1.0"))
    upstream.add_release(sdists.cli_tagged_sdist("tagged", "1.0"))
    operator.variables |= {"controller_packages": ["pure", "bound", "tagged"], "builder_pythons": two_pythons}
    operator.build()
    assert operator.attempts() == [
        ("bound", "built"),
        ("bound", "built"),
        ("pure", "built"),
        ("tagged", "built"),
        ("tagged", "built"),
    ]
    assert operator.build().changed == 0


def test_an_abi3_wheel_is_built_once_for_all_cpythons(operator: Operator, upstream: Upstream, tools: Path):
    # One on a bare Debian; tests/unit/test_verdicts.py has the targets for sure.
    chosen = [str(python) for python in interpreters() if "pypy" not in python.name][:2]
    for python in chosen:
        provide(tools, python)
    upstream.add_release(sdists.c_sdist("limited", "1.0", abi3=True))
    operator.variables |= {"controller_packages": ["limited"], "builder_pythons": chosen}
    operator.build()
    assert operator.attempts() == [("limited", "built")]
    (wheel,) = operator.wheels()
    assert "-cp39-abi3-" in wheel


def test_a_wheel_that_lies_is_refused_recorded_and_never_published(operator: Operator, upstream: Upstream):
    upstream.add_release(sdists.sdist_that_builds("liar", "1.0", wheels.wheel_file("liar", "1.0", flaws=("symlink",))))
    upstream.add_release(sdists.sdist_that_builds("other", "1.0", wheels.wheel_file("victim", "1.0")))
    operator.variables["controller_packages"] = ["liar", "other"]
    operator.build()
    assert {outcome for _, outcome in operator.attempts()} <= {"refused", "failed"}
    assert operator.wheels() == []
    assert not list(operator.state.glob("files/*/*"))
    assert operator.query("SELECT sentence FROM attempt")[0]["sentence"]


def test_failures_are_tried_again_only_when_the_operator_says_so(mixed: Operator):
    mixed.build()
    mixed.build("-e", json.dumps({"controller_retry": ["missing-header"]}))
    assert mixed.attempts().count(("needscups", "failed")) == 2
    mixed.build()
    assert mixed.attempts().count(("needscups", "failed")) == 2


def test_our_own_wheels_serve_as_build_requirements(operator: Operator, upstream: Upstream):
    upstream.add_release(sdists.c_sdist("toolkit", "1.0"))
    upstream.add_release(sdists.pure_sdist("user", "1.0", build_requires=["toolkit"], script="import toolkit"))
    operator.variables |= {
        "controller_packages": ["toolkit"],
        "builder_own_index_url": operator.site.resolve().as_uri() + "/simple",
    }
    operator.build()
    operator.variables["controller_packages"] = ["toolkit", "user"]
    upstream.requests.clear()
    operator.build()
    assert ("user", "built") in operator.attempts()
    assert upstream.requests.count(f"/files/{sdists.c_sdist('toolkit', '1.0').filename}") == 0
    (row,) = operator.query("SELECT build_requires FROM attempt WHERE build_requires <> '[]'")
    assert {"name": "toolkit", "version": "1.0"} in json.loads(row["build_requires"])


def test_an_operator_may_replace_a_template(mixed: Operator, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "report.html.j2").write_text("<p>Pages of my own</p>\n")
    mixed.variables["site_templates_dir"] = str(tmp_path / "mine")
    mixed.build()
    assert (mixed.site / "report/index.html").read_text() == "<p>Pages of my own</p>\n"


def test_without_a_terminal_one_plain_line_tells_each_begin_and_end(mixed: Operator):
    run = mixed.build()
    assert len(run.lines(r"^\d\d:\d\d:\d\d localhost builds ")) == 3
    assert len(run.lines(r"^\d\d:\d\d:\d\d localhost (built|failed) ")) == 3
    assert "\x1b[" not in run.output
