#!/usr/bin/python
"""Learn what changed upstream and plan what to build."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_delta
short_description: Learn what changed upstream and plan what to build
description:
  - Asks the upstream index for the projects in scope, by conditional requests, and updates the catalog.
  - Gives every release and target in scope its verdict and so brings the queue up to date.
  - A project that cannot be read never stops the others and is asked for again by the next run; an upstream that does
    not answer at all fails the task.
attributes:
  check_mode:
    description: Asks upstream and says what would be built; the catalog stays as it was.
    support: full
  diff_mode:
    description: Lists the builds in the queue.
    support: full
options:
  state_dir:
    description: The controller's folder with the catalog.
    type: path
    required: true
  run:
    description: The run's id, as M(wheelfleet_lock) gave it.
    type: str
    required: true
  index_url:
    description: The upstream index, without credentials, as M(wheelfleet_upstream) gave it.
    type: str
    required: true
  credentials:
    description: The credentials for it, as in a URL.
    type: str
    default: ''
  pip_options:
    description: pip's options to reach it.
    type: dict
    default: {}
  changelog_url:
    description: An XML-RPC address with the changelog, as a hint in I(everything) mode. Empty means no hint.
    type: str
    default: ''
  packages:
    description: Requirements, or dictionaries with C(name) and C(newest).
    type: list
    elements: raw
    default: []
  requirements:
    description: Requirements files on the controller, whose dependency closure is in scope.
    type: list
    elements: path
    default: []
  everything:
    description: Whether every project of the upstream is in scope.
    type: bool
    default: false
  newest:
    description: How many of the newest matching releases, or C(all).
    type: str
    default: '1'
  policy:
    description: Conditions on what is built. C(prereleases), C(yanked), C(build), C(cooldown_hours), C(skip), C(tries).
    type: dict
    default: {}
  builders:
    description: What M(wheelfleet_builder) returned, by host.
    type: dict
    required: true
  resolutions:
    description: What M(wheelfleet_resolve) returned; given by the second call of a run, which reads only new projects.
    type: list
    elements: dict
  recipes_dir:
    description: The folder with the recipes, C(NAME.yml) for each project. Empty means that there are none.
    type: str
    default: ''
  retry:
    description: Failure classes or projects to try again, or C(all).
    type: list
    elements: str
    default: []
  coming:
    description: Builders that are being provisioned and will join by M(wheelfleet_join).
    type: list
    elements: str
    default: []
  inventory:
    description: All builders of the inventory, here or not. What others still hold goes back to the queue.
    type: list
    elements: str
  left_out:
    description: Builders that are not in this run, each with the sentence that says why, for the report.
    type: dict
    default: {}
  timeout:
    description: Seconds one request may take.
    type: float
    default: 30.0
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Learn what changed
  wheelfleet_delta:
    state_dir: /srv/wheelfleet
    run: "{{ controller_run.run }}"
    index_url: https://wheels.example.org/simple
    packages: [RPi.GPIO, 'spidev>=3.6', {name: sysv-ipc, newest: 2}]
    builders: "{{ dict(groups.builders | zip(groups.builders | map('extract', hostvars, 'builder_report'))) }}"
"""

RETURN = r"""
tries:
  description: The policy's C(tries), for M(wheelfleet_batch).
  returned: success
  type: int
returned:
  description: How many failures went back to the queue because something changed that they depended on.
  returned: success
  type: int
queue:
  description: How many builds are in the queue, and their predicted seconds.
  returned: success
  type: dict
would_build:
  description: The builds in the queue, at most 200, in words.
  returned: success
  type: list
  elements: str
resolve:
  description: The requirements files that have to be resolved, for which target and on which host.
  returned: success
  type: list
  elements: dict
troubles:
  description: Projects that could not be read this time, with the reason.
  returned: success
  type: dict
absent:
  description: Projects in scope that upstream does not have.
  returned: success
  type: list
  elements: str
"""

