"""Tells an operator of troubles, once each: decides what is due, and has a process of its own deliver it.

Delivery takes as long as others' servers take, so no run waits for it: `notify_due` starts the notifier
(`engine/notifier`), which outlives it. A kill between delivery and note tells something twice, and never not at all.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..catalog.database import Catalog, CatalogError
from ..catalog.notifications import Notification, notifications
from ..text import plain
from .channels import Channel, Message
from .notify_config import read_config
from .survey import look
from .trouble_kinds import KINDS

#: The notifiers that this process started and that were at work when it looked last.
_started: list[subprocess.Popen[bytes]] = []
#: Seconds for which a trouble has to be over before that is told.
SETTLED = 300.0
#: Most notices in one message; the others are counted.
MOST_NOTICES = 20
#: Characters of a title.
LONGEST_TITLE = 120


@dataclass(frozen=True)
class Notice:
    """One thing to tell."""

    notification: Notification
    over: bool

    @property
    def sentence(self) -> str:
        """What is told."""
        about = self.notification
        return KINDS[about.kind].over.format(about.what).strip() if self.over else about.sentence

    def as_data(self) -> dict[str, Any]:
        """As data for programs."""
        about = self.notification
        return {
            "kind": about.kind,
            "what": about.what,
            "sentence": self.sentence,
            "since": round(about.since),
            "over": self.over,
        }


def due(known: Sequence[Notification], channel: Channel, now: float) -> list[Notice]:
    """What a channel has still to be told, the oldest first."""
    notices = []
    for each in known:
        if each.kind not in channel.events:
            continue
        knows = channel.id in each.told
        if each.cleared_at is None and not knows:
            notices.append(Notice(each, over=False))
        elif each.cleared_at is not None and knows and now - each.cleared_at >= SETTLED:
            notices.append(Notice(each, over=True))
    return notices


def message_of(notices: Sequence[Notice], site_url: str = "") -> Message:
    """One message about all of them."""
    troubles, ends = [each for each in notices if not each.over], [each for each in notices if each.over]
    shown = [*troubles, *ends][:MOST_NOTICES]
    title = shown[0].sentence
    if len(notices) > 1:
        parts = [f"{len(troubles)} troubles" if len(troubles) != 1 else "1 trouble"] if troubles else []
        parts += [f"{len(ends)} are over" if len(ends) != 1 else "1 is over"] if ends else []
        title = ", ".join(parts)
    lines = [f"- {each.sentence}" for each in shown] if len(notices) > 1 else [shown[0].sentence]
    if len(notices) > len(shown):
        lines.append(f"… and {len(notices) - len(shown)} more.")
    if site_url:
        lines += ["", f"The fleet: {site_url.rstrip('/')}/fleet/index.html"]
    data = {"schema": 1, "site": site_url, "notices": [each.as_data() for each in notices]}
    return Message(plain(f"wheelfleet: {title}", LONGEST_TITLE), "\n".join(lines) + "\n", data)


def test_message(site_url: str = "") -> Message:
    """The message of playbooks/notify.yml."""
    text = "This is a test: here you are told of troubles of the fleet."
    notice = {"kind": "test", "what": "", "sentence": text, "since": round(time.time()), "over": False}
    return Message("wheelfleet: a test", f"{text}\n", {"schema": 1, "site": site_url, "notices": [notice]})


def notify_due(state_dir: Path, run: str, *, now: float | None = None, wait: float = 0.0) -> bool:
    """Look for troubles, and start the notifier if somebody has to be told; returns whether it was started.

    Waits at most `wait` seconds for it. It is cheap when nothing happened, and does nothing where controller_notify is
    empty. It never raises: a run does not end because nobody can be told.
    """
    with suppress(OSError, sqlite3.Error, ValueError):
        config = read_config(state_dir)
        if config is None:
            return False
        now = time.time() if now is None else now
        try:
            with Catalog(state_dir / "catalog.sqlite") as catalog:
                look(catalog, state_dir, run, now, config.min_free)
                known = notifications(catalog.db)
        except CatalogError as error:
            return _tell_of_the_catalog(state_dir, run, str(error), wait)
        catalog_marker(state_dir).unlink(missing_ok=True)
        if any(is_due(state_dir, known, channel, now) for channel in config.channels):
            return _start(state_dir, run, wait)
    return False


def is_due(state_dir: Path, known: Sequence[Notification], channel: Channel, now: float) -> list[Notice]:
    """What a channel is to be told now: nothing while it pauses after a failed delivery."""
    failed, until = pause_of(state_dir).get(channel.id, (0, 0.0))
    return [] if failed and now < until else due(known, channel, now)


def pause_file(state_dir: Path) -> Path:
    """The file with the channels that failed."""
    return state_dir / "run" / "notify-failed.json"


def pause_of(state_dir: Path) -> Mapping[str, tuple[int, float]]:
    """By channel, how often its delivery failed, and until when it is not tried again."""
    try:
        data = json.loads(pause_file(state_dir).read_bytes())
        return {str(name): (int(count), float(until)) for name, (count, until) in data.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def catalog_marker(state_dir: Path) -> Path:
    """The file that is there once it was told that the catalog cannot be opened, because the catalog cannot say so."""
    return state_dir / "run" / "notify-catalog"


def lock_notifier(state_dir: Path, *, block: bool) -> int | None:
    """Lock out other notifiers; returns the descriptor, or None if there is one and `block` is false."""
    descriptor = os.open(state_dir / "run" / "notify.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if block else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _tell_of_the_catalog(state_dir: Path, run: str, sentence: str, wait: float) -> bool:
    if catalog_marker(state_dir).exists():
        return False
    return _start(state_dir, run, wait, sentence)


def _start(state_dir: Path, run: str, wait: float, *more: str) -> bool:
    """Start the notifier unless one is at work, which tells what came after it began."""
    lock = lock_notifier(state_dir, block=False)
    if lock is None:
        return False
    os.close(lock)
    process = subprocess.Popen(
        [sys.executable, "-m", "wheelfleet.engine.notifier", str(state_dir), run, *more],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        cwd="/",
        # Neither Ctrl-C nor the end of the run ends it; it ends by itself within minutes.
        start_new_session=True,
    )
    with suppress(subprocess.TimeoutExpired):
        if wait:
            process.wait(wait)
    # One that goes on is waited for by the next one that is started, or by nobody if this process ends first.
    _started[:] = [each for each in (*_started, process) if each.poll() is None]
    return True
