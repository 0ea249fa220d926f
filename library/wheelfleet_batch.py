#!/usr/bin/python
"""Build what is in the queue on a builder."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_batch
short_description: Build what is in the queue on a builder
description:
  - One call is all that a host builds in a run, batch after batch. The controller's half (an action plugin of the same
    name) claims a batch from the catalog under a lease, or adopts the one the host still holds, hands it over, fetches
    and admits each result while the rest is being built, and acknowledges it.
  - The builder's half is this module; it puts assignments into the inbox and starts a detached worker, which outlives
    the link and the controller.
  - It ends when nothing is left for this host, or when the run does (M(wheelfleet_flow)).
attributes:
  check_mode:
    description: Builds nothing; M(wheelfleet_delta) says what would be built.
    support: full
options:
  home:
    description: The builder's folder, as in M(wheelfleet_builder).
    type: path
    required: true
  hosts:
    description: How many builders share the queue; sizes the batches.
    type: int
    default: 1
  parallel:
    description: Builds at once on this host; 0 lets the worker choose by cores and memory.
    type: int
    default: 0
  index_url:
    description: The upstream index build requirements come from, without credentials.
    type: str
    required: true
  credentials:
    description: The credentials for it, as in a URL. Sdists of the same origin are fetched with them too.
    type: str
    default: ''
  own_index_url:
    description: The fleet's own index, whose wheels are preferred as build requirements.
    type: str
  crates_index:
    description:
      - The sparse index from which cargo gets the crates that builds ask for. V(auto) is the one that the builder's
        cargo asks by itself; empty means that builds get none.
    type: str
    default: auto
  go_proxy:
    description:
      - The module proxy from which go gets the modules that builds ask for. V(auto) is the one that the builder's go is
        configured for; empty means that builds get none.
    type: str
    default: auto
  cache_url:
    description:
      - A cache of the upstream index, through which builds and sdists go while it answers. Then the module on the
        builder is given no credentials.
    type: str
    default: ''
  pip_options:
    description: More of pip's options on the builder by their long names, such as C(cert).
    type: dict
    default: {}
  limits:
    description:
      - What one build may use. C(seconds), C(silence_seconds), C(processes); C(memory), C(disk), C(log) in bytes.
      - A C(memory) of 0 gives each build its share of the host's.
    type: dict
    required: true
  environment:
    description: Environment variables of every build.
    type: dict
    default: {}
  sandbox:
    description: Whether packages' code runs in a sandbox; a builder that has none fails the builds.
    type: bool
    default: true
  repair:
    description: Whether wheels take the libraries they need with them, where they may.
    type: bool
    default: true
  repair_exclude:
    description: Names of libraries that wheels never take with them.
    type: list
    elements: str
    default: []
  preinstalled:
    description:
      - Packages that are not named among those that a wheel needs, because each system has them.
      - Empty means the table for the builder's release.
    type: list
    elements: str
    default: []
  check_imports:
    description: Whether each wheel is installed into a clean environment and its modules are imported there.
    type: bool
    default: true
  patience:
    description: Seconds a silent builder is waited for before its batch goes back to the queue.
    type: float
    default: 300.0
  max_attempts:
    description: Attempts at one release and target before failures by bad luck count as final.
    type: int
    default: 5
  min_free:
    description: Bytes that must be free on the builder's disk for it to get work.
    type: int
    default: 0
  rebuild_percent:
    description:
      - Above 0 the queue is left alone. Of the wheels that other builders built in this run, so many of a hundred,
        chosen by a hash of their names, are built again here, and compared.
    type: float
    default: 0
  leave_for_packages:
    description:
      - Whether the task ends when packages that builds miss are to be installed, although builds go on. They stay with
        the builder, and the next task takes in their results.
    type: bool
    default: false
  assignments:
    description: The builds to hand over (docs/contract.md). Set by the action plugin.
    type: list
    elements: dict
extends_documentation_fragment: [wheelfleet.run, wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Build what is in the queue
  wheelfleet_batch:
    state_dir: /srv/wheelfleet
    run: "{{ wheelfleet_run }}"
    home: /var/lib/wheelfleet
    index_url: https://pypi.example.org/simple
    limits: {seconds: 3600, silence_seconds: 1800, memory: 1000000000, processes: 512, disk: 4000000000, log: 32000000}
  register: builder_batch
"""

