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
  full:
    description: Whether to render all pages again instead of those whose project changed.
    type: bool
    default: false
extends_documentation_fragment: [wheelfleet.run, wheelfleet.site]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Publish
  wheelfleet_publish:
    state_dir: /srv/wheelfleet
    run: "{{ controller_run.run }}"
    site:
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
