"""Render the pages of projects again, skip them, or put them first."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_projects
short_description: Render the pages of projects again, skip them, or put them first
description:
  - Orders are kept in the catalog. A run that is at work obeys within seconds, else the next run does.
  - The same order twice changes nothing. An order that makes no sense is refused, and then none of the same task is
    given.
options:
  action:
    description:
      - With V(pages) the next publication renders the pages of the projects again.
      - The others are as in M(wheelfleet_builds), for all releases.
    type: str
    required: true
    choices: [pages, first, skip, unskip]
  what:
    description: Names of projects.
    type: list
    elements: str
    required: true
  target:
    description: As in M(wheelfleet_builds). V(pages) has none.
    type: str
    default: ''
extends_documentation_fragment: [wheelfleet.order]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Render the pages of a project again
  wheelfleet_projects:
    action: pages
    what: spidev

# ansible controller -m wheelfleet_projects -a "action=skip what=tensorflow reason='too large for our builders'"
- name: Have projects built next
  wheelfleet_projects:
    action: first
    what: [spidev, numpy]
"""

RETURN = r"""
orders:
  description:
    - For each project C(verb), C(subject), C(target), whether it is C(changed), and a C(sentence) about what happens.
  returned: success
  type: list
  elements: dict
"""
