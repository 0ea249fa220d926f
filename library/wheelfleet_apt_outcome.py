#!/usr/bin/python
"""Say what became of each package after apt failed to install them all."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_apt_outcome
short_description: Say what became of each package after apt failed to install them all
description:
  - Asks dpkg which packages are installed all the same, and which are half installed.
attributes:
  check_mode:
    description: Does the same, because it changes nothing.
    support: full
options:
  packages:
    description: The packages that were to be installed.
    type: list
    elements: str
    required: true
  new:
    description: All packages that this would have added to the host, as M(wheelfleet_apt_guard) returned them.
    type: list
    elements: str
    required: true
  said:
    description: What apt said.
    type: str
    default: ""
extends_documentation_fragment: [wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Ask what became of them
  wheelfleet_apt_outcome:
    packages: [libyaml-dev, default-jdk]
    new: [libyaml-dev, default-jdk, openjdk-17-jdk]
    said: "{{ ansible_failed_result.msg }}"
  register: builder_apt_outcome
"""

RETURN = r"""
install:
  description: The packages that are installed.
  returned: success
  type: list
  elements: str
refused:
  description: By package that this host cannot install, why, in one sentence.
  returned: success
  type: dict
later:
  description: By package that was not installed for a reason that may pass, the reason in one sentence.
  returned: success
  type: dict
half_installed:
  description: The new packages to remove, so that apt works again.
  returned: success
  type: list
  elements: str
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wheelfleet.builder.apt_outcome import after_failure


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "required": True},
            "new": {"type": "list", "elements": "str", "required": True},
            "said": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    outcome = after_failure(module.params["packages"], module.params["new"], module.params["said"])
    module.exit_json(changed=False, **asdict(outcome))


if __name__ == "__main__":
    main()
