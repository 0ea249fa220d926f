#!/usr/bin/python
"""Make a host a builder and read the targets it offers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_builder
short_description: Make a host a builder and read the targets it offers
description:
  - Makes the builder's folders, installs the worker's code, and makes one virtual environment with pip, uv and what
    else builds need, for each interpreter.
  - Its action plugin says which code that is. A host that has it does the work by that code, which costs a fraction of
    a module. To another host the plugin sends module and code.
  - Reads the full tag set of each interpreter by C(packaging.tags), run by that interpreter.
  - Needs nothing on the host but a whole Python 3.9 or newer with its venv module, and bubblewrap.
attributes:
  check_mode:
    description: Says what would be made and changes nothing. Targets are read all the same.
    support: full
  diff_mode:
    description: Lists the folders, files and environments that would be made.
    support: full
options:
  state_dir:
    description:
      - The controller's folder, where the action plugin locks the tools (M(wheelfleet_tools)). By default the
        C(controller_state_dir) of the inventory, or C(var/) of the checkout.
    type: path
  home:
    description: The builder's folder.
    type: path
    required: true
  pythons:
    description: The interpreters to build for, as commands or paths. Each offers one target.
    type: list
    elements: str
    required: true
  tool_requirements:
    description: What is installed into each interpreter's tool environment.
    type: list
    elements: str
    required: true
  tool_versions:
    description: The exact versions of these. By default those that M(wheelfleet_tools) locks.
    type: list
    elements: str
  parallel:
    description: Builds at once, as in M(wheelfleet_batch).
    type: int
    default: 0
  memory:
    description: Bytes of memory of each build, as in M(wheelfleet_batch).
    type: int
    default: 0
  code_digest:
    description: Names the worker's code. Given by the action plugin.
    type: str
    default: ''
  code:
    description: The worker's code, for a host that has another one. Given by the action plugin.
    type: str
  sandbox:
    description:
      - Whether packages' code is to run in a sandbox (bubblewrap). If so, a host that cannot have one is no builder,
        and the module fails and says what to do.
    type: bool
    default: true
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Make this host a builder for two Pythons
  wheelfleet_builder:
    home: /var/lib/wheelfleet
    pythons: [python3.11, python3.13]
    tool_requirements: [pip, packaging, pyproject-hooks, uv]
  register: builder_report
"""

RETURN = r"""
lacks_code:
  description: The host has other code than that; nothing more was done. Seen by the action plugin only.
  returned: where it is so
  type: bool
targets:
  description: What the host offers, one entry for each interpreter.
  returned: success
  type: list
  elements: dict
  sample:
    - name: cp311-cp311-linux_armv7l-glibc2.36
      python_version: 3.11.2
      implementation: CPython
      platform: linux_armv7l
      tags: [cp311-cp311-linux_armv7l]
      tools: /var/lib/wheelfleet/tools/cpython-311-arm-linux-gnueabihf/bin/python
      interpreter: /usr/bin/python3.11
facts:
  description:
    - What the host is, machine, board, cores, memory in bytes, operating system, the versions of its compilers and
      build tools, how many builds it runs at once, what it sandboxes them with, and for each target the interpreter's
      compiler flags and the versions in its tool environment.
  returned: success
  type: dict
packages:
  description:
    - The distribution's packages that builds may use, development files and programs, by name; none where the host has
      neither dpkg, rpm nor apk.
  returned: success
  type: list
  elements: str
libraries:
  description: The versions of the distribution's packages of libraries, by name; none where the host has no dpkg.
  returned: success
  type: dict
  sample:
    libtiff6: 4.5.0-6+deb12u2
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wheelfleet.builder import worker_code
from ansible.module_utils.wheelfleet.builder.make_builder import FAILURES, make_builder


def install_code(module: AnsibleModule, home: Path) -> list[str]:
    """Install the worker's code; returns the changed paths. Without the right code it ends the module, and the action
    plugin repeats the call with the code."""
    if module.params["code"] is not None:
        return worker_code.install(home, module.params["code"])
    if worker_code.digest(worker_code.installed(home)) == module.params["code_digest"]:
        return []
    if not module.check_mode:
        module.exit_json(changed=False, lacks_code=True)
    return [str(home / "lib")]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "path"},
            "home": {"type": "path", "required": True},
            "pythons": {"type": "list", "elements": "str", "required": True},
            "tool_requirements": {"type": "list", "elements": "str", "required": True},
            "tool_versions": {"type": "list", "elements": "str"},
            "parallel": {"type": "int", "default": 0},
            "code_digest": {"type": "str", "default": ""},
            "code": {"type": "str"},
            "sandbox": {"type": "bool", "default": True},
            "memory": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    home = Path(module.params["home"])
    try:
        result = make_builder(module.params, check=module.check_mode, install_code=lambda: install_code(module, home))
    except FAILURES as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
