"""Keep a web node up to date while a run works."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_status
short_description: Keep a web node up to date while a run goes on
description:
  - Brings each publication of the run to the web node, as M(wheelfleet_mirror) does, soon after it was rendered. A
    mirror is followed by a pause of ten times its length, but of no more than O(publish_interval). What it has not
    brought when the builders are done is left to M(wheelfleet_mirror), which carries on from there.
  - Keeps C(status.json) and C(metrics.prom) in the folder a web node serves true for as long as the builders of the run
    are at work. It runs beside M(wheelfleet_batch), on the web nodes, and ends when every builder of O(hosts) has.
  - It holds up nobody. A web node that does not answer is waited for with growing pauses and never fails the run;
    nothing counts as changed.
  - Does nothing over a local connection where O(root) is O(site_dir) or does not exist; there the terminal's live view
    writes the files.
  - It is an action plugin, for the state of the run is on the controller.
attributes:
  check_mode:
    description: Writes and brings nothing.
    support: full
options:
  state_dir:
    description: The controller's folder with the catalog.
    type: path
    required: true
  site_dir:
    description: The published tree on the controller.
    type: path
    required: true
  root:
    description: The folder the web node serves.
    type: str
    required: true
  run:
    description: The run's id, as M(wheelfleet_lock) gave it.
    type: str
    required: true
  hosts:
    description: The builders at work.
    type: list
    elements: str
    required: true
  interval:
    description: Seconds between two writings while there is news.
    type: float
    default: 5.0
  publish_interval:
    description: The longest pause between two publications, in seconds.
    type: float
    default: 60.0
  silence:
    description: Seconds after which the run is no longer watched when no builder's state was renewed.
    type: float
    default: 900.0
extends_documentation_fragment: [wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Show the run on this web node, and bring it what is published
  wheelfleet_status:
    state_dir: /srv/controller
    site_dir: /srv/controller/site
    root: /srv/wheelfleet/site
    run: "{{ controller_run.run }}"
    hosts: "{{ ansible_play_hosts | intersect(groups.builders) }}"
"""

RETURN = r"""
publications:
  description: How often the node got what had changed.
  returned: success
  type: int
written:
  description: How often the file was written.
  returned: success
  type: int
"""
