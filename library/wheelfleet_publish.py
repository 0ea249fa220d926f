"""Render the pages of what changed."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_publish
short_description: Render the pages of what changed
description:
  - Writes the index, and the pages people read, from the catalog and the admitted files, each by one rename. Files
    come before the pages that name them, pages before the lists that name those; deletions go the other way round.
attributes:
  check_mode:
    description: Says which files would change.
    support: full
  diff_mode:
    description: Lists the files written or removed.
    support: full
options:
  state_dir:
    description: The controller's folder with catalog, files and logs.
    type: path
    required: true
  run:
    description: The run's id, as M(wheelfleet_lock) gave it; for the summary.
    type: str
    required: true
  site_dir:
    description: The published tree. Defaults to C(site) below O(state_dir).
    type: path
  templates:
    description: Folders with Jinja templates, the operator's before the shipped ones.
    type: list
    elements: path
    required: true
  url:
    description: Where people reach the site. Empty means its path.
    type: str
    default: ''
  title:
    description: What the site calls itself.
    type: str
    default: wheelfleet
  index_view:
    description:
      - What the pages of the index list. V(own) is the fleet's wheels; with V(full) the pages of projects the fleet has
        wheels of also list what upstream has, by upstream's own addresses, so that the index can be used alone.
    type: str
    choices: [own, full]
    default: own
  html_pages:
    description: Whether the pages that people read are made, and not the index alone.
    type: bool
    default: true
  grace_days:
    description:
      - For how many days the files of a release that upstream has deleted stay on the disk, on no page. V(-1) is for
        ever.
    type: float
    default: 30
  signing_key:
    description:
      - An OpenSSH private key of the type Ed25519, without a passphrase, on the controller. Documents of provenance are
        signed with it. Empty means unsigned.
    type: path
  full:
    description: Whether to render all pages again instead of those whose project changed.
    type: bool
    default: false
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Publish
  wheelfleet_publish:
    state_dir: /srv/wheelfleet
    run: "{{ controller_run.run }}"
    templates: ["{{ playbook_dir }}/../templates"]
"""

RETURN = r"""
unconsidered:
  description:
    - What was asked for and could not be considered, with the keys C(what), C(where), C(code), C(sentence) and C(cure).
  returned: success
  type: list
  elements: dict
index_url:
  description: What pip's --index-url must be.
  returned: success
  type: str
summary:
  description: The run and the catalog in a few lines, with the command to install from the index.
  returned: success
  type: list
  elements: str
written:
  description: How many files were written or removed.
  returned: success
  type: int
"""