import dataclasses
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.wheelfleet.build.credentials import secrets_of, with_credentials
from ansible.module_utils.wheelfleet.catalog.database import Catalog, CatalogError, rehearsal
from ansible.module_utils.wheelfleet.plan import events
from ansible.module_utils.wheelfleet.plan.delta import Options, run_delta
from ansible.module_utils.wheelfleet.plan.inputs import PlanInputs
from ansible.module_utils.wheelfleet.plan.recipes import BadRecipe, read_recipes
from ansible.module_utils.wheelfleet.plan.requirements import read_requirements_file
from ansible.module_utils.wheelfleet.plan.scope import BadScope
from ansible.module_utils.wheelfleet.run.board import CONTROLLER, HostBoard, post
from ansible.module_utils.wheelfleet.upstream.client import Upstream, UpstreamUnreachable


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state_dir": {"type": "path", "required": True},
            "run": {"type": "str", "required": True},
            "index_url": {"type": "str", "required": True},
            "credentials": {"type": "str", "default": "", "no_log": True},
            "pip_options": {"type": "dict", "default": {}},
            "changelog_url": {"type": "str", "default": ""},
            "packages": {"type": "list", "elements": "raw", "default": []},
            "requirements": {"type": "list", "elements": "path", "default": []},
            "everything": {"type": "bool", "default": False},
            "newest": {"type": "str", "default": "1"},
            "policy": {"type": "dict", "default": {}},
            "builders": {"type": "dict", "required": True},
            "resolutions": {"type": "list", "elements": "dict"},
            "recipes_dir": {"type": "str", "default": ""},
            "retry": {"type": "list", "elements": "str", "default": []},
            "coming": {"type": "list", "elements": "str", "default": []},
            "inventory": {"type": "list", "elements": "str"},
            "left_out": {"type": "dict", "default": {}},
            "timeout": {"type": "float", "default": 30.0},
        },
        supports_check_mode=True,
    )
    p = module.params
    state_dir = Path(p["state_dir"])

    def show(done: int, total: int) -> None:
        if not module.check_mode:
            post(state_dir / "run" / "board", HostBoard(CONTROLLER, p["run"], f"read {done} of {total} projects"))

    module.no_log_values |= secrets_of(p["credentials"])
    try:
        if not p["index_url"]:
            module.fail_json(
                msg="pip on the controller is configured for no index; name the upstream in controller_upstream_url."
            )
        upstream = Upstream.from_pip(
            with_credentials(p["index_url"], p["credentials"]), p["pip_options"], timeout=p["timeout"]
        )
        if not p["builders"] and not p["coming"]:
            module.fail_json(
                msg="No builder is ready; the inventory's group builders needs at least one host that can be prepared."
            )
        recipes = read_recipes(Path(p["recipes_dir"])) if p["recipes_dir"] else {}
        skipped = [entry for recipe in recipes.values() for entry in recipe.skips()]
        inputs = PlanInputs(
            packages=p["packages"],
            requirements=[read_requirements_file(Path(path)) for path in p["requirements"]],
            everything=p["everything"],
            newest=p["newest"],
            policy={**p["policy"], "skip": [*(p["policy"].get("skip") or ()), *skipped]},
        )
        policy, scope = inputs.as_policy(), inputs.scope()
        path = state_dir / "catalog.sqlite"
        with rehearsal(path) if module.check_mode else Catalog(path) as catalog:
            delta = run_delta(
                catalog,
                upstream,
                scope,
                policy,
                p["builders"],
                Options(
                    run=p["run"],
                    changelog_url=p["changelog_url"] or None,
                    retry=tuple(p["retry"]),
                    recipes=recipes,
                    resolutions=p["resolutions"],
                    inventory=None if p["inventory"] is None else tuple(p["inventory"]),
                    show=show,
                ),
            )
            with catalog.writing() as db:
                inputs.remember(db)
                for host, sentence in p["left_out"].items():
                    events.note(db, run=p["run"], host=host, sentence=sentence, now=time.time())
    except (BadRecipe, BadScope, CatalogError, UpstreamUnreachable) as error:
        module.fail_json(msg=str(error))
    for name, sentence in sorted(delta.troubles.items())[:20]:
        module.warn(f"{name}: {sentence}")
    module.exit_json(
        changed=delta.anything_changed,
        returned=delta.returned,
        tries=policy.tries,
        asked=delta.asked,
        queue={"builds": delta.queue.left, "seconds": delta.queue.seconds_left},
        would_build=delta.would_build,
        resolve=[dataclasses.asdict(r) for r in delta.resolve],
        troubles=delta.troubles,
        absent=delta.absent,
        diff={"before": "", "after": "".join(f"build {line}\n" for line in delta.would_build)},
    )


if __name__ == "__main__":
    main()
