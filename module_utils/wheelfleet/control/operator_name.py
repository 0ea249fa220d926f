"""Who gives an order."""

from __future__ import annotations

import getpass
import os


def login_name() -> str:
    """The name under which the operator is logged in, also under sudo."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())
