"""The real clients of an index, in several versions, as programs that a test runs.

They are installed from pip's configured index and kept in pytest's cache folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
import tomllib
from packaging.utils import canonicalize_name
from packaging.version import Version
from wheelfleet.upstream.pip_config import pip_settings

_CACHE = Path(__file__).resolve().parents[2] / ".pytest_cache" / "d" / "clients"
_UV = str(Path(sys.executable).with_name("uv"))
#: Prefixes of variables that would pass a developer's settings to a client.
_PREFIXES = ("PIP_", "UV_", "POETRY_", "PDM_", "XDG_")
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


class ClientFailed(Exception):
    """The client failed; the message is its command and output."""


@dataclass(frozen=True)
class Outcome:
    """A client's result: the chosen version of each of `packages`, by normalised name, and its output."""

    packages: Mapping[str, str]
    said: str


@dataclass(frozen=True)
class Client:
    """A client of one version (empty: this environment's). Its cache and other files are in the test's `home`."""

    program: str
    version: str

    def __str__(self) -> str:
        return f"{self.program} {self.version}".strip()

    @property
    def reads_metadata(self) -> bool:
        """Whether it resolves by `.metadata` files alone, without the wheels (PEP 714)."""
        return True

    def resolve(self, index_url: str, home: Path, *requirements: str, binary_only: bool = False) -> Outcome:
        """Choose versions without installing. Raises ClientFailed."""
        raise NotImplementedError

    def install(self, index_url: str, home: Path, *requirements: str, binary_only: bool = False) -> Outcome:
        """Install into an empty folder. Raises ClientFailed."""
        raise NotImplementedError

    def _run(self, home: Path, *command: str, stdin: str = "", **environment: str) -> str:
        home.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            command,
            cwd=home,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith(_PREFIXES)},
                "HOME": str(home),
                "NO_COLOR": "1",
                "COLUMNS": "500",
                **environment,
            },
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            raise ClientFailed(f"{' '.join(command)}\n{done.stdout}")
        return done.stdout


class Pip(Client):
    """Any pip on this interpreter, from a folder of its own in PYTHONPATH."""

    @property
    def reads_metadata(self) -> bool:
        # From 22.3 on pip reads an older key, which PEP 714 replaced. Our pages do not have it: it breaks some pips.
        return Version(self.version) >= Version("23.2")

    def resolve(
        self, index_url: str, home: Path, *requirements: str, binary_only: bool = False, then: str = ""
    ) -> Outcome:
        """As Client.resolve; `then` is the address of an extra index."""
        report = home / "report.json"
        choice = ["--dry-run", "--ignore-installed", "--report", str(report)]
        choice += ["--extra-index-url", then] if then else []
        said = self._pip(index_url, home, *choice, *requirements, binary_only=binary_only)
        found = [row["metadata"] for row in json.loads(report.read_text())["install"]]
        return Outcome({canonicalize_name(row["name"]): row["version"] for row in found}, said)

    def install(
        self, index_url: str, home: Path, *requirements: str, binary_only: bool = False, then: str = ""
    ) -> Outcome:
        """As Client.install; `then` is the address of an extra index."""
        target = _empty(home / "target")
        choice = ["--extra-index-url", then] if then else []
        said = self._pip(index_url, home, *choice, "--target", str(target), *requirements, binary_only=binary_only)
        return Outcome(_installed(target), said)

    def _pip(self, index_url: str, home: Path, *arguments: str, binary_only: bool) -> str:
        # Over plain http, pip caches only pages of trusted hosts.
        options = ["--index-url", index_url, "--trusted-host", "127.0.0.1", "--cache-dir", str(home / "cache")]
        if binary_only:
            options += ["--only-binary", ":all:"]
        return self._run(
            home,
            str(_bare_python()),
            *("-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-color"),
            *options,
            *arguments,
            PYTHONPATH=str(_pip_folder(self.version)),
            PIP_CONFIG_FILE=os.devnull,
        )


