"""Keeps secrets out of what modules answer and Ansible prints, whatever the ansible-core.

Up to 2.21 ansible-core takes a module's secrets out of its answer. From 2.22 on it takes them out of what it prints
alone, and the answer has them; but we write answers into the catalog, from which pages are made.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Iterable, Mapping
from typing import Any

#: Stands for a secret.
MASK = "********"


def hide(module: Any, secrets: set[str]) -> None:
    """Have ansible-core take these texts out of what it prints of an AnsibleModule."""
    module.no_log_values |= secrets
    # By name, because modules that run on hosts may not import what older versions lack.
    with contextlib.suppress(ImportError):
        importlib.import_module("ansible.module_utils.secrets").register_secrets(secrets)


def without(value: Any, secrets: Iterable[str]) -> Any:
    """A result, with all that is in it, without these texts. (Ansible's own `remove_values` ends with 2.25.)"""
    # A longer one may hold a shorter one.
    longest_first = sorted(secrets, key=len, reverse=True)
    if not longest_first:
        return value
    if isinstance(value, str):
        for secret in longest_first:
            value = value.replace(secret, MASK)
        return value
    if isinstance(value, Mapping):
        return {key: without(item, longest_first) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [without(item, longest_first) for item in value]
    return value
