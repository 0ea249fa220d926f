"""The environment that a build's backend runs in: shared and read-only if possible, else private.

uv resolves the build requirements among wheels alone. That runs no package code, so it may happen outside the sandbox,
with the builder's cache. Builds with the same result share one environment. If wheels do not suffice, pip builds and
installs sdists inside the sandbox, in an environment of this one build.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from ..atomic_files import remove
from ..contract.log_lines import OURS
from ..contract.reasons import Failed
from ..contract.result import Requirement
from ..credentials import without_password
from . import bytecode
from .allowed_servers import AllowedServers
from .attempt import Attempt, ended
from .env_cache import cache_in_use, environment, remember, remembered
from .env_vars import listed, pip_environment
from .requirement_lines import are_plain, normalized, unpinned
from .sandbox import Place, certificate_places, interpreter_places, local_places
from .uv import dated_options, uv_command, uv_environment

#: Part of an environment's key: change it when environments are made differently.
_FORM = "1"
_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
_INSTALLED = re.compile(r"([A-Za-z0-9._]+)-([^-]+)(?:-py[0-9.]+)?\.(?:dist-info|egg-info)")


class Environment(NamedTuple):
    """An environment, by its paths inside the sandbox."""

    python: str
    installed: list[Requirement]
    read_only: list[Path | Place]
    writable: list[Path]


class EnvironmentMaker:
    """Makes the environments of one build; they last until `stack` is closed."""

    def __init__(self, attempt: Attempt, stack: ExitStack) -> None:
        self._attempt = attempt
        self._stack = stack
        self._with_sdists = False
        attempt.work_dir.resolver.mkdir()

    def make(self, requirements: list[str]) -> Environment:
        """Make an environment with the requirements of the package and the assignment. Raises Failed.

        Call it again when the package's backend names more requirements.
        """
        attempt = self._attempt
        wanted = sorted({*unpinned(requirements, attempt.adjustments.constraints), *attempt.adjustments.requires})
        lock = "" if not wanted else None
        if wanted and not self._with_sdists and are_plain(wanted):
            lock = _resolve(attempt, wanted)
        if lock is not None:
            provided = _locked(attempt, self._stack, lock, wanted)
        else:
            provided = _built_inside(attempt, wanted, fresh=not self._with_sdists)
            self._with_sdists = True
        attempt.note(build_requires=provided.installed)
        return provided


# ------------------------------------------------------------------------------------------------------ wheels alone


def _resolve(attempt: Attempt, wanted: list[str]) -> str | None:
    """The wheels that meet the requirements, as a lock file with hashes; None if wheels do not suffice."""
    assignment, folder = attempt.assignment, attempt.work_dir.resolver
    settings = uv_environment(attempt.home, assignment, folder)
    adjusted = [attempt.adjustments.constraints, attempt.adjustments.undated]
    question = [_FORM, wanted, *adjusted, _interpreter(attempt), _public(settings)]
    name = hashlib.sha256(json.dumps(question, sort_keys=True).encode()).hexdigest()
    known = remembered(attempt.home, name)
    if known is not None:
        return known
    lines, constraints, lock = (folder / name for name in ("requirements.in", "constraints.txt", "requirements.txt"))
    lines.write_text("\n".join(wanted) + "\n", encoding="utf-8")
    constraints.write_text("\n".join(attempt.adjustments.constraints) + "\n", encoding="utf-8")
    command = [uv_command(assignment), "pip", "compile", "--quiet", "--no-header", "--no-annotate", "--generate-hashes"]
    command += ["--only-binary", ":all:", "--python", assignment["tools"], "--constraints", str(constraints)]
    command += dated_options(assignment, attempt.adjustments.undated)
    with cache_in_use(attempt.home):
        code = attempt.outside([*command, "--output-file", str(lock), str(lines)], settings)
    if code:
        attempt.log_line("There are no wheels for these requirements; sdists among them are built inside the sandbox.")
        return None
    answer = lock.read_text(encoding="utf-8")
    remember(attempt.home, name, answer)
    return answer


def _locked(attempt: Attempt, stack: ExitStack, lock: str, wanted: list[str]) -> Environment:
    assignment = attempt.assignment
    installed: list[Requirement] = [{"name": name, "version": version} for name, version in _PIN.findall(lock)]
    if not attempt.sandboxed:
        # Without a sandbox the build could write to a shared environment.
        _install(attempt, attempt.work_dir.environment, lock, wanted, link="copy")
        return _private(attempt, installed)
    settings = uv_environment(attempt.home, assignment, attempt.work_dir.resolver)
    made_of = [_FORM, lock, _interpreter(attempt), _public(settings)]
    key = hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:32]

    def make(folder: Path) -> None:
        _install(attempt, folder, lock, wanted, link="hardlink")
        _compile(attempt, folder)

    try:
        folder = stack.enter_context(environment(attempt.home, key, make, attempt.seconds_left))
    except TimeoutError as error:
        raise Failed(str(error), "builder-failed") from error
    inside = attempt.place(attempt.work_dir.environment)
    return Environment(f"{inside}/bin/python", installed, [Place(folder, inside)], [])


def _install(attempt: Attempt, folder: Path, lock: str, wanted: list[str], link: str) -> None:
    """Make a virtual environment and install the lock file's wheels; that runs no package code. Raises Failed."""
    assignment = attempt.assignment
    settings = {**uv_environment(attempt.home, assignment, attempt.work_dir.resolver), "UV_LINK_MODE": link}
    _make_empty(attempt, folder)
    if not lock:
        return
    pinned = attempt.work_dir.resolver / "requirements.txt"
    pinned.write_text(lock, encoding="utf-8")
    # uv runs the environment's Python to inspect it. That is safe because the environment is still empty.
    command = [uv_command(assignment), "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--require-hashes", "--python", str(folder / "bin" / "python"), "-r", str(pinned)]
    command += dated_options(assignment, attempt.adjustments.undated)
    code = attempt.outside(command, settings, folder)
    if code:
        raise _cannot(wanted, "uv", code)


