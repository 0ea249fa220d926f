"""playbooks/backup.yml, restore.yml and retention.yml: what is lost comes back, what went stays away."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.test_build import tree
from tests.support import sdists
from tests.support.operator import Operator, Run
from tests.support.upstream import Upstream

pytestmark = pytest.mark.skipif(shutil.which("rsync") is None, reason="needs rsync; apt-get install rsync")


def said(run: Run) -> str:
    return " ".join(run.output.split())


def index(operator: Operator) -> dict[str, str]:
    """The site's files with their digests; not those about the site itself, and about runs."""
    own = (".wheelfleet-", "status.json", "metrics.prom")
    return {path: digest for path, digest in tree(operator.site).items() if not path.startswith(own)}


def test_a_lost_controller_comes_back_and_builds_nothing(
    operator: Operator, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.add_release(sdists.pure_sdist("demo", "1.0"))
    operator.variables |= {"controller_packages": ["demo"], "backup_target": str(tmp_path / "backup")}
    operator.build()
    before, attempts = index(operator), operator.attempts()

    would = operator.play("playbooks/backup.yml", "--check", "--diff")
    assert "+files/demo/demo-1.0-py3-none-any.whl" in would.output
    assert not (tmp_path / "backup").exists()
    made = operator.play("playbooks/backup.yml")
    assert made.changed == 1
    assert "Not in it: the signing key, recipes, templates and inventory" in said(made)

    shutil.rmtree(operator.state)
    operator.play("playbooks/restore.yml", "--check")
    assert not operator.state.exists()
    operator.play("playbooks/restore.yml")
    assert index(operator) == before
    operator.build()
    assert operator.attempts() == attempts
    assert index(operator) == before


def test_an_older_release_goes_when_it_is_said_and_is_not_built_again(operator: Operator, upstream: Upstream) -> None:
    upstream.add_release(sdists.pure_sdist("demo", "1.0"))
    operator.variables["controller_packages"] = ["demo"]
    operator.build()
    upstream.add_release(sdists.pure_sdist("demo", "2.0"))
    operator.build()
    attempts = operator.attempts()
    old, new = "demo-1.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl"
    would = operator.play("playbooks/retention.yml", "-e", "newest=1", "--check", "--diff")
    assert f"-demo/{old} (" in would.output
    assert "1 wheel would go" in said(would)
    refused = operator.play("playbooks/retention.yml", "-e", "newest=1", expect=2)
    assert "Say why, with reason='" in said(refused)
    assert operator.wheels() == [old, new]
    assert operator.play("playbooks/retention.yml", "-e", "newest=1", "-e", "reason='too many'").changed == 1
    operator.build()
    assert (operator.wheels(), operator.attempts()) == ([new], attempts)
    assert [path.name for path in operator.state.rglob("*.whl") if "demo" in path.name] == [new, new]
