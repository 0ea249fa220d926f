"""An operator: an inventory in a folder of its own, and real ansible-playbook runs."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from elftools.elf.elffile import ELFFile

from tests.support.processes import family, kill

REPOSITORY = Path(__file__).resolve().parents[2]
ANSIBLE_PLAYBOOK = Path(sys.executable).with_name("ansible-playbook")


@dataclass(frozen=True)
class Run:
    """One finished ansible-playbook."""

    returncode: int
    output: str

    @property
    def changed(self) -> int:
        """The sum of `changed` over the hosts of the recap."""
        return sum(int(n) for n in re.findall(r"\bchanged=(\d+)", self.output))

    @property
    def recap(self) -> dict[str, dict[str, int]]:
        """The recap's counts by host: {"localhost": {"ok": 9, "changed": 0, …}}."""
        lines = re.findall(r"^(\S+)\s+: (ok=\d+.*)$", self.output, re.MULTILINE)
        return {host: {key: int(n) for key, n in re.findall(r"(\w+)=(\d+)", counts)} for host, counts in lines}

    @property
    def failed(self) -> int:
        """The sum of `failed` and `unreachable` over the hosts of the recap."""
        return sum(int(n) for n in re.findall(r"\b(?:failed|unreachable)=(\d+)", self.output))

    def lines(self, pattern: str) -> list[str]:
        """The lines of the output that match a pattern."""
        return [line for line in self.output.splitlines() if re.search(pattern, line)]


@dataclass
class Operator:
    """An operator with everything in `root`: inventory, state, builder's home, site."""

    root: Path
    variables: dict[str, Any] = field(default_factory=dict)
    builders: Sequence[str] = ("localhost",)
    ansible_playbook: Path = field(default=ANSIBLE_PLAYBOOK, kw_only=True)

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def home(self) -> Path:
        return self.root / "builder"

    @property
    def site(self) -> Path:
        return self.state / "site"

    def inventory(self) -> dict[str, Any]:
        """The inventory as data for YAML."""
        return {
            "controller": {"hosts": {"localhost": None}},
            "builders": {"hosts": dict.fromkeys(self.builders)},
            "webnodes": {"hosts": {"localhost": None}},
            "all": {
                "vars": {
                    "ansible_connection": "local",
                    "ansible_python_interpreter": sys.executable,
                    "controller_state_dir": str(self.state),
                    "controller_cooldown_hours": 0,
                    "controller_timeout": 5,
                    "builder_home": str(self.home),
                    "builder_user": "",
                    "builder_provision": False,
                    # It would fetch the distribution's contents index.
                    "builder_apt_lookup": False,
                    "builder_pythons": [sys.executable],
                    "builder_limit_seconds": 120,
                    # Most tests' wheels need neither, and each build would take seconds longer.
                    "builder_repair": False,
                    "builder_check_imports": False,
                    **self.variables,
                }
            },
        }

    def command(self, *arguments: str, playbook: str = "build.yml") -> list[str]:
        """Write the inventory; returns the command that runs a playbook with it."""
        self.root.mkdir(parents=True, exist_ok=True)
        path = self.root / "hosts.yml"
        path.write_text(yaml.safe_dump(self.inventory()))
        return [str(self.ansible_playbook), "-i", str(path), *arguments, playbook]

    @property
    def environment(self) -> dict[str, str]:
        """This process's environment without its settings of pip, Ansible and pytest."""
        ours = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "ANSIBLE_", "PYTEST_", "COLUMNS"))}
        return {**ours, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}

    def start(self, *arguments: str, playbook: str = "build.yml", **options: Any) -> subprocess.Popen[str]:
        """Start a run without waiting; standard input is empty, because ssh would change it."""
        return subprocess.Popen(
            self.command(*arguments, playbook=playbook),
            cwd=REPOSITORY,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **options,
        )

    @contextmanager
    def running(self, *arguments: str, **options: Any) -> Iterator[subprocess.Popen[str]]:
        """Start a run that a test disturbs; all its processes are killed at the end."""
        process = self.start(*arguments, **options)
        try:
            yield process
        finally:
            if process.poll() is None:
                kill(*family(process.pid))
                process.communicate()

    def build(self, *arguments: str, expect: int | None = 0) -> Run:
        """Run build.yml to its end; `expect` is the exit status, None for any."""
        return self.play("build.yml", *arguments, expect=expect)

    def play(self, playbook: str, *arguments: str, expect: int | None = 0, timeout: float = 600) -> Run:
        """Run a playbook, by its path in the repository, to its end; it is killed after `timeout` seconds."""
        with self.start(*arguments, playbook=playbook) as process:
            try:
                output, _ = process.communicate(timeout=timeout)
            except BaseException:
                process.kill()
                raise
        run = Run(process.returncode, output)
        assert expect is None or run.returncode == expect, run.output
        return run

    # -------------------------------------------------------------- questions

    def query(self, sql: str, *values: object) -> list[sqlite3.Row]:
        """Query the catalog."""
        with sqlite3.connect(f"file:{self.state / 'catalog.sqlite'}?mode=ro", uri=True) as db:
            db.row_factory = sqlite3.Row
            return db.execute(sql, values).fetchall()

    def attempts(self) -> list[tuple[str, str]]:
        """The attempts with a result, as (project, outcome)."""
        rows = self.query(
            "SELECT p.name, a.outcome FROM attempt a JOIN release r ON r.id = a.release_id "
            "JOIN project p ON p.id = r.project_id WHERE a.state = 'done' ORDER BY p.name, a.finished_at"
        )
        return [(row["name"], row["outcome"]) for row in rows]

    def wheels(self) -> list[str]:
        """The file names of the wheels that the site's index lists."""
        pages = sorted(self.site.glob("simple/*/index.json"))
        return sorted(file["filename"] for page in pages for file in json.loads(page.read_text())["files"])

    def log(self, path: str) -> str:
        """An attempt's log, by its path in the catalog."""
        return gzip.decompress((self.state / "logs" / path).read_bytes()).decode(errors="replace")

    def machines(self, wheel: str) -> set[str]:
        """The machines of a published wheel's compiled files, by ELF's names."""
        (path,) = self.site.glob(f"files/*/{wheel}")
        with zipfile.ZipFile(path) as archive:
            compiled = [io.BytesIO(archive.read(name)) for name in archive.namelist() if name.endswith(".so")]
        return {ELFFile(part).get_machine_arch() for part in compiled}

    def verdicts(self) -> Mapping[str, str]:
        """The verdicts by project and version."""
        rows = self.query(
            "SELECT p.name, r.version, w.verdict FROM release_target w JOIN release r ON r.id = w.release_id "
            "JOIN project p ON p.id = r.project_id"
        )
        return {f"{row['name']} {row['version']}": row["verdict"] for row in rows}

    def processes(self) -> list[int]:
        """The PIDs of this builder's workers, runners and builds, which have its mark in their environment."""
        mark = f"WHEELFLEET_HOME={self.home.resolve()}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    environment = (entry / "environ").read_bytes().split(b"\0")
                    command = (entry / "cmdline").read_bytes()
                except OSError:
                    continue
                if mark in environment or (
                    b"wheelfleet.builder.worker" in command and str(self.home).encode() in command
                ):
                    found.append(int(entry.name))
        return found
