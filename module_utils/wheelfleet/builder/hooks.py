"""Calls a backend's hooks (PEP 517): `hooks.py PROGRAM CONTROL SOURCE HOOK...`, by the build environment's Python.

PROGRAM is pyproject_hooks' own, which makes the calls; it reads `CONTROL/HOOK/input.json` and writes `output.json`
there. PEP 517 requires a process for each hook. Here it is a fork of this process, which has imported the backend
before, because setuptools takes longer to import than many packages take to build. If the first hook requires projects
that are not installed, this program ends before the second. SOURCE is a folder in which the backend finds modules too,
as setup.py did before PEP 517, and in its folder src; normally it is empty.

It runs among the package's code, so its output is untrusted. It imports nothing of this package, so that nothing of it
is on the build's path.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Remove this file's folder from the build's path.
    sys.path.pop(0)

import importlib.util
import json
import os
import re
import signal
import time
from collections.abc import Sequence
from types import ModuleType

#: Files in the control folder: the names of installed projects, and a mark that the build has begun.
PRESENT, BUILDING = "present.json", "building"
REQUIRES, BUILD = "get_requires_for_build_wheel", "build_wheel"


def main(program: str, control: str, source: str, hooks: Sequence[str]) -> int:
    caller = load(program)
    own = [folder for folder in (source, os.path.join(source, "src")) if source and os.path.isdir(folder)]  # noqa: PTH112, PTH118
    # Last, so that they hide no module that the backend needs.
    sys.path.extend(own)
    try:
        caller._build_backend()
    except BaseException:
        # Each hook meets the same error and reports it.
        sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != caller.__name__]
    # First, because in its own code the project means its own modules.
    for folder in own:
        sys.path.remove(folder)
    sys.path[:0] = own
    for hook in hooks:
        if hook == BUILD:
            print("::wheelfleet phase build", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), flush=True)
            with open(os.path.join(control, BUILDING), "w"):  # noqa: PTH118, PTH123 - pathlib costs its import
                pass
        status = call(caller, program, hook, os.path.join(control, hook))  # noqa: PTH118
        if status:
            return status
        if hook == REQUIRES and not satisfied(control):
            return 0
    return 0


def load(program: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("_in_process", program)
    assert spec is not None and spec.loader is not None
    caller = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(caller)
    return caller


def call(caller: ModuleType, program: str, hook: str, folder: str) -> int:
    """Call one hook in a fork; returns its exit code, or ends by the signal that ended it."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if not child:
        sys.argv[:] = [program, hook, folder]
        caller.main()
        # Exit as a program does, so that the backend's exit handlers run.
        sys.exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status):
        died_of = os.WTERMSIG(status)
        if died_of != signal.SIGKILL:
            signal.signal(died_of, signal.SIG_DFL)
        os.kill(os.getpid(), died_of)
    return os.WEXITSTATUS(status)


def satisfied(control: str) -> bool:
    """Whether all projects that the hook requires are installed, by their names alone."""
    with open(os.path.join(control, REQUIRES, "output.json"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
        output = json.load(file)
    with open(os.path.join(control, PRESENT), encoding="utf-8") as file:  # noqa: PTH118, PTH123
        present = set(json.load(file))
    wanted = output.get("return_val")
    if output.get("no_backend"):
        return False
    return isinstance(wanted, list) and all(re.sub(r"[-_.]+", "-", str(name)).lower() in present for name in wanted)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]))
