"""The work of M(wheelfleet_projects)."""

from __future__ import annotations

import sys
from pathlib import Path

# A command such as `ansible controller -m wheelfleet_projects` loads none of our callbacks, which do it for playbooks.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "module_utils"))

from wheelfleet_ansible.documented_options import documented_options
from wheelfleet_ansible.order_action import OrderAction


class ActionModule(OrderAction):
    """Keep orders about projects."""

    OPTIONS = documented_options("wheelfleet_projects")
    NOUN = "project"
