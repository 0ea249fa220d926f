"""What the hosts of a play say about packages that builds lacked: what may be installed, and what they answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def apt_askable(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The builders that may fetch their distribution's contents index (`builder_apt_lookup`)."""
    return [host for host in hosts if _is_true(hostvars[host].get("builder_apt_lookup", True))]


def apt_permissions(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, bool | list[str]]:
    """By builder, what its operator allows to install (`builder_apt_autoinstall`); nothing on hosts that wheelfleet
    may not provision."""
    permissions: dict[str, bool | list[str]] = {}
    for host in hosts:
        variables = hostvars[host]
        allowed = variables.get("builder_apt_autoinstall", False)
        if _is_true(variables.get("builder_provision", True)):
            permissions[host] = [str(name) for name in allowed] if isinstance(allowed, list) else _is_true(allowed)
    return permissions


def said(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]], name: str, key: str) -> dict[str, Any]:
    """By host, the result registered as `name`, of those whose task was run and gave `key`."""
    results: dict[str, Any] = {}
    for host in hosts:
        result = hostvars[host].get(name)
        if isinstance(result, Mapping) and key in result:
            results[host] = result
    return results


def _is_true(value: object) -> bool:
    """As Ansible reads a bool, which the command line gives as text."""
    return value is True or str(value).lower() in ("true", "yes", "on", "1", "y", "t")
