"""Pause, drain, resume or forget builders."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_builders
short_description: Pause, drain, resume or forget builders
description:
  - Orders are kept in the catalog. A run that is at work obeys within seconds, else the next run does.
  - The same order twice changes nothing. An order that makes no sense is refused, and then none of the same task is
    given.
options:
  action:
    description:
      - With V(pause) a builder begins nothing new. What it is building goes on, and what it has not begun goes back to
        the queue.
      - V(drain) is the same, and an event says when nothing is left on it, so that it may be switched off.
      - V(resume) ends both.
      - V(forget) removes what the catalog knows of a host that is gone for good. What it built stays published. The
        host must not be in the inventory, and must hold no builds.
    type: str
    required: true
    choices: [pause, drain, resume, forget]
  what:
    description: Names of builders as in the inventory. V(all) is every builder, except for O(action=forget).
    type: list
    elements: str
    required: true
extends_documentation_fragment: [wheelfleet.order]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Pause a builder
  wheelfleet_builders:
    action: pause
    what: pi3
    reason: new SD card

# ansible controller -m wheelfleet_builders -a "action=pause what=pi3 reason='new SD card'"
- name: Let all builders work again
  wheelfleet_builders:
    action: resume
    what: all
"""

RETURN = r"""
orders:
  description:
    - For each builder C(verb), C(subject), C(target), whether it is C(changed), and a C(sentence) about what happens.
  returned: success
  type: list
  elements: dict
"""
