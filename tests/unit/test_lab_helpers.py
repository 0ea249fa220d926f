"""The lab's helper processes: what is said to one that has just been started does not end it."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from tests.lab.processes import Helpers
from tests.lab.settings import Settings
from tests.support.waiting import until

#: Handles SIGHUP, but not at once.
SERVER = """
import signal, sys, time
time.sleep(0.2)
signal.signal(signal.SIGHUP, lambda *_: print("told", flush=True))
print("ready", flush=True)
time.sleep(60)
"""


def test_a_signal_before_the_server_handles_it_does_not_end_it(tmp_path: Path) -> None:
    settings = Settings(tmp_path, "lab")
    settings.state.mkdir(parents=True)
    log = tmp_path / "dns.log"
    helpers = Helpers(settings)
    helpers.start("dns", [sys.executable, "-c", SERVER], log, ignored=signal.SIGHUP)
    try:
        helpers.signal("dns", signal.SIGHUP)
        until(lambda: log.read_text() == "ready\n", "the server that was told too early", 10)
        helpers.signal("dns", signal.SIGHUP)
        until(lambda: log.read_text() == "ready\ntold\n", "the server hears what it is told later", 10)
    finally:
        helpers.kill("dns")
    assert helpers.pid("dns") is None
