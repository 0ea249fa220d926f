"""The output of a session: the host's status, lines in the terminal, events in the catalog, the final answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol, TypedDict

from ..admission.admit import Admitted
from ..catalog import builders, events
from ..planner import queue
from ..planner.requeue import CONTROLLER
from ..text import human_duration
from .context import Context
from .host_metrics import HostMetrics
from .host_status import HELD, Building, HostState, HostStatus, post_status, status_folder

#: Most wheels, and most failures, in the answer of a task.
MOST_IN_ANSWER = 1000


class ReportLine(Protocol):
    """Prints a line in the terminal. `begins`: the line is about a build that begins, which a live view shows too."""

    def __call__(self, text: str, *, begins: bool = False) -> None: ...


class Failed(TypedDict):
    """A build that failed."""

    name: str
    version: str
    target: str
    failure_class: str
    sentence: str


class Answer(TypedDict, total=False):
    """The return values of M(wheelfleet_batch); `drained` ends the loop around it."""

    changed: bool
    drained: bool
    built: list[str]
    failures: list[Failed]
    msg: str
    failed: bool
    unreachable: bool
    left: bool


class Total:
    """The answer of a host's sessions together. A run may go on for days, so it keeps the newest builds only."""

    def __init__(self) -> None:
        self.drained = False
        self._answer: Answer = {"changed": False}
        self._built: deque[str] = deque(maxlen=MOST_IN_ANSWER)
        self._failures: deque[Failed] = deque(maxlen=MOST_IN_ANSWER)

    def add(self, answer: Answer) -> None:
        """Add the answer of one session."""
        changed = self._answer["changed"] or answer["changed"]
        self._built.extend(answer["built"])
        self._failures.extend(answer["failures"])
        self.drained = answer["drained"]
        self._answer = {**answer, "changed": changed}

    def answer(self) -> dict[str, Any]:
        """The answer of the task."""
        return {**self._answer, "built": list(self._built), "failures": list(self._failures)}


class Progress:
    """Keeps the host's status file up to date and collects the results of this session."""

    def __init__(self, context: Context, report_line: ReportLine) -> None:
        self.context = context
        self.report_line = report_line
        self.admitted: list[Admitted] = []
        #: The last slot whose metrics were kept.
        self._slot = 0
        run, host = context.options.run, context.host
        built, failed = queue.done_by(context.catalog, run, host)
        self.status = HostStatus(host, run, state=HostState.VISITING, built=built, failed=failed)
        #: State and note of a builder that an operator holds; builds that go on do not change them.
        self.hold: tuple[HostState, str] | None = None

    def show(self, state: HostState, note: str = "", final: bool = False) -> None:
        """Write the host's state and its reason. `final`: the host does nothing more in this run."""
        since = self.status.since if state is self.status.state else self.context.clock.now()
        self.status = replace(self.status, state=state, note=note, since=since, final=final)
        post_status(status_folder(self.context.options.state_dir), self.status)

    def show_metrics(self, metrics: HostMetrics, building: Sequence[Building]) -> None:
        """Take over the metrics and builds of a poll."""
        self._keep_metrics(metrics)
        self.status.metrics = {**metrics, "at": round(self.context.clock.now())}
        self.show_building(building)

    def _keep_metrics(self, metrics: HostMetrics) -> None:
        """Keep the first metrics of each slot for the history."""
        slot = int(self.context.clock.now() // builders.METRICS_SLOT)
        load = metrics.get("load")
        measured = builders.Measured(slot, metrics.get("temperature"), load[0] if load else None)
        if slot == self._slot or (measured.temperature is None and measured.load is None):
            return
        self._slot = slot
        with self.context.catalog.writing() as db:
            builders.put_metrics(db, self.context.host, measured)

    def show_building(self, building: Sequence[Building]) -> None:
        """Show these builds; without any the state stays as it is."""
        self.status.building = list(building)
        if self.hold is not None:
            self.show(*self.hold)
        elif building:
            self.show(HostState.BUILDING)

    def count_queue(self) -> queue.Progress:
        """Update how many builds, and predicted seconds, are left for the fleet."""
        progress = queue.progress(self.context.catalog, self.context.options.run)
        self.status.left, self.status.seconds_left = progress.left, progress.seconds_left
        self.status.counted_at = self.context.clock.now()
        return progress

    def event(self, sentence: str) -> None:
        """Record an event in the catalog, once in a run, and print it if it is new."""
        self._event(self.context.host, sentence)

    def event_of_controller(self, sentence: str) -> None:
        """Record an event that concerns no builder, once in a run, and print it if it is new."""
        self._event(CONTROLLER, sentence)

    def _event(self, host: str, sentence: str) -> None:
        context = self.context
        with context.catalog.writing() as db:
            new = events.note(db, run=context.options.run, host=host, sentence=sentence, now=context.clock.now())
        if new:
            self.report_line(sentence)

    def result(self, admitted: Admitted) -> None:
        """Count and print an admitted result; a dropped one is an event."""
        if admitted.outcome == "dropped":
            self.event(f"Its result {admitted.attempt} was dropped: {admitted.sentence}.")
            return
        self.admitted.append(admitted)
        if admitted.outcome == "built":
            self.status.built += 1
            what = f"built {admitted.wheel}"
        else:
            self.status.failed += 1
            what = f"failed {admitted.name} {admitted.version} ({admitted.failure_class}: {admitted.sentence})"
        self.count_queue()
        self.report_line(f"{what} in {human_duration(admitted.seconds)}; {self._outlook()}")

    def answer(self, *, drained: bool) -> Answer:
        """The answer of this session."""
        failures: list[Failed] = [
            {
                "name": each.name,
                "version": each.version,
                "target": each.target,
                "failure_class": each.failure_class,
                "sentence": each.sentence,
            }
            for each in self.admitted
            if each.outcome != "built"
        ]
        built = [each.wheel for each in self.admitted if each.outcome == "built"]
        return {"changed": bool(self.admitted), "drained": drained, "built": built, "failures": failures}

    def last_answer(self, state: HostState, note: str = "") -> Answer:
        """The answer of a host's last session in this run; shows its final state, with the reason in `note`."""
        self.status.building = []
        self.show(state, note, final=True)
        answer = self.answer(drained=True)
        if note:
            said = f"{state} {note}" if state in HELD else note
            answer["msg"] = f"{self.context.host}: {said}"
        return answer

    def _outlook(self) -> str:
        if not self.status.left:
            return "nothing left"
        seconds = self.status.seconds_left / max(self.context.options.hosts, 1)
        return f"{self.status.left} left, about {human_duration(seconds)}"


def count_builds(count: int) -> str:
    """`1 build`, `2 builds`."""
    return "1 build" if count == 1 else f"{count} builds"
