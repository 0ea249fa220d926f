"""Record the packages that builds miss, and return which to look up and which to install."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_missing_packages
short_description: Keep which packages builds miss, and return which to look up and which to install
description:
  - Records in the catalog which packages builders found, and which were installed. Then it returns what each builder
    has still to look up, and what each operator's permission allows to install.
  - Builds that missed an installed package go back to the queue.
attributes:
  check_mode:
    description: Returns the same and keeps nothing.
    support: full
  diff_mode:
    description: Lists the packages that would be installed.
    support: full
options:
  max_attempts:
    description: As in M(wheelfleet_batch).
    type: int
    default: 5
  lookup_hosts:
    description: The builders that may look packages up in their contents index.
    type: list
    elements: str
    default: []
  permissions:
    description: By builder, what may be installed on it; C(false), C(true), or patterns of package names.
    type: dict
    default: {}
  budgets:
    description: By builder, the bytes that packages may take in one installation.
    type: dict
    default: {}
  looked_up:
    description: By builder, the subjects that it looked up, as this module returned them.
    type: dict
    default: {}
  answers:
    description: By builder, what M(wheelfleet_apt_file) returned.
    type: dict
    default: {}
  installed:
    description: By builder, what M(wheelfleet_apt_guard) returned, after its C(install) was installed;
      if apt failed, with what M(wheelfleet_apt_outcome) returned.
    type: dict
    default: {}
  reinstalled:
    description: Builders whose system was installed again, so that packages installed for builds are gone.
    type: list
    elements: str
    default: []
extends_documentation_fragment: [wheelfleet.run]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Find the packages that builds miss
  wheelfleet_missing_packages:
    state_dir: /srv/wheelfleet
    run: "{{ wheelfleet_run }}"
    permissions: {pi1: true, pi2: [lib*-dev]}
  register: builder_missing
"""

RETURN = r"""
look_up:
  description: By builder, the subjects to look up in its contents index; for each a kind and a name.
  returned: success
  type: dict
install:
  description: By builder, the packages to install if M(wheelfleet_apt_guard) allows them.
  returned: success
  type: dict
requeued:
  description: How many builds went back to the queue.
  returned: success
  type: int
"""
