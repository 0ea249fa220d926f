"""Tell operators of troubles: check the channels, and send a test message."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_notify
short_description: Check how operators are told of troubles, and send a test message
description:
  - Each entry of O(channels) is a command, a mail or a webhook. What makes no sense is refused with one sentence.
  - The channels are kept in the controller's folder in a file that only its owner may read, because a run that is
    refused, killed or hung has to be told of, too.
  - With O(send), each channel gets a test message now. Troubles are told by the runs themselves, once each.
  - It is an action plugin, because the work is the controller's.
attributes:
  check_mode:
    description: Checks the channels; keeps nothing and sends nothing.
    support: full
options:
  state_dir:
    description: The controller's folder with the catalog.
    type: path
    required: true
  channels:
    description:
      - A list of dictionaries, as C(controller_notify) describes them. They may hold secrets.
      - Left out, those of the last run are used.
    type: list
    elements: raw
  site_url:
    description: Where people reach the site, for the messages.
    type: str
    default: ''
  min_free:
    description: Bytes of disk below which the controller's disk counts as almost full.
    type: int
    default: 1073741824
  send:
    description: Whether a test message is sent.
    type: bool
    default: true
extends_documentation_fragment: [wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Be told of troubles, and try it
  wheelfleet_notify:
    state_dir: /srv/wheelfleet
    channels:
      - mail: pi@example.org
      - webhook: https://chat.example.org/hooks/secret
        events: [run-failed, disk-low]
      - command: [/usr/local/bin/blink, red]
  no_log: true

- name: Try it again
  wheelfleet_notify:
    state_dir: /srv/wheelfleet
"""

RETURN = r"""
told:
  description: The channels that took the test message, or would get it (check mode), without their secrets.
  returned: success
  type: list
  elements: str
  sample: [the mail to pi@example.org]
"""
