"""Let a builder that became ready late join the current run."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_join
short_description: Let a builder that became ready late join the run that is at work
description:
  - Plans for the builder as M(wheelfleet_delta) planned for the others, by the scope and policy that the run was
    started with. Upstream is asked only for projects that a requirements file needs on the builder's target alone.
  - Runs on the controller, once for each such builder.
attributes:
  check_mode:
    description: Does nothing, because check mode prepares no builder.
    support: full
options:
  host:
    description: The builder.
    type: str
    required: true
  report:
    description: What M(wheelfleet_builder) returned for it.
    type: dict
    required: true
  resolutions:
    description: What M(wheelfleet_resolve) returned for the builder.
    type: list
    elements: dict
    default: []
extends_documentation_fragment: [wheelfleet.run, wheelfleet.upstream, wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Join the run
  wheelfleet_join:
    state_dir: /srv/wheelfleet
    run: "{{ builder_run.run }}"
    host: "{{ inventory_hostname }}"
    report: "{{ builder_report }}"
    index_url: https://wheels.example.org/simple
  delegate_to: "{{ groups.controller | first }}"
"""

RETURN = r"""
resolve:
  description: The requirements files that have to be resolved on this builder.
  returned: success
  type: list
  elements: dict
"""
