"""Compare catalog, files and site."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_audit
short_description: Compare catalog, files and site
description:
  - Compares, both ways, the catalog with the controller's wheels and logs, and these with the site's, to the last byte;
    and counts again what triggers keep. Pages are not compared, because M(wheelfleet_publish) with
    O(wheelfleet_publish#module:full) renders them again. It reads everything, and takes as long.
  - With O(repair) it then makes them agree. A wheel whose bytes are lost on the controller is taken from the site; if
    they are lost there too it is forgotten, and built again. Files the catalog does not know are removed.
attributes:
  check_mode:
    description: Finds, and repairs nothing.
    support: full
options:
  state_dir:
    description: The controller's folder with catalog, files and logs.
    type: path
    required: true
  site_dir:
    description: The published tree. Defaults to C(site) below O(state_dir).
    type: path
  repair:
    description: Whether what does not agree is repaired.
    type: bool
    default: false
extends_documentation_fragment: [wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Compare
  wheelfleet_audit:
    state_dir: /srv/wheelfleet
"""

RETURN = r"""
findings:
  description: What does not agree, or did not before it was repaired.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: What it is, for programs.
      type: str
    path:
      description: The file, below files/ or logs/ of the controller or of the site, or the counter.
      type: str
    sentence:
      description: What it is, and what a repair does about it.
      type: str
"""
