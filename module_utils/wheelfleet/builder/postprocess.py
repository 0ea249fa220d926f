"""The steps after a build, outside the sandbox: correct, repair, install and import the wheel.

Programs that open the wheel or run its code run inside the sandbox: `correct`, `repair` and `installers` (pip and uv)
in one process (see `finish`), and `import_check` in another, because it runs the wheel's code. The wheel's dependencies
are untrusted too, so uv gets them outside only if they are plain names and versions.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..atomic_files import remove, visible
from ..contract.assignment import checked_filename
from ..contract.reasons import Failed
from ..contract.result import Check, sanitized_check, sanitized_repair
from ..contract.shape import ContractError
from .attempt import Attempt, ended, read_answer
from .env_cache import cache_in_use
from .env_vars import build_environment
from .finish import BEGUN
from .forked import SEED
from .requirement_lines import are_plain, normalized
from .sandbox import interpreter_places
from .uv import uv_command, uv_environment

#: dpkg's database of packages and their files.
_DPKG = Path("/var/lib/dpkg")
_MOST = 200
#: Modules from a distribution of another name: its name, and the requirement that installs the module.
_BROUGHT = {
    "pkg_resources": ("setuptools", "setuptools<81"),
    "distutils": ("setuptools", "setuptools"),
    "_cffi_backend": ("cffi", "cffi"),
}


def finish_wheel(attempt: Attempt, sdist: Path) -> None:
    """Correct, repair, install and import the one wheel. Raises Failed when a limit ends the correction or the repair.

    The check, which installs and imports it, never fails the build.
    """
    if _only_wheel(attempt) is None:
        return
    finish = attempt.assignment["finish"]
    installed = attempt.work_dir.path / "installed"
    remove(installed)
    installed.mkdir()
    check: Check | None = None
    try:
        code = _run_steps(attempt, sdist, installed if finish["check"] else None)
    except Failed as error:
        if not _take_answers(attempt):
            raise
        check = _beyond_limits(attempt, error)
    else:
        if code:
            attempt.log_line(f"What finishes the wheel ended with {ended(code)}.")
        _take_answers(attempt)
        if finish["check"] and (wheel := _only_wheel(attempt)) is not None:
            try:
                check = _check_installed(attempt, wheel, installed)
            except Failed as error:
                check = _beyond_limits(attempt, error)
    attempt.result["exit_code"] = 0
    if check is None:
        return
    notes = _words(_answer(attempt, "correct").get("said"))
    if check["verdict"] == "imported" and notes:
        check["message"] = " ".join(filter(None, [*notes, check["message"]]))
    attempt.result["check"] = check
    attempt.log_line(f"check: {check['verdict']}. {check['message'] or ''}".rstrip())


def _run_steps(attempt: Attempt, sdist: Path, installed: Path | None) -> int:
    """Run the steps that run no code of the package, all in one process inside; see `finish`. Raises Failed."""
    work_dir, tools, asked = attempt.work_dir, attempt.assignment["tools"], attempt.assignment["finish"]
    attempt.clear_control()
    places = [attempt.place(path) for path in (work_dir.wheels, work_dir.tmp, work_dir.control, sdist)]
    exclude = json.dumps(asked["exclude"] if asked["repair"] else None)
    folder = attempt.place(installed) if installed is not None else ""
    return attempt.inside(
        [tools, "-s", "-m", "wheelfleet.builder.finish", *places, attempt.assignment["target"], exclude, folder],
        {**_without_pythons(_environment(attempt)), **SEED},
        cwd=str(attempt.library),
        # The package's own libraries are found by the paths where they were linked.
        read_only=[
            *interpreter_places(tools),
            attempt.bound(sdist),
            attempt.bound(work_dir.source),
            *_dpkg(),
        ],
        writable=[work_dir.wheels, *([installed] if installed is not None else [])],
    )


def _take_answers(attempt: Attempt) -> bool:
    """Add the steps' answers to the result; returns whether the check was begun, and so all other steps have ended."""
    found, repaired = _answer(attempt, "correct"), _answer(attempt, "repair")
    attempt.result["from_sdist"] = _words(found.get("from_sdist"))
    if _begun(attempt, "repair"):
        attempt.note(phase="repair")
    if repaired:
        attempt.result["repair"] = sanitized_repair(repaired.get("repair"))
        attempt.result["apt"] = _words(repaired.get("apt"))
    if not _begun(attempt, "installers"):
        return False
    attempt.note(phase="check")
    return True


