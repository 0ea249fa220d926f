"""Real sdists that plain pip cannot build here, and what wheelfleet makes of them: `python -m benchmarks corpus`.

Needs the index that pip on this machine is configured for. Each sdist of `corpus.yml` is given to `pip wheel --no-deps
--no-binary NAME`, isolated as pip does by default, and then all of them to one fleet of this machine, which runs
until it has nothing left to try. The page that is printed is docs/corpus.md; lines about what goes on, and what did
not come as `corpus.yml` expects, go to standard error.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml
from packaging.utils import canonicalize_name
from wheelfleet.admit.classify import classify
from wheelfleet.upstream.pip_config import pip_settings

from tests.support.operator import Operator

_LIST = Path(__file__).with_name("corpus.yml")
#: Seconds that one `pip wheel` may take, and bytes of its output that are read.
_PATIENCE, _OUTPUT = 600, 4 << 20
#: Runs of build.yml after which it is enough: each applies what the failures of the one before suggest.
_RUNS = 6


@dataclass(frozen=True)
class Entry:
    """An sdist, why pip fails, and what is expected of the fleet: a wheel, or the class that stays."""

    name: str
    version: str
    why: str
    failure: str
    remedy: str | None
    built: bool

    @property
    def release(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Ending:
    """What the fleet made of an sdist in the end."""

    built: bool
    failure: str
    sentence: str
    remedies: tuple[str, ...] = ()


def entries(path: Path = _LIST) -> list[Entry]:
    """The list; a `built: false` is left out of the file where a remedy is named."""
    rows = yaml.safe_load(path.read_text())
    return [
        Entry(
            row["name"],
            str(row["version"]),
            row["why"],
            row["class"],
            row.get("remedy"),
            row.get("built", row.get("remedy") is not None),
        )
        for row in rows
    ]


def measure() -> None:
    """Print the page."""
    listed = entries()
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        operator = _operator(root, listed)
        endings = _fleet(operator, listed)
        (python,) = (operator.home / "tools").glob("*/bin/python")
        pip = {entry: _plain_pip(python, root / "pip", entry) for entry in listed}
    print(*_page(listed, pip, endings), sep="\n")
    for entry in listed:
        for what in _surprises(entry, pip[entry], endings[entry]):
            _say(f"{entry.release}: {what}")


def _operator(root: Path, listed: list[Entry]) -> Operator:
    variables = {
        "controller_packages": [f"{entry.name}=={entry.version}" for entry in listed],
        "controller_build": "always",
        "controller_timeout": 30,
        "builder_limit_seconds": _PATIENCE,
    }
    return Operator(root / "fleet", variables)


def _fleet(operator: Operator, listed: list[Entry]) -> dict[Entry, Ending]:
    before = -1
    for number in range(_RUNS):
        operator.play("build.yml", timeout=7200)
        attempts = len(operator.attempts())
        _say(f"run {number + 1}: {attempts} attempts so far")
        if attempts == before:
            break
        before = attempts
    return {entry: _ending(operator, entry) for entry in listed}


def _ending(operator: Operator, entry: Entry) -> Ending:
    rows = operator.query(
        "SELECT a.* FROM attempt a JOIN release r ON r.id = a.release_id JOIN project p ON p.id = r.project_id "
        "WHERE p.name = ? AND a.state = 'done' ORDER BY a.finished_at",
        canonicalize_name(entry.name),
    )
    if not rows:
        verdict = operator.verdicts().get(f"{canonicalize_name(entry.name)} {entry.version}", "not wanted")
        return Ending(False, "", f"never tried: {verdict}")
    last = rows[-1]
    failed = next((row for row in rows if row["class"]), None)
    return Ending(
        last["outcome"] == "built",
        failed["class"] if failed is not None else "",
        last["sentence"] or "",
        tuple(remedy["name"] for remedy in json.loads(last["remedies"] or "[]")),
    )


def _plain_pip(python: Path, place: Path, entry: Entry) -> str | None:
    """What plain pip ends with, in the classifier's words; None if it makes the wheel."""
    settings = pip_settings()
    place.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"], "HOME": str(place), "PIP_CONFIG_FILE": os.devnull}
    command = [str(python), "-m", "pip", "wheel", "--no-deps", "--no-binary", entry.name, "--wheel-dir", str(place)]
    where = ["--index-url", str(settings.index_url), *(["--cert", settings.cert] if settings.cert else [])]
    began = time.monotonic()
    _say(f"pip wheel {entry.release}")
    try:
        ended = subprocess.run(
            [*command, *where, f"{entry.name}=={entry.version}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"still at it after {_PATIENCE} s"
    if ended.returncode == 0:
        return None
    log = ended.stdout[-_OUTPUT:].decode("utf-8", "replace")
    said = classify({"phase": "build", "exit_code": 1, "message": ""}, log, entry.name)
    return f"{said.sentence} ({time.monotonic() - began:.0f} s)"


def _page(listed: list[Entry], pip: dict[Entry, str | None], endings: dict[Entry, Ending]) -> list[str]:
    failing = [entry for entry in listed if pip[entry] is not None]
    built = [entry for entry in failing if endings[entry].built]
    lines = [
        "# What pip gives up on",
        "",
        f"{len(failing)} real sdists on which plain pip fails with Python {platform.python_version()} on"
        f" {platform.machine()}, each for another reason as far as possible; wheelfleet builds {len(built)} of them.",
        "Made by `python -m benchmarks corpus`, which tries both in one run; `benchmarks/corpus.yml` lists the sdists,",
        "and says what is expected of each.",
        "",
        "| sdist | why pip fails | wheelfleet | what was done, or what it says |",
        "|---|---|---|---|",
    ]
    for entry in failing:
        ending = endings[entry]
        what = "built" if ending.built else f"`{ending.failure}`"
        said = ", ".join(ending.remedies) if ending.built else ending.sentence
        lines.append(f"| {entry.release} | {_cell(entry.why)} | {what} | {_cell(said)} |")
    return lines


def _surprises(entry: Entry, pip: str | None, ending: Ending) -> list[str]:
    found = []
    if pip is None:
        found.append("plain pip builds it; it does not belong into this list any more")
    else:
        _say(f"{entry.release}: pip: {pip}")
    if ending.built != entry.built:
        found.append(f"expected {'a wheel' if entry.built else 'no wheel'}: {ending.failure} {ending.sentence}")
    if ending.failure not in (entry.failure, ""):
        found.append(f"expected the class {entry.failure}, not {ending.failure}: {ending.sentence}")
    return found


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
