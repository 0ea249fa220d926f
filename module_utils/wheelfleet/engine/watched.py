"""Whether somebody watches the run (wheelfleet.monitor), because the ends of builds' logs are fetched only then.

The watcher touches a file in the controller's folder; sessions, which are other processes, look at its age.
"""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

#: Seconds after which nobody watches any more. Watchers touch the file more often.
WATCHED_SECONDS = 15.0


def _marker(state_dir: Path) -> Path:
    return state_dir / "run" / "watched"


def watch(state_dir: Path) -> bool:
    """Say that somebody watches the run; returns whether it could be said: the folder may be another user's."""
    try:
        _marker(state_dir).touch()
    except OSError:
        return False
    return True


def is_watched(state_dir: Path) -> bool:
    """Whether somebody watched the run within WATCHED_SECONDS."""
    with suppress(OSError):
        return abs(time.time() - _marker(state_dir).stat().st_mtime) < WATCHED_SECONDS
    return False
