#!/usr/bin/python
"""Ask the distribution's contents index which packages have what builds lacked."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_apt_owners
short_description: Ask the distribution's contents index which packages have what builds lacked
description:
  - Has apt fetch the lists of contents of the host's own sources into a folder, where they are missing or a week old,
    and looks for all subjects in one pass over them.
  - On a host without apt nobody owns anything.
attributes:
  check_mode:
    description: Asks lists that are there already, and fetches none.
    support: full
  diff_mode:
    description: There is no text to compare.
    support: none
options:
  index:
    description: The folder of the lists.
    type: path
    required: true
  subjects:
    description: What builds lacked, each a kind (C(header), C(library), C(pkg-config), C(tool)) and a name.
    type: list
    elements: list
    required: true
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Ask which packages have what builds lacked
  wheelfleet_apt_owners:
    index: /var/cache/wheelfleet-contents
    subjects: [[header, yaml.h], [tool, pg_config]]
  become: true
  register: builder_owners
"""

RETURN = r"""
owners:
  description: One entry for each subject, with the packages that have it, the best first.
  returned: success
  type: list
  elements: dict
  sample: [{lacks: header, subject: yaml.h, packages: [libyaml-dev, libyaml-cpp-dev]}]
problem:
  description: Why the index could not be asked, in one sentence; then C(owners) is empty.
  returned: when it could not
  type: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wheelfleet.apt_packages import Subject
from ansible.module_utils.wheelfleet.builder.apt_contents import ContentsError, has_apt, refresh
from ansible.module_utils.wheelfleet.builder.apt_file_lookup import find_owners


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
    owners: dict[Subject, list[str]] = {}
    try:
        if not has_apt():
            owners = {subject: [] for subject in subjects}
        else:
            if not module.check_mode:
                refresh(index)
            owners = find_owners(index, subjects)
    except (ContentsError, OSError) as error:
        module.exit_json(changed=False, owners=[], problem=str(error))
    # The lists are a cache, and the answers go into the catalog by the next task.
    module.exit_json(
        changed=False,
        owners=[{"lacks": s.kind, "subject": s.name, "packages": packages} for s, packages in owners.items()],
    )


if __name__ == "__main__":
    main()
