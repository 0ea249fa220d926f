"""Builds real sdists that plain pip cannot build: `python -m benchmarks corpus corpus-2`, or one of both lists.

pip and wheelfleet work on one booted host of the lab for each Debian of the list. The host has a compiler and Python's
headers, and reaches the index and the distribution's archive. `pip wheel --no-deps --no-binary NAME` builds each sdist
of the list in `corpus.yml` there, with pip's default isolation. Then a fleet of that one builder builds all of them; it
may install missing packages (`builder_apt_autoinstall`) and runs until nothing is left to try. The list's page in docs/
is written; progress, and results other than `corpus.yml` expects, go to standard error.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml
from packaging.utils import canonicalize_name
from wheelfleet.admission.classify import classify

from tests.lab import Lab, missing
from tests.lab.registries import registry_hosts
from tests.lab.settings import Settings
from tests.support.fleet_operator import FleetOperator
from tests.support.operator import REPOSITORY, Operator

_HOST = "pi1"
#: The virtual environment of plain pip on the host.
_VENV = "/tmp/pip"
_LISTS = Path(__file__).with_name("corpus.yml")
#: Seconds for one `pip wheel`, and characters of its output that are classified.
_PATIENCE, _OUTPUT = 600, 4 << 20
#: Runs of build.yml, at most: each applies the remedies for the failures of the one before.
_RUNS = 6


@dataclass(frozen=True, eq=False)
class Entry:
    """An sdist, the causes of pip's failures, and the fleet's expected results.

    `failure` has the class of pip's failure by suite, as far as it is known. `built` are the suites where the fleet is
    expected to make a wheel.
    """

    name: str
    version: str
    why: str
    failure: Mapping[str, str]
    built: frozenset[str]
    kind: str = ""
    wanted: str = ""

    @property
    def release(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True)
class Corpus:
    """A list of sdists: `suites` are Debian's releases on which it is built, `seconds` the limit of one build."""

    name: str
    suites: tuple[str, ...]
    seconds: int
    head: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Ending:
    """The fleet's last result for an sdist, with its first and last failure class."""

    built: bool
    first: str
    last: str
    sentence: str
    remedies: tuple[str, ...] = ()


@dataclass(frozen=True)
class Trial:
    """What pip (its failure, or None) and the fleet made of the sdists on one host; those not tried are in neither."""

    host: str
    pip: Mapping[Entry, str | None]
    endings: Mapping[Entry, Ending]


def corpus(name: str = "corpus", path: Path = _LISTS) -> Corpus:
    """Read a list."""
    listed = yaml.safe_load(path.read_text())[name]
    suites = tuple(listed["suites"])
    return Corpus(
        name, suites, listed["seconds"], listed["head"], tuple(_entry(row, suites) for row in listed["sdists"])
    )


def _entry(row: Mapping[str, Any], suites: Sequence[str]) -> Entry:
    """One that names no suites means all of them. One without `built` is expected to be built if it names a remedy."""
    failure, built = row["class"], row.get("built", row.get("remedy") is not None)
    return Entry(
        row["name"],
        str(row["version"]),
        row["why"],
        failure if isinstance(failure, dict) else dict.fromkeys(suites, failure),
        frozenset((suites if built else ()) if isinstance(built, bool) else built),
        row.get("kind", ""),
        row.get("wanted", ""),
    )


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
    """Try the first list and write its page."""
    _measure(corpus())


def measure_second() -> None:
    """Try the second list and write its page."""
    _measure(corpus("corpus-2"))


def _measure(listed: Corpus) -> None:
    reason = missing()
    if reason is not None:
        sys.exit(f"The corpus is built on a booted host, which this machine cannot have: {reason}.")
    trials = {suite: _tried(listed, suite) for suite in listed.suites}
    (REPOSITORY / "docs" / f"{listed.name}.md").write_text("\n".join([*page(listed, trials), ""]))
    for suite, trial in trials.items():
        for entry in listed.entries:
            _say(f"{suite}: {entry.release}: pip: {trial.pip[entry] or 'builds it'}")
            for what in _surprises(entry, suite, trial):
                _say(f"{suite}: {entry.release}: {what}")


def _tried(listed: Corpus, suite: str) -> Trial:
    settings = Settings.from_environment()
    lab = Lab(replace(settings, name="corpus", suite=suite, memory="6G", disk="24G"))
    with tempfile.TemporaryDirectory() as scratch:
        try:
            lab.up()
            lab.up(_HOST)
            operator = _operator(Path(scratch), lab, listed)
            operator.play("playbooks/provision.yml", timeout=1800)
            host = lab.ssh(_HOST, ". /etc/os-release; echo $PRETTY_NAME, $(uname -m), $(python3 --version)").strip()
            lab.ssh(_HOST, f"python3 -m venv {_VENV} && {_VENV}/bin/pip install --quiet --upgrade pip")
            pip = {entry: _plain_pip(lab, entry) for entry in listed.entries}
            endings = _fleet(operator, listed.entries)
            operator.close()
        finally:
            lab.down()
    return Trial(host, pip, endings)


