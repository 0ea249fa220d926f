"""Restore the controller from a backup."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_restore
short_description: Restore the controller from a backup
description:
  - Puts back the catalog, wheels and logs that M(wheelfleet_backup) copied. M(wheelfleet_lock) must have been run
    before, so that no run is at work. Afterwards M(wheelfleet_publish) renders the site.
  - The backup's catalog is verified first, by its hash and by SQLite. A catalog on the controller that knows of later
    things is never replaced; an older one is kept as C(catalog.sqlite.before-restore).
  - Each wheel is compared with the hash that the catalog knows. One that the controller has with other bytes is fetched
    again.
  - It is an action plugin; rsync runs on the controller.
attributes:
  check_mode:
    description: Verifies the backup's catalog, and says what would be restored.
    support: full
  diff_mode:
    description: Lists the files that come back (after).
    support: full
options:
  state_dir:
    description: The controller's folder.
    type: path
    required: true
  target:
    description: The backup's folder, a path on the controller, or HOST:PATH of another host.
    type: str
    required: true
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Restore from another host
  wheelfleet_restore:
    state_dir: /srv/wheelfleet
    target: nas:/volume1/wheelfleet
"""

RETURN = r"""
summary:
  description: What was, or would be, restored.
  returned: success
  type: str
made_at:
  description: When the backup was made, in seconds since the epoch.
  returned: success
  type: float
wheels:
  description: How many wheels the catalog knows.
  returned: success
  type: int
fetched:
  description: How many wheels and logs the controller did not have.
  returned: success
  type: int
damaged:
  description: A sentence for each wheel that is missing or has other bytes.
  returned: success
  type: list
  elements: str
"""
