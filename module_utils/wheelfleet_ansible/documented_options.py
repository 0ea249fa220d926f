"""The options of a module as its DOCUMENTATION states them, so that an action plugin need not state them again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import get_docstring

LIBRARY = Path(__file__).resolve().parents[2] / "library"
#: The keys that documentation and argument spec share; the other keys of an option describe it for people.
SHARED_KEYS = ("type", "elements", "required", "default", "choices")

Options = dict[str, dict[str, Any]]


def documented_options(module: str) -> Options:
    """The argument spec that the documentation of a module of `library/` gives, its fragments included."""
    documentation, *_ = get_docstring(str(LIBRARY / f"{module}.py"), fragment_loader, is_module=True)
    options = documentation.get("options", {})
    return {name: {key: option[key] for key in SHARED_KEYS if key in option} for name, option in options.items()}
