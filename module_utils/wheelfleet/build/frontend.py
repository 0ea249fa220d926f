"""One PEP 517 build in isolation: `python -m wheelfleet.build.frontend WORKSHOP`, run by the target's own interpreter.

The work is done by the `build` library, pyproject_hooks and pip of the interpreter's virtual environment; here is only
their order, said to the log as lines `::wheelfleet phase NAME` and to `frontend.json`, which holds the latest state
whenever this process is killed.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterable
from email.parser import HeaderParser
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from .protocol import Requirement, Workshop, write_json
from .unpack import UnpackError, unpack

#: Bytes of PKG-INFO that are read for the headers, and characters of a summary that are kept.
_LONGEST_PKG_INFO = 100_000
_LONGEST_SUMMARY = 512


class FrontendError(Exception):
    """The build failed; the message is one sentence, `exit_code` that of the process that failed, if one did."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class _Report:
    """The state of the build, on the disk at every step."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._data: dict[str, Any] = {
            "phase": "unpack",
            "interpreter": f"{platform.python_implementation()} {platform.python_version()}",
            "build_requires": [],
            "summary": None,
            "message": None,
        }

    def enter(self, phase: str) -> None:
        print(f"::wheelfleet phase {phase}", flush=True)
        self.add(phase=phase)

    def add(self, **facts: Any) -> None:
        self._data.update(facts)
        write_json(self._path, self._data, durable=False)


def main(workshop: Workshop) -> int:
    """Build the workshop's sdist into its folder for wheels; returns the exit code."""
    report = _Report(workshop.frontend)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    print(f"Python {sys.version}", flush=True)
    os.chdir(workshop.path)
    try:
        report.enter("unpack")
        filename = json.loads(workshop.assignment.read_bytes())["sdist"]["filename"]
        source = unpack(workshop.sdist / filename, workshop.source)
        report.add(summary=_summary(source))
        _build(source, workshop, report)
    except UnpackError as error:
        failure = FrontendError(str(error))
    except FrontendError as error:
        failure = error
    else:
        return 0
    print(f"::wheelfleet failed {failure}", flush=True)
    report.add(message=str(failure))
    if failure.exit_code == -signal.SIGKILL:
        # For whoever supervises the build it is the same as if this process had been killed.
        os.kill(os.getpid(), signal.SIGKILL)
    return 1


def _build(source: Path, workshop: Workshop, report: _Report) -> None:
    from build import BuildBackendException, BuildException, ProjectBuilder
    from build.env import DefaultIsolatedEnv

    try:
        report.enter("environment")
        with DefaultIsolatedEnv(installer="pip") as environment:
            builder = ProjectBuilder.from_isolated_env(environment, source)
            try:
                _install(environment.python_executable, builder.build_system_requires)
                report.enter("requires")
                _install(environment.python_executable, builder.get_requires_for_build("wheel"))
            finally:
                report.add(build_requires=_installed(Path(environment.path)))
            report.enter("build")
            builder.build("wheel", workshop.wheels)
    except BuildBackendException as error:
        cause = error.exception
        if isinstance(cause, subprocess.CalledProcessError):
            raise FrontendError(f"{_sentence(error)} ({_ended(cause.returncode)}).", cause.returncode) from error
        raise FrontendError(f"{_sentence(error)}.") from error
    except BuildException as error:
        raise FrontendError(f"{_sentence(error)}.") from error


def _install(python: str, requirements: Iterable[str]) -> None:
    """Install build requirements, saying so in the log.

    `DefaultIsolatedEnv.install` does the same, but keeps pip's words to itself until pip fails; a requirement that has
    to be built for an hour would look like a build that hangs.
    """
    wanted = sorted(requirements)
    if not wanted:
        return
    # In a file, for pip applies environment markers only there.
    listed = Path("build-requires.txt").absolute()
    listed.write_text("\n".join(wanted) + "\n", encoding="utf-8")
    pip = [sys.executable, "-I", "-m", "pip", "--python", python]
    options = ["--use-pep517", "--no-compile", "--no-warn-script-location", "--progress-bar", "off"]
    code = subprocess.run([*pip, "install", *options, "-r", str(listed)], check=False).returncode
    if code:
        names = ", ".join(wanted)
        raise FrontendError(f"The build requirements ({names}) cannot be installed (pip: {_ended(code)}).", code)


def _installed(environment: Path) -> list[Requirement]:
    packages = [str(folder) for folder in environment.glob("lib/*/site-packages")]
    found = {found.metadata["Name"]: found.version for found in distributions(path=packages)}
    return [{"name": name, "version": version} for name, version in sorted(found.items())]


def _summary(source: Path) -> str | None:
    """What the sdist's PKG-INFO (PEP 643) says the project is; None when it does not say."""
    try:
        with (source / "PKG-INFO").open("rb") as file:
            said = HeaderParser().parsestr(file.read(_LONGEST_PKG_INFO).decode("utf-8", "replace"))["Summary"]
    except OSError:
        return None
    return " ".join(str(said).split())[:_LONGEST_SUMMARY] or None if said else None


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _ended(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


if __name__ == "__main__":
    sys.exit(main(Workshop(Path(sys.argv[1]))))
