"""Check that Ansible's Python on a host can run wheelfleet's modules."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_python
short_description: See that the Python that Ansible uses on a host can run wheelfleet's modules
description:
  - Fails with one sentence where it is older than 3.9. Modules cannot say so themselves, because they do not compile
    there.
  - All of it is done by the action plugin, by one command on the host.
attributes:
  check_mode:
    description: Does the same.
    support: full
extends_documentation_fragment: [wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: See that Python on the host is new enough
  wheelfleet_python:
"""

RETURN = r""" # """