def _compile(attempt: Attempt, folder: Path) -> None:
    """Compile to bytecode, because builds cannot write there. The tools' Python compiles and runs none of the code."""
    interpreter = hashlib.sha256(json.dumps(_interpreter(attempt)).encode()).hexdigest()[:32]
    store = attempt.home.cache / bytecode.FOLDER / interpreter
    if bytecode.link(store, _packages(folder)):
        return
    command = [attempt.assignment["tools"], "-I", "-S", "-m", "compileall", "-q", "-q", *map(str, _packages(folder))]
    # Code for another version of Python does not compile, which is no error.
    attempt.outside(command, uv_environment(attempt.home, attempt.assignment, attempt.work_dir.resolver), folder)
    bytecode.keep(store, _packages(folder))


def _make_empty(attempt: Attempt, folder: Path) -> None:
    assignment = attempt.assignment
    settings = uv_environment(attempt.home, assignment, attempt.work_dir.resolver)
    remove(folder)
    command = [uv_command(assignment), "venv", "--quiet", "--relocatable", "--no-project"]
    code = attempt.outside([*command, "--python", assignment["tools"], str(folder)], settings)
    if code:
        why = f"No build environment could be made (uv: {ended(code)}); provision the builder again."
        raise Failed(why, "not-provisioned")


# ---------------------------------------------------------------------------------------------------- sdists as well


