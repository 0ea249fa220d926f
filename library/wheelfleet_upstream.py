"""Read which index pip is configured for."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_upstream
short_description: Ask pip which index it is configured for
description:
  - Says which upstream index to use, and with which certificate, proxy and credentials. Unless O(url) names one, it is
    the index pip itself would install from on this host, whatever configuration file or variable says so.
  - Give the task C(no_log), for it returns credentials. The other modules take them apart from the URL, so that URLs
    can be shown and passwords never are.
attributes:
  check_mode:
    description: Asks all the same, for it changes nothing.
    support: full
options:
  url:
    description: The upstream index. Empty means the one pip is configured for.
    type: str
    default: ''
extends_documentation_fragment: [wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Ask pip for the upstream
  wheelfleet_upstream:
  register: controller_upstream
  no_log: true
"""

RETURN = r"""
index_url:
  description: The index, without credentials.
  returned: success
  type: str
credentials:
  description: The credentials as in a URL, or an empty string.
  returned: success
  type: str
pip_options:
  description: More of pip's options that are needed to reach it, by their long names.
  returned: success
  type: dict
"""
