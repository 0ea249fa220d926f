"""Builds real sdists that plain pip cannot build: `python -m benchmarks corpus`.

pip and wheelfleet work on one booted host of the lab, which has a compiler and Python's headers, and reaches the index
and the distribution's archive. `pip wheel --no-deps --no-binary NAME` builds each sdist of `corpus.yml` there, with
pip's default isolation. Then a fleet of that one builder builds all of them; it may install missing packages
(`builder_apt_autoinstall`) and runs until nothing is left to try. The page docs/corpus.md is printed; progress, and
results other than `corpus.yml` expects, go to standard error.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import yaml
from packaging.utils import canonicalize_name
from wheelfleet.admission.classify import classify

from tests.lab import Lab, missing
from tests.lab.registries import registry_hosts
from tests.lab.settings import Settings
from tests.support.fleet_operator import FleetOperator
from tests.support.operator import Operator

_HOST = "pi1"
#: The virtual environment of plain pip on the host.
_VENV = "/tmp/pip"
_LIST = Path(__file__).with_name("corpus.yml")
#: Seconds for one `pip wheel`, and characters of its output that are classified.
_PATIENCE, _OUTPUT = 600, 4 << 20
#: Runs of build.yml, at most: each applies the remedies for the failures of the one before.
_RUNS = 6


@dataclass(frozen=True)
class Entry:
    """An sdist, the cause of pip's failure, and the fleet's expected result."""

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
    """The fleet's last result for an sdist, and its first failure class."""

    built: bool
    failure: str
    sentence: str
    remedies: tuple[str, ...] = ()


def entries(path: Path = _LIST) -> list[Entry]:
    """Read the list. An entry without `built` is expected to be built if it names a remedy."""
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


class _Controller(FleetOperator):
    """An operator whose commands resolve the registries to the gateway's address, as needed in the lab's network."""

    def command(self, *arguments: str, playbook: str = "build.yml") -> list[str]:
        hosts = self.root / "hosts"
        self.root.mkdir(parents=True, exist_ok=True)
        lines = ["127.0.0.1 localhost", *(f"{self.lab.gateway} {name}" for name in registry_hosts())]
        hosts.write_text("".join(f"{line}\n" for line in lines))
        seen = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]
        return [*seen, *super().command(*arguments, playbook=playbook)]


def measure() -> None:
    """Print the page."""
    reason = missing()
    if reason is not None:
        sys.exit(f"The corpus is built on a booted host, which this machine cannot have: {reason}.")
    listed = entries()
    lab = Lab(replace(Settings.from_environment(), name="corpus", memory="6G"))
    with tempfile.TemporaryDirectory() as scratch:
        try:
            lab.up()
            lab.up(_HOST)
            operator = _operator(Path(scratch), lab, listed)
            operator.play("playbooks/provision.yml", timeout=1800)
            host = lab.ssh(_HOST, ". /etc/os-release; echo $PRETTY_NAME, $(uname -m), $(python3 --version)").strip()
            lab.ssh(_HOST, f"python3 -m venv {_VENV} && {_VENV}/bin/pip install --quiet --upgrade pip")
            pip = {entry: _plain_pip(lab, entry) for entry in listed}
            endings = _fleet(operator, listed)
            operator.close()
        finally:
            lab.down()
    print(*_page(host, listed, pip, endings), sep="\n")
    for entry in listed:
        for what in _surprises(entry, pip[entry], endings[entry]):
            _say(f"{entry.release}: {what}")


def _operator(root: Path, lab: Lab, listed: list[Entry]) -> FleetOperator:
    variables = {
        "controller_packages": [f"{entry.name}=={entry.version}" for entry in listed],
        "controller_build": "always",
        "controller_timeout": 30,
        "builder_limit_seconds": _PATIENCE,
        "builder_repair": True,
        "builder_check_imports": True,
        "builder_apt_packages": ["build-essential", "python3-dev", "python3-venv"],
        "builder_apt_lookup": True,
        "builder_apt_autoinstall": True,
    }
    return _Controller(root / "fleet", variables, (_HOST,), lab=lab)


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
    failed = next((row for row in rows if row["failure_class"]), None)
    return Ending(
        last["outcome"] == "built",
        failed["failure_class"] if failed is not None else "",
        last["sentence"] or "",
        tuple(remedy["name"] for remedy in json.loads(last["remedies"] or "[]")),
    )


def _plain_pip(lab: Lab, entry: Entry) -> str | None:
    """The failure of plain pip, as failure class and sentence; None if it makes the wheel."""
    pip = f"{_VENV}/bin/pip wheel --no-deps --no-binary {entry.name} --wheel-dir /tmp/wheels"
    wheel = f"timeout {_PATIENCE} {pip} {entry.name}=={entry.version} 2>&1"
    _say(f"pip wheel {entry.release}")
    began = time.monotonic()
    log, _, code = (
        lab.ssh(_HOST, f"{wheel}; code=$?; echo; echo $code", stdin=subprocess.DEVNULL, errors="replace")
        .rstrip()
        .rpartition("\n")
    )
    if code == "0":
        return None
    if code == "124":
        return f"still at it after {_PATIENCE} s"
    said = classify({"phase": "build", "exit_code": int(code), "message": ""}, log[-_OUTPUT:], entry.name)
    return f"{said.failure_class}: {said.sentence} ({time.monotonic() - began:.0f} s)"


def _page(host: str, listed: list[Entry], pip: dict[Entry, str | None], endings: dict[Entry, Ending]) -> list[str]:
    failing = [entry for entry in listed if pip[entry] is not None]
    built = [entry for entry in failing if endings[entry].built]
    lines = [
        "# What pip gives up on",
        "",
        f"Plain pip fails on these {len(failing)} real sdists on {host}, with a compiler and Python's headers.",
        "As far as possible each fails for another reason.",
        f"wheelfleet builds {len(built)} of them there.",
        "It may install what builds miss (`builder_apt_autoinstall`), and imports what it built.",
        "",
        "`python -m benchmarks corpus` makes this page, and tries both in one run.",
        "`benchmarks/corpus.yml` lists the sdists, and says what is expected of each.",
        "",
        "| sdist | why pip fails | wheelfleet | what was done, or what it says |",
        "|---|---|---|---|",
    ]
    for entry in failing:
        ending = endings[entry]
        what = "built" if ending.built else f"`{ending.failure}`"
        helped = ", ".join(f"`{each}`" for each in ending.remedies) or "the missing package, by apt"
        said = helped if ending.built else ending.sentence
        lines.append(f"| {entry.release} | {_cell(entry.why)} | {what} | {_cell(said)} |")
    return lines


def _surprises(entry: Entry, pip: str | None, ending: Ending) -> list[str]:
    found = []
    if pip is None:
        found.append("plain pip builds it; it does not belong into this list any more")
    else:
        _say(f"{entry.release}: pip: {pip}")
        if not pip.startswith(f"{entry.failure}:"):
            found.append(f"expected pip to fail by {entry.failure}")
    if ending.built != entry.built:
        found.append(f"expected {'a wheel' if entry.built else 'no wheel'}: {ending.failure} {ending.sentence}")
    if ending.failure not in (entry.failure, ""):
        found.append(f"expected the class {entry.failure}, not {ending.failure}: {ending.sentence}")
    return found


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
