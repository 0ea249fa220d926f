"""The steps after a build, outside the sandbox: correct, repair, install and import the wheel.

Programs that open the wheel or run its code run inside the sandbox: `correct`, `repair`, `installers` (pip and uv) and
`import_check`. The wheel's dependencies are untrusted too, so uv gets them outside only if they are plain names and
versions.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Sequence
from pathlib import Path

from ..atomic_files import remove, visible
from ..contract.assignment import checked_filename
from ..contract.reasons import Failed
from ..contract.result import Check, sanitized_check, sanitized_repair
from ..contract.shape import ContractError
from .attempt import Attempt, read_answer
from .env_cache import cache_in_use
from .env_vars import build_environment
from .requirement_lines import are_plain, normalized
from .sandbox import Place, interpreter_places
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


def correct_wheel(attempt: Attempt, sdist: Path) -> list[str]:
    """Pack the one wheel again if it contradicts itself; returns sentences for the verdict."""
    if _only_wheel(attempt) is None:
        return []
    arguments = [attempt.place(sdist), attempt.assignment["target"]]
    answer = _run(attempt, "correct", arguments, [attempt.bound(sdist)], [attempt.work_dir.wheels])
    attempt.result["exit_code"] = 0
    if not isinstance(answer, dict):
        attempt.log_line("The wheel could not be looked into; it is left as it was built.")
        return []
    attempt.result["from_sdist"] = _words(answer.get("from_sdist"))
    notes = _words(answer.get("said"))
    attempt.log_line(*notes)
    return notes


def repair_wheel(attempt: Attempt) -> None:
    """Repair the one platform wheel and pack it again. Raises Failed when a limit ends that."""
    wheel = _only_wheel(attempt)
    if wheel is None or wheel.name.endswith("-any.whl") or not attempt.assignment["finish"]["repair"]:
        return
    attempt.enter("repair")
    # The package's own libraries are found by the paths where they were linked.
    read_only: list[Path | Place] = [attempt.bound(attempt.work_dir.source), *_dpkg()]
    exclude = json.dumps(attempt.assignment["finish"]["exclude"])
    answer = _run(attempt, "repair", [exclude], read_only, [attempt.work_dir.wheels])
    if not isinstance(answer, dict):
        attempt.log_line("The wheel could not be repaired; it is left as it was built.")
        return
    attempt.result["repair"] = sanitized_repair(answer.get("repair"))
    attempt.result["apt"] = _words(answer.get("apt"))


def check_wheel(attempt: Attempt, notes: Sequence[str] = ()) -> None:
    """Install the one wheel with its dependencies and import its modules. This never fails the build.

    `notes` are sentences on the wheel for the check's message.
    """
    wheel = _only_wheel(attempt)
    if wheel is None or not attempt.assignment["finish"]["check"]:
        return
    attempt.enter("check")
    try:
        check = _check_installed(attempt, wheel)
    except Failed as error:
        # A limit was reached here, but the wheel was built within the limits.
        check = _unchecked(f"Importing it went beyond what a build may use: {error}")
        attempt.result["stopped_by"] = None
    if check["verdict"] == "imported" and notes:
        check["message"] = " ".join(filter(None, [*notes, check["message"]]))
    attempt.result["exit_code"] = 0
    attempt.result["check"] = check
    attempt.log_line(f"check: {check['verdict']}. {check['message'] or ''}".rstrip())


def _check_installed(attempt: Attempt, wheel: Path) -> Check:
    """Install the wheel with pip and uv, then import it beside its dependencies alone.

    If it imports an undeclared build requirement, that is added and the import repeated, because another build would
    not correct the metadata.
    """
    installed = attempt.work_dir.path / "installed"
    remove(installed)
    installed.mkdir()
    asked = _run(
        attempt,
        "installers",
        [attempt.place(installed)],
        [attempt.bound(attempt.work_dir.wheels)],
        [installed],
    )
    refused = _word(asked.get("refused")) if isinstance(asked, dict) else None
    if refused:
        return {**_unchecked(refused), "verdict": "failed", "reason": "not-installable"}
    if attempt.adjustments.skip_import:
        return _unchecked("It was not imported, because its recipe says so (skip_import).")
    undeclared: list[str] = []
    answer: object = None
    while True:
        problem = _install(attempt, wheel, installed, asked, undeclared)
        if problem:
            attempt.log_line(problem)
            return _unchecked(problem) if answer is None else _check(answer)
        read_only = [attempt.bound(installed), attempt.bound(attempt.work_dir.wheels)]
        data = json.dumps(attempt.result["from_sdist"])
        answer = _run(attempt, "import_check", [attempt.place(installed), data], read_only, [])
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


def _built_with(attempt: Attempt, answer: object) -> str | None:
    """The build requirement whose absence made an import fail, as a requirement; None if there is none."""
    missing = answer.get("missing") if isinstance(answer, dict) else None
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


def _run(
    attempt: Attempt,
    program: str,
    arguments: Sequence[str],
    read_only: Sequence[Path | Place],
    writable: Sequence[Path],
) -> object:
    """Run one of this package's programs in the sandbox; returns the JSON that it wrote, or None."""
    work_dir, tools = attempt.work_dir, attempt.assignment["tools"]
    file = work_dir.control / f"{program}.json"
    # The build may have left a file of that name.
    remove(file)
    places = [attempt.place(path) for path in (work_dir.wheels, work_dir.tmp, file)]
    attempt.inside(
        [tools, "-E", "-s", "-m", f"wheelfleet.builder.{program}", *places, *arguments],
        build_environment(attempt.home, work_dir, attempt.assignment, attempt.place),
        cwd=str(attempt.library),
        read_only=[*interpreter_places(tools), *read_only],
        writable=writable,
    )
    return read_answer(file)


def _dpkg() -> list[Path]:
    return [_DPKG] if _DPKG.is_dir() else []


# ------------------------------------------------------------------------------------------------------- installing


def _install(attempt: Attempt, wheel: Path, folder: Path, asked: object, more: Sequence[str]) -> str | None:
    """Install the wheel, its dependencies and `more` into the folder; returns a sentence if that fails, else None.

    `asked` is the answer of `installers` for the wheel alone.

    The dependencies come from the index, as build requirements do: outside, by the builder's cache. The wheel itself is
    unpacked inside, because it may be a zip bomb or write elsewhere.
    """
    dependencies = _needs(asked)
    if dependencies is None:
        return (_word(asked.get("unknown")) if isinstance(asked, dict) else None) or "It could not be installed."
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


def _needs(asked: object) -> list[str] | None:
    """The dependencies in its METADATA, with markers; None if the installers could not read them."""
    needs = asked.get("needs") if isinstance(asked, dict) and not asked.get("unknown") else None
    return needs if isinstance(needs, list) and all(isinstance(line, str) for line in needs) else None


# ---------------------------------------------------------------------------------- answers, in the form agreed upon


def _check(answer: object) -> Check:
    if not isinstance(answer, dict):
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