def _begun(attempt: Attempt, step: str) -> bool:
    return os.path.lexists(attempt.work_dir.control / f"{step}{BEGUN}")


def _answer(attempt: Attempt, program: str) -> dict[str, Any]:
    answer = read_answer(attempt.work_dir.control / f"{program}.json")
    return answer if isinstance(answer, dict) else {}


def _beyond_limits(attempt: Attempt, error: Failed) -> Check:
    """The verdict when a limit was reached by the check alone: the wheel was built within the limits."""
    attempt.result["stopped_by"] = None
    return _unchecked(f"Importing it went beyond what a build may use: {error}")


def _check_installed(attempt: Attempt, wheel: Path, installed: Path) -> Check:
    """Import the wheel, which pip and uv have installed, beside its dependencies alone.

    If it imports an undeclared build requirement, that is added and the import repeated, because another build would
    not correct the metadata.
    """
    asked = _answer(attempt, "installers")
    refused = _word(asked.get("refused"))
    if refused:
        return {**_unchecked(refused), "verdict": "failed", "reason": "not-installable"}
    if attempt.adjustments.skip_import:
        return _unchecked("It was not imported, because its recipe says so (skip_import).")
    undeclared: list[str] = []
    answer: dict[str, Any] | None = None
    while True:
        problem = _install(attempt, wheel, installed, asked, undeclared)
        if problem:
            attempt.log_line(problem)
            return _unchecked(problem) if answer is None else _check(answer)
        answer = _import(attempt, installed)
        missing = _built_with(attempt, answer)
        if missing is None or missing in undeclared:
            break
        attempt.log_line(f"It was built with {missing}, which it imports and does not declare: once more with that.")
        undeclared.append(missing)
    check = _check(answer)
    if check["verdict"] == "imported" and undeclared:
        needs = f"It needs {' and '.join(undeclared)} as well, which it does not declare."
        check["message"] = " ".join(filter(None, [needs, check["message"]]))
    return check


def _import(attempt: Attempt, installed: Path) -> dict[str, Any]:
    """What `import_check` says of the wheel; empty if it said nothing.

    It runs the wheel's code, so the wheel and what is installed cannot be written to inside.
    """
    work_dir, tools = attempt.work_dir, attempt.assignment["tools"]
    file = work_dir.control / "import_check.json"
    remove(file)
    places = [attempt.place(path) for path in (work_dir.wheels, work_dir.tmp, file, installed)]
    data = json.dumps(attempt.result["from_sdist"])
    attempt.inside(
        [tools, "-E", "-s", "-m", "wheelfleet.builder.import_check", *places, data],
        _environment(attempt),
        cwd=str(attempt.library),
        read_only=[*interpreter_places(tools), attempt.bound(installed), attempt.bound(work_dir.wheels)],
    )
    return _answer(attempt, "import_check")


def _built_with(attempt: Attempt, answer: dict[str, Any]) -> str | None:
    """The build requirement whose absence made an import fail, as a requirement; None if there is none."""
    missing = answer.get("missing")
    if not isinstance(missing, str):
        return None
    project, requirement = _BROUGHT.get(missing, (missing, ""))
    for known in attempt.result["build_requires"]:
        if normalized(known["name"]) == normalized(project):
            return requirement or known["name"]
    return None


def _only_wheel(attempt: Attempt) -> Path | None:
    """The one regular file with a wheel's name; None otherwise, and collecting the wheels reports the reason."""
    folder = attempt.work_dir.wheels
    wheels = [folder / name for name in visible(folder) if name.endswith(".whl")]
    if len(wheels) != 1 or not stat.S_ISREG(wheels[0].lstat().st_mode):
        return None
    try:
        checked_filename(wheels[0].name)
    except ContractError:
        return None
    return wheels[0]


def _environment(attempt: Attempt) -> dict[str, str]:
    return build_environment(attempt.home, attempt.work_dir, attempt.assignment, attempt.place)


