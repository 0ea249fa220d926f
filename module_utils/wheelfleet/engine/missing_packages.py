"""Variables and results of a play's hosts about packages that builds miss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..apt_packages import has_apt
from .operator_values import as_bool, as_list


def apt_lookup_hosts(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The builders that have apt and may fetch their distribution's contents index (`builder_apt_lookup`)."""
    return [
        host
        for host in hosts
        if as_bool(hostvars[host].get("builder_apt_lookup", True))
        and has_apt(hostvars[host].get("builder_report", {}).get("packages"))
    ]


def apt_permissions(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, bool | list[str]]:
    """By builder, the packages that its operator allows (`builder_apt_autoinstall`): all, none, or names and patterns.

    Hosts that wheelfleet may not provision (`builder_provision`) are left out.
    """
    permissions: dict[str, bool | list[str]] = {}
    for host in hosts:
        variables = hostvars[host]
        allowed = variables.get("builder_apt_autoinstall", False)
        if as_bool(variables.get("builder_provision", True)):
            yes = None if isinstance(allowed, list) else as_bool(allowed)
            permissions[host] = [str(name) for name in as_list(allowed)] if yes is None else yes
    return permissions


def registered_results(
    hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]], name: str, key: str
) -> dict[str, Any]:
    """The results registered as `name`, by host, if they have the key `key`."""
    results: dict[str, Any] = {}
    for host in hosts:
        result = hostvars[host].get(name)
        if isinstance(result, Mapping) and key in result:
            results[host] = result
    return results


def builds_go_on(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether builders have something to do after a round of look-ups and installations: builds that the round put
    back into the queue, or those of builders that left for it."""
    hosts = list(hosts)
    if registered_results(hosts, hostvars, "builder_batch", "left"):
        return True
    asked = registered_results(hosts, hostvars, "builder_missing_packages", "install").values()
    if not any(each["install"] or each["look_up"] for each in asked):
        # What is registered of later steps is an earlier round's.
        return False
    return any(
        result["requeued"]
        for name in ("builder_missing_found", "builder_requeued")
        for result in registered_results(hosts, hostvars, name, "requeued").values()
    )
