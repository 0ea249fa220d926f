"""Filters for playbooks: those of the site's templates, who is in a run (wheelfleet_builders_of_run), what hosts
registered (wheelfleet_results), and lists that may be given as text (wheelfleet_list)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

# A filter may be loaded without the callbacks, by ansible-lint for example.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "module_utils"))

from wheelfleet.engine.missing_packages import apt_askable, apt_permissions, registered_results
from wheelfleet.engine.operator_values import as_list
from wheelfleet.engine.run_builders import builders_of_run
from wheelfleet.site.filters import FILTERS


class FilterModule:
    """Ansible's way to find them."""

    def filters(self) -> dict[str, Any]:
        """By name."""
        return {
            **FILTERS,
            "wheelfleet_builders_of_run": builders_of_run,
            "wheelfleet_apt_askable": apt_askable,
            "wheelfleet_apt_permissions": apt_permissions,
            "wheelfleet_results": registered_results,
            "wheelfleet_list": as_list,
        }
