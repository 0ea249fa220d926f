"""The documentation of M(wheelfleet_inventory); the action plugin of the same name does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_inventory
short_description: Refuse names in the inventory that nobody reads
description:
  - Looks at the names of all variables that are set for the inventory's hosts, wherever they are set, and at the names
    of its groups. A misspelt one, and one that is set for hosts that do not read it, is refused with the known name
    that is nearest.
  - It runs on the controller and asks no host.
options:
  needs:
    description: Groups that must have hosts. The group C(controller) must have one, which takes part in the run.
    type: list
    elements: str
    default: []
  names:
    description: Whether names are looked at. A later playbook of the same command need not repeat that.
    type: bool
    default: true
attributes:
  check_mode:
    description: It changes nothing.
    support: full
extends_documentation_fragment: [wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Refuse what nobody would read
  wheelfleet_inventory:
    needs: [controller]
  run_once: true
"""

RETURN = r"""#"""
