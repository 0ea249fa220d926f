"""playbooks/publish.yml: the whole site anew, an audit both ways, repairs on request; upstream is never asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.test_build import tree
from tests.support import sdists
from tests.support.operator import Operator, Run
from tests.support.site_pages import broken_links, listed
from tests.support.upstream import Upstream

WHEEL = "demo/demo-1.0-py3-none-any.whl"


@pytest.fixture
def published(operator: Operator, upstream: Upstream) -> Operator:
    """One wheel was built and one build failed; since then upstream is down."""
    upstream.add_release(sdists.pure_sdist("demo", "1.0"))
    upstream.add_release(sdists.broken_sdist("broken", "1.0"))
    operator.variables["controller_packages"] = ["demo", "broken"]
    operator.build()
    upstream.stop()
    return operator


def publish(operator: Operator, *arguments: str, expect: int = 0) -> Run:
    return operator.play("playbooks/publish.yml", *arguments, expect=expect)


def said(run: Run) -> str:
    """The output without the line breaks that long sentences are given."""
    return " ".join(run.output.split())


def state_of(operator: Operator) -> dict[str, str]:
    """Every file of the controller but those about runs; the catalog by what it says, for whoever closes it last folds
    its file."""
    files = {path: digest for path, digest in tree(operator.state).items() if not path.startswith(("catalog", "run/"))}
    for table in ("wheel", "attempt", "project", "counter", "site_release", "site_project"):
        files[f"catalog: {table}"] = str(sorted(map(tuple, operator.query(f"SELECT * FROM {table}")), key=str))
    return files


def damage(operator: Operator) -> None:
    """The published wheel has other bytes than the controller's, a page was edited, files were dropped."""
    wheel = operator.site / "files" / WHEEL
    wheel.unlink()
    wheel.write_bytes(b"damaged")
    (operator.site / "simple/demo/index.html").write_text("edited")
    (operator.site / "project/dropped").mkdir()
    (operator.site / "project/dropped/index.html").write_text("dropped")
    (operator.state / "files/demo/dropped-1.0-py3-none-any.whl").write_bytes(b"dropped")


def test_all_pages_are_rendered_and_on_a_sound_site_nothing_changes(published: Operator):
    before = state_of(published)
    for _ in range(2):
        assert publish(published).changed == 0
        assert state_of(published) == before


def test_a_site_that_is_lost_is_made_anew_byte_for_byte(published: Operator):
    before = tree(published.site)
    shutil.rmtree(published.site)
    assert publish(published).changed == 1
    assert {path: digest for path, digest in tree(published.site).items() if not is_about_itself(path)} == {
        path: digest for path, digest in before.items() if not is_about_itself(path)
    }
    assert publish(published).changed == 0


def is_about_itself(path: str) -> bool:
    """Marker and journal say how the site came about."""
    return path.startswith(".wheelfleet-")


def test_check_mode_says_what_would_be_written_and_changes_nothing(published: Operator):
    assert publish(published, "--check").changed == 0
    damage(published)
    before = state_of(published)
    for arguments in ((), ("-e", "site_repair=true")):
        run = publish(published, "--check", "--diff", *arguments, expect=None)
        assert (run.returncode == 0) == bool(arguments)
        assert f"files/{WHEEL} on the site has other bytes" in said(run)
        assert "dropped-1.0-py3-none-any.whl is a wheel the catalog does not know" in said(run)
        assert {"+simple/demo/index.html", "+project/dropped"} <= {line.strip() for line in run.output.splitlines()}
        assert state_of(published) == before


def test_what_does_not_agree_is_named_until_a_repair_puts_pages_right(published: Operator):
    before = state_of(published)
    damage(published)
    for writes_pages in (1, 0):
        run = publish(published, expect=2)
        assert run.changed == writes_pages
        assert f"files/{WHEEL} on the site has other bytes" in said(run)
        assert "dropped-1.0-py3-none-any.whl is a wheel the catalog does not know" in said(run)
        assert "2 things do not agree (they are named above); repair them: ansible-playbook" in said(run)
        assert listed(published.site, "demo") == [WHEEL.split("/")[1]]
        assert not (published.site / "project/dropped").exists()
    assert broken_links(published.site) != [], "the wheel has not the hash that pages promise"

    assert f"files/{WHEEL} on the site has other bytes" in said(publish(published, "-e", "site_repair=true"))
    assert publish(published).changed == 0
    after = state_of(published)
    assert {path for path in before if before[path] != after[path]} <= {
        path for path in before if is_worth_writing(path)
    }
    assert after.keys() == before.keys()
    assert broken_links(published.site) == []


def is_worth_writing(path: str) -> bool:
    return is_about_itself(path.removeprefix("site/"))


def test_a_wheel_lost_on_the_site_too_is_given_up_and_built_again(published: Operator, upstream: Upstream):
    # In place: on one file system a wheel on the site is a second name of the controller's.
    (published.site / "files" / WHEEL).write_bytes(b"damaged")
    assert "it is given up, and built again if wanted" in said(publish(published, expect=2))
    publish(published, "-e", "site_repair=true")
    assert published.wheels() == []
    assert publish(published).changed == 0
    upstream.start()
    published.build()
    assert listed(published.site, "demo") == [WHEEL.split("/")[1]]
    assert broken_links(published.site) == []
    assert publish(published).changed == 0


def test_web_nodes_are_compared_as_a_whole(published: Operator, tmp_path: Path):
    node = tmp_path / "www"
    node.mkdir()
    published.variables["webnode_root"] = str(node)
    assert publish(published).changed == 1
    here = {path: digest for path, digest in tree(published.site).items() if not path.startswith(".")}
    assert {path: digest for path, digest in tree(node).items() if not path.startswith(".")} == here
    (node / "simple/demo/index.json").write_text("edited")
    (node / "files" / WHEEL).unlink()
    (node / "project/dropped").mkdir()
    (node / "project/dropped/index.html").write_text("dropped")
    assert publish(published, "--check").changed == 1
    assert publish(published).changed == 1
    assert {path: digest for path, digest in tree(node).items() if not path.startswith(".")} == here
    assert publish(published).changed == 0


def test_files_of_a_deleted_release_go_after_the_grace_period_or_never(operator: Operator, upstream: Upstream):
    for version in ("1.0", "1.1"):
        upstream.add_release(sdists.pure_sdist("demo", version))
    operator.variables |= {"controller_packages": [{"name": "demo", "newest": 2}], "site_grace_days": -1}
    operator.build()
    upstream.delete_release("demo", "1.0")
    operator.build()
    upstream.stop()
    places = [operator.state / "files" / WHEEL, operator.site / "files" / WHEEL]
    publish(operator)
    assert [place.is_file() for place in places] == [True, True]
    assert listed(operator.site, "demo") == ["demo-1.1-py3-none-any.whl"]
    operator.variables["site_grace_days"] = 0
    publish(operator)
    assert [place.is_file() for place in places] == [False, False]
    assert listed(operator.site, "demo") == ["demo-1.1-py3-none-any.whl"]
    assert publish(operator).changed == 0


def test_before_the_first_build_it_says_what_to_do(operator: Operator):
    run = publish(operator, expect=2)
    assert f"There is no catalog in {operator.state}; run build.yml first" in said(run)
    assert "Traceback" not in run.output
