"""Reads a module's options from its DOCUMENTATION, so that action plugins need not repeat them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.loader import fragment_loader
from ansible.utils.plugin_docs import get_docstring

LIBRARY = Path(__file__).resolve().parents[2] / "library"
#: The keys that documentation and argument spec share; an option's other keys are for people.
SHARED_KEYS = ("type", "elements", "required", "default", "choices")

Options = dict[str, dict[str, Any]]


def documented_options(module: str) -> Options:
    """The argument spec of a module of `library/`, from its documentation and fragments."""
    documentation, *_ = get_docstring(str(LIBRARY / f"{module}.py"), fragment_loader, plugin_type="module")
    return _spec(documentation.get("options", {}))


def _spec(options: dict[str, dict[str, Any]]) -> Options:
    spec = {name: {key: option[key] for key in SHARED_KEYS if key in option} for name, option in options.items()}
    for name, option in options.items():
        if "suboptions" in option:
            spec[name]["options"] = _spec(option["suboptions"])
    return spec
