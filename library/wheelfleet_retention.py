"""Remove wheels that are kept no longer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_retention
short_description: Remove wheels that are kept no longer
description:
  - Takes wheels off the index and removes their bytes, by up to three rules. With check and diff mode it says first
    what would go.
  - A release that the scope of the last run has built stays, whatever the rules say. A release that goes as a whole is
    not built again until it is ordered by C(action=rebuild) of M(wheelfleet_wheels). No file name is given twice.
  - Pages change, and the site's link goes, with the next publication.
  - A run may be at work meanwhile.
attributes:
  check_mode:
    description: Says what would go, and removes nothing.
    support: full
  diff_mode:
    description: Lists the wheels that go (before), each with its size and the rule.
    support: full
options:
  newest:
    description:
      - Keep so many of the newest releases of each project. A pre-release pushes out no final release. V(0) keeps all.
    type: int
    default: 0
  offered:
    description:
      - Keep only wheels that a target of some builder can install. A builder counts until it is forgotten
        (M(wheelfleet_builders)). One that comes back has its wheels built again.
    type: bool
    default: false
  budget:
    description:
      - Keep so many bytes of wheels, such as V(50G). Releases with the most newer ones go first, then those of the
        least downloaded projects, then the oldest.
    type: str
    default: ''
  reason:
    description:
      - Why, in a sentence for people. The site shows it, with who gave the order and when.
      - It may be empty in check mode only.
    type: str
    default: ''
  who:
    description: Who gives the order. By default the name under which you are logged in.
    type: str
    default: ''
  state_dir:
    description:
      - The controller's folder with the catalog. By default the C(controller_state_dir) of the inventory, or C(var/) of
        the checkout.
    type: path
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Keep three releases of each project, and 50 GB in all
  wheelfleet_retention:
    newest: 3
    budget: 50G
    reason: the disk is small
"""

RETURN = r"""
removed:
  description: How many wheels went.
  returned: success
  type: int
bytes:
  description: Their bytes.
  returned: success
  type: int
kept_bytes:
  description: The bytes of the wheels that stay.
  returned: success
  type: int
over_budget:
  description: The bytes above the budget that stay, because the scope asks for them.
  returned: success
  type: int
"""
