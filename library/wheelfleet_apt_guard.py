#!/usr/bin/python
"""Check which apt packages may be installed for builds that miss them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_apt_guard
short_description: Check which apt packages may be installed for builds that miss them
description:
  - Has apt simulate the installation, and refuses a package that would remove another, start a service or
    grant rights, take much room or many packages, or that belongs to the system itself.
  - Installs nothing; M(ansible.builtin.apt) does that.
attributes:
  check_mode:
    description: Does the same, because it changes nothing.
    support: full
options:
  index:
    description: The folder of the contents index, as in M(wheelfleet_apt_file).
    type: path
    required: true
  packages:
    description: The packages to check, the most wanted first.
    type: list
    elements: str
    required: true
  budget:
    description: The bytes that all of them together may take on the disk.
    type: int
    default: 1073741824
extends_documentation_fragment: [wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Check the package
  wheelfleet_apt_guard:
    index: /var/cache/wheelfleet-contents
    packages: [libyaml-dev]
  become: true
  register: builder_judged
"""

RETURN = r"""
install:
  description: The packages that may be installed.
  returned: success
  type: list
  elements: str
refused:
  description: By package, why it may not be installed, in one sentence.
  returned: success
  type: dict
over_budget:
  description: By package, the bytes that it would take, if the budget alone refuses it.
  returned: success
  type: dict
cost:
  description: How many packages and how many bytes all of C(install) add.
  returned: success
  type: dict
  sample: {packages: 244, bytes: 695205888}
new:
  description: The packages that all of C(install) add, with those that they depend on.
  returned: success
  type: list
  elements: str
"""

from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wheelfleet.builder.apt_contents import ContentsError, refresh
from ansible.module_utils.wheelfleet.builder.apt_guard import MOST_BYTES, simulate_install


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "index": {"type": "path", "required": True},
            "packages": {"type": "list", "elements": "str", "required": True},
            "budget": {"type": "int", "default": MOST_BYTES},
        },
        supports_check_mode=True,
    )
    index = Path(module.params["index"])
    try:
        if not module.check_mode:
            # Another host may have looked the packages up, so this one's lists may be missing.
            refresh(index)
        judged = simulate_install(index, module.params["packages"], module.params["budget"])
    except (ContentsError, OSError) as error:
        module.fail_json(msg=f"What the packages bring cannot be told, so none is installed: {error}")
    module.exit_json(changed=False, **asdict(judged))


if __name__ == "__main__":
    main()