def _without_pythons(environment: dict[str, str]) -> dict[str, str]:
    """Without the variables that Python obeys. Its option -E would leave out SEED too."""
    return {name: value for name, value in environment.items() if not name.startswith("PYTHON")}


def _dpkg() -> list[Path]:
    return [_DPKG] if _DPKG.is_dir() else []


# ------------------------------------------------------------------------------------------------------- installing


def _install(attempt: Attempt, wheel: Path, folder: Path, asked: dict[str, Any], more: Sequence[str]) -> str | None:
    """Install the wheel, its dependencies and `more` into the folder; returns a sentence if that fails, else None.

    `asked` is the answer of `installers` for the wheel alone.

    The dependencies come from the index, as build requirements do: outside, by the builder's cache. The wheel itself is
    unpacked inside, because it may be a zip bomb or write elsewhere.
    """
    dependencies = _needs(asked)
    if dependencies is None:
        return _word(asked.get("unknown")) or "It could not be installed."
    if not are_plain(dependencies):
        return "What it depends on is more than names and versions, so it was not installed with the wheel."
    dependencies = [*dependencies, *more]
    if not dependencies:
        return None
    remove(folder)
    folder.mkdir()
    assignment, asking = attempt.assignment, attempt.work_dir.resolver
    asking.mkdir(exist_ok=True)
    settings = {**uv_environment(attempt.home, assignment, asking), "UV_LINK_MODE": "copy"}
    # Users who install it today get the newest dependencies.
    settings.pop("UV_EXCLUDE_NEWER", None)
    uv = [uv_command(assignment), "pip"]
    options = ["--quiet", "--no-deps", "--only-binary", ":all:", "--python", assignment["tools"], "--target"]
    wanted, locked = asking / "wheel.in", asking / "wheel.txt"
    wanted.write_text("\n".join(dependencies) + "\n", encoding="utf-8")
    compile_options = ["--quiet", "--no-header", "--no-annotate", "--only-binary", ":all:"]
    compile_options += ["--python", assignment["tools"], "--output-file", str(locked)]
    with cache_in_use(attempt.home):
        if attempt.outside([*uv, "compile", *compile_options, str(wanted)], settings):
            return "What it depends on is not to be had as wheels, so nobody could import it; the log says more."
        if locked.read_text(encoding="utf-8").strip() and attempt.outside(
            [*uv, "install", *options, str(folder), "-r", str(locked)], settings
        ):
            return "What it depends on cannot be installed; the log says more."
    command = [*uv, "install", "--no-cache", "--offline", *options, attempt.place(folder), attempt.place(wheel)]
    code = attempt.inside(
        command,
        {**settings, "HOME": attempt.place(attempt.work_dir.home), "TMPDIR": attempt.place(attempt.work_dir.tmp)},
        read_only=[*interpreter_places(assignment["tools"]), attempt.bound(attempt.work_dir.wheels)],
        writable=[folder],
    )
    return "uv does not install the wheel beside what it depends on; the log says why." if code else None


def _needs(asked: dict[str, Any]) -> list[str] | None:
    """The dependencies in its METADATA, with markers; None if the installers could not read them."""
    needs = None if asked.get("unknown") else asked.get("needs")
    return needs if isinstance(needs, list) and all(isinstance(line, str) for line in needs) else None


# ---------------------------------------------------------------------------------- answers, in the form agreed upon


def _check(answer: dict[str, Any]) -> Check:
    if not answer:
        return _unchecked("The check itself came to no end; the log says more.")
    library, missing = answer.get("library"), answer.get("missing")
    failed = answer.get("verdict") == "failed"
    reason = ("missing-library" if library else "missing-module" if missing else None) if failed else None
    check = sanitized_check({**answer, "reason": reason, "subject": (library or missing) if reason else None})
    return check or _unchecked("The check itself said nothing that is understood; the log says more.")


def _unchecked(why: str) -> Check:
    return {"verdict": "unchecked", "modules": [], "message": why, "reason": None, "subject": None}


def _words(answer: object) -> list[str]:
    return [str(word) for word in answer[:_MOST]] if isinstance(answer, list) else []


def _word(answer: object) -> str | None:
    return str(answer) if answer is not None else None
