"""One attempt from assignment to delivered result, in a process of its own, which the launcher forks.

It ends, with the whole build, when the launcher ends.
"""

from __future__ import annotations

import errno
import os
import signal
import time
from contextlib import ExitStack
from types import FrameType
from typing import BinaryIO

from ..contract.assignment import read_assignment
from ..contract.log_lines import OURS
from ..contract.reasons import Failed
from ..contract.result import Result, new_result
from ..contract.shape import ContractError
from ..credentials import without_password
from ..processes import die_with_parent, see_32bit_machine
from .attempt import Attempt
from .crates import fetch_crates
from .deliver import clear_result, collect_wheels, finish, make_room
from .env_vars import narrowed
from .fetch import fetch
from .fetched import blamed
from .folders import BuilderHome, NotReady, WorkDir
from .frontend import build_wheel, open_sdist
from .go_modules import fetch_modules
from .postprocess import finish_wheel
from .uv import uv_command


class _Leave(BaseException):
    """This runner received SIGTERM; it writes no result."""


def main(home: str, attempt: str, launcher: int) -> int:
    """Run an attempt of this home and return the exit code; `launcher` is the process ID of the parent."""
    os.umask(0o022)
    here = BuilderHome(home)
    try:
        signal.signal(signal.SIGTERM, _leave)
        die_with_parent(signal.SIGTERM, launcher)
        build(here, here.work_dir(attempt))
    except _Leave:
        return 128 + signal.SIGTERM
    return 0


def build(home: BuilderHome, work_dir: WorkDir) -> None:
    """Build by the work folder's assignment, and deliver the result, whatever it is."""
    began = time.monotonic()
    result = new_result(work_dir.attempt)
    with work_dir.log.open("wb", buffering=0) as log:
        try:
            _attempt(home, work_dir, result, log)
        except Failed as error:
            result["message"], result["reason"], result["about"] = str(error), error.reason, error.about
        except (ContractError, NotReady) as error:
            result["message"], result["reason"] = str(error), "not-provisioned"
        except OSError as error:
            result["message"], result["reason"] = f"The builder could not do its part: {error}.", "builder-failed"
            if error.errno == errno.ENOSPC:
                result["stopped_by"], result["message"] = "disk", "The builder's disk is full."
        if result["stopped_by"] == "disk":
            make_room(work_dir)
        result["seconds"] = round(time.monotonic() - began, 3)
        _write_end(log, result)
    if result["outcome"] == "failed":
        result["wheels"] = []
        clear_result(work_dir)
    finish(home, work_dir, result)


def _attempt(home: BuilderHome, work_dir: WorkDir, result: Result, log: BinaryIO) -> None:
    assignment = read_assignment(work_dir.assignment, work_dir.attempt)
    attempt = Attempt(home, work_dir, assignment, log, result)
    attempt.note(kind=assignment["kind"])
    if narrowed(assignment["target"]):
        see_32bit_machine()
    _write_header(attempt)
    if not os.access(assignment["tools"], os.X_OK):
        raise NotReady(f"The tools {assignment['tools']} are not on this builder; provision it again.")
    if not os.access(uv_command(assignment), os.X_OK):
        raise NotReady(
            f"The tools {assignment['tools']} have no uv; add it to builder_tool_requirements and provision it again."
        )
    attempt.check_sandbox()
    for folder in (work_dir.sdist, work_dir.source, work_dir.wheels, work_dir.home, work_dir.tmp):
        folder.mkdir()
    attempt.enter("fetch")
    archive, digest = fetch(
        assignment["sdist"],
        work_dir.sdist,
        largest=assignment["limits"]["disk"],
        seconds=assignment["limits"]["seconds"],
        cert=assignment["pip_options"].get("cert"),
    )
    attempt.note(sdist_sha256=digest)
    project = open_sdist(attempt, archive)
    fetched = fetch_crates(attempt, project.source, project.manifests)
    fetched = fetched.also(fetch_modules(attempt, project.source, project.go_modules))
    with blamed(attempt, fetched), ExitStack() as stack:
        build_wheel(attempt, stack, project, fetched)
    finish_wheel(attempt, archive)
    attempt.note(phase="collect")
    clear_result(work_dir)
    result["wheels"] = collect_wheels(work_dir)
    result["outcome"] = "built"


def _write_header(attempt: Attempt) -> None:
    assignment, host = attempt.assignment, os.uname()
    sdist, limits = assignment["sdist"], assignment["limits"]
    attempt.log_line(
        "wheelfleet build log",
        f"attempt: {assignment['attempt']}",
        f"sdist: {sdist['filename']} (SHA-256 {sdist['sha256'] or 'not stated'})",
        f"from: {without_password(sdist['url'])}",
        f"target: {assignment['target']}",
        f"interpreter: {assignment['tools']}",
        f"host: {host.nodename} ({host.sysname} {host.release} {host.machine})",
        f"limits: {limits['seconds']:g} s, {limits['silence_seconds']:g} s without output, "
        f"{limits['memory'] >> 20} MiB of memory, {limits['processes']} processes, "
        f"{limits['disk'] >> 20} MiB on the disk, {limits['log'] >> 10} KiB of log",
        "",
    )


def _write_end(log: BinaryIO, result: Result) -> None:
    seconds = f"after {result['seconds']:.1f} s"
    if result["outcome"] == "built":
        _write(log, f"{OURS}built {', '.join(wheel['filename'] for wheel in result['wheels'])} {seconds}")
        return
    stopped = f" by {result['stopped_by']}" if result["stopped_by"] else ""
    _write(log, f"{OURS}stopped{stopped} in phase {result['phase']} {seconds}: {result['message']}")


def _write(log: BinaryIO, *lines: str) -> None:
    log.write(("\n".join(lines) + "\n").encode())


def _leave(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Leave
