"""A run with two builders: what one has built the other builds again, when everything is published."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import sdists
from tests.support.operator import Operator
from tests.support.upstream import Upstream

#: A package that is never the same twice.
CLOCK = "import pathlib, time\npathlib.Path('clocked.py').write_text(f'{time.time_ns()}\\ndef answer(): return 42\\n')"


@pytest.fixture
def pair(operators: Callable[..., Operator], upstream: Upstream, tools: Path, tmp_path: Path) -> Operator:
    """An operator with two builders, each with a home of its own, who has every wheel built again, and signs."""
    operator = operators(
        upstream.index_url,
        ["cext", "clocked"],
        controller_rebuild_percent=100,
        site_signing_key=str(tmp_path / "key"),
    )
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "key"], check=True)
    operator.builders = ("one", "another-one")
    operator.variables["builder_home"] = f"{operator.home}/{{{{ inventory_hostname }}}}"
    for host in operator.builders:
        (operator.home / host).mkdir()
        (operator.home / host / "tools").symlink_to(tools)
    upstream.add_release(sdists.c_sdist("cext", "1.0"))
    upstream.add_release(sdists.pure_sdist("clocked", "1.0", script=CLOCK))
    return operator


def verified(document: Path, signature: Path, signers: Path) -> bool:
    command = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", "wheelfleet", "-n", "wheelfleet", "-s", signature]
    with document.open("rb") as data:
        return subprocess.run(command, stdin=data, capture_output=True, check=False).returncode == 0


def test_what_a_rebuild_makes_otherwise_is_told_and_not_published(pair: Operator) -> None:
    run = pair.build()
    assert pair.attempts() == [("cext", "built"), ("clocked", "built")]
    assert [name.split("-")[0] for name in pair.wheels()] == ["cext", "clocked"]
    assert run.lines(r"^Built again on another builder: 2 wheels; 1 gave the same bytes, 1 gave others\.$")
    assert run.lines(
        r"It built clocked-1\.0-py3-none-any\.whl again, and not as .* did\. Other bytes in clocked\.py\.$"
    )
    hosts = {row["project"]: row["host"] for row in pair.query(
        "SELECT p.name AS project, a.host FROM attempt a JOIN release r ON r.id = a.release_id "
        "JOIN project p ON p.id = r.project_id")}  # fmt: skip
    for project, verdict in (("cext", "agrees"), ("clocked", "differs")):
        (release,) = json.loads((pair.site / "project" / project / "json").read_bytes())["releases"].values()
        (file,) = release["files"]
        assert file["rebuild"]["verdict"] == verdict
        assert {file["rebuild"]["builder"], hosts[project]} == set(pair.builders)
        assert (file["rebuild"]["sha256"] == file["sha256"]) == (verdict == "agrees")
        document = pair.site / "project" / project / file["provenance"]
        assert json.loads(document.read_bytes())["rebuild"]["verdict"] == verdict
        assert verified(document, document.with_name(f"{document.name}.sig"), pair.site / "provenance/allowed_signers")
    again = pair.build()
    assert again.changed == 0
    assert not again.lines("Built again")
