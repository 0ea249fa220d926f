"""The options of the modules whose work action plugins do on the controller; both halves have to accept them."""

from __future__ import annotations

from typing import Any

PUBLISH_OPTIONS: dict[str, dict[str, Any]] = {
    "state_dir": {"type": "path", "required": True},
    "run": {"type": "str", "required": True},
    "site_dir": {"type": "path"},
    "templates": {"type": "list", "elements": "path", "required": True},
    "url": {"type": "str", "default": ""},
    "title": {"type": "str", "default": "wheelfleet"},
    "index_view": {"type": "str", "choices": ["own", "full"], "default": "own"},
    "people": {"type": "bool", "default": True},
    "grace_days": {"type": "float", "default": 30},
    "signing_key": {"type": "path"},
    "everything": {"type": "bool", "default": False},
}

DELTA_OPTIONS: dict[str, dict[str, Any]] = {
    "state_dir": {"type": "path", "required": True},
    "run": {"type": "str", "required": True},
    "index_url": {"type": "str", "required": True},
    "credentials": {"type": "str", "default": "", "no_log": True},
    "pip_options": {"type": "dict", "default": {}},
    "changelog_url": {"type": "str", "default": ""},
    "packages": {"type": "list", "elements": "raw", "default": []},
    "requirements": {"type": "list", "elements": "path", "default": []},
    "everything": {"type": "bool", "default": False},
    "newest": {"type": "str", "default": "1"},
    "policy": {"type": "dict", "default": {}},
    "builders": {"type": "dict", "required": True},
    "resolutions": {"type": "list", "elements": "dict"},
    "recipes_dir": {"type": "str", "default": ""},
    "retry": {"type": "list", "elements": "str", "default": []},
    "coming": {"type": "list", "elements": "str", "default": []},
    "inventory": {"type": "list", "elements": "str"},
    "left_out": {"type": "dict", "default": {}},
    "timeout": {"type": "float", "default": 30.0},
}

LACKING_OPTIONS: dict[str, dict[str, Any]] = {
    "state_dir": {"type": "path", "required": True},
    "run": {"type": "str", "required": True},
    "tries": {"type": "int", "default": 5},
    "askable": {"type": "list", "elements": "str", "default": []},
    "permissions": {"type": "dict", "default": {}},
    "asked": {"type": "dict", "default": {}},
    "answers": {"type": "dict", "default": {}},
    "judged": {"type": "dict", "default": {}},
    "anew": {"type": "list", "elements": "str", "default": []},
}

UPSTREAM_OPTIONS: dict[str, dict[str, Any]] = {"url": {"type": "str", "default": ""}}

AUDIT_OPTIONS: dict[str, dict[str, Any]] = {
    "state_dir": {"type": "path", "required": True},
    "site_dir": {"type": "path"},
    "repair": {"type": "bool", "default": False},
}

INVENTORY_OPTIONS: dict[str, dict[str, Any]] = {
    "needs": {"type": "list", "elements": "str", "default": []},
    "names": {"type": "bool", "default": True},
}
