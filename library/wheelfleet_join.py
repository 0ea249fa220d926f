"""Let a builder that became ready late join the run that is at work."""

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
  diff_mode:
    description: There is no text to compare.
    support: none
options:
  state_dir:
    description: The controller's folder with the catalog.
    type: path
    required: true
  run:
    description: The run's id, as M(wheelfleet_lock) gave it.
    type: str
    required: true
  host:
    description: The builder.
    type: str
    required: true
  report:
    description: What M(wheelfleet_builder) returned for it.
    type: dict
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
  resolutions:
    description: What M(wheelfleet_resolve) returned for the builder.
    type: list
    elements: dict
    default: []
  timeout:
    description: Seconds one request may take.
    type: float
    default: 30.0
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
