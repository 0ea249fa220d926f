"""Let one run at a time work on a catalog."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_lock
short_description: Let one run at a time work on a catalog
description:
  - Takes a kernel lock on a file of the state folder and hands it to the ansible-playbook process, which holds it for
    as long as it lives (by the callback plugin C(wheelfleet_live)). Nothing has to be released, and a killed run leaves
    nothing to clean up. It holds between containers and pid namespaces that share the folder, too.
  - Fails with the other run's process and start when one is at work, and for a folder on a network file system.
  - What a killed run had started, and is not gone yet, is waited for half a minute.
  - Runs on the controller; it is an action plugin, because only there it is known which process is the run.
attributes:
  check_mode:
    description: Takes no lock, because check mode writes nothing.
    support: full
options:
  state_dir:
    description: The controller's folder with the catalog; it is made if it is missing.
    type: path
    required: true
  site_dir:
    description: The published tree, where the run shows its status. Empty means C(site) below O(state_dir).
    type: str
    default: ''
  follow:
    description: Whether the run follows upstream, which is returned for the plays of other hosts.
    type: bool
    default: false
extends_documentation_fragment: [wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Be the only run
  wheelfleet_lock:
    state_dir: /srv/wheelfleet
  register: controller_lock
"""

RETURN = r"""
run:
  description: The run's id, which marks the attempts it makes.
  returned: success
  type: str
  sample: 20261122T140257Z-4711
state_dir:
  description: The folder as given, for the plays of other hosts.
  returned: success
  type: str
site_dir:
  description: The published tree.
  returned: success
  type: str
follow:
  description: Whether the run follows upstream.
  returned: success
  type: bool
"""
