"""Runs programs in forks of this process, so that they are started and their modules imported once for all of them.

Most of what a small wheel's repair would cost otherwise is the start of Pythons and their imports.
"""

from __future__ import annotations

import importlib
import os
import runpy
import subprocess
import sys
import traceback
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_LIBRARY = Path(__file__).resolve().parents[2]
#: With this variable a Python orders its sets by the same hashes each time.
SEED = {"PYTHONHASHSEED": "0"}
#: What a program's main module imports only when it is run, by program.
_IMPORTED_LATE = {
    "auditwheel": ("auditwheel.main", "auditwheel.repair", "auditwheel.wheel_abi"),
    "wheel": ("wheel._commands.pack", "wheel._commands.tags", "wheel._commands.unpack"),
}


def run_module(module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
    """Run `module` as `python -m` does, with these variables and SEED; returns its exit code and its output.

    It is a fork of this process if that was started with SEED. The code is negative for a signal. The process must have
    a single thread.
    """
    # Other Pythons write an unclosed file only when they end themselves, which a fork does not.
    forks = sys.implementation.name == "cpython" and not sys.flags.hash_randomization
    if not forks or os.environ.get("PYTHONHASHSEED") != "0":
        return _in_new_process(module, arguments, environment)
    for name in _IMPORTED_LATE.get(module, ()):
        # Another release may have it by another name; then the fork imports it.
        with suppress(ImportError):
            importlib.import_module(name)
    reader, writer = os.pipe()

    def program() -> None:
        os.close(reader)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        os.close(writer)
        os.environ.clear()
        os.environ.update({**environment, **SEED})
        main([module, *arguments])

    child = fork(program)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8", errors="replace") as output:
        said = output.read()
    return wait(child), said


def _in_new_process(module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-s", "-m", __name__, module, *arguments],
        cwd=_LIBRARY,
        # Not -E, which would leave the seed out too.
        env={**environment, **SEED},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    return ran.returncode, ran.stdout


def main(arguments: Sequence[str]) -> None:
    """Run a module with arguments in this process."""
    # PyPy's zlib has no constants of levels, which auditwheel's help text needs.
    for name, level in (("Z_NO_COMPRESSION", 0), ("Z_BEST_COMPRESSION", 9), ("Z_DEFAULT_COMPRESSION", -1)):
        if not hasattr(zlib, name):
            setattr(zlib, name, level)
    sys.argv[:] = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def fork(program: Callable[[], object]) -> int:
    """Run `program` in a fork, which then ends as a Python program does; returns its process ID."""
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        program()
        code = 0
    except SystemExit as end:
        code = _exit_code(end)
    except BaseException:
        traceback.print_exc()
    finally:
        # Not by an exception, which would run on in the frames of the process that was forked.
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def wait(child: int) -> int:
    """The exit code of a child when it has ended; negative for a signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _exit_code(end: SystemExit) -> int:
    """The exit code that Python gives a program that ends so."""
    if end.code is None:
        return 0
    if isinstance(end.code, int):
        return end.code & 0xFF
    print(end.code, file=sys.stderr)
    return 1


if __name__ == "__main__":
    main(sys.argv[1:])
