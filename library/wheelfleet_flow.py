"""Publish and follow upstream while builders build."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_flow
short_description: Publish, and follow upstream, while builders build
description:
  - Starts a process on the controller that publishes what changed while builders build, and in a run that follows asks
    upstream again and again and plans what is new. It lives as long as the run at most.
  - Sets the rules of the run, which builders' sessions obey at once. They are how much disk must be free for builds to
    be handed out, and when the run ends.
  - Each step is that of M(wheelfleet_publish) or M(wheelfleet_delta), with the scope and policy that the run was
    planned with.
attributes:
  check_mode:
    description: Does nothing, because check mode builds nothing. With O(state=ended) it says which run would end.
    support: full
options:
  state:
    description:
      - V(started) sets the rules of the run and starts the process.
      - V(stopped) ends the process, when the publication that goes on has ended.
      - V(ended) has the run that is at work end in an orderly way. It hands out nothing more, takes back what builders
        have not begun, publishes and ends. Builds that go on do so, and the next run takes in their results.
    type: str
    choices: [started, stopped, ended]
    default: started
  run:
    description: The run's id, as M(wheelfleet_lock) gave it. Needed with O(state=started).
    type: str
    required: false
    default: ''
  index_url:
    description: The upstream index, without credentials, as M(wheelfleet_upstream) gave it.
    type: str
    required: false
    default: ''
  changelog_url:
    description: Address of an XML-RPC changelog, as in M(wheelfleet_delta).
    type: str
    default: ''
  site:
    description: How the site is published, as in M(wheelfleet_publish). Needed where O(publishes) is true.
    type: dict
    required: false
  publishes:
    description: Whether this run publishes.
    type: bool
    default: true
  publish_interval:
    description: Seconds between two publications of what changed. A few wheels are published at once.
    type: float
    default: 60
  follow:
    description: Whether builders wait for new work, and upstream is asked again and again.
    type: bool
    default: false
  follow_interval:
    description:
      - Seconds between two times that upstream is asked.
      - V(0) is 30 seconds to five minutes, so that upstream is asked for two pages a second in the mean at most. Its
        list of all projects is asked for each five minutes.
    type: float
    default: 0
  follow_hours:
    description: Hours after which a run that follows ends in an orderly way. V(0) is never.
    type: float
    default: 24
  read_minutes:
    description: Minutes after which a reading of upstream ends, as in M(wheelfleet_delta); the next goes on at once.
    type: float
    default: 0
  unread:
    description: How many projects the run has not read yet. The process reads them, whether the run follows or not.
    type: int
    default: 0
  minutes:
    description: Minutes that the run may take. Builds that cannot end in time are not begun. V(0) is without a limit.
    type: float
    default: 0
  min_free:
    description: Bytes that must be free in O(state_dir) for builds to be handed out.
    type: int
    default: 0
  watch:
    description: Files and folders of the operator. A run that follows ends in an orderly way when one changes.
    type: list
    elements: path
    default: []
  lookup_hosts:
    description: As in M(wheelfleet_missing_packages). A run that follows ends in an orderly way when builds miss
      packages that may be installed; after a quarter of an hour if nothing is left to build, else after an hour.
    type: list
    elements: str
    default: []
  permissions:
    description: As in M(wheelfleet_missing_packages).
    type: dict
    default: {}
  budgets:
    description: As in M(wheelfleet_missing_packages).
    type: dict
    default: {}
extends_documentation_fragment: [wheelfleet.run, wheelfleet.upstream, wheelfleet.site, wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Publish while builders build
  wheelfleet_flow:
    state_dir: /srv/wheelfleet
    run: "{{ controller_run.run }}"
    site:
      templates: ["{{ playbook_dir }}/../templates"]

- name: Stop it
  wheelfleet_flow:
    state_dir: /srv/wheelfleet
    state: stopped
"""

RETURN = r"""
run:
  description: The run that ends; empty if none is at work.
  returned: with O(state=ended)
  type: str
log:
  description: The file with the lines that the process prints; the terminal shows them.
  returned: with O(state=started)
  type: str
"""
