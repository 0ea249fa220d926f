"""Builds a wheel from an sdist by PEP 517: the order of the commands, and the message when one fails."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from ..atomic_files import remove, visible
from ..contract.log_lines import OWN_LOG
from ..contract.reasons import Failed
from ..contract.result import LookedFor, looked_for
from . import hooks, prepare
from .attempt import Attempt, ended, read_answer
from .build_env import Environment, EnvironmentMaker
from .deliver import building
from .env_vars import build_environment
from .fetched import Fetched
from .folders import WorkDir
from .own_logs import excerpts
from .requirement_lines import normalized
from .sandbox import interpreter_places

#: The answer of `watch`, in the control folder.
_LOOKED_FOR = "looked_for.json"


class Project(NamedTuple):
    """An unpacked sdist. All values except `program` come from the package and are untrusted."""

    #: Path inside the sandbox.
    source: str
    requires: list[str]
    backend: str
    backend_path: list[str]
    #: Path of pyproject_hooks' program, which belongs to the tools.
    program: str
    #: Paths of Cargo.toml files below `source`, and of go.mod files.
    manifests: list[str]
    go_modules: list[str]


def open_sdist(attempt: Attempt, archive: Path) -> Project:
    """Unpack the sdist, apply the patches and read its build system. Raises Failed."""
    work_dir, assignment = attempt.work_dir, attempt.assignment
    attempt.enter("unpack")
    attempt.clear_control()
    _write(work_dir.control / prepare.PATCHES, [vars(patch) for patch in attempt.adjustments.patches])
    tools = assignment["tools"]
    places = [attempt.place(path) for path in (archive, work_dir.source, work_dir.control)]
    code = attempt.inside(
        [tools, "-E", "-s", "-m", "wheelfleet.builder.prepare", *places],
        build_environment(attempt.home, work_dir, assignment, attempt.place),
        cwd=str(attempt.library),
        read_only=[*interpreter_places(tools), attempt.bound(archive)],
        writable=[work_dir.source],
    )
    facts = read_answer(work_dir.control / prepare.PREPARED)
    if not isinstance(facts, dict):
        raise Failed(f"What reads the sdist ended with {ended(code)}; its log says more.", "sdist-broken")
    attempt.note(interpreter=facts["interpreter"], summary=facts["summary"], project=facts.get("names"))
    if facts["problem"]:
        raise Failed(facts["problem"]["message"], facts["problem"]["reason"], facts["problem"]["about"])
    return Project(
        source=attempt.place(work_dir.source / facts["source"]),
        requires=facts["requires"],
        backend=facts["backend"],
        backend_path=facts["backend_path"],
        program=facts["hooks"],
        manifests=facts["manifests"],
        go_modules=facts["go_modules"],
    )


def build_wheel(attempt: Attempt, stack: ExitStack, project: Project, fetched: Fetched) -> None:
    """Build a wheel with the project's backend into the work folder's wheels. Raises Failed."""
    attempt.enter("environment")
    maker = EnvironmentMaker(attempt, stack)
    environment = maker.make(project.requires)
    adjustments = attempt.adjustments
    for wanted, program in ((adjustments.modernize, "modernize"), (adjustments.regenerate, "cythonize")):
        if wanted:
            _change_source(attempt, project, environment, program)
    attempt.enter("requires")
    _call_hooks(attempt, project, fetched, environment, hooks.REQUIRES, hooks.BUILD)
    if building(attempt.work_dir):
        return
    more = _more_requires(attempt)
    environment = maker.make([*project.requires, *more])
    _call_hooks(attempt, project, fetched, environment, hooks.BUILD)


def _call_hooks(attempt: Attempt, project: Project, fetched: Fetched, environment: Environment, *names: str) -> None:
    work_dir = attempt.work_dir
    attempt.clear_control()
    settings: dict[str, Any] = {"config_settings": dict(attempt.adjustments.config_settings) or None}
    arguments = {hooks.REQUIRES: {}, hooks.BUILD: {"wheel_directory": attempt.place(work_dir.wheels)}}
    for name in names:
        folder = work_dir.control / name
        folder.mkdir()
        _write(folder / "input.json", {"kwargs": {**settings, **arguments[name]}})
    _write(work_dir.control / hooks.PRESENT, [normalized(known["name"]) for known in environment.installed])
    program = attempt.library / "wheelfleet" / "builder" / "hooks.py"
    on_path = project.source if attempt.adjustments.source_on_path else ""
    variables = build_environment(attempt.home, work_dir, attempt.assignment, attempt.place)
    # Programs among the build requirements (meson, ninja, cmake) precede the system's.
    variables["PATH"] = f"{Path(environment.python).parent}:{variables['PATH']}"
    command = [environment.python, str(program), project.program, attempt.place(work_dir.control), on_path, *names]
    if attempt.adjustments.watch:
        watch = attempt.library / "wheelfleet" / "builder" / "watch.py"
        answer_path = attempt.place(work_dir.control / _LOOKED_FOR)
        command = [environment.python, "-I", "-S", str(watch), answer_path, *command]
    code = attempt.inside(
        command,
        {
            **variables,
            **fetched.variables,
            "_PYPROJECT_HOOKS_BUILD_BACKEND": project.backend,
            "_PYPROJECT_HOOKS_BACKEND_PATH_JSON": json.dumps(
                [str(Path(project.source, part)) for part in project.backend_path]
            ),
        },
        cwd=project.source,
        read_only=[*interpreter_places(attempt.assignment["tools"]), *environment.read_only],
        writable=[work_dir.source, work_dir.wheels, *environment.writable, *fetched.writable],
    )
    begun = building(work_dir)
    if begun:
        attempt.note(phase="build")
    hook = hooks.BUILD if begun else hooks.REQUIRES
    if code:
        attempt.note(looked_for=_looked_for(work_dir))
        for name, lines in excerpts(work_dir.source, work_dir.tmp):
            attempt.log_line(f"{OWN_LOG}{name}", *(f"| {line}" for line in lines))
        raise Failed(f"The backend's {hook} failed ({ended(code)}).", "backend-failed")
    answer = read_answer(work_dir.control / hook / "output.json")
    if not isinstance(answer, dict):
        raise Failed(f"The backend's {hook} ended without an answer.", "backend-failed")
    if begun:
        _keep_named(work_dir.wheels, answer.get("return_val"))
    if answer.get("no_backend"):
        attempt.log_line(str(answer.get("traceback") or answer.get("backend_error")))
        attempt.result["exit_code"] = 1
        raise Failed(f"The build backend {project.backend!r} cannot be imported.", "backend-missing", project.backend)


def _looked_for(work_dir: WorkDir) -> list[LookedFor]:
    """What a watched build looked for in vain; the answer is the build's, so only what has the form is taken."""
    answer = read_answer(work_dir.control / _LOOKED_FOR)
    pairs = [pair for pair in answer if isinstance(pair, list) and len(pair) == 2] if isinstance(answer, list) else []
    return looked_for([{"kind": kind, "name": name} for kind, name in pairs])


