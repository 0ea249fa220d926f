#!/usr/bin/python
"""Say which apt packages may be installed because builds lacked them."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_apt_guard
short_description: Say which apt packages may be installed because builds lacked them
description:
  - Has apt simulate the installation, and refuses what would remove anything, bring something that runs by itself or
    grants rights, take much room or many packages, or belongs to the system itself.
  - Installs nothing; M(ansible.builtin.apt) does that.
attributes:
  check_mode:
    description: The same, for nothing is changed.
    support: full
  diff_mode:
    description: There is no text to compare.
    support: none
options:
  index:
    description: The folder of the lists of contents, as in M(wheelfleet_apt_owners).
    type: path
    required: true
  packages:
    description: The packages to judge, in the order in which they are wanted.
    type: list
    elements: str
    required: true
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: See what speaks against it
  wheelfleet_apt_guard:
    index: /var/cache/wheelfleet-contents
    packages: [libyaml-dev]
  become: true
  register: builder_judged
"""

RETURN = r"""
install:
  description: The packages that nothing speaks against.
  returned: success
  type: list
  elements: str
refused:
  description: By package, what speaks against it, in one sentence.
  returned: success
  type: dict
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wheelfleet.builder.apt_contents import ContentsError, refresh
from ansible.module_utils.wheelfleet.builder.apt_guard import judge


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "index": {"type": "path", "required": True},
            "packages": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    index = Path(module.params["index"])
    try:
        if not module.check_mode:
            # This host may not be the one that was asked who owns what.
            refresh(index)
        judged = judge(index, module.params["packages"])
    except (ContentsError, OSError) as error:
        module.fail_json(msg=f"What the packages bring cannot be told, so none is installed: {error}")
    module.exit_json(changed=False, install=judged.install, refused=judged.refused)


if __name__ == "__main__":
    main()
