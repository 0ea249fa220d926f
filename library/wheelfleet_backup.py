"""Back up the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_backup
short_description: Back up the controller
description:
  - Copies the catalog as one snapshot, admitted wheels and logs to a folder or another host, by rsync. A run may be at
    work meanwhile. Wheels and logs never change their bytes, so a further backup costs what was added.
  - What the controller no longer has is removed from the backup at the end.
  - The site is not copied, because it is rendered from these. Neither are the signing key, recipes and inventory, which
    are the operator's own files.
  - It is an action plugin; rsync runs on the controller.
attributes:
  check_mode:
    description: Says what would be copied and removed.
    support: full
  diff_mode:
    description: Lists the files removed (before) and copied (after).
    support: full
options:
  state_dir:
    description:
      - The controller's folder with catalog, files and logs. By default the C(controller_state_dir) of the inventory,
        or C(var/) of the checkout.
    type: path
  target:
    description: The backup's folder, a path on the controller, or HOST:PATH of another host.
    type: str
    required: true
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Back up to another host
  wheelfleet_backup:
    target: nas:/volume1/wheelfleet
"""

RETURN = r"""
wheels:
  description: How many wheels the backup has.
  returned: success
  type: int
bytes:
  description: Their bytes.
  returned: success
  type: int
logs:
  description: How many logs the backup has.
  returned: success
  type: int
sent:
  description: How many files were copied, among them the catalog.
  returned: success
  type: int
removed:
  description: How many files were removed from the backup.
  returned: success
  type: int
summary:
  description: What is in the backup, and what is not.
  returned: success
  type: list
  elements: str
"""
