"""Bring the published site to a web node."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_mirror
short_description: Bring the published site to a web node
description:
  - Makes the site's folder on a web node equal to the controller's, with rsync over the connection's own SSH settings,
    as the user Ansible connects as (never by become). Files go before the pages that name them, pages before the lists
    that name those, and removals the other way round, so that no link ever leads nowhere.
  - Costs what changed. A hidden marker on the node says which state of the site it has, and a journal on the site what
    changed since. A node without a marker, or with one the journal does not know, is compared file by file.
  - Does nothing over a local connection where O(root) is O(site_dir) or does not exist; then the site itself is what is
    served.
  - It is an action plugin; rsync runs on the controller and must be there, and on the node.
attributes:
  check_mode:
    description: Says what would be sent and removed.
    support: full
  diff_mode:
    description: Lists the files removed (before) and sent (after).
    support: full
options:
  site_dir:
    description: The published tree on the controller.
    type: path
    required: true
  root:
    description: The folder the web node serves. It must exist and belong to the user Ansible connects as.
    type: str
    required: true
  full:
    description: Whether to compare every file, whatever the marker says.
    type: bool
    default: false
  timeout:
    description: Seconds without a byte after which a transfer counts as broken off.
    type: int
    default: 60
  patience:
    description:
      - Seconds a node that answered before is waited for when its link breaks off.
      - One that does not answer at all is unreachable at once. The next run brings it up to date.
    type: int
    default: 60
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Bring the site to this web node
  wheelfleet_mirror:
    site_dir: /srv/controller/site
    root: /srv/wheelfleet/site
"""

RETURN = r"""
compared:
  description: C(nothing) where the node had this state of the site already, C(changes), or C(everything).
  returned: success
  type: str
sent:
  description: How many files were sent.
  returned: success
  type: int
removed:
  description: How many files and folders were removed.
  returned: success
  type: int
"""
