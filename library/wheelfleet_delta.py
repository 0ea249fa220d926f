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
    description: Requirements files and lock files (PEP 751) on the controller, whose dependency closure is in scope.
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
  read_minutes:
    description:
      - For so many minutes pages are requested, those of the most wanted projects first. C(unread) is how many are left
        to the next call. V(0) means no limit.
    type: float
    default: 0
  policy:
    description: >-
      Conditions on what is built. C(prereleases), C(yanked), C(build), C(cooldown_hours), C(skip), C(max_attempts),
      C(adopt_requirements), C(rebuild_outdated).
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
    description:
      - All builders of the inventory, here or not. What builders hold that take no part in the run, being of these or
        not, goes back to the queue.
    type: list
    elements: str
  left_out:
    description: Builders that are not in this run, each with the sentence that says why, for the report.
    type: dict
    default: {}
extends_documentation_fragment: [wheelfleet.run, wheelfleet.upstream]
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
unconsidered:
  description:
    - What was asked for and could not be considered, with the keys C(what), C(where), C(code), C(sentence) and C(cure).
  returned: success
  type: list
  elements: dict
unread:
  description: How many projects are still to be read, because O(read_minutes) were over.
  returned: success
  type: int
max_attempts:
  description: The policy's C(max_attempts), for M(wheelfleet_batch).
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
  description:
    - The builds in the queue in words, at most 50 or with C(--diff) all, and a line that says how many there are.
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
