"""What the phases before the build have fetched for it: crates, Go modules."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ..contract.reasons import Failed
from ..contract.result import Phase
from ..network import authorities, network
from .attempt import Attempt, ended, read_answer
from .env_vars import build_environment
from .sandbox import certificate_places, interpreter_places


class Fetched(NamedTuple):
    """The settings for the build's commands, after a fetch."""

    variables: dict[str, str] = {}
    writable: tuple[Path, ...] = ()
    #: By phase, the error to raise if the build fails and may have needed what is missing.
    missing: tuple[tuple[Phase, Failed], ...] = ()

    def also(self, other: Fetched) -> Fetched:
        """Both."""
        return Fetched(
            {**self.variables, **other.variables}, self.writable + other.writable, self.missing + other.missing
        )


@contextmanager
def blamed(attempt: Attempt, fetched: Fetched) -> Iterator[None]:
    """Raise the error about what could not be fetched, if any, in place of a failure of the build in this block."""
    try:
        yield
    except Failed as error:
        result = attempt.result
        if not fetched.missing or result["stopped_by"] or result["phase"] not in ("requires", "build"):
            raise
        phase, missing = fetched.missing[0]
        attempt.note(phase=phase)
        raise missing from error


def run_inside(
    attempt: Attempt,
    program: str,
    answer_file: str,
    arguments: Sequence[str],
    variables: Mapping[str, str],
    *,
    bundle_variable: str,
    writable: Iterable[Path] = (),
    reach: Iterable[str] = (),
) -> dict[str, Any]:
    """Run `python -m wheelfleet.builder.PROGRAM` inside; returns what it wrote to its file in the control folder.

    `reach` are the addresses that it may ask; `bundle_variable` then names the certificate authorities. Raises Failed.
    """
    work_dir, assignment, reach = attempt.work_dir, attempt.assignment, list(reach)
    attempt.clear_control()
    settings = {**build_environment(attempt.home, work_dir, assignment, attempt.place), **variables}
    if reach:
        ways = network()
        bundle = authorities(ways)
        settings.update(ways)
        if bundle is not None:
            settings.setdefault(bundle_variable, bundle)
    tools = assignment["tools"]
    code = attempt.inside(
        [tools, "-E", "-s", "-m", f"wheelfleet.builder.{program}", *arguments],
        settings,
        cwd=str(attempt.library),
        read_only=[*interpreter_places(tools), *certificate_places(settings)],
        writable=writable,
        reach=reach,
    )
    answer = read_answer(work_dir.control / answer_file)
    if not isinstance(answer, dict):
        asked = program.capitalize()
        raise Failed(
            f"The builder could not do its part: what {asked} was asked ended with {ended(code)}.", "builder-failed"
        )
    return answer
