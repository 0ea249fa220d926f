"""The tool environment of an interpreter, which a run makes on a builder."""

from __future__ import annotations

import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.builder import install


def test_what_a_killed_run_still_makes_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_work, made = threading.Lock(), []

    def make(folder: Path, interpreter: str, *what: object) -> None:
        assert at_work.acquire(blocking=False), "two processes make one environment"
        time.sleep(0.2)
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        (folder / "bin" / "python").touch()
        made.append(folder)
        at_work.release()

    def install_tools(number: int) -> dict[str, Any]:
        return install.tool_environment(tmp_path, sys.executable, ["pip"])

    monkeypatch.setattr(install, "_make_environment", make)
    monkeypatch.setattr(install.probe, "describe_target", lambda python: {"name": "cp311"})
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(install_tools, range(3)))
    assert len(made) == 1
    assert sorted(answer["changed"] for answer in answers) == [False, False, True]


def test_a_python_compiled_without_libraries_is_refused_with_the_cure() -> None:
    install.check_modules()
    with pytest.raises(
        install.InstallError, match="compiled without _no_such, which the worker needs; name the system"
    ):
        install.check_modules(["zlib", "_no_such"])
