"""The filters of wheelfleet's playbooks and templates."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.common.text.formatters import human_to_bytes

# ansible-lint, for example, loads filters without our callbacks.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "module_utils"))

from wheelfleet.builder.apt_guard import MOST_BYTES
from wheelfleet.engine.missing_packages import apt_lookup_hosts, apt_permissions, builds_go_on, registered_results
from wheelfleet.engine.operator_values import as_list
from wheelfleet.engine.run_builders import builders_of_run
from wheelfleet.site.checked_values import problems as site_problems
from wheelfleet.site.filters import FILTERS


def apt_budgets(hosts: Iterable[str], hostvars: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """By builder, the bytes that packages which builds miss may take in one installation (`builder_apt_budget`)."""
    return {host: human_to_bytes(hostvars[host].get("builder_apt_budget", MOST_BYTES)) for host in hosts}


class FilterModule:
    """The class that Ansible looks for."""

    def filters(self) -> dict[str, Any]:
        """The filters by name."""
        return {
            **FILTERS,
            "wheelfleet_builders_of_run": builders_of_run,
            "wheelfleet_apt_lookup_hosts": apt_lookup_hosts,
            "wheelfleet_builds_go_on": builds_go_on,
            "wheelfleet_apt_budgets": apt_budgets,
            "wheelfleet_apt_permissions": apt_permissions,
            "wheelfleet_results": registered_results,
            "wheelfleet_list": as_list,
            "wheelfleet_site_problems": site_problems,
        }
