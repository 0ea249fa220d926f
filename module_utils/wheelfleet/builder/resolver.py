"""Resolve requirements files as pip on the target does: with the target's pip, in a dry run, within a build's limits.

pip may run the code of sdists to get their metadata, so it runs on a builder, in the sandbox, and not on the
controller. pip stops at the first line that it cannot resolve; `CompatibleSubset` finds such lines and resolves the
others without them.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypedDict

from ..atomic_files import remove
from ..contract.assignment import SCHEMA, Assignment, Limits
from ..contract.log_lines import OURS
from . import sandbox
from .allowed_servers import AllowedServers
from .compatible_subset import CompatibleSubset
from .env_vars import listed, pip_environment
from .folders import BuilderHome, WorkDir
from .proxy import behind_proxy
from .requirement_lines import normalized
from .supervise import run

#: Characters of pip's output in a sentence.
_LONGEST_REASON = 300
#: Bytes of pip's report that are read at most, because package code may have written it.
_LARGEST_REPORT = 64 << 20
#: Characters that are kept of the log's beginning, and of its end.
_KEPT = 100_000
_LINE_NUMBER = re.compile(r"-r \S*requirements\.txt \(line (\d+)\)")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Question(TypedDict):
    """A requirements file. `suspects` are the lines that could not be resolved the last time."""

    lines: list[str]
    constraints: list[str]
    options: list[str]
    suspects: list[str]


class Unresolved(TypedDict):
    line: str
    reason: str


class Resolved(TypedDict):
    """pip's answer: `pins` are [name, version], for all lines but the `unresolved` ones.

    `problem` is one sentence if nothing could be resolved and no line is the cause. `log` is pip's output, perhaps
    shortened.
    """

    pins: list[list[str]]
    unresolved: list[Unresolved]
    problem: str | None
    log: str


def resolve(
    home: Path,
    tools: str,
    question: Question,
    *,
    index_url: str,
    own_index_url: str | None,
    pip_options: Mapping[str, Any],
    limits: Limits,
    sandboxed: bool,
) -> Resolved:
    """The releases that pip would install for a requirements file, in the time that `limits` give to one build.

    Only releases of an index become pins; a file or URL is no project's release.
    """
    why_not = sandbox.probe() if sandboxed else None
    if why_not is None and not (Path(tools).exists() and _program(home, "named_servers").exists()):
        why_not = "This host is not ready to be asked: its tools are not installed yet. The next run does that."
    if why_not is not None:
        return {"pins": [], "unresolved": [], "problem": why_not, "log": ""}
    attempt = f"resolve-{secrets.token_hex(6)}"
    # A home of its own, because a worker would take the entries of its work/ for builds and kill marked processes.
    place = BuilderHome(home / "resolve")
    work_dir = place.work_dir(attempt)
    assignment: Assignment = {
        "schema": SCHEMA,
        "attempt": attempt,
        "kind": "build",
        "position": 0,
        "name": "requirements",
        "version": "0",
        "sdist": {"filename": "none", "url": "", "sha256": None, "size": None, "upload_time": None},
        "target": "",
        "tools": tools,
        "index_url": index_url,
        "own_index_url": own_index_url,
        "crates_index": None,
        "go_proxy": None,
        "pip_options": dict(pip_options),
        "limits": limits,
        "alone": False,
        "environment": {},
        "jobs": 1,
        "sandbox": sandboxed,
        "adjustments": {},
        "uploaded_before": None,
        "finish": {"repair": False, "exclude": [], "check": False},
        "peak_memory": 0,
    }
    try:
        for folder in (work_dir.home, work_dir.tmp, work_dir.resolver):
            folder.mkdir(parents=True)
        return _Resolver(home / "lib", place, work_dir, assignment, question).answer()
    finally:
        remove(work_dir.path)
        with suppress(OSError):
            place.work.rmdir()
            place.path.rmdir()


class _Resolver:
    """One requirements file, and the state that its runs of pip share."""

    def __init__(
        self, library: Path, place: BuilderHome, work_dir: WorkDir, assignment: Assignment, question: Question
    ) -> None:
        self._library = library
        self._work_dir = work_dir
        self._assignment = assignment
        self._question = question
        self._environment = pip_environment(place, work_dir, assignment)
        # A client's pip takes the newest release, wheel or sdist. The preference of builds would hide some of them.
        del self._environment["PIP_PREFER_BINARY"]
        options = assignment["pip_options"]
        more = [word for name in ("extra_index_url", "find_links") for word in listed(options.get(name))]
        self._urls = [assignment["index_url"], assignment["own_index_url"], *more]
        self._servers = AllowedServers(self._urls, work_dir.resolver, self._read_pages)
        self._ends_at = time.monotonic() + assignment["limits"]["seconds"]
        self._together: list[int] = []
        self._said = self._reason = ""
        self._pins: list[list[str]] = []
        self._unresolved: dict[int, str] = {}
        self._log = work_dir.path / "log"

    def answer(self) -> Resolved:
        lines, suspects = self._question["lines"], set(self._question["suspects"])
        self._servers.begin(lines)
        problem = None
        if lines and self._servers.trouble is not None:
            problem = f"The index could not be asked: {_short(self._servers.trouble)}"
        else:
            subset = CompatibleSubset(self._pip, self._hinted, self._refuse)
            subset.add(range(len(lines)), [number for number, line in enumerate(lines) if line in suspects])
        said = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
        return {
            "pins": self._pins,
            "unresolved": [{"line": lines[n], "reason": why} for n, why in sorted(self._unresolved.items())],
            "problem": problem,
            "log": said if len(said) <= 2 * _KEPT else f"{said[:_KEPT]}\n[…]\n{said[-_KEPT:]}",
        }

    def _hinted(self, group: list[int]) -> set[int]:
        """The lines of a group that pip's errors name: a guess."""
        errors = [line for line in self._said.splitlines() if line.startswith("ERROR:")]
        words = {normalized(word.rstrip(".-_")) for line in errors for word in _WORD.findall(line)}
        numbers = {int(number) for line in errors for number in _LINE_NUMBER.findall(line)}
        numbers.update(int(number) for number in _LINE_NUMBER.findall(self._said)[-1:])
        named = {self._together[number - 1] for number in numbers if 0 < number <= len(self._together)}
        names = {number: _WORD.match(self._question["lines"][number]) for number in group}
        return named | {number for number, name in names.items() if name and normalized(name[0]) in words}

    def _refuse(self, number: int) -> None:
        self._unresolved[number] = self._reason

    # -------------------------------------------------------------------- pip

    def _pip(self, together: list[int]) -> bool:
        """Whether pip can resolve the lines with these numbers; sets `_pins`, or `_reason` if it cannot."""
        if time.monotonic() >= self._ends_at:
            self._said, self._reason = "", "It was not tried, because the time of builder_limit_seconds was over."
            return False
        work_dir, assignment = self._work_dir, self._assignment
        self._together = together
        lines = [self._question["lines"][number] for number in together]
        texts = {"requirements.txt": lines, "constraints.txt": self._question["constraints"]}
        # Options stand behind the lines, so that pip's line numbers count in `together`.
        texts["requirements.txt"] = [*lines, *self._question["options"]]
        for name, text in texts.items():
            (work_dir.path / name).write_text("".join(f"{line}\n" for line in text), encoding="utf-8")
        report = work_dir.home / "report.json"
        command = [assignment["tools"], "-m", "pip", "install", "--dry-run", "--ignore-installed", "--no-color"]
        command += ["--progress-bar", "off", "--report", str(report)]
        for option, name in (("--requirement", "requirements.txt"), ("--constraint", "constraints.txt")):
            command += [option, str(work_dir.path / name)]
        begins = self._log.stat().st_size if self._log.exists() else 0

        def once() -> int:
            remove(report)
            with self._log.open("ab", buffering=0) as output:
                output.write(f"\n{OURS}pip resolves {len(lines)} lines: {', '.join(lines)}\n".encode())
                nonlocal begins
                begins = output.tell()
                shown = [work_dir.path / name for name in texts]
                inside = self._inside(command, shown) if assignment["sandbox"] else command
                ending = self._run(inside, self._environment, output)
            self._stopped = ending[1]
            return ending[0]

        def said() -> str:
            with self._log.open("rb") as file:
                file.seek(max(begins, file.seek(0, os.SEEK_END) - 4 * _KEPT))
                return file.read().decode("utf-8", "replace")

        code = self._servers.run(once, said)
        self._said = said()
        if not code:
            try:
                self._pins = _pins(report)
            except (OSError, ValueError, KeyError, TypeError, RecursionError):
                self._reason = "pip's report cannot be read."
                return False
            return True
        self._reason = self._stopped or _why(self._said, self._servers.closed())
        return False

    def _run(self, command: Sequence[str], environment: Mapping[str, str], output: Any) -> tuple[int, str | None]:
        limits = self._assignment["limits"]
        ending = run(
            command,
            environment=environment,
            cwd=self._work_dir.path,
            folder=self._work_dir.path,
            log=output,
            limits={**limits, "seconds": max(1.0, self._ends_at - time.monotonic())},
        )
        return (1 if ending.exit_code is None else ending.exit_code), ending.message

    def _read_pages(self, answer: Path, names: list[str]) -> None:
        """Let pip read the pages of projects outside the sandbox; that runs no code of theirs."""
        folder = str(self._work_dir.resolver)
        environment = {**self._environment, "HOME": folder, "TMPDIR": folder, "PIP_KEYRING_PROVIDER": "disabled"}
        program = self._library / "wheelfleet" / "builder" / "named_servers.py"
        with self._log.open("ab", buffering=0) as output:
            output.write(f"{OURS}reads the pages of {', '.join(names)}\n".encode())
            command = [self._assignment["tools"], "-I", str(program), str(answer), *names]
            self._run(command, environment, output)

    def _inside(self, command: list[str], files: list[Path]) -> list[str]:
        """`command` in the sandbox and behind a proxy; both run from the builder's library."""
        tools, work_dir = self._assignment["tools"], self._work_dir
        shown: list[Path | sandbox.Place] = [*sandbox.interpreter_places(tools), *sandbox.local_places(*self._urls)]
        shown += [*files, *sandbox.certificate_places(self._environment, self._assignment["pip_options"].get("cert"))]
        inside = sandbox.sandboxed(
            command,
            rootfs=sandbox.make_rootfs(work_dir.path / "rootfs"),
            read_only=shown,
            writable=[sandbox.Place(folder, str(folder)) for folder in (work_dir.home, work_dir.tmp)],
            hidden=[self._library.parent],
            proxy_python=tools,
            library=self._library,
        )
        return behind_proxy(inside, self._servers.servers, library=self._library, refused=self._servers.refused)


def _program(home: Path, name: str) -> Path:
    return home / "lib" / "wheelfleet" / "builder" / f"{name}.py"


def _pins(report: Path) -> list[list[str]]:
    """The pins in pip's report. Raises OSError, ValueError, KeyError or TypeError if it is no such report."""
    # A link could read another file, and a pipe would block.
    with os.fdopen(os.open(report, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST_REPORT:
            raise ValueError
        installs = json.load(file)["install"]
    found = (item["metadata"] for item in installs if not item["is_direct"])
    return sorted([str(metadata["name"]), str(metadata["version"])] for metadata in found)


def _why(said: str, closed: Sequence[str]) -> str:
    """Why pip failed, in one sentence; its first error names the cause."""
    if closed:
        return f"pip was led to {', '.join(closed)}, which no page of the index names, so it is not open to builders."
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.partition("ERROR:")[2].strip() for line in lines if line.startswith("ERROR:")]
    return f"pip says: {_short([*errors, *lines[-1:], 'nothing'][0])}"


def _short(text: str) -> str:
    text = " ".join(text.split())
    text = text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 1]}…"
    return text if text.endswith((".", "…", "!", "?")) else f"{text}."
