"""Reads values of variables, which are text if the operator sets them with -e."""

from __future__ import annotations

from collections.abc import Sequence


def as_list(value: object) -> list[object]:
    """A list from a list, a value or nothing, or from text split at commas, as Ansible's `check_type_list` reads it."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    if value is None:
        return []
    return list(value) if isinstance(value, Sequence) else [value]


def as_bool(value: object) -> bool | None:
    """A bool from a value as Ansible reads it; None if Ansible does not accept it."""
    text = str(value).strip().lower()
    if text in ("true", "yes", "on", "1", "y", "t"):
        return True
    return False if text in ("false", "no", "off", "0", "n", "f", "") else None
