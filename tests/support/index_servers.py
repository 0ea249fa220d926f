"""The package index servers that people run, as programs in environments of their own, and what they mirror.

Each is a context manager that yields the URL of its simple API. They are installed from pip's configured index and kept
in pytest's cache folder; where one cannot be installed, the test skips.
"""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
import urllib3
from packaging.utils import canonicalize_name

from tests.support.artifacts import Artifact
from tests.support.authority import certify, make_authority
from tests.support.clients import venv_with
from tests.support.interpreters import cpythons
from tests.support.loopback import Answer
from tests.support.servers import StaticServer
from tests.support.upstream import Upstream
from tests.support.upstream_pages import JSON_TYPE
from tests.support.waiting import until

DEVPI = "devpi-server==6.20.3"
BANDERSNATCH = "bandersnatch==8.2.0"
PYPISERVER = "pypiserver==2.4.2"
DUMB_PYPI = "dumb-pypi==1.15.0"
SIMPLE_REPOSITORY_SERVER = "simple-repository-server==0.10.0"
PROXPI = "proxpi==1.3.1"
SIMPLEINDEX = "simpleindex==0.6.3"
#: The oldest Python that this bandersnatch runs on.
_BANDERSNATCH_PYTHON = (3, 12)


def fill(folder: Path, *artifacts: Artifact) -> Path:
    """Put files into a folder, as their owner would."""
    folder.mkdir(parents=True, exist_ok=True)
    for artifact in artifacts:
        (folder / artifact.filename).write_bytes(artifact.data)
    return folder


#: The user whom every devpi-server has.
_USER = "root"