class Uv(Client):
    """The uv of this environment."""

    def resolve(
        self, index_url: str, home: Path, *requirements: str, binary_only: bool = False, then: str = ""
    ) -> Outcome:
        """As Client.resolve; `then` is the address of an index for projects that the first one does not have."""
        options = self._options(then or index_url, home, binary_only)
        options += ["--index", index_url] if then else []
        said = self._run(home, _UV, "pip", "compile", *options, "--no-annotate", "-", stdin="\n".join(requirements))
        pins = (line.partition("==") for line in said.splitlines() if "==" in line and " " not in line)
        return Outcome({name: version for name, _, version in pins}, said)

    def install(
        self, index_url: str, home: Path, *requirements: str, binary_only: bool = False, then: str = ""
    ) -> Outcome:
        """As Client.install; `then` is the address of an index that is compared with the first one."""
        target = _empty(home / "target")
        choice = ["--index", then, "--index-strategy", "unsafe-best-match"] if then else []
        options = [*choice, *self._options(index_url, home, binary_only), "--target", str(target)]
        said = self._run(home, _UV, "pip", "install", *options, *requirements)
        return Outcome(_installed(target), said)

    def _options(self, index_url: str, home: Path, binary_only: bool) -> list[str]:
        options = ["--no-config", "--default-index", index_url, "--cache-dir", str(home / "cache")]
        options += ["--python", str(_bare_python())]
        return [*options, "--only-binary", ":all:"] if binary_only else options


class ProjectClient(Client):
    """A client of projects: the requirements are in pyproject.toml, the chosen versions in its lock file."""

    lock_file = ""

    def resolve(self, index_url: str, home: Path, *requirements: str, binary_only: bool = False) -> Outcome:
        project = _empty(home / "project")
        (project / "pyproject.toml").write_text(self._pyproject(index_url, requirements))
        said = self._run_in(home, "lock")
        locked = tomllib.loads((project / self.lock_file).read_text())["package"]
        return Outcome({row["name"]: row["version"] for row in locked}, said)

    def install(self, index_url: str, home: Path, *requirements: str, binary_only: bool = False) -> Outcome:
        said = self.resolve(index_url, home, *requirements).said
        said += self._run_in(home, *self._install_command())
        return Outcome(_installed(next((home / "project" / ".venv" / "lib").glob("*/site-packages"))), said)

    def _pyproject(self, index_url: str, requirements: Sequence[str]) -> str:
        return (
            f'[project]\nname = "consumer"\nversion = "1"\nrequires-python = "=={_PYTHON}.*"\n'
            f"dependencies = {json.dumps(requirements)}\n{self._settings(index_url)}"
        )

    def _settings(self, index_url: str) -> str:
        raise NotImplementedError

    def _install_command(self) -> Sequence[str]:
        raise NotImplementedError

    def _environment(self, home: Path) -> Mapping[str, str]:
        raise NotImplementedError

    def _requirements(self) -> Sequence[str]:
        return [f"{self.program}=={self.version}"]

    def _run_in(self, home: Path, *command: str) -> str:
        venv = home / "project" / ".venv"
        if not venv.exists():
            _make_venv(venv)
        program = venv_with(self.program, *self._requirements()) / "bin" / self.program
        place = {"VIRTUAL_ENV": str(venv), "PATH": f"{venv}/bin:{os.environ['PATH']}"}
        return self._run(
            home, str(program), *command, "--project", str(home / "project"), **place, **self._environment(home)
        )


class Poetry(ProjectClient):
    lock_file = "poetry.lock"

    def _settings(self, index_url: str) -> str:
        return (
            "[tool.poetry]\npackage-mode = false\n"
            f'[[tool.poetry.source]]\nname = "fleet"\nurl = "{index_url}"\npriority = "primary"\n'
        )

    def _install_command(self) -> Sequence[str]:
        return ["install", "--no-root"]

    def _environment(self, home: Path) -> Mapping[str, str]:
        return {
            "POETRY_CACHE_DIR": str(home / "cache"),
            "POETRY_CONFIG_DIR": str(home / "config"),
            "POETRY_DATA_DIR": str(home / "data"),
            "POETRY_KEYRING_ENABLED": "false",
            "POETRY_NO_INTERACTION": "1",
        }


