"""The rules of the run at work, as one small file of the state folder that all its processes read.

M(wheelfleet_flow) writes it when builds begin; the flow and the operator's order to stop change it. It may be read at
any moment, because it is renamed into place. Without it, or with that of another run, a run has no rules: it ends when
the queue is empty.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ..atomic_files import write_atomically
from ..text import human_size


@dataclass(frozen=True)
class RunRules:
    """How long a run goes on, and when it hands out builds."""

    run: str = ""
    #: Whether builders wait for new work while the flow lives (`engine/flow`).
    follow: bool = False
    #: Bytes that must be free in the controller's folder for builds to be handed out.
    min_free: int = 0
    #: No build goes on in this run after this time (epoch seconds); None: until the queue is empty.
    end_at: float | None = None
    #: Why it ends then, as a sentence for people.
    why: str = ""
    #: Whether sessions end, although builds go on, so that packages which builds miss are installed now.
    packages_due: bool = False

    def is_over(self, now: float) -> bool:
        """Whether no build goes on in this run any more."""
        return self.end_at is not None and now >= self.end_at

    def lacks_room(self, state_dir: Path) -> str | None:
        """One sentence if the controller has too little disk space to hand out builds, else None."""
        if not self.min_free or free_bytes(state_dir) >= self.min_free:
            return None
        return (
            f"The controller has less than {human_size(self.min_free)} of disk left in {state_dir}: nothing is handed "
            "out until there is room. Free some space there, or set controller_min_free lower."
        )


def free_bytes(folder: Path) -> int:
    """The bytes of the folder's disk that are free."""
    return shutil.disk_usage(folder).free


def rules_file(state_dir: Path) -> Path:
    """The file of the rules."""
    return state_dir / "run" / "rules.json"


def read_rules(state_dir: Path, run: str) -> RunRules:
    """The rules of the run; those of a run without rules if there are none."""
    with suppress(OSError, ValueError, TypeError):
        rules = RunRules(**json.loads(rules_file(state_dir).read_bytes()))
        if rules.run == run:
            return rules
    return RunRules(run)


def write_rules(state_dir: Path, rules: RunRules) -> None:
    """Put the rules in place. Raises OSError."""
    rules_file(state_dir).parent.mkdir(parents=True, exist_ok=True)
    write_atomically(rules_file(state_dir), json.dumps(asdict(rules)).encode())


def end_run(state_dir: Path, run: str, at: float, why: str) -> RunRules:
    """Have the run end at a time, or earlier if it was to end earlier; returns its rules now. Raises OSError."""
    rules = read_rules(state_dir, run)
    if rules.end_at is None or at < rules.end_at:
        rules = replace(rules, end_at=at, why=why)
        write_rules(state_dir, rules)
    return rules


def set_packages_due(state_dir: Path, run: str, due: bool) -> None:
    """Have sessions end for the packages that builds miss, or no longer. Raises OSError."""
    rules = read_rules(state_dir, run)
    if rules.packages_due != due:
        write_rules(state_dir, replace(rules, packages_due=due))
