#!/usr/bin/python
"""Look up which packages provide the files that builds miss."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_apt_file
short_description: Look up which packages provide the files that builds miss
description:
  - Has apt fetch the contents index of the host's own sources into a folder, where it is missing or a week old, and
    looks for all subjects in one pass over it, as apt-file does.
  - On a host without apt it answers nothing.
attributes:
  check_mode:
    description: Reads the index that is there already, and fetches none.
    support: full
options:
  index:
    description: The folder of the contents index.
    type: path
    required: true
  subjects:
    description: What builds miss, each a kind (C(header), C(library), C(pkg-config), C(tool)) and a name.
    type: list
    elements: list
    required: true
extends_documentation_fragment: [wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Look up which packages provide what builds miss
  wheelfleet_apt_file:
    index: /var/cache/wheelfleet-contents
    subjects: [[header, yaml.h], [tool, pg_config]]
  become: true
  register: builder_providers
"""

RETURN = r"""
providers:
  description: One entry for each subject, with the packages that provide it, the best first.
  returned: success
  type: list
  elements: dict
  sample: [{missing: header, subject: yaml.h, packages: [libyaml-dev, libyaml-cpp-dev]}]
costs:
  description: By package, of those that provide a subject best, how many packages and bytes it would add to the host.
  returned: success
  type: dict
  sample: {libyaml-dev: {packages: 1, bytes: 663552}}
problem:
  description: Why the index could not be read, in one sentence; then C(providers) is empty.
  returned: when it could not
  type: str
"""

from dataclasses import asdict
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wheelfleet.apt_packages import Subject
from ansible.module_utils.wheelfleet.builder.apt_contents import ContentsError, has_apt, refresh
from ansible.module_utils.wheelfleet.builder.apt_file_lookup import find_providers
from ansible.module_utils.wheelfleet.builder.apt_guard import costs


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "index": {"type": "path", "required": True},
            "subjects": {"type": "list", "elements": "list", "required": True},
        },
        supports_check_mode=True,
    )
    index = Path(module.params["index"])
    subjects = [Subject(str(kind), str(name)) for kind, name in module.params["subjects"]]
    try:
        if not has_apt():
            raise ContentsError("This host has no apt.")
        if not module.check_mode:
            refresh(index)
        providers = find_providers(index, subjects)
    except (ContentsError, OSError) as error:
        module.exit_json(changed=False, providers=[], problem=str(error))
    # Not a change: the lists are a cache, and the next task writes the packages to the catalog.
    best = [packages[0] for packages in providers.values() if packages]
    module.exit_json(
        changed=False,
        costs={package: asdict(cost) for package, cost in costs(best).items()} if has_apt() else {},
        providers=[{"missing": s.kind, "subject": s.name, "packages": packages} for s, packages in providers.items()],
    )


if __name__ == "__main__":
    main()