class Pdm(ProjectClient):
    lock_file = "pdm.lock"

    def _requirements(self) -> Sequence[str]:
        # pdm's own requirements allow newer versions that it does not work with.
        return [*super()._requirements(), "hishel<2", "unearth==0.18.1"]

    def _settings(self, index_url: str) -> str:
        return (
            "[tool.pdm]\ndistribution = false\n"
            f'[[tool.pdm.source]]\nname = "pypi"\nurl = "{index_url}"\nverify_ssl = false\n'
        )

    def _install_command(self) -> Sequence[str]:
        return ["install", "--no-self"]

    def _environment(self, home: Path) -> Mapping[str, str]:
        return {
            "PDM_CACHE_DIR": str(home / "cache"),
            "PDM_CONFIG_FILE": str(home / "pdm.toml"),
            "PDM_CHECK_UPDATE": "false",
            "PDM_NON_INTERACTIVE": "1",
        }


#: pips that read pages in different ways, among them the first with JSON (22.2), Debian 12's (23.0.1), one of the first
#: with PEP 714 (23.2.1), Debian 13's (25.1.1), and the newest.
PIPS = [Pip("pip", version) for version in ("22.2", "22.3.1", "23.0.1", "23.2.1", "24.0", "25.1.1", "26.1", "26.3")]
UV = Uv("uv", "")
POETRY = Poetry("poetry", "2.5.1")
PDM = Pdm("pdm", "2.29.3")
CLIENTS: list[Client] = [*PIPS, UV, POETRY, PDM]


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _installed(folder: Path) -> dict[str, str]:
    found = (path.name.removesuffix(".dist-info").split("-") for path in folder.glob("*.dist-info"))
    return {canonicalize_name(name): version for name, version in found}


def _make_venv(folder: Path, python: str = sys.executable) -> None:
    _uv("venv", "--quiet", "--python", python, str(folder))


def _uv(*arguments: str) -> None:
    """Run uv with pip's index and certificates. Skips the test if it fails."""
    environment = dict(os.environ, UV_NO_CONFIG="1")
    settings = pip_settings()
    if settings.cert:
        environment["SSL_CERT_FILE"] = settings.cert
    if settings.index_url:
        environment["UV_DEFAULT_INDEX"] = settings.index_url
    done = subprocess.run([_UV, *arguments], env=environment, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{' '.join(arguments)} fails here: {done.stderr}")


def _kept(name: str, *facts: str) -> tuple[Path, bool]:
    """The cache's folder for a name and facts, and whether it is complete."""
    digest = hashlib.sha256(repr((sys.version, sys.executable, facts)).encode()).hexdigest()[:12]
    folder = _CACHE / f"{name}-{digest}"
    return folder, (folder / "complete").exists()


@cache
def _made(name: str, kind: str, *requirements: str, python: str = sys.executable) -> Path:
    folder, complete = _kept(name, kind, python, *requirements)
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        # Other test runs may be making the same folder.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete:
            shutil.rmtree(folder, ignore_errors=True)
            if kind == "venv":
                _make_venv(folder, python)
                place = ["--python", str(folder / "bin" / "python")]
            else:
                place = ["--python", sys.executable, "--target", str(folder)]
            if requirements:
                _uv("pip", "install", "--quiet", *place, *requirements)
            (folder / "complete").touch()
    return folder


def _pip_folder(version: str) -> Path:
    if sys.version_info >= (3, 12) and Version(version) < Version("23.2"):
        pytest.skip(f"pip {version} does not run on Python {_PYTHON}")
    return _made(f"pip-{version}", "target", f"pip=={version}")


def venv_with(program: str, *requirements: str, python: str = sys.executable) -> Path:
    """A virtual environment that has these requirements. Skips the test where it cannot be made."""
    return _made(program, "venv", *requirements, python=python)


def _bare_python() -> Path:
    return _made("bare", "venv") / "bin" / "python"
