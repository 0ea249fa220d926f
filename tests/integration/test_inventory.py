"""What nobody would read is refused before anything is done, by every playbook, from wherever it is started."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from tests.support import sdists
from tests.support.operator import ANSIBLE_PLAYBOOK, REPOSITORY, Operator
from tests.support.upstream import Upstream

FLEET = {
    "controller": {"hosts": {"localhost": None}},
    "builders": {"hosts": {"pi1": None, "pi2": None}},
    "webnodes": {"hosts": {"web1": None}},
    "all": {"vars": {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}},
}


def run(tmp_path: Path, *arguments: str, cwd: Path = REPOSITORY, config: bool = True) -> tuple[int, str]:
    """ansible-playbook: its exit status, and its output without line breaks."""
    environment = Operator(tmp_path).environment
    if not config:
        del environment["ANSIBLE_CONFIG"]
    done = subprocess.run(
        [str(ANSIBLE_PLAYBOOK), *arguments],
        cwd=cwd,
        env={**environment, "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, " ".join(done.stdout.split())


def write(folder: Path, inventory: object, **group_vars: object) -> str:
    """An inventory in a folder, with group_vars; its path."""
    (folder / "group_vars").mkdir(parents=True)
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
    for group, variables in group_vars.items():
        (folder / "group_vars" / f"{group}.yml").write_text(yaml.safe_dump(variables))
    return str(folder)


@pytest.mark.parametrize("playbook", ["build", "publish", "provision", "client", "retire"])
def test_every_playbook_refuses_a_misspelt_variable_first(tmp_path: Path, playbook: str):
    inventory = write(tmp_path / "inventory", FLEET, webnodes={"webnode_prot": 81})
    status, said = run(tmp_path, "-i", inventory, f"playbooks/{playbook}.yml", "-e", "controller_pakages=x")
    assert status == 2
    assert (
        "controller_pakages (set for all hosts) is no variable of wheelfleet; do you mean controller_packages?" in said
    )
    assert "webnode_prot (set for web1) is no variable of wheelfleet; do you mean webnode_port?" in said
    assert said.count("TASK [") == 1


def test_a_variable_of_the_site_set_for_web_nodes_says_where_it_went(tmp_path: Path):
    inventory = write(tmp_path / "inventory", FLEET, webnodes={"webnode_title": "Ours"}, all={"webnode_grace_days": 3})
    status, said = run(tmp_path, "-i", inventory, "build.yml", "--check")
    assert status == 2
    assert "webnode_title (set for web1) has no effect there" in said
    assert "it is called site_title now" in said
    assert "webnode_grace_days (set for all hosts) is called site_grace_days now" in said


@pytest.mark.parametrize(
    ("limit", "named"),
    [
        ([], False),
        (["all"], False),
        (["*"], False),
        (["all:!pi1"], False),
        (["builders"], False),
        (["pi?"], False),
        (["nobody"], True),
        (["pi1:pi2"], True),
    ],
    ids=str,
)
def test_only_hosts_that_are_named_one_by_one_can_be_retired(tmp_path: Path, limit: Sequence[str], named: bool):
    fleet = {**FLEET, "builders": {"hosts": dict.fromkeys(("pi1", "pi2", "nobody"))}}
    inventory = write(tmp_path / "inventory", fleet, all={"builder_home": str(tmp_path / "home")})
    limits = [word for pattern in limit for word in ("--limit", pattern)]
    # An account of nobody's: retiring has to end before it could do anything to this machine.
    arguments = ("-e", "ansible_remote_tmp=/dev/null/none", "-e", "ansible_become_exe=/bin/false")
    status, said = run(tmp_path, "-i", inventory, "playbooks/retire.yml", "--check", *limits, *arguments)
    assert ("Name each host that leaves the fleet by its name in the inventory" not in said) == named
    assert status != 0 or named


def test_without_ansible_cfg_from_another_folder_everything_is_found(tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    status, said = run(tmp_path, str(REPOSITORY / "build.yml"), cwd=elsewhere, config=False)
    assert status == 2
    assert f"No inventory was found: start ansible-playbook in {REPOSITORY}, where ansible.cfg names one" in said
    inventory = write(tmp_path / "inventory", {**FLEET, "webnodes": {}, "builders": {"hosts": {"localhost": None}}})
    for playbook in ("build", "publish", "provision", "client", "retire"):
        path = str(REPOSITORY / "playbooks" / f"{playbook}.yml")
        status, said = run(tmp_path, "-i", inventory, path, "--syntax-check", cwd=elsewhere, config=False)
        assert (status, "ERROR" in said) == (0, False), said


def test_a_checkout_that_anybody_may_write_to_says_so(tmp_path: Path):
    checkout = tmp_path / "checkout"
    ignore = shutil.ignore_patterns(".git", ".venv", "var", "tests", "docs", ".pytest_cache", "__pycache__", ".*_cache")
    shutil.copytree(REPOSITORY, checkout, symlinks=True, ignore=ignore)
    checkout.chmod(0o777)
    status, said = run(tmp_path, "build.yml", "--check", cwd=checkout, config=False)
    assert status == 2
    assert f"because anybody may write to this folder; chmod o-w {checkout}" in said


def test_an_inventory_without_a_controller_is_one_sentence(tmp_path: Path):
    inventory = write(tmp_path / "inventory", {"builders": {"hosts": {"pi1": {"ansible_connection": "local"}}}})
    status, said = run(tmp_path, "-i", inventory, "build.yml")
    assert status == 2
    assert "The inventory has no host in the group controller; name one there" in said
    assert said.count("TASK [") == 1


def test_a_run_without_the_controller_says_how_it_is_named(tmp_path: Path):
    inventory = write(tmp_path / "inventory", FLEET)
    status, said = run(tmp_path, "-i", inventory, "build.yml", "--limit", "pi1")
    assert status == 2
    assert "The controller is not in this run; name it with the others: --limit localhost,pi1" in said


def test_two_playbooks_in_one_command_share_no_facts_as_variables(tmp_path: Path):
    inventory = write(tmp_path / "inventory", {**FLEET, "builders": {}, "webnodes": {}})
    state = f"controller_state_dir={tmp_path / 'state'}"
    status, said = run(tmp_path, "-i", inventory, "-e", state, "playbooks/provision.yml", "playbooks/publish.yml")
    assert "is no variable of wheelfleet" not in said
    assert (status, "There is no catalog" in said) == (2, True), said
    assert (tmp_path / "state").is_dir()


def test_booleans_numbers_and_lists_may_be_text_as_e_gives_them(operator: Operator, upstream: Upstream):
    upstream.add_release(sdists.pure_sdist("demo", "1.0"))
    told = {
        "cache_enabled": "true",
        "webnode_count_downloads": "no",
        "builder_provision": "false",
        "builder_sandbox": "yes",
        "builder_pythons": sys.executable,
        "builder_parallel": "2",
        "controller_packages": "demo",
        "controller_everything": "False",
        "site_html_pages": "off",
    }
    run = operator.build("--check", *(word for pair in told.items() for word in ("-e", "=".join(pair))))
    assert run.failed == 0
    assert run.lines(r"demo 1\.0")


def test_a_misspelt_class_to_try_again_is_refused_before_upstream_is_asked(operator: Operator, upstream: Upstream):
    upstream.stop()
    run = operator.build("-e", "controller_retry=missing-headr", expect=2)
    assert "controller_retry names missing-headr" in run.output
    assert "missing-header?" in " ".join(run.output.split())


def test_a_contact_that_is_no_address_is_refused_before_any_build(tmp_path: Path):
    inventory = write(tmp_path / "inventory", FLEET, controller={"controller_state_dir": str(tmp_path / "var")})
    status, said = run(tmp_path, "-i", inventory, "playbooks/publish.yml", "-e", "site_contact=javascript:x")
    assert status == 2
    assert "site_contact is 'javascript:x', which is neither a mail address nor an address" in said
    assert not (tmp_path / "var").exists()