class Devpi:
    """A devpi, whose indexes are mirrors of others or hold files of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._url = f"http://127.0.0.1:{(port := _free_port())}"
        self._port = port
        self._stack = ExitStack()

    def __enter__(self) -> Devpi:
        programs, place = venv_with("devpi", DEVPI) / "bin", ("--serverdir", str(self._folder))
        subprocess.run([programs / "devpi-init", *place, "--no-root-pypi"], check=True, capture_output=True)
        # The time that it waits for an origin.
        options = ("--port", str(self._port), "--request-timeout", "2")
        self._stack.enter_context(_serving(self._port, programs / "devpi-server", *place, *options))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def mirror(self, name: str, origin: str, seconds: int = 1) -> str:
        """Make a mirror of an index, which it asks again after so many seconds; returns the URL of its simple API."""
        options = {"type": "mirror", "mirror_url": origin, "mirror_cache_expiry": seconds}
        return self._make(name, options)

    def own_index(self, name: str, *artifacts: Artifact) -> str:
        """Make an index of files that are uploaded to it; returns the URL of its simple API."""
        url = self._make(name, {"type": "stage", "bases": []})
        for artifact in artifacts:
            fields = {
                ":action": "file_upload",
                "name": artifact.name,
                "version": artifact.version,
                "filetype": {"sdist": "sdist", "wheel": "bdist_wheel"}[artifact.kind],
                "content": (artifact.filename, artifact.data),
            }
            self._ask("POST", f"/{_USER}/{name}/", fields=fields)
        return url

    def _make(self, name: str, options: Mapping[str, Any]) -> str:
        self._ask("PUT", f"/{_USER}/{name}", json=options)
        return f"{self._url}/{_USER}/{name}/+simple/"

    def _ask(self, method: str, path: str, **content: Any) -> None:
        login = urllib3.request("POST", f"{self._url}/+login", json={"user": _USER, "password": ""}).json()
        token = base64.b64encode(f"{_USER}:{login['result']['password']}".encode()).decode()
        answer = urllib3.request(method, self._url + path, headers={"X-Devpi-Auth": token}, **content)
        assert answer.status < 300, answer.data


@contextmanager
def pypiserver(folder: Path, fallback: str | None = None) -> Iterator[str]:
    """By default it sends whoever asks for what it does not have to PyPI; here to `fallback`, or nowhere."""
    port = _free_port()
    other = ["--fallback-url", fallback] if fallback else ["--disable-fallback"]
    program = venv_with("pypiserver", PYPISERVER) / "bin" / "pypi-server"
    with _serving(port, program, "run", "-i", "127.0.0.1", "-p", str(port), *other, str(folder)):
        yield f"http://127.0.0.1:{port}/simple/"


@contextmanager
def simple_repository_server(source: str) -> Iterator[str]:
    """`source` is the URL of an index, or a folder with a folder for each project."""
    port = _free_port()
    program = venv_with("srs", SIMPLE_REPOSITORY_SERVER) / "bin" / "simple-repository-server"
    with _serving(port, program, "--host", "127.0.0.1", "--port", str(port), source):
        yield f"http://127.0.0.1:{port}/simple/"


@contextmanager
def proxpi(origin: str) -> Iterator[str]:
    port = _free_port()
    program = venv_with("proxpi", PROXPI) / "bin" / "flask"
    settings = {"PROXPI_INDEX_URL": origin, "PROXPI_INDEX_TTL": "1"}
    with _serving(port, program, "--app", "proxpi.server", "run", "-p", str(port), settings=settings):
        yield f"http://127.0.0.1:{port}/index/"


@contextmanager
def simpleindex(folder: Path, origin: str) -> Iterator[str]:
    """It has no list of all projects."""
    port = _free_port()
    folder.mkdir(exist_ok=True)
    (folder / "simpleindex.toml").write_text(
        f'[routes."{{project}}"]\nsource = "http"\nto = "{origin}{{project}}/"\n'
        f'[server]\nhost = "127.0.0.1"\nport = {port}\n'
    )
    program = venv_with("simpleindex", SIMPLEINDEX) / "bin" / "simpleindex"
    with _serving(port, program, str(folder / "simpleindex.toml")):
        yield f"http://127.0.0.1:{port}/"


@contextmanager
def dumb_pypi(folder: Path, *artifacts: Artifact) -> Iterator[str]:
    """Its pages, from a list of file names alone, on a plain web server."""
    fill(folder / "pool", *artifacts)
    names = folder / "names.txt"
    names.write_text("".join(f"{artifact.filename}\n" for artifact in artifacts))
    program = venv_with("dumb-pypi", DUMB_PYPI) / "bin" / "dumb-pypi"
    subprocess.run(
        [program, "--package-list", names, "--packages-url", "../../pool/", "--output-dir", folder],
        check=True,
        capture_output=True,
    )
    with StaticServer(folder) as server:
        yield f"{server.url}/simple/"


class LegacyJson(Upstream):
    """The tests' upstream with what bandersnatch wants: TLS, each project's older JSON, and files under /packages/."""

    def __init__(self, certificates: Path) -> None:
        super().__init__()
        make_authority(certificates)
        certify(certificates, "origin", "IP:127.0.0.1")
        self.authority = certificates / "ca.pem"
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificates / "origin.pem", certificates / "origin.key")

    @property
    def url(self) -> str:
        return super().url.replace("http:", "https:")

    def start(self) -> None:
        super().start()
        assert self._server is not None
        self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        if asked := re.fullmatch("/pypi/([^/]+)/json", target):
            return self._legacy_json(asked[1])
        return super().answer(method, target.replace("/packages/", "/files/", 1), headers, body)

    def _legacy_json(self, name: str) -> Answer:
        project = self.project(name)
        if project is None or not project.exists:
            return Answer(404)
        releases: dict[str, list[dict[str, Any]]] = {}
        for file in project.listed:
            artifact = file.artifact
            row = {
                "filename": artifact.filename,
                "url": f"{self.url}/packages/{canonicalize_name(name)}/{artifact.filename}",
                "digests": {"sha256": artifact.sha256},
                "size": len(artifact.data),
                "requires_python": None,
                "upload_time_iso_8601": file.upload_time,
                "yanked": file.yanked is not None,
                "yanked_reason": file.yanked,
            }
            releases.setdefault(artifact.version, []).append(row)
        body = {"info": {"name": project.name}, "last_serial": project.serial, "releases": releases}
        headers = {"Content-Type": "application/json", "X-PyPI-Last-Serial": str(project.serial)}
        return Answer(200, json.dumps(body).encode(), headers)


class BandersnatchTree(StaticServer):
    """What bandersnatch wrote, on a web server that gives JSON to who accepts it; if not `by_accept`, HTML to all."""

    def __init__(self, folder: Path, *, by_accept: bool) -> None:
        super().__init__(folder / "web")
        self.by_accept = by_accept

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        page = self.directory / target.strip("/") / "index.v1_json"
        if self.by_accept and target.endswith("/") and page.is_file():
            return Answer(200, page.read_bytes(), {"Content-Type": JSON_TYPE, "Vary": "Accept"})
        return super().answer(method, target, headers, body)


def bandersnatch(folder: Path, origin: LegacyJson) -> None:
    """Let bandersnatch mirror an origin into a folder; a second call fetches news."""
    python = next((each for each in reversed(cpythons()) if _version(each) >= _BANDERSNATCH_PYTHON), None)
    if python is None:
        pytest.skip(f"{BANDERSNATCH} needs Python 3.12")
    configuration = folder.with_suffix(".conf")
    configuration.write_text(
        f"[mirror]\ndirectory = {folder}\nmaster = {origin.url}\njson = false\ntimeout = 10\nglobal-timeout = 60\n"
        "workers = 2\nhash-index = false\nsimple-format = ALL\nstop-on-error = true\nverifiers = 2\n"
        "storage-backend = filesystem\ncompare-method = hash\n"
    )
    program = venv_with("bandersnatch", BANDERSNATCH, python=str(python)) / "bin" / "bandersnatch"
    done = subprocess.run(
        [program, "-c", configuration, "mirror"],
        env={**_environment(), "SSL_CERT_FILE": str(origin.authority)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def _version(python: Path) -> tuple[int, ...]:
    asked = [python, "-c", "import sys; print(*sys.version_info[:2])"]
    return tuple(map(int, subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _environment() -> dict[str, str]:
    """This process's environment without settings of pip and without proxies, so that nothing but loopback is asked."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PIP_") and not k.lower().endswith("_proxy")}


@contextmanager
def _serving(port: int, *command: str | Path, settings: Mapping[str, str] | None = None) -> Iterator[None]:
    with subprocess.Popen(
        command,
        env={**_environment(), **(settings or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            until(lambda: process.poll() is not None or _listens(port), f"{command[0]} listens on {port}", 120)
            assert process.poll() is None, f"{command} has ended with {process.returncode}"
            yield
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
