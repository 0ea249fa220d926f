"""A module that is run in a fork does what it does in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.builder import LIBRARY

#: Runs a module by `run_module`, and says what came of it and whether this process is as it was before.
CALLER = """
import json, os, sys
from wheelfleet.builder.forked import run_module
before = (list(sys.argv), dict(os.environ), "json.tool" in sys.modules)
code, said = run_module(sys.argv[1], sys.argv[2:], {"PATH": os.environ["PATH"], "GIVEN": "yes", **EXTRA})
same = before == (list(sys.argv), dict(os.environ), "json.tool" in sys.modules)
print(json.dumps([code, said, same]))
""".replace("EXTRA", "{'PYTHONPATH': os.environ['PYTHONPATH']}")

PROGRAM = """
import os, signal, sys
print(os.environ.get("GIVEN"), os.environ.get("SECRET"), os.environ["PYTHONHASHSEED"], *sys.argv[1:])
print({"a", "b", "c", "d", "e", "f", "g", "h"})
print("an error", file=sys.stderr)
"""


def run(folder: Path, seed: str, ending: str = "", *arguments: str) -> Any:
    (folder / "program.py").write_text(PROGRAM + ending)
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{LIBRARY}:{folder}", "SECRET": "hidden"}
    command = [sys.executable, "-c", CALLER, "program", *arguments]
    ran = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(ran.stdout)


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("sys.exit('why')", 1),
        ("raise ValueError('why')", 1),
        ("sys.stdout.flush(); os.kill(os.getpid(), signal.SIGKILL)", -9),
    ],
)
def test_a_fork_ends_and_says_what_a_process_of_its_own_does(tmp_path: Path, ending: str, code: int) -> None:
    (forked, said, same), (own, own_said, _) = (run(tmp_path, seed, ending, "one", "-2") for seed in ("0", "random"))
    assert (forked, own) == (code, code)
    assert sorted(said.splitlines())[-3:] == sorted(own_said.splitlines())[-3:]
    assert "yes None 0 one -2" in said
    assert same
