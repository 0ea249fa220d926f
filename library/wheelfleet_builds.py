"""Stop, skip, or put first builds and releases."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_builds
short_description: Stop, skip, or put first builds and releases
description:
  - Orders are kept in the catalog. A run that is at work obeys within seconds, else the next run does.
  - The same order twice changes nothing. An order that makes no sense is refused, and then none of the same task is
    given.
options:
  action:
    description:
      - V(stop) ends builds that go on. Each counts as a failure of the class C(stopped), which is not tried again by
        itself.
      - With V(skip) releases are not built until V(unskip). What is built of them stays published, and a build that
        goes on is not stopped.
      - V(first) has releases built next. What failed of them, or was stopped, is tried again.
    type: str
    required: true
    choices: [stop, skip, unskip, first]
  what:
    description:
      - To stop, the name of an attempt, a host, a project, or releases such as C(numpy==2.4.0).
      - Otherwise projects or releases. A specifier such as C(numpy<2) is about releases to come, too.
    type: list
    elements: str
    required: true
  target:
    description: A part of the names of the targets that it is about, such as C(armv7l). Empty means all.
    type: str
    default: ''
extends_documentation_fragment: [wheelfleet.order]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Stop a build
  wheelfleet_builds:
    action: stop
    what: numpy==2.4.0
    reason: it takes the whole night

# ansible controller -m wheelfleet_builds -a "action=skip what=tensorflow target=armv7l reason='too large for it'"
- name: Have it built next
  wheelfleet_builds:
    action: first
    what: spidev
"""

RETURN = r"""
orders:
  description:
    - For each build or release C(verb), C(subject), C(target), whether it is C(changed), and a C(sentence) about what
      happens.
  returned: success
  type: list
  elements: dict
"""
