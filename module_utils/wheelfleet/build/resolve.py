"""Requirements files resolved as pip on the target would: by that pip, in a dry run, under the limits of a build.

pip may have to run the code of sdists for their metadata; that is why it happens on a builder and not on the
controller, and in the sandbox.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import sandbox
from .environment import listed, pip_environment
from .gate import gated, reach
from .protocol import SCHEMA, Assignment, Home, Limits, Workshop, remove, unadjusted
from .supervise import run

#: How much of pip's last words goes into the sentence.
_LAST_WORDS = 300
#: Bytes of pip's report, which package code may have written.
_LARGEST_REPORT = 64 << 20


def resolve(
    home: Path,
    tools: str,
    requirements: str,
    constraints: str,
    *,
    index_url: str,
    own_index_url: str | None,
    pip_options: Mapping[str, Any],
    limits: Limits,
    sandboxed: bool,
) -> dict[str, Any]:
    """The closure of a requirements file: {"pins": [[name, version], ...], "problem": None or one sentence}.

    Only releases of an index are pins; what a file or URL provides is nobody's release.
    """
    why_not = sandbox.probe() if sandboxed else None
    if why_not is not None:
        return {"pins": [], "problem": why_not}
    attempt = f"resolve-{secrets.token_hex(6)}"
    # A home of its own: a worker takes what lies in its work/ for builds, and what bears its mark for leftovers.
    place = Home(home / "resolve")
    workshop = place.workshop(attempt)
    try:
        for folder in (workshop.home, workshop.tmp):
            folder.mkdir(parents=True)
        files = {"requirements.txt": requirements, "constraints.txt": constraints}
        for name, text in files.items():
            (workshop.path / name).write_text(text, encoding="utf-8")
        assignment: Assignment = {
            "schema": SCHEMA,
            "attempt": attempt,
            "order": 0,
            "name": "requirements",
            "version": "0",
            "sdist": {"filename": "none", "url": "", "sha256": None, "size": None, "upload_time": None},
            "target": "",
            "tools": tools,
            "index_url": index_url,
            "own_index_url": own_index_url,
            "crates_index": None,
            "pip_options": dict(pip_options),
            "limits": limits,
            "alone": False,
            "environment": {},
            "jobs": 1,
            "sandbox": sandboxed,
            "adjust": unadjusted(),
            "finish": {"repair": False, "exclude": [], "check": False},
        }
        environment = pip_environment(place, workshop, assignment)
        # A client's pip takes the newest release it can use, wheel or not; the builds' own preference would hide some.
        del environment["PIP_PREFER_BINARY"]
        report = workshop.home / "report.json"
        command = [tools, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--report", str(report)]
        for option, name in (("--requirement", "requirements.txt"), ("--constraint", "constraints.txt")):
            command += [option, str(workshop.path / name)]
        if sandboxed:
            shown = [workshop.path / name for name in files]
            command = _inside(command, home / "lib", workshop, assignment, environment, shown)
        log = workshop.path / "log"
        with log.open("wb", buffering=0) as output:
            ending = run(
                command,
                environment=environment,
                cwd=workshop.path,
                folder=workshop.path,
                log=output,
                limits=limits,
            )
        if ending.exit_code != 0:
            return {"pins": [], "problem": _problem(ending.message, log)}
        try:
            return {"pins": _pins(report), "problem": None}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return {"pins": [], "problem": "pip's report on the requirements file cannot be read."}
    finally:
        remove(workshop.path)


def _inside(
    command: list[str],
    library: Path,
    workshop: Workshop,
    assignment: Assignment,
    environment: Mapping[str, str],
    files: list[Path],
) -> list[str]:
    """`command` in the sandbox, with a gate to the indexes; both run from `library`, for a module has no files."""
    tools, options = assignment["tools"], assignment["pip_options"]
    more = [word for name in ("extra_index_url", "find_links") for word in listed(options.get(name))]
    urls = [assignment["index_url"], assignment["own_index_url"], *more]
    shown: list[Path | sandbox.Place] = [*sandbox.interpreter_places(tools), *sandbox.local_places(*urls), *files]
    shown += sandbox.certificate_places(environment, options.get("cert"))
    inside = sandbox.sandboxed(
        command,
        room=sandbox.make_room_for(workshop.path / "room"),
        read_only=shown,
        writable=[sandbox.Place(folder, str(folder)) for folder in (workshop.home, workshop.tmp)],
        hidden=[library.parent],
        door=tools,
        library=library,
    )
    return gated(inside, reach(urls), library=library)


def _pins(report: Path) -> list[list[str]]:
    """What pip found. Raises OSError, ValueError, KeyError or TypeError when that is not what is there."""
    # A link would read another file, a pipe would wait for ever.
    with os.fdopen(os.open(report, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST_REPORT:
            raise ValueError
        installs = json.load(file)["install"]
    found = (item["metadata"] for item in installs if not item["is_direct"])
    return sorted([str(metadata["name"]), str(metadata["version"])] for metadata in found)


def _problem(message: str | None, log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line.partition("ERROR:")[2].strip() for line in lines if line.startswith("ERROR:")]
    said = message or (errors or lines or ["it said nothing"])[-1]
    return f"pip cannot resolve the requirements file: {said[:_LAST_WORDS]}"
