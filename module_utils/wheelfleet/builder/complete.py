"""From a hand-over to an assignment: what only the builder knows, and what the adjustments say of this host's share."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from ..contract.adjustments import Adjustments
from ..contract.assignment import Assignment, HandOver
from ..credentials import with_credentials
from .cache import Cache, led_through
from .canary import put_canary
from .capacity import MARGIN, Capacity


def complete(
    given: HandOver,
    *,
    lib: Path,
    share: Capacity,
    whole: Capacity,
    index_url: str,
    credentials: str = "",
    cache: Cache | None = None,
) -> Assignment:
    """The assignment of what was handed over.

    A build has a `share` of the host, or the `whole` of it. The index and its sdist are reached through the `cache`,
    or else with the `credentials` of the upstream `index_url`. `lib` is where the canary's sdist is put.
    Raises ContractError.
    """
    adjustments = Adjustments.from_data(given["adjustments"])
    # What was seen to need more than a share has the host for itself.
    heavy = max(given["peak_memory"], adjustments.memory or 0) * MARGIN > share.memory
    mine = whole if given["alone"] or heavy else share
    limits = {**given["limits"], "memory": mine.memory}
    if adjustments.seconds is not None:
        limits["seconds"] = adjustments.seconds
    placed = {**given, "sdist": given["sdist"] if given["sdist"]["url"] else put_canary(lib)}
    led = led_through(cache, placed, index_url) if cache else _led_directly(placed, index_url, credentials)
    return cast(
        Assignment,
        {
            **led,
            "alone": mine is whole,
            "jobs": adjustments.jobs or mine.jobs,
            "limits": limits,
            "environment": adjustments.with_flags(given["environment"]),
        },
    )


def _led_directly(order: dict[str, object], index_url: str, credentials: str) -> dict[str, object]:
    """The assignment with the index and its sdist at upstream."""
    sdist = cast(HandOver, order)["sdist"]
    url = with_credentials(sdist["url"], credentials, only_for=index_url)
    return {**order, "index_url": with_credentials(index_url, credentials), "sdist": {**sdist, "url": url}}
