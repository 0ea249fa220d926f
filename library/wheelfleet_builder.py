#!/usr/bin/python
"""Make a host a builder and read the targets it offers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_builder
short_description: Make a host a builder and read the targets it offers
description:
  - Makes the builder's folders, installs the worker's code, and makes one virtual environment with pip, uv and what
    else builds need, for each interpreter.
  - Its action plugin says which code that is, and sends it to a host that has another one.
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
    description: The exact versions of these, as M(wheelfleet_tools) locked them.
    type: list
    elements: str
    default: []
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
from typing import cast

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wheelfleet.builder import worker_code
from ansible.module_utils.wheelfleet.builder.capacity import capacity
from ansible.module_utils.wheelfleet.builder.folders import NotReady
from ansible.module_utils.wheelfleet.builder.install import (
    InstallError,
    check_commands,
    check_modules,
    make_folders,
    tool_environment,
)
from ansible.module_utils.wheelfleet.builder.probe import ProbeError, host_facts, host_libraries, host_packages
from ansible.module_utils.wheelfleet.builder.sandbox import probe, tracer, version
from ansible.module_utils.wheelfleet.contract.report import InterpreterFacts, OfferedTarget, Report


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
            "home": {"type": "path", "required": True},
            "pythons": {"type": "list", "elements": "str", "required": True},
            "tool_requirements": {"type": "list", "elements": "str", "required": True},
            "tool_versions": {"type": "list", "elements": "str", "default": []},
            "parallel": {"type": "int", "default": 0},
            "code_digest": {"type": "str", "default": ""},
            "code": {"type": "str"},
            "sandbox": {"type": "bool", "default": True},
            "memory": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    why_not = probe() if module.params["sandbox"] else None
    if why_not is not None:
        module.fail_json(msg=why_not)
    home = Path(module.params["home"])
    requirements, versions = module.params["tool_requirements"], module.params["tool_versions"]
    made = []
    targets: list[OfferedTarget] = []
    interpreters: dict[str, InterpreterFacts] = {}
    try:
        check_commands()
        check_modules()
        made += make_folders(home, check=module.check_mode)
        made += install_code(module, home)
        for python in module.params["pythons"]:
            environment = tool_environment(home, python, requirements, versions, check=module.check_mode)
            if environment["changed"]:
                made.append(environment["tools"])
            place = {"tools": environment["tools"], "interpreter": environment["interpreter"]}
            target = cast(OfferedTarget, {**environment["target"], **place})
            if any(known["name"] == target["name"] for known in targets):
                module.fail_json(
                    msg=f"builder_pythons names two interpreters for {target['name']}, the second being {python}; "
                    "keep one of them."
                )
            targets.append(target)
            interpreters[target["name"]] = {
                "cflags": environment["target"]["cflags"],
                "tools": environment["versions"],
            }
    except (InstallError, ProbeError, NotReady) as error:
        module.fail_json(msg=str(error))
    report = Report(
        facts={
            **host_facts(),
            "slots": capacity(module.params["parallel"], module.params["memory"]).parallel,
            "sandbox": version() if module.params["sandbox"] else None,
            "tracer": tracer(sandboxed=module.params["sandbox"]),
            "interpreters": interpreters,
        },
        targets=targets,
        packages=host_packages(),
        libraries=host_libraries(),
    )
    module.exit_json(
        changed=bool(made),
        **report.as_data(),
        diff={"before": "", "after": "".join(f"{line}\n" for line in made)},
    )


if __name__ == "__main__":
    main()
