"""Values as operators give them: by -e everything is text."""

from __future__ import annotations

from collections.abc import Sequence


def as_list(value: str | Sequence[object]) -> list[object]:
    """A list as it is, and text divided at commas, as Ansible's modules read a list (``check_type_list``)."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return list(value)


def as_bool(value: object) -> bool | None:
    """What Ansible reads as a bool; None for what it does not."""
    text = str(value).strip().lower()
    if text in ("true", "yes", "on", "1", "y", "t"):
        return True
    return False if text in ("false", "no", "off", "0", "n", "f", "") else None
