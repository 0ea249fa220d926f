"""Completes a hand-over to an assignment, with the builder's part: its share of the host, the way to the index."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from ..contract.adjustments import Adjustments
from ..contract.assignment import Assignment, HandOver
from ..credentials import with_credentials
from .cache import Cache, through_cache
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
    """The assignment for a hand-over. Raises ContractError.

    A build gets a `share` of the host, or the `whole` of it. Index and sdist are reached through the `cache`, else with
    the `credentials` of the upstream `index_url`. `lib` is the folder for the canary's sdist.
    """
    adjustments = Adjustments.from_data(given["adjustments"])
    # A build that once needed more memory than a share gets the whole host.
    heavy = max(given["peak_memory"], adjustments.memory or 0) * MARGIN > share.memory
    mine = whole if given["alone"] or heavy else share
    limits = {**given["limits"], "memory": mine.memory}
    if adjustments.seconds is not None:
        limits["seconds"] = adjustments.seconds
    placed = {**given, "sdist": given["sdist"] if given["sdist"]["url"] else put_canary(lib)}
    led = through_cache(cache, placed, index_url) if cache else _led_directly(placed, index_url, credentials)
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


def _led_directly(assignment: dict[str, object], index_url: str, credentials: str) -> dict[str, object]:
    """The assignment with index and sdist at upstream."""
    sdist = cast(HandOver, assignment)["sdist"]
    url = with_credentials(sdist["url"], credentials, only_for=index_url)
    return {**assignment, "index_url": with_credentials(index_url, credentials), "sdist": {**sdist, "url": url}}
