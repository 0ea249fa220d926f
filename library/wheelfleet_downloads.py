#!/usr/bin/python
"""Count downloads from a web node's access log."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_downloads
short_description: Count downloads from a web node's access log
description:
  - Adds up what came to the access log of a web node since the last time, by day, how often each wheel was downloaded
    and each project asked for, and with which installer, Python, machine and system; and how often each kind of page
    was read. Only these sums leave the web node; addresses never do.
  - A download is a wheel of ours that an installer or another program took whole (status 200). Browsers, bots and
    mirrors do not count. A project is asked for when pip, uv, poetry or pdm reads its page, whether it is there or not.
  - Sums and positions are recorded in one transaction, so that each line counts once, whatever is killed. Renamed,
    copied, compressed and truncated logs are recognised by what is in them.
  - Never fails the run. What keeps a log from being counted is said in a warning, and the next run counts it.
  - Does nothing over a local connection where there is no such log.
  - It is an action plugin with a module, for the log is on the web node and the catalog on the controller.
attributes:
  check_mode:
    description: Says what would be counted and records nothing.
    support: full
options:
  state_dir:
    description: The controller's folder with the catalog.
    type: path
    required: true
  log:
    description:
      - The access log on the web node, of the form that the site's nginx configuration gives it.
      - What it was rotated to is found beside it by its name and a number or date, compressed by gzip or not.
    type: str
    required: true
  seconds:
    description: Seconds after which the rest is left for the next run.
    type: float
    default: 60.0
  bytes:
    description: Bytes of log that are read in one visit. A web node's memory holds a few times as much.
    type: int
    default: 16777216
  counted:
    description: What was counted already. The action plugin hands it over.
    type: list
    elements: list
    default: []
extends_documentation_fragment: [wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Count the downloads from this web node
  wheelfleet_downloads:
    state_dir: /srv/controller
    log: /var/log/nginx/wheelfleet-access.log
"""

RETURN = r"""
downloads:
  description: How many downloads of wheels of ours were counted.
  returned: success
  type: int
lookups:
  description: How often installers asked for projects.
  returned: success
  type: int
visits:
  description: How many pages were read in browsers, and documents by programs.
  returned: success
  type: int
lines:
  description: How many lines were read.
  returned: success
  type: int
garbage:
  description: How many of them say nothing, being of another form or of a time that cannot be.
  returned: success
  type: int
more:
  description: Whether there was more than O(seconds) allowed. The next run counts it.
  returned: success
  type: bool
unreadable:
  description: Whether the log may not be read by the user Ansible connects as, but perhaps by root.
  returned: success
  type: bool
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wheelfleet.downloads.access_log import read_log
from ansible.module_utils.wheelfleet.downloads.log_rotation import Position, Unreadable


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "path", "required": True},
            "log": {"type": "str", "required": True},
            "seconds": {"type": "float", "default": 60.0},
            "bytes": {"type": "int", "default": 16 << 20},
            "counted": {"type": "list", "elements": "list", "default": []},
        },
        supports_check_mode=True,
    )
    log = Path(module.params["log"])
    counted = [Position(*position) for position in module.params["counted"]]
    try:
        reading = read_log(log, counted, most_bytes=module.params["bytes"])
    except Unreadable as error:
        module.exit_json(changed=False, unreadable=str(error))
    module.exit_json(changed=False, there=bool(reading.positions) or log.exists(), **reading.as_answer())


if __name__ == "__main__":
    main()
