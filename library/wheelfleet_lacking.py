"""Keep what builds lacked and who has it, and say what to ask and what to install."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_lacking
short_description: Keep what builds lacked and who has it, and say what to ask and what to install
description:
  - Runs on the controller, on the catalog. First it takes in what builders answered and what was installed there, then
    it says what is still to be asked of which builder, and what each operator's permission allows to install.
  - Builds that lacked what was installed go back to the queue.
attributes:
  check_mode:
    description: Says the same and keeps nothing.
    support: full
  diff_mode:
    description: Lists the packages that would be installed.
    support: full
options:
  state_dir:
    description: The controller's folder with the catalog.
    type: path
    required: true
  run:
    description: The run's id, as M(wheelfleet_lock) gave it.
    type: str
    required: true
  tries:
    description: As in M(wheelfleet_batch).
    type: int
    default: 5
  askable:
    description: The builders whose contents index may be asked.
    type: list
    elements: str
    default: []
  permissions:
    description: By builder, what may be installed on it; C(false), C(true), or patterns of package names.
    type: dict
    default: {}
  asked:
    description: By builder, the subjects that it was asked for, as this module returned them.
    type: dict
    default: {}
  answers:
    description: By builder, what M(wheelfleet_apt_owners) returned.
    type: dict
    default: {}
  judged:
    description: By builder, what M(wheelfleet_apt_guard) returned, after its C(install) was installed.
    type: dict
    default: {}
  anew:
    description: Builders that were set up anew, and no longer have what was installed on them.
    type: list
    elements: str
    default: []
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: See what builds lacked
  wheelfleet_lacking:
    state_dir: /srv/wheelfleet
    run: "{{ wheelfleet_run }}"
    permissions: {pi1: true, pi2: [lib*-dev]}
  register: builder_lacking
"""

RETURN = r"""
ask:
  description: By builder, the subjects to ask its contents index for; for each a kind and a name.
  returned: success
  type: dict
install:
  description: By builder, the packages to install if nothing speaks against them.
  returned: success
  type: dict
requeued:
  description: How many builds went back to the queue.
  returned: success
  type: int
"""
