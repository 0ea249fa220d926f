"""Wait for a builder that did not answer when the run began."""

from __future__ import annotations

DOCUMENTATION = r"""
module: wheelfleet_wait_for_builder
short_description: Wait for a builder that did not answer when a run that follows began
description:
  - Calls the builder again and again, at pauses of up to some minutes, and ends when it answers.
  - When the run ends first, or its flow (M(wheelfleet_flow)) does, the builder is unreachable.
attributes:
  check_mode:
    description: Waits for nobody, and counts the builder as unreachable.
    support: full
extends_documentation_fragment: [wheelfleet.run, wheelfleet.no_diff]
author:
  - The wheelfleet authors
"""

EXAMPLES = r"""
- name: Wait until it is switched on
  wheelfleet_wait_for_builder:
    state_dir: /srv/wheelfleet
    run: "{{ builder_run.run }}"
"""

RETURN = r"""
seconds:
  description: How long it was waited for.
  returned: when it answers
  type: float
"""
