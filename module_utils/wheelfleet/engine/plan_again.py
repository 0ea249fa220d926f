"""A delta within a run that has planned: the scope and policy are those that the catalog remembers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..catalog.database import Catalog
from ..credentials import with_credentials
from ..planner.delta import Delta, Options, run_delta
from ..planner.inputs import PlanInputs
from ..upstream.client import Upstream


class NothingPlanned(Exception):
    """No run has planned anything yet; the message has the cure."""


def upstream_of(options: Mapping[str, Any]) -> Upstream:
    """The upstream of a module's options (doc fragment `wheelfleet.upstream`). Raises UpstreamUnreachable."""
    return Upstream.from_pip(
        with_credentials(options["index_url"], options["credentials"]),
        options["pip_options"],
        timeout=options["timeout"],
    )


def plan_again(
    catalog: Catalog,
    upstream: Upstream,
    options: Options,
    builders: Mapping[str, Mapping[str, Any]] | None = None,
) -> Delta:
    """Read upstream and plan, for the run's builders and these, which have become ready in it.

    Raises NothingPlanned, UpstreamUnreachable and BadScope.
    """
    inputs = PlanInputs.remembered(catalog.db)
    if inputs is None:
        raise NothingPlanned("No run has planned anything yet; ansible-playbook build.yml does.")
    return run_delta(catalog, upstream, inputs.scope(), inputs.as_policy(), builders or {}, options)


def unresolved(delta: Delta) -> Sequence[str]:
    """What pip on a builder has to resolve: a requirements file for a target, each as one text."""
    return sorted({f"{each.path} for {each.target}" for each in delta.resolve})
