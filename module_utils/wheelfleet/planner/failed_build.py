"""What remedies read of a failed attempt."""

from __future__ import annotations

from dataclasses import dataclass

from ..contract.result import PHASES

#: Phases in which a change of the build environment matters.
FROM_ENVIRONMENT = frozenset({"environment", "requires", "build", "collect"})
#: Phases in which the project's build backend runs.
BACKEND_AT_WORK = frozenset({"requires", "build", "collect"})
#: All phases: a limit can end any of them.
ANY_PHASE = frozenset(PHASES)


@dataclass(frozen=True)
class FailedBuild:
    """The facts of a failed attempt that remedies read. `uploaded` is the upload time of its sdist (PEP 700)."""

    failure: str
    subject: str = ""
    #: The lines of the log that show the failure.
    text: str = ""
    #: The phase in which it failed, and the build backend (PEP 517); None if unknown.
    phase: str | None = None
    backend: str | None = None
    #: Normalised names of the projects in the build environment; None if unknown.
    installed: frozenset[str] | None = None
    #: The project that has the missing module, if the sdist declares it.
    declared: str | None = None
    #: The names of projects that the operator adopted; True: all.
    adopted: bool | frozenset[str] = frozenset()
    python: tuple[int, int] = (3, 11)
    uploaded: str | None = None
    #: Seconds of the attempt, and of the project's longest build that gave a wheel.
    seconds: float = 0.0
    built_seconds: float | None = None
    #: Whether its builder can watch what a build looks for (strace), and whether no package has what is missing.
    can_watch: bool = False
    no_package: bool = False
    #: When it failed, in seconds since 1970; None if unknown.
    failed_at: float | None = None
