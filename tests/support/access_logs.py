"""Access logs of web nodes, written by hand and counted as on a web node."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from wheelfleet.downloads.access_log import DAY, Reading, read_log
from wheelfleet.downloads.log_rotation import Position

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc).timestamp()
TODAY = int(NOON // DAY)
PIP = 'pip/25.1.1 {"cpu":"aarch64","distro":{"name":"Debian GNU/Linux","version":"12"},"python":"3.11.2"}'


def line(path: str = "/simple/numpy/", *, at: float = NOON, **said: Any) -> bytes:
    """A line in nginx's format; `said` replaces fields."""
    document = {
        "time": datetime.fromtimestamp(at, timezone.utc).isoformat(timespec="seconds"),
        "address": "192.0.2.7",
        "host": "wheels.example.org",
        "method": "GET",
        "path": path,
        "status": 200,
        "bytes": 94,
        "seconds": 0.0,
        "referer": "",
        "agent": PIP,
        **said,
    }
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


@dataclass
class Counting:
    """A log, with the positions and look-ups counted so far."""

    log: Path
    positions: list[Position] = field(default_factory=list)
    lookups: Counter[str] = field(default_factory=Counter)

    def read(self, *, most_bytes: int = 1 << 20, now: float = NOON) -> Reading:
        return read_log(self.log, self.positions, most_bytes=most_bytes, now=now)

    def commit(self, reading: Reading) -> None:
        self.positions = [*reading.positions, *reading.lost]
        for (_, name), n in reading.lookups.items():
            self.lookups[name] += n

    def count(self, *, most_bytes: int = 1 << 20, now: float = NOON) -> Counter[str]:
        """Read to the end; returns all look-ups counted so far."""
        more = True
        while more:
            reading = self.read(most_bytes=most_bytes, now=now)
            self.commit(reading)
            more = reading.more
        return self.lookups

    def append(self, *names: str, at: float = NOON) -> None:
        with self.log.open("ab") as log:
            log.writelines(line(f"/simple/{name}/", at=at) for name in names)

    def rotated(self, suffix: str) -> Path:
        return self.log.with_name(self.log.name + suffix)
