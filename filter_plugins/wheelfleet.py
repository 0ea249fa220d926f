"""The filters of the site's templates, for playbooks too: human_size, human_duration, utc, explain_tag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ansible.module_utils

# Ansible finds the checkout's module_utils for modules only; a plugin on the controller must say where they are.
_MODULE_UTILS = str(Path(__file__).resolve().parent.parent / "module_utils")
if _MODULE_UTILS not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(_MODULE_UTILS)

from ansible.module_utils.wheelfleet.publish.filters import FILTERS


class FilterModule:
    """What Ansible asks a filter plugin for."""

    def filters(self) -> dict[str, Any]:
        return dict(FILTERS)
