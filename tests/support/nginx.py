"""The real nginx on loopback, configured by the webnode role's templates, as a process of the test."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import pytest
import urllib3

if TYPE_CHECKING:
    from typing import Self

ROLES = Path(__file__).resolve().parents[2] / "roles"
#: The roles that configure nginx; dependencies come first.
NGINX_ROLES = [ROLES / "webnode", ROLES / "cache"]
NGINX = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
#: Placeholders in a rendered configuration, replaced for each server of a test.
LISTEN, ROOT, LOG_FOLDER = "127.0.0.1:9", "/the/published/tree", "/var/log/nginx"
#: A missing path; once its request is answered, all earlier requests are in the log.
BARRIER = "/-nothing-of-this-name-"


def rendered(template: str, **variables: object) -> str:
    """A template (ROLE/templates/…), rendered by Ansible with the roles' defaults and these variables."""
    with tempfile.TemporaryDirectory(prefix="nginx-conf-") as folder:
        configuration = Path(folder, "nginx.conf")
        given = {
            "ansible_python_interpreter": sys.executable,
            # The role sets these on the web node.
            "webnode_ipv6": {"stat": {"exists": False}},
            "webnode_nginx": {"stderr": "nginx version: nginx/1.18.0"},
            **variables,
        }
        task = f"src={ROLES}/{template} dest={configuration}"
        command = [str(Path(sys.executable).with_name("ansible")), "localhost", "-i", "localhost,", "-c", "local"]
        command += ["-m", "ansible.builtin.template", "-a", task]
        values = [f"@{role}/{folder}/main.yml" for role in NGINX_ROLES for folder in ("defaults", "vars")]
        command += [word for each in (*values, json.dumps(given)) for word in ("-e", each)]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return configuration.read_text()


@cache
def site_configuration(variables: str = "{}") -> str:
    """The site's configuration with these variables (JSON)."""
    given = {"webnode_port": LISTEN, "webnode_root": ROOT, **json.loads(variables)}
    return rendered("webnode/templates/etc/nginx/sites-available/wheelfleet.j2", **given)


@dataclass(frozen=True)
class Request:
    """One line of the access log."""

    method: str
    path: str
    status: int
    bytes: int
    agent: str


class Nginx:
    """nginx with the role's configuration, a context manager; `.url` is its address without a slash at the end."""

    def __init__(self) -> None:
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None

    def server(self, listen: str) -> str:
        """The configuration, which listens on `listen` and writes only to `.folder`."""
        raise NotImplementedError

    def start(self) -> None:
        if NGINX is None:
            pytest.skip("nginx is not installed here; on Debian: apt-get install nginx")
        self.folder = Path(tempfile.mkdtemp(prefix="nginx-"))
        try:
            self._start(NGINX)
        except BaseException:
            shutil.rmtree(self.folder)
            raise

    def _start(self, nginx: str) -> None:
        # nginx inherits the listening socket, as in its binary upgrade: the port is free for certain, and earlier
        # requests wait until nginx is up.
        with socket.create_server(("127.0.0.1", 0), backlog=511) as listening:
            port = listening.getsockname()[1]
            self.url = f"http://127.0.0.1:{port}"
            configuration = self._configure(f"127.0.0.1:{port}")
            command = [nginx, "-p", str(self.folder), "-c", str(configuration)]
            tested = subprocess.run([*command, "-q", "-t"], capture_output=True, text=True)
            assert (tested.returncode, tested.stderr) == (0, ""), tested.stderr
            self._process = subprocess.Popen(
                command,
                env={**os.environ, "NGINX": f"{listening.fileno()};"},
                pass_fds=[listening.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    def _configure(self, listen: str) -> Path:
        """Write the configuration, included by a file with the directives of Debian's nginx.conf."""
        (self.folder / "site.conf").write_text(self.server(listen))
        folders = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        configuration = self.folder / "nginx.conf"
        configuration.write_text(
            "\n".join(
                [
                    # Started by root, nginx would change its user and could not read the test's files.
                    "user root;" if os.geteuid() == 0 else "",
                    "daemon off; worker_processes 1; error_log stderr;",
                    f"pid {self.folder}/pid;",
                    "events { worker_connections 512; }",
                    "http {",
                    *(f"{name}_temp_path {self.folder}/{name};" for name in folders),
                    "sendfile on; tcp_nopush on; types_hash_max_size 2048; default_type application/octet-stream;",
                    f"include {self.folder}/site.conf;",
                    "}",
                ]
            )
        )
        return configuration

    def stop(self) -> None:
        """Stop nginx; returns when it has ended and its log is complete."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self.folder)


class NginxSite(Nginx):
    """nginx with a published tree, see `nginx_site`."""

    def __init__(self, site: Path, **variables: object) -> None:
        super().__init__()
        self.site = site.resolve()
        self.variables = variables
        self._read_from = 0

    @property
    def access_log(self) -> Path:
        return self.folder / "wheelfleet-access.log"

    @property
    def error_log(self) -> Path:
        return self.folder / "wheelfleet-error.log"

    def server(self, listen: str) -> str:
        site = site_configuration(json.dumps(self.variables))
        for common, own in ((LISTEN, listen), (ROOT, str(self.site)), (LOG_FOLDER, str(self.folder))):
            assert common in site
            site = site.replace(common, own)
        return site

    def requests(self) -> list[Request]:
        """The requests since the last call; every answered request is among them."""
        # The only worker logs a request before it reads the next one.
        with urllib3.PoolManager(retries=False) as client:
            client.request("GET", self.url + BARRIER)
        with self.access_log.open("rb") as log:
            log.seek(self._read_from)
            lines = log.read().splitlines()
            self._read_from = log.tell()
        return [
            Request(line["method"], line["path"], line["status"], line["bytes"], line["agent"])
            for line in map(json.loads, lines)
            if line["path"] != BARRIER
        ]


def nginx_site(site: Path, **variables: object) -> NginxSite:
    """nginx with a published tree, for a `with` statement, which skips the test without nginx.

    `.url` is its address without a slash at the end, `.access_log` the path of its access log, `.requests()` the log's
    requests. `variables` replace defaults of the webnode role.
    """
    return NginxSite(site, **variables)
