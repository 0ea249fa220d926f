"""The canary: a suspect builder builds a release that is known to work, and gets no work until it succeeds."""

from __future__ import annotations

from ..contract.canary import NAME as CANARY_NAME
from ..contract.canary import VERSION as CANARY_VERSION
from ..planner import suspension
from ..planner.batches import PlannedBuild
from .connected_builder import ConnectedBuilder, WorkerFails
from .host_status import HostState


def try_canary(builder: ConnectedBuilder) -> str | None:
    """Let the builder build its canary. Returns the reason if it fails and the builder is suspended; else None.

    Without a target there is no canary, and the builder counts as fit.
    """
    catalog, host = builder.context.catalog, builder.context.host
    suspended_before = suspension.why_suspended(catalog, host)
    canary = suspension.canary_for(catalog, host) or _own_canary(builder)
    if canary is None:
        return None
    builder.progress.show(HostState.CANARY, f"builds {canary.name} {canary.version} to show that it can build")
    failure = _build(builder, canary)
    if not failure:
        suspension.clear_failures(catalog, host)
        if suspended_before:
            builder.progress.event("It built its canary and gets work again.")
        return None
    sentence = f"It cannot build {canary.name} {canary.version}, which was built before: {failure}"
    if canary.name == CANARY_NAME:
        sentence = f"It cannot build the canary that comes with wheelfleet: {failure}"
    returned = suspension.suspend(catalog, host, sentence, builder.context.options.max_attempts)
    if suspended_before is None:
        builder.progress.event(
            f"Suspended. {sentence} Its last {returned} failures count for nothing; others try those."
        )
    return sentence


def _build(builder: ConnectedBuilder, canary: PlannedBuild) -> str:
    """The reason why the canary was not built; empty if it was."""
    context, verdicts = builder.context, builder.intake.canaries

    def arrived() -> bool:
        if canary.attempt in verdicts:
            return True
        # The others wait for the verdict, because this builder's failures may come back to them.
        suspension.note_canary(context.catalog, context.host, context.clock.now())
        return False

    try:
        builder.wait_for(canary, arrived)
    except WorkerFails as error:
        return f"its worker {error.problem}"
    return verdicts[canary.attempt]


def _own_canary(builder: ConnectedBuilder) -> PlannedBuild | None:
    offer = suspension.any_target(builder.context.catalog, builder.context.host)
    if offer is None:
        return None
    return suspension.own_canary(CANARY_NAME, CANARY_VERSION, target=offer[0], tools=offer[1])
