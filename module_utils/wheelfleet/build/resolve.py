"""Requirements files resolved as pip on the target would: by that pip, in a dry run, under the limits of a build.

pip may have to run the code of sdists for their metadata; that is why it happens on a builder and not on the
controller.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .environment import build_environment
from .protocol import SCHEMA, Assignment, Home, Limits, remove
from .supervise import run

#: How much of pip's last words goes into the sentence.
_LAST_WORDS = 300


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
) -> dict[str, Any]:
    """The closure of a requirements file: {"pins": [[name, version], ...], "problem": None or one sentence}.

    Only releases of an index are pins; what a file or URL provides is nobody's release.
    """
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
            "pip_options": dict(pip_options),
            "limits": limits,
            "alone": False,
            "environment": {},
            "jobs": 1,
            "sandbox": False,
            "adjust": {
                "constraints": [],
                "requires": [],
                "uploaded_before": None,
                "patches": [],
                "config_settings": {},
            },
            "finish": {"repair": False, "exclude": [], "check": False},
        }
        environment = build_environment(place, workshop, assignment)
        # A client's pip takes the newest release it can use, wheel or not; the builds' own preference would hide some.
        del environment["PIP_PREFER_BINARY"]
        report = workshop.path / "report.json"
        command = [tools, "-m", "pip", "install", "--dry-run", "--ignore-installed", "--quiet"]
        command += ["--report", str(report), "--requirement", str(workshop.path / "requirements.txt")]
        command += ["--constraint", str(workshop.path / "constraints.txt")]
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
        installs = json.loads(report.read_text(encoding="utf-8"))["install"]
        pins = [[item["metadata"]["name"], item["metadata"]["version"]] for item in installs if not item["is_direct"]]
        return {"pins": sorted(pins), "problem": None}
    finally:
        remove(workshop.path)


def _problem(message: str | None, log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line.partition("ERROR:")[2].strip() for line in lines if line.startswith("ERROR:")]
    said = message or (errors or lines or ["it said nothing"])[-1]
    return f"pip cannot resolve the requirements file: {said[:_LAST_WORDS]}"
