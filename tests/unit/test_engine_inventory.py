"""What an inventory sets that nobody reads is found by its names alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from wheelfleet.engine.inventory import RENAMED, Inventory, check_groups_for, check_names

REPOSITORY = Path(__file__).resolve().parents[2]
KNOWN = {
    "controller": ["controller_packages", "controller_state_dir", "controller_max_attempts"],
    "site": ["site_title", "site_dir", "site_url"],
    "builder": ["builder_pythons", "builder_user"],
    "webnode": ["webnode_port"],
    "client": ["client_state"],
}
GROUPS = {"controller": ["hub"], "builders": ["pi1", "pi2"], "webnodes": ["web"], "clients": []}


def inventory(everywhere: tuple[str, ...] = (), groups: dict[str, list[str]] | None = None, **single: str) -> Inventory:
    """A fleet of four hosts with variables for all of them, and for single ones."""
    variables = {host: [*everywhere, *filter(None, [single.get(host)])] for host in ("hub", "pi1", "pi2", "web")}
    return Inventory(variables, {**GROUPS, **(groups or {})})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("controller_pakages", "controller_packages"),
        ("controller_package", "controller_packages"),
        ("builder_state_dir", "controller_state_dir"),
        ("webnode_prot", "webnode_port"),
        ("contoller_packages", "controller_packages"),
        ("builders_pythons", "builder_pythons"),
        ("web_node_port", "webnode_port"),
        ("site_titel", "site_title"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_nearest_known_one(name: str, meant: str):
    (sentence,) = check_names(inventory((name,)), KNOWN).refusals
    assert sentence == f"{name} (set for all hosts) is no variable of wheelfleet; do you mean {meant}?"


def test_a_name_like_none_of_ours_that_begins_as_ours_do_is_refused_too():
    (sentence,) = check_names(inventory(("client_frobnicates",)), KNOWN).refusals
    assert "whose names begin with client_; correct it, or give a variable of your own another name." in sentence


@pytest.mark.parametrize("name", ["build_user", "sites_dir", "user_name", "ansible_user", "port", "my_builder_pythons"])
def test_an_operators_own_variables_are_let_be(name: str):
    found = check_names(inventory((name, *(known for names in KNOWN.values() for known in names))), KNOWN)
    assert (found.refusals, found.warnings) == ([], [])


def test_a_variable_that_none_of_its_readers_sees_is_refused():
    (sentence,) = check_names(inventory(web="site_title"), KNOWN).refusals
    assert sentence.startswith(
        "site_title (set for web) has no effect there, because only hosts of the group controller "
    )
    assert check_names(inventory(web="site_title", hub="site_title"), KNOWN).refusals == []
    assert check_names(inventory(pi2="builder_user"), KNOWN).refusals == []
    assert check_names(inventory(pi2="client_state"), KNOWN).refusals == [], "the fleet has no clients"


def test_an_old_name_says_its_new_one_and_where_it_went():
    found = check_names(inventory(("webnode_title",)), KNOWN)
    assert found.refusals == []
    assert found.warnings == [
        "webnode_title (set for all hosts) is called site_title now; the old name works in this version only."
    ]
    assert check_names(inventory(("controller_tries",)), KNOWN).warnings == [
        "controller_tries (set for all hosts) is called controller_max_attempts now; the old name works in this "
        "version only."
    ]
    (sentence,) = check_names(inventory(web="webnode_title"), KNOWN).refusals
    assert "has no effect there" in sentence
    assert "it is called site_title now. Set site_title for the group controller or for all hosts" in sentence


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_still_sets_the_variable_it_is_called_now(old: str, new: str):
    role = REPOSITORY / "roles" / new.partition("_")[0]
    assert f"{old} | default(" in yaml.safe_load((role / "defaults/main.yml").read_text())[new]


@pytest.mark.parametrize(
    ("group", "meant"),
    [("webnode", "webnodes"), ("web_nodes", "webnodes"), ("Builders", "builders"), ("controllers", "controller")],
)
def test_a_misspelt_group_is_refused_with_the_nearest_known_one(group: str, meant: str):
    (sentence,) = check_names(inventory(groups={group: ["elsewhere"]}), KNOWN).refusals
    assert sentence.startswith(
        f"The inventory has a group {group}, which wheelfleet does not know; do you mean {meant}?"
    )


def test_groups_of_ones_own_are_let_be():
    assert check_names(inventory(groups={"builders64": ["pi1"], "kitchen": ["pi2"]}), KNOWN).refusals == []


def test_files_for_groups_and_hosts_that_are_not_there_are_told():
    files = Inventory({"pi1": []}, {"builders": ["pi1"]}, ["builder", "kitchen"], ["pi1", "pi11"])
    found = check_names(files, KNOWN)
    assert found.refusals == [
        "group_vars has a file for builder, and the inventory no such group; do you mean builders?"
    ]
    assert found.warnings == ["host_vars has a file for pi11, and the inventory no such host; do you mean pi1?"]


def test_what_a_playbook_needs_is_one_controller_that_takes_part():
    def missing(groups: dict[str, list[str]], *taking_part: str) -> list[str]:
        return check_groups_for(inventory(groups=groups), ["controller"], taking_part, "")

    assert missing({}, "hub", "pi1") == []
    assert missing({}, "pi1") == ["The controller is not in this run; name it with the others: --limit hub,pi1"]
    assert "has no host in the group controller" in missing({"controller": []}, "hub")[0]
    assert "has 2 hosts (hub, pi1); a fleet has one controller." in missing({"controller": ["hub", "pi1"]}, "hub")[0]
    assert check_groups_for(Inventory({}, {}), [], [], "start there.") == ["No inventory was found: start there."]


def test_variables_for_one_run_are_warned_of_in_an_inventory_alone():
    known = {**KNOWN, "controller": [*KNOWN["controller"], "controller_retry"]}
    (warning,) = check_names(inventory(("controller_retry",)), known).warnings
    assert warning == (
        "controller_retry (set for all hosts) is meant for one run: in an inventory each run would try, or build, "
        "the same again. Take it out, and give it with -e."
    )
    once = replace(inventory(("controller_retry",)), given=["controller_retry"])
    assert check_names(once, known).warnings == []
