"""Give orders about published wheels."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_wheels
short_description: Give orders about published wheels
description:
  - Withdraws, yanks, restores, rebuilds or imports wheels of the index. An order is obeyed at once, while a run is at
    work or not; the site shows it with its next publication. It is recorded with who gave it, when and why.
  - All of O(what) is looked at first. If one of it makes no sense, nothing is done.
attributes:
  check_mode:
    description: Says what would change, and changes nothing.
    support: full
  diff_mode:
    description: Lists each file with its state before and after.
    support: full
options:
  action:
    description:
      - V(withdraw) takes wheels off the index and off the web nodes, and their releases are not built until they are
        restored. The controller keeps their bytes. What shall stay for those who pinned it is yanked instead.
      - V(restore) undoes that. The same bytes are listed again, under the same names.
      - V(yank) marks wheels (PEP 592), so that installers take them only where a version is pinned. A release that is
        yanked as a whole stays so for wheels to come. Upstream's own yanks neither undo nor follow it.
      - V(unyank) undoes that.
      - V(rebuild) builds a published release again. If other bytes come out, they get the next build tag, which
        installers prefer, and the old file stays below it.
      - V(import) admits wheels that were built elsewhere, from files or folders on the controller.
    type: str
    required: true
    choices: [withdraw, restore, yank, unyank, rebuild, import]
  what:
    description:
      - What is meant. C(NAME), C(NAME==VERSION) or another specifier (PEP 508), or a wheel's file name; for V(import)
        paths of wheels, or of folders with wheels.
    type: list
    elements: str
    required: true
  target:
    description: A part of the name of a target, such as V(armv6l). Only wheels that serve such a target are meant.
    type: str
    default: ''
  reason:
    description: Why, in a few words. The site shows it. V(restore), V(unyank) and V(rebuild) need none.
    type: str
    default: ''
  who:
    description: Who gives the order. Defaults to the name under which you are logged in.
    type: str
  beside_upstream:
    description: Import a wheel even if upstream has one for all its targets.
    type: bool
    default: false
  without_target:
    description: Import a wheel even if no target of the fleet can install it.
    type: bool
    default: false
  exclude:
    description: Libraries that imported wheels may leave to the system, by patterns, as in C(builder_repair_exclude).
    type: list
    elements: str
    default: []
  state_dir:
    description: The controller's folder with catalog, files and logs. Defaults to C(controller_state_dir).
    type: path
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Withdraw a release
  wheelfleet_wheels:
    action: withdraw
    what: [numpy==2.4.0]
    reason: crashes on a Pi Zero

- name: Import what another machine built
  wheelfleet_wheels:
    action: import
    what: [/srv/elsewhere]
    reason: needs more memory than a Pi has

# ansible controller -m wheelfleet_wheels -a "action=restore what=numpy==2.4.0"
"""

RETURN = r"""
orders:
  description: The orders that were given.
  returned: success
  type: list
  elements: dict
  contains:
    verb:
      description: What was ordered.
      type: str
    subject:
      description: About what.
      type: str
    target:
      description: For which targets; empty for all.
      type: str
    changed:
      description: Whether it changed anything.
      type: bool
    sentence:
      description: What follows, in one sentence.
      type: str
"""