RETURN = r"""
left:
  description: Whether the task ended for packages that builds miss, and there is more to do.
  returned: when it is so
  type: bool
built:
  description: The wheels that were admitted, the newest thousand.
  returned: success
  type: list
  elements: str
failures:
  description: The builds that failed, with failure class and sentence, the newest thousand.
  returned: success
  type: list
  elements: dict
"""

import sys
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wheelfleet.builder.cache import NoCache, probe_cache
from ansible.module_utils.wheelfleet.builder.capacity import capacity, whole_host
from ansible.module_utils.wheelfleet.builder.complete import complete
from ansible.module_utils.wheelfleet.builder.folders import NotReady
from ansible.module_utils.wheelfleet.builder.inbox import hand_over
from ansible.module_utils.wheelfleet.builder.worker import start_worker
from ansible.module_utils.wheelfleet.contract.shape import ContractError
from ansible.module_utils.wheelfleet.credentials import secrets_of
from ansible.module_utils.wheelfleet_ansible.hidden import hide, without


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "path", "required": True},
            "run": {"type": "str", "required": True},
            "home": {"type": "path", "required": True},
            "hosts": {"type": "int", "default": 1},
            "parallel": {"type": "int", "default": 0},
            "index_url": {"type": "str", "required": True},
            "credentials": {"type": "str", "default": "", "no_log": True},
            "own_index_url": {"type": "str"},
            "crates_index": {"type": "str", "default": "auto"},
            "go_proxy": {"type": "str", "default": "auto"},
            "cache_url": {"type": "str", "default": ""},
            "pip_options": {"type": "dict", "default": {}},
            "limits": {"type": "dict", "required": True},
            "environment": {"type": "dict", "default": {}},
            "sandbox": {"type": "bool", "default": True},
            "repair": {"type": "bool", "default": True},
            "repair_exclude": {"type": "list", "elements": "str", "default": []},
            "preinstalled": {"type": "list", "elements": "str", "default": []},
            "check_imports": {"type": "bool", "default": True},
            "patience": {"type": "float", "default": 300.0},
            "max_attempts": {"type": "int", "default": 5},
            "min_free": {"type": "int", "default": 0},
            "rebuild_percent": {"type": "float", "default": 0.0},
            "leave_for_packages": {"type": "bool", "default": False},
            "assignments": {"type": "list", "elements": "dict"},
        },
        supports_check_mode=True,
    )
    home, index_url, credentials = Path(module.params["home"]), module.params["index_url"], module.params["credentials"]
    memory = int(module.params["limits"].get("memory") or 0)
    share = capacity(module.params["parallel"], memory)
    secrets = secrets_of(credentials)
    hide(module, secrets)
    cache = None
    if module.params["cache_url"]:
        try:
            cache = probe_cache(module.params["cache_url"], index_url)
        except NoCache as error:
            # The action plugin repeats the call without the cache and with credentials.
            module.exit_json(changed=False, handed_over=[], cache_trouble=str(error))
    try:
        assignments = [
            complete(
                given,
                lib=home / "lib",
                share=share,
                whole=whole_host(memory),
                index_url=index_url,
                credentials=credentials,
                cache=cache,
            )
            for given in module.params["assignments"] or []
        ]
        new = hand_over(home, assignments)
        start_worker(home, home / "lib", sys.executable, share.parallel)
    except (ContractError, NotReady, OSError) as error:
        module.fail_json(msg=without(f"The builder cannot take work: {error}", secrets))
    past_the_cache = cache.not_fetched_by_cache(each["sdist"]["url"] for each in assignments) if cache else []
    module.exit_json(changed=bool(new), handed_over=new, past_the_cache=past_the_cache)


if __name__ == "__main__":
    main()
