"""Files that name what is in scope, read on the controller: requirements files by pip itself, lock files by PEP 751."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.pylock import is_valid_pylock_path

from ..upstream.pip_config import redacted
from .lock_files import read_lock_file
from .requirements_files import Line, RequirementsFile
from .scope import BadScope

_READER = Path(__file__).with_name("read_by_pip.py")
#: Files that tools write for themselves, and the command that makes a lock file of each.
_OTHERS = {
    "uv.lock": "uv export --format pylock.toml -o pylock.toml",
    "pdm.lock": "pdm export -f pylock -o pylock.toml",
    "poetry.lock": "poetry export -o requirements.txt",
    "Pipfile.lock": "pipenv requirements > requirements.txt",
    "pyproject.toml": "pip lock .",
}


def read_requirements_files(paths: Sequence[str]) -> list[RequirementsFile]:
    """Read files in their order, with the pip of this process's Python. Raises BadScope if a file cannot be read."""
    for path in paths:
        if (cure := _OTHERS.get(Path(path).name)) is not None:
            raise BadScope(
                f"controller_requirements names {path}, which is no requirements file and no lock file of PEP 751; "
                f"make one of it (`{cure}`) and name that."
            )
    locked = {path: read_lock_file(path) for path in paths if is_valid_pylock_path(Path(path))}
    others = [path for path in paths if path not in locked]
    read = dict(zip(others, _read_by_pip(others), strict=True))
    return [locked.get(path) or read[path] for path in paths]


def _read_by_pip(paths: Sequence[str]) -> list[RequirementsFile]:
    if not paths:
        return []
    asked = subprocess.run(
        [sys.executable, "-I", str(_READER)], input=json.dumps(list(paths)), capture_output=True, text=True, check=False
    )
    try:
        found = json.loads(asked.stdout)
    except ValueError:
        complaint = (asked.stderr.strip().splitlines() or [f"exit status {asked.returncode}"])[-1]
        raise BadScope(
            f"The pip of {sys.executable} cannot read requirements files ({redacted(complaint)}); "
            f"put that right until `{sys.executable} -m pip --version` names 22 or newer."
        ) from None
    return [_file(path, lines) for path, lines in zip(paths, found, strict=True)]


def _file(path: str, lines: Iterable[Mapping[str, Any]]) -> RequirementsFile:
    kinds: dict[str, list[Line]] = {}
    for line in lines:
        if line["number"] is None:
            raise BadScope(
                f"controller_requirements names {path}, which cannot be read ({redacted(line['why'])}); "
                "correct the name or remove it."
            )
        read = Line(redacted(line["text"]), redacted(line["path"]), line["number"], redacted(line["why"]))
        kinds.setdefault(line["kind"], []).append(read)
    return RequirementsFile(
        path,
        *(tuple(kinds.get(kind, ())) for kind in ("requirement", "constraint", "option", "problem", "ignored")),
    )
