"""Starts and stops the process of a run's flow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .flow import flow_lives, flow_process, hold_flow, name_process

#: Seconds for which a flow that was asked to stop may go on publishing; then it is killed.
PATIENCE = 1800.0
#: Seconds between two looks whether it has ended.
LOOK = 0.05


def log_file(state_dir: Path) -> Path:
    """The file with what the flow of the last run printed."""
    return state_dir / "run" / "flow.log"


def start_flow(state_dir: Path, config: Mapping[str, Any]) -> int | None:
    """Start the flow, which outlives this process; returns its process ID, or None if another flow lives.

    It lives, as `flow_lives` says, when this returns. Raises OSError.
    """
    lock = hold_flow(state_dir)
    if lock is None:
        return None
    try:
        with log_file(state_dir).open("wb") as log:
            flow = subprocess.Popen(
                [sys.executable, "-m", "wheelfleet.engine.flow_process", str(lock)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
                cwd="/",
                # Ctrl-C ends the run, and the run's end ends the flow.
                start_new_session=True,
                pass_fds=[lock],
            )
        name_process(lock, flow.pid)
        assert flow.stdin is not None
        with flow.stdin:
            flow.stdin.write(json.dumps(config).encode())
        # It is nobody's child to wait for: this process ends with its task.
        flow.returncode = 0
        return flow.pid
    finally:
        os.close(lock)


def stop_flow(state_dir: Path, patience: float = PATIENCE) -> bool:
    """Have the flow end when its publication has ended; returns whether it lived until now."""
    flow = flow_process(state_dir)
    if not flow:
        return False
    with suppress(ProcessLookupError):
        os.kill(flow, signal.SIGTERM)
    until = time.monotonic() + patience
    while flow_lives(state_dir):
        if time.monotonic() > until:
            with suppress(ProcessLookupError):
                os.kill(flow, signal.SIGKILL)
        time.sleep(LOOK)
    return True