def _keep_named(folder: Path, named: object) -> None:
    """Of several wheels keep the one that the hook returned (PEP 517)."""
    if folder.is_symlink() or not isinstance(named, str):
        return
    wheels = [name for name in visible(folder) if name.endswith(".whl")]
    if Path(named).name in wheels:
        for name in wheels:
            if name != Path(named).name:
                remove(folder / name)


def _change_source(attempt: Attempt, project: Project, environment: Environment, program: str) -> None:
    """Run a program of this package on the source, in the sandbox, with the build environment's Python.

    If it fails, the build continues, because the build's own error is more useful.
    """
    path = attempt.library / "wheelfleet" / "builder" / f"{program}.py"
    code = attempt.inside(
        [environment.python, str(path), project.source],
        build_environment(attempt.home, attempt.work_dir, attempt.assignment, attempt.place),
        cwd=project.source,
        read_only=[*interpreter_places(attempt.assignment["tools"]), *environment.read_only],
        writable=[attempt.work_dir.source, *environment.writable],
    )
    if code:
        attempt.log_line("The source stays as it is.")


def _more_requires(attempt: Attempt) -> list[str]:
    answer = read_answer(attempt.work_dir.control / hooks.REQUIRES / "output.json")
    wanted = answer.get("return_val") if isinstance(answer, dict) else None
    if not isinstance(wanted, list) or not all(isinstance(item, str) for item in wanted):
        attempt.result["exit_code"] = 1
        raise Failed(f"The backend's {hooks.REQUIRES} gave no list of requirements.", "backend-failed")
    return wanted


def _write(path: Path, data: Any) -> None:
    path.write_text(json.dumps(data), encoding="utf-8")
