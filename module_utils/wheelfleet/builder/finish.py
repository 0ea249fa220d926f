"""The steps after a build that run no code of the package, in one process.

    python -m wheelfleet.builder.finish WHEELS SCRATCH ANSWERS SDIST TARGET EXCLUDE FOLDER

They are `correct`, `repair` and `installers`. Each runs in a fork of this process and leaves its answer in a file of
its name in the folder ANSWERS; beside it is an empty file by which the runner sees which step was begun. EXCLUDE is a
JSON list, or null for a wheel that is not repaired. FOLDER is where the wheel is installed; empty for one that is not.

The tools' Python runs it in the sandbox, because the wheel is untrusted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ..atomic_files import visible
from ..contract.log_lines import phase_line
from . import forked

#: The ending of the empty file of a step that was begun.
BEGUN = ".begun"


def main(arguments: Sequence[str]) -> int:
    # The runner, which imports this file, needs neither.
    from . import correct, installers

    wheels, scratch, answers = map(Path, arguments[:3])
    sdist, target, exclude, folder = arguments[3:]

    def step(name: str, program: Callable[[Sequence[str]], int], *more: str) -> bool:
        (answers / f"{name}{BEGUN}").touch()
        words = [str(wheels), str(scratch), str(answers / f"{name}.json"), *more]
        return forked.wait(forked.fork(lambda: sys.exit(program(words)))) == 0

    if not step("correct", correct.main, sdist, target):
        print("The wheel could not be looked into; it is left as it was built.", flush=True)
    if json.loads(exclude) is not None and _is_for_a_platform(wheels):
        # Its import is dear, and a pure wheel needs none of it.
        from . import repair

        print(phase_line("repair"), flush=True)
        if not step("repair", repair.main, exclude):
            print("The wheel could not be repaired; it is left as it was built.", flush=True)
    if folder:
        print(phase_line("check"), flush=True)
        step("installers", installers.main, folder)
    return 0


def _is_for_a_platform(wheels: Path) -> bool:
    return any(name.endswith(".whl") and not name.endswith("-any.whl") for name in visible(wheels))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
