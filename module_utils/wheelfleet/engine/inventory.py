"""Finds names in an inventory that have no effect: misspelt variables and groups, variables set for the wrong hosts.

Ansible accepts every name, so a misspelt one would be ignored silently.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..nearest import do_you_mean, nearest

#: The group whose hosts read a role's variables.
READERS = {
    "controller": "controller",
    "site": "controller",
    "backup": "controller",
    "builder": "builders",
    "webnode": "webnodes",
    "cache": "webnodes",
    "client": "clients",
}

#: New names of variables by their old ones, which work for one version. Remove them with those in the roles' defaults.
RENAMED = {
    "controller_tries": "controller_max_attempts",
    "controller_witness_percent": "controller_rebuild_percent",
    "site_people_pages": "site_html_pages",
    "site_render_everything": "site_full_render",
    "webnode_mirror_everything": "webnode_full_mirror",
    "webnode_cache": "cache_enabled",
    "webnode_cache_port": "cache_port",
    "webnode_cache_dir": "cache_dir",
    "webnode_cache_size": "cache_size",
    "webnode_cache_days": "cache_days",
    "webnode_cache_page_seconds": "cache_page_seconds",
    "webnode_cache_allow": "cache_allow",
    "webnode_cache_resolvers": "cache_resolvers",
    "webnode_site_dir": "site_dir",
    "webnode_url": "site_url",
    "webnode_title": "site_title",
    "webnode_index_view": "site_index_view",
    "webnode_people_pages": "site_html_pages",
    "webnode_grace_days": "site_grace_days",
    "webnode_signing_key": "site_signing_key",
    "webnode_render_everything": "site_full_render",
    "webnode_repair": "site_repair",
    "webnode_templates_dir": "site_templates_dir",
}

#: Variables for one run only, with their effect in every run.
ONCE = {
    "controller_retry": "each run would try, or build, the same again",
    "site_repair": "each audit would repair without having been asked",
    "site_full_render": "each run would render all pages",
}

# difflib's ratio from which a group's name, or the beginning of a variable's, counts as a misspelling of ours.
# build_user and my_builder_user are the operator's own variables; builders_user is a misspelling.
_MEANT_GROUP, _MEANT_BEGINNING = 0.85, 0.9


@dataclass(frozen=True)
class Inventory:
    """Names of an inventory: `variables` by host, hosts by group, names of the files of group_vars/ and host_vars/.

    `given` are the variables of the command line (-e).
    """

    variables: Mapping[str, Collection[str]]
    groups: Mapping[str, Sequence[str]]
    group_files: Collection[str] = ()
    host_files: Collection[str] = ()
    given: Collection[str] = ()


@dataclass
class Found:
    """Sentences about mistakes: `refusals` end the run, `warnings` do not."""

    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_names(inventory: Inventory, known: Mapping[str, Collection[str]]) -> Found:
    """Check every name; `known` has the variables of each role of READERS."""
    found = Found()
    set_for: dict[str, list[str]] = {}
    for host, names in inventory.variables.items():
        for name in names:
            set_for.setdefault(name, []).append(host)
    for name, hosts in sorted(set_for.items()):
        _check_variable(name, hosts, inventory, known, found)
    _check_groups(inventory, found)
    return found


def _check_variable(
    name: str, hosts: Sequence[str], inventory: Inventory, known: Mapping[str, Collection[str]], found: Found
) -> None:
    where = "set for all hosts" if len(hosts) == len(inventory.variables) else f"set for {_some(hosts)}"
    now = RENAMED.get(name, name)
    role = now.partition("_")[0]
    if role not in known:
        if meant := _other_beginning(name, known):
            found.refusals.append(f"{name} ({where}) is no variable of wheelfleet; do you mean {meant}?")
        return
    if now not in known[role]:
        meant = _other_ending(name, role, known)
        found.refusals.append(
            f"{name} ({where}) is no variable of wheelfleet; do you mean {meant}?"
            if meant
            else f"{name} ({where}) is no variable of wheelfleet, whose names begin with {role}_; correct it, or give "
            "a variable of your own another name."
        )
        return
    group = READERS[role]
    readers = inventory.groups.get(group, [])
    if readers and not set(readers) & set(hosts):
        which = f"; it is called {now} now" if now != name else ""
        found.refusals.append(
            f"{name} ({where}) has no effect there, because only hosts of the group {group} read it{which}. "
            f"Set {now} for the group {group} or for all hosts (group_vars/{group}.yml, group_vars/all.yml)."
        )
    elif name in ONCE and name not in inventory.given:
        found.warnings.append(
            f"{name} ({where}) is meant for one run: in an inventory {ONCE[name]}. Take it out, and give it with -e."
        )
    elif now != name:
        found.warnings.append(f"{name} ({where}) is called {now} now; the old name works in this version only.")


def _other_ending(name: str, role: str, known: Mapping[str, Collection[str]]) -> str | None:
    """The role's variable with the nearest ending, or another role's variable with the same ending."""
    if near := nearest(_ending(name), map(_ending, known[role])):
        return f"{role}_{near}"
    return next((ours for names in known.values() for ours in names if _ending(ours) == _ending(name)), None)


def _ending(name: str) -> str:
    return name.partition("_")[2]


def _other_beginning(name: str, known: Mapping[str, Collection[str]]) -> str | None:
    """The variable of ours that differs in its beginning alone: for web_node_port, contoller_packages."""
    for role, names in known.items():
        # Names like sites_dir and apt_cache_dir are common, so they may be the operator's own.
        if role in ("site", "cache") or name.startswith("ansible_"):
            continue
        for ours in names:
            rest = ours[len(role) :]
            if name.endswith(rest) and _alike(name[: -len(rest)].replace("_", ""), role) >= _MEANT_BEGINNING:
                return ours
    return None


def _check_groups(inventory: Inventory, found: Found) -> None:
    ours = set(READERS.values())
    for group, hosts in sorted(inventory.groups.items()):
        near = _near_group(group, ours)
        # The operator's own group, for example builders64, is allowed if its hosts are in ours too.
        if near and not set(hosts) <= set(inventory.groups.get(near, [])):
            found.refusals.append(
                f"The inventory has a group {group}, which wheelfleet does not know; do you mean {near}? "
                "Its groups are controller, builders, webnodes and clients."
            )
    for group in sorted(set(inventory.group_files) - set(inventory.groups)):
        if near := _near_group(group, ours):
            found.refusals.append(
                f"group_vars has a file for {group}, and the inventory no such group; do you mean {near}?"
            )
    for host in sorted(set(inventory.host_files) - set(inventory.variables)):
        found.warnings.append(
            f"host_vars has a file for {host}, and the inventory no such host{do_you_mean(host, inventory.variables)}"
        )


def _near_group(group: str, ours: Collection[str]) -> str | None:
    near = None if group in ours else nearest(group, ours)
    return near if near and _alike(group.casefold().replace("_", ""), near) >= _MEANT_GROUP else None


def _alike(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def check_groups_for(
    inventory: Inventory, needed: Iterable[str], taking_part: Collection[str], why_none: str
) -> list[str]:
    """Sentences about hosts that a playbook needs in these groups and misses; `taking_part` are the run's hosts.

    `why_none` is the reason to give if there is no host at all.
    """
    if not inventory.variables:
        return [f"No inventory was found: {why_none}"]
    sentences = []
    for group in needed:
        hosts = inventory.groups.get(group, [])
        if not hosts:
            sentences.append(
                f"The inventory has no host in the group {group}; name one there, as inventory/example/hosts.yml does."
            )
        elif group == "controller" and len(hosts) > 1:
            sentences.append(
                f"The group controller has {len(hosts)} hosts ({_some(hosts)}); a fleet has one controller."
            )
        elif group == "controller" and hosts[0] not in taking_part:
            sentences.append(
                "The controller is not in this run; name it with the others: --limit "
                + ",".join([hosts[0], *sorted(taking_part)])
            )
    return sentences


def _some(hosts: Sequence[str]) -> str:
    left = len(hosts) - 3
    return ", ".join(hosts) if left <= 0 else f"{', '.join(hosts[:3])} and {left} more"