def _built_inside(attempt: Attempt, wanted: list[str], fresh: bool) -> Environment:
    work_dir, assignment = attempt.work_dir, attempt.assignment
    urls = [
        *(assignment["index_url"], assignment["own_index_url"]),
        *listed(assignment["pip_options"].get("extra_index_url")),
        *listed(assignment["pip_options"].get("find_links")),
    ]
    # An index mostly keeps its files on the server of the sdist.
    allowed = AllowedServers(
        [*urls, assignment["sdist"]["url"]], work_dir.resolver, lambda *asked: _read_pages(attempt, *asked)
    )
    begins = 0

    def install() -> int:
        nonlocal begins
        begins = attempt.log_size()
        if fresh:
            _make_empty(attempt, work_dir.environment)
        attempt.clear_control()
        lines, constraints = work_dir.control / "build-requires.txt", work_dir.control / "constraints.txt"
        # In a file, because only there pip applies environment markers.
        lines.write_text("\n".join(wanted) + "\n", encoding="utf-8")
        constraints.write_text("\n".join(attempt.adjustments.constraints) + "\n", encoding="utf-8")
        settings = pip_environment(attempt.home, work_dir, assignment, attempt.place)
        # By environment, so that it also holds for the builds that pip starts.
        settings["PIP_CONSTRAINT"] = settings["PIP_BUILD_CONSTRAINT"] = attempt.place(constraints)
        python = f"{attempt.place(work_dir.environment)}/bin/python"
        command = [assignment["tools"], "-I", "-m", "pip", "--python", python, "install", "--use-pep517"]
        command += ["--no-compile", "--no-warn-script-location", "--progress-bar", "off", "-r", attempt.place(lines)]
        return attempt.inside(
            command,
            settings,
            read_only=[
                *interpreter_places(assignment["tools"]),
                *certificate_places(settings, assignment["pip_options"].get("cert")),
                *local_places(*urls),
            ],
            writable=[work_dir.environment],
            allowed=allowed,
        )

    code = allowed.run(install, lambda: attempt.log_since(begins))
    if code:
        raise _cannot(wanted, "pip", code)
    return _private(attempt, _installed(work_dir.environment))


def _read_pages(attempt: Attempt, answer: Path, names: list[str]) -> None:
    folder = str(attempt.work_dir.resolver)
    settings = pip_environment(attempt.home, attempt.work_dir, attempt.assignment)
    settings.update({"HOME": folder, "TMPDIR": folder, "PIP_KEYRING_PROVIDER": "disabled"})
    program = attempt.library / "wheelfleet" / "builder" / "named_servers.py"
    attempt.log_line(f"{OURS}reads the pages of {', '.join(names)}, to see where their files are")
    attempt.outside([attempt.assignment["tools"], "-I", str(program), str(answer), *names], settings)


def _private(attempt: Attempt, installed: list[Requirement]) -> Environment:
    folder = attempt.work_dir.environment
    return Environment(f"{attempt.place(folder)}/bin/python", installed, [], [folder])


def _installed(folder: Path) -> list[Requirement]:
    """The installed projects by the names of their folders, because the contents are untrusted."""
    found = {}
    for packages in _packages(folder):
        for name in os.listdir(packages):  # noqa: PTH208 - names only
            match = _INSTALLED.fullmatch(name)
            if match:
                found[normalized(match[1])] = match[2]
    return [{"name": name, "version": version} for name, version in sorted(found.items())]


# ------------------------------------------------------------------------------------------------------------ common


def _packages(folder: Path) -> list[Path]:
    return [*folder.glob("lib/*/site-packages"), *folder.glob("site-packages")]


def _interpreter(attempt: Attempt) -> list[object]:
    """Facts that differ between this interpreter and its successor under the same name."""
    real = Path(os.path.realpath(attempt.assignment["tools"]))
    about = real.stat()
    return [attempt.assignment["tools"], str(real), about.st_size, about.st_mtime_ns]


def _public(settings: dict[str, str]) -> list[str]:
    """The settings that decide which files uv takes, without passwords."""
    names = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "UV_NO_INDEX", "UV_EXCLUDE_NEWER")
    return [
        *(f"{name} {' '.join(map(without_password, settings[name].split()))}" for name in names if name in settings)
    ]


def _cannot(wanted: list[str], tool: str, code: int) -> Failed:
    why = f"The build requirements ({', '.join(wanted)}) cannot be installed ({tool}: {ended(code)})."
    return Failed(why, "requirements-failed")