def _operator(root: Path, lab: Lab, listed: Corpus) -> FleetOperator:
    variables = {
        "controller_packages": [f"{entry.name}=={entry.version}" for entry in listed.entries],
        "controller_build": "always",
        "controller_timeout": 30,
        "builder_limit_seconds": listed.seconds,
        "builder_repair": True,
        "builder_check_imports": True,
        "builder_apt_packages": ["build-essential", "python3-dev", "python3-venv"],
        "builder_apt_lookup": True,
        "builder_apt_autoinstall": True,
        # Nearly every sdist of the lists needs another library.
        "builder_apt_budget": "4G",
    }
    return _Controller(root / "fleet", variables, (_HOST,), lab=lab)


def _fleet(operator: Operator, listed: Sequence[Entry]) -> dict[Entry, Ending]:
    before = -1
    for number in range(_RUNS):
        operator.play("build.yml", timeout=4 * 3600)
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
        return Ending(False, "", "", f"never tried: {verdict}")
    last = rows[-1]
    failed = next((row for row in rows if row["failure_class"]), None)
    return Ending(
        last["outcome"] == "built",
        failed["failure_class"] if failed is not None else "",
        last["failure_class"] or "",
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
    # pip's own words about an index that was slow to answer.
    log = re.sub(r"(?m)^\s*WARNING: Retrying \(.*\n", "", log[-_OUTPUT:])
    said = classify({"phase": "build", "exit_code": int(code), "message": ""}, log, entry.name)
    return f"{said.failure_class}: {said.sentence} ({time.monotonic() - began:.0f} s)"


def page(listed: Corpus, trials: Mapping[str, Trial]) -> list[str]:
    """The lines of the list's page, by suite."""
    several = len(trials) > 1
    lines = [
        "# What pip gives up on" + (", on two releases of Debian" if several else ""),
        "",
        f"Plain pip fails on these {len(listed.entries)} real sdists, with a compiler and Python's headers.",
        listed.head,
        *(line for trial in trials.values() for line in _sum(listed, trial)),
        "It may install what builds miss (`builder_apt_autoinstall`), and imports what it built.",
        "",
        f"`python -m benchmarks {listed.name}` makes this page, and tries both in one run.",
        "`benchmarks/corpus.yml` lists the sdists, and says what is expected of each.",
        *(["It also says why owners of a Pi want it."] if several else []),
    ]
    for trial in trials.values():
        lines += [*(["", f"## {trial.host}"] if several else []), "", *_table(trial)]
    return lines


def _sum(listed: Corpus, trial: Trial) -> list[str]:
    failing = _failing(trial)
    built = sum(trial.endings[entry].built for entry in failing)
    lines = [f"On {trial.host}, wheelfleet builds {built} of the {len(failing)} that pip does not."]
    untried = [entry.release for entry in listed.entries if entry not in trial.pip or entry not in trial.endings]
    return [*lines, *([f"Not run there yet: {', '.join(untried)}."] if untried else [])]


def _failing(trial: Trial) -> list[Entry]:
    return [entry for entry, failure in trial.pip.items() if failure is not None and entry in trial.endings]


def _table(trial: Trial) -> list[str]:
    lines = ["| sdist | why pip fails | wheelfleet | what was done, or what it says |", "|---|---|---|---|"]
    for entry in _failing(trial):
        ending = trial.endings[entry]
        what = "built" if ending.built else f"`{ending.last or 'never tried'}`"
        helped = ", ".join(f"`{each}`" for each in ending.remedies) or "the missing package, by apt"
        said = helped if ending.built else ending.sentence
        lines.append(f"| {entry.release} | {_cell(entry.why)} | {what} | {_cell(said)} |")
    return lines


def _surprises(entry: Entry, suite: str, trial: Trial) -> list[str]:
    found = []
    pip, ending, expected = trial.pip[entry], trial.endings[entry], entry.failure.get(suite)
    if pip is None and expected is not None:
        found.append("plain pip builds it; it does not belong into this list any more")
    elif pip is not None and expected is not None and not pip.startswith(f"{expected}:"):
        found.append(f"expected pip to fail by {expected}")
    if ending.built != (suite in entry.built):
        found.append(f"expected {'a wheel' if suite in entry.built else 'no wheel'}: {ending.last} {ending.sentence}")
    if expected is not None and ending.first not in (expected, ""):
        found.append(f"expected the class {expected}, not {ending.first}: {ending.sentence}")
    return found


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
