"""The filters of wheelfleet's playbooks and templates."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# ansible-lint, for example, loads filters without our callbacks.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "module_utils"))

from wheelfleet.engine.missing_packages import apt_lookup_hosts, apt_permissions, registered_results
from wheelfleet.engine.operator_values import as_list
from wheelfleet.engine.run_builders import builders_of_run
from wheelfleet.site.filters import FILTERS


class FilterModule:
    """The class that Ansible looks for."""

    def filters(self) -> dict[str, Any]:
        """The filters by name."""
        return {
            **FILTERS,
            "wheelfleet_builders_of_run": builders_of_run,
            "wheelfleet_apt_lookup_hosts": apt_lookup_hosts,
            "wheelfleet_apt_permissions": apt_permissions,
            "wheelfleet_results": registered_results,
            "wheelfleet_list": as_list,
        }
