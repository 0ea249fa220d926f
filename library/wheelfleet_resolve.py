#!/usr/bin/python
"""Resolve requirements files as pip on a target would."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_resolve
short_description: Resolve requirements files as pip on a target would
description:
  - Asks the pip of a builder's tool environment for the dependency closure of a requirements file, by a dry run
    from which nothing is installed. Metadata of sdists may have to be built for it, under the limits of a build.
  - A line that cannot be resolved is named, and the others are resolved without it.
attributes:
  check_mode:
    description: Resolves as ever, because nothing of it stays on the host.
    support: full
options:
  home:
    description: The builder's folder.
    type: path
    required: true
  resolve:
    description: What M(wheelfleet_delta) returned for this host.
    type: list
    elements: dict
    required: true
  index_url:
    description: The upstream index, without credentials.
    type: str
    required: true
  credentials:
    description: The credentials for it, as in a URL.
    type: str
    default: ''
  own_index_url:
    description: The fleet's own index.
    type: str
  cache_url:
    description: A cache of the upstream index to ask instead of it.
    type: str
    default: ''
  pip_options:
    description: More of pip's options by their long names.
    type: dict
    default: {}
  limits:
    description: As in M(wheelfleet_batch).
    type: dict
    required: true
  sandbox:
    description: Whether pip, which may run package code, runs in a sandbox.
    type: bool
    default: true
extends_documentation_fragment: [wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Resolve what changed
  wheelfleet_resolve:
    home: /var/lib/wheelfleet
    resolve: "{{ controller_delta.resolve | selectattr('host', 'equalto', inventory_hostname) }}"
    index_url: https://wheels.example.org/simple
    limits: {seconds: 3600, silence_seconds: 1800, memory: 0, processes: 512, disk: 4000000000, log: 32000000}
"""

RETURN = r"""
resolutions:
  description:
    - One entry for each file and target, with its C(pins) as name and version, the lines that were asked for, those
      that are C(unresolved) with the reason, why nothing could be resolved as C(problem), and pip's C(log).
  returned: success
  type: list
  elements: dict
"""

from pathlib import Path
from typing import cast

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wheelfleet.builder.cache import NoCache, probe_cache
from ansible.module_utils.wheelfleet.builder.capacity import capacity
from ansible.module_utils.wheelfleet.builder.resolver import resolve
from ansible.module_utils.wheelfleet.contract.assignment import Limits
from ansible.module_utils.wheelfleet.credentials import secrets_of, with_credentials
from ansible.module_utils.wheelfleet_ansible.hidden import hide, without


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "home": {"type": "path", "required": True},
            "resolve": {"type": "list", "elements": "dict", "required": True},
            "index_url": {"type": "str", "required": True},
            "credentials": {"type": "str", "default": "", "no_log": True},
            "own_index_url": {"type": "str"},
            "cache_url": {"type": "str", "default": ""},
            "pip_options": {"type": "dict", "default": {}},
            "limits": {"type": "dict", "required": True},
            "sandbox": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    p = module.params
    secrets = secrets_of(p["credentials"])
    hide(module, secrets)
    index_url, pip_options = with_credentials(p["index_url"], p["credentials"]), p["pip_options"]
    if p["cache_url"]:
        try:
            cache = probe_cache(p["cache_url"], p["index_url"])
        except NoCache as error:
            module.warn(str(error))
        else:
            index_url, pip_options = cache.through(p["index_url"]) or index_url, cache.pip_options(pip_options)
    memory = capacity(0, int(p["limits"].get("memory") or 0)).memory
    limits = cast(Limits, {**p["limits"], "memory": memory})
    resolutions = [
        {
            "path": wanted["path"],
            "digest": wanted["digest"],
            "target_id": wanted["target_id"],
            "lines": wanted["question"]["lines"],
            **resolve(
                Path(p["home"]),
                wanted["tools"],
                wanted["question"],
                index_url=index_url,
                own_index_url=p["own_index_url"],
                pip_options=pip_options,
                limits=limits,
                sandboxed=p["sandbox"],
            ),
        }
        for wanted in p["resolve"]
    ]
    # The next task writes the resolutions to the catalog and reports the change.
    module.exit_json(changed=False, resolutions=without(resolutions, secrets))


if __name__ == "__main__":
    main()
