"""The process that tells operators what is due: `python -m wheelfleet.engine.notifier STATE_DIR RUN [SENTENCE]`.

With a sentence, the catalog cannot be opened, and only that is told.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..atomic_files import write_json
from ..catalog import events, notifications
from ..catalog.database import Catalog
from ..catalog.notifications import Notification
from ..planner.requeue import CONTROLLER
from .channels import Channel, Message, NotDelivered
from .notices import (
    Notice,
    catalog_marker,
    is_due,
    lock_notifier,
    message_of,
    pause_file,
    pause_of,
)
from .notify_config import NotifyConfig, read_config

#: Seconds until a channel that failed is tried again; they double with each failure, up to the longest.
FIRST_PAUSE, LONGEST_PAUSE = 60.0, 3600.0


def deliver_all(messages: Mapping[Channel, Message]) -> dict[Channel, str | None]:
    """Deliver to all channels at once; by channel, None or why it failed, as the predicate of a sentence."""

    def deliver(channel: Channel) -> str | None:
        try:
            channel.deliver(messages[channel])
        except NotDelivered as error:
            return str(error)
        except Exception as error:
            # What a server or a library does must not keep the others from being noted as told: they would be told
            # again and again. Its text may quote a secret.
            return f"cannot be told ({type(error).__name__})"
        return None

    with ThreadPoolExecutor(max_workers=8) as pool:
        return dict(zip(messages, pool.map(deliver, messages), strict=True))


def tell(state_dir: Path, run: str, config: NotifyConfig, now: float) -> bool:
    """Tell every channel what is due; returns whether there was anything."""
    with Catalog(state_dir / "catalog.sqlite") as catalog:
        known = notifications.notifications(catalog.db)
        plan: dict[Channel, Sequence[Notice]] = {
            channel: notices for channel in config.channels if (notices := is_due(state_dir, known, channel, now))
        }
    if not plan:
        return False
    outcomes = deliver_all({channel: message_of(notices, config.site_url) for channel, notices in plan.items()})
    with Catalog(state_dir / "catalog.sqlite") as catalog:
        _record(catalog, config, plan, outcomes, run, now)
    _keep_pauses(state_dir, outcomes, now)
    return True


def tell_of_the_catalog(state_dir: Path, config: NotifyConfig, sentence: str, now: float) -> None:
    """Tell that the catalog cannot be opened."""
    about = Notification("catalog-failed:", "catalog-failed", sentence, now, None, frozenset())
    message = message_of([Notice(about, over=False)], config.site_url)
    channels = [channel for channel in config.channels if about.kind in channel.events]
    if None in deliver_all(dict.fromkeys(channels, message)).values():
        catalog_marker(state_dir).touch()


def _record(
    catalog: Catalog,
    config: NotifyConfig,
    plan: Mapping[Channel, Sequence[Notice]],
    outcomes: Mapping[Channel, str | None],
    run: str,
    now: float,
) -> None:
    """Note who knows what now; a trouble that is over for everybody who knew of it is forgotten."""
    present = {channel.id for channel in config.channels}
    with catalog.writing() as db:
        told = {each.subject: set(each.told) & present for each in notifications.notifications(db)}
        over = set()
        for channel, notices in plan.items():
            if outcomes[channel] is not None:
                continue
            for notice in notices:
                subject = notice.notification.subject
                if notice.over:
                    told.get(subject, set()).discard(channel.id)
                    over.add(subject)
                else:
                    told.get(subject, set()).add(channel.id)
        for subject, channels in told.items():
            if subject in over and not channels:
                notifications.forget_trouble(db, subject)
            else:
                notifications.mark_told(db, subject, channels, now)
        for channel, problem in outcomes.items():
            if problem is None:
                continue
            # The site shows events to everybody, and an operator's address is nobody's business.
            sentence = f"An operator could not be told: the {channel.way} {problem}."
            events.note(db, run=run, host=CONTROLLER, sentence=sentence, now=now)


def _keep_pauses(state_dir: Path, outcomes: Mapping[Channel, str | None], now: float) -> None:
    pauses = dict(pause_of(state_dir))
    for channel, problem in outcomes.items():
        failed = pauses.pop(channel.id, (0, 0.0))[0]
        if problem is not None:
            pauses[channel.id] = (failed + 1, now + min(FIRST_PAUSE * 2**failed, LONGEST_PAUSE))
    if pauses:
        write_json(pause_file(state_dir), pauses, durable=False)
    else:
        pause_file(state_dir).unlink(missing_ok=True)


def main(state_dir: Path, run: str, sentence: str | None = None) -> None:
    """Tell what is due, and what becomes due meanwhile; only one notifier of a folder is at work."""
    lock = lock_notifier(state_dir, block=False)
    if lock is None:
        return
    try:
        config = read_config(state_dir)
        if config is None:
            return
        if sentence is not None:
            tell_of_the_catalog(state_dir, config, sentence, time.time())
            return
        while tell(state_dir, run, config, time.time()):
            pass
    finally:
        os.close(lock)


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
