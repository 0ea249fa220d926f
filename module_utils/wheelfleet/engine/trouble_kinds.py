"""The kinds of troubles that an operator can be told of."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A kind of trouble: what it means, and the sentence that it is over; `{}` is what it is about."""

    meaning: str
    over: str


#: By the word in `events` of controller_notify.
KINDS = {
    "builder-suspended": Kind("A builder fails all builds and gets no work.", "{} works again."),
    "builder-lost": Kind("A builder does not answer, or failed a task.", "{} answers again."),
    "run-failed": Kind("A run could not do its work.", "A run did its work again."),
    "disk-low": Kind("The disk of the controller or of a builder is almost full.", "{} has room on its disk again."),
    "package-failed": Kind("A release of a project in controller_packages cannot be built.", "{} is built."),
    "webnode-failed": Kind("A web node does not take the site.", "{} has the site again."),
    "upstream-failed": Kind("Upstream does not answer.", "Upstream answers again."),
    "catalog-failed": Kind("The catalog cannot be opened.", "The catalog can be opened again."),
}
