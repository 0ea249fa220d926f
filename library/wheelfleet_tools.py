"""Lock the exact versions of builders' tools."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_tools
short_description: Lock the exact versions of builders' tools
description:
  - Chooses exact versions for what builders install into the tool environment of each interpreter, once for all
    Pythons and machines, so that builders repair a wheel to the same bytes.
  - The lock is kept in the controller's folder, and is used until it is renewed. The one of the default requirements
    comes with wheelfleet and asks no index.
  - The versions come from the index that the controller's pip is configured for.
  - A run may be at work meanwhile; the next one installs what has changed.
attributes:
  check_mode:
    description: Asks the index and says what would be locked, and writes nothing.
    support: full
  diff_mode:
    description: Shows the lock before and after.
    support: full
options:
  requirements:
    description: What is to be locked, as in C(builder_tool_requirements).
    type: list
    elements: str
    required: true
  renew:
    description: Choose the newest versions, instead of those that are locked already.
    type: bool
    default: false
  state_dir:
    description:
      - The controller's folder. By default the C(controller_state_dir) of the inventory, or C(var/) of the checkout.
    type: path
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Renew the lock
  wheelfleet_tools:
    requirements: "{{ builder_tool_requirements }}"
    renew: true
  delegate_to: localhost
"""

RETURN = r"""
path:
  description: The file of the lock.
  returned: success
  type: str
versions:
  description: Its lines, in the form of pip's constraints.
  returned: success
  type: list
  elements: str
  sample: [auditwheel==6.4.2 ; python_full_version < '3.10', auditwheel==6.8.2 ; python_full_version >= '3.10']
msg:
  description: What was done, in a sentence.
  returned: success
  type: str
"""
