"""Fetch the wheels that a web node has and the controller does not."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_fetch_wheels
short_description: Fetch the wheels that a web node has and the controller does not
description:
  - After M(wheelfleet_restore), web nodes may have wheels that were published after the backup. M(wheelfleet_audit)
    with O(wheelfleet_audit#module:repair) then keeps their names, so that no other wheel ever gets one of them.
  - Does nothing over a local connection where O(root) is O(site_dir) or does not exist.
  - It is an action plugin; rsync runs on the controller.
attributes:
  check_mode:
    description: Says what would be fetched.
    support: full
  diff_mode:
    description: Lists the wheels (after).
    support: full
options:
  state_dir:
    description: The controller's folder.
    type: path
    required: true
  site_dir:
    description: The published tree on the controller.
    type: path
    required: true
  root:
    description: The folder the web node serves.
    type: str
    required: true
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Fetch what was published after the backup
  wheelfleet_fetch_wheels:
    state_dir: /srv/controller
    site_dir: /srv/controller/site
    root: /srv/wheelfleet/site
"""

RETURN = r"""
fetched:
  description: The wheels that came, below files/.
  returned: success
  type: list
  elements: str
"""
