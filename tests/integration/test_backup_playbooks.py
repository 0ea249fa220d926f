"""playbooks/backup.yml and restore.yml: the controller is lost, comes back, and builds nothing again."""

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
    assert operator.play("playbooks/backup.yml").changed == 0

    shutil.rmtree(operator.state)
    operator.play("playbooks/restore.yml", "--check")
    assert not operator.state.exists()
    operator.play("playbooks/restore.yml")
    assert index(operator) == before
    operator.build()
    assert operator.attempts() == attempts
    assert index(operator) == before

    refused = operator.play("playbooks/restore.yml", expect=2)
    assert "is newer" in said(refused)
    assert index(operator) == before
