"""The published index as its real clients read it: pip and uv, as HTML, as JSON from disk, in mid-publication."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import pytest
import urllib3
from packaging.version import Version

from tests.support.catalogs import ControllerState
from tests.support.servers import StaticServer, serve
from tests.support.site_pages import elements

UV = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
NO_CONFIGURATION = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "UV_NO_CONFIG": "1"}


@dataclass(frozen=True)
class Client:
    """A real installer; `install` puts requirements into a folder, from one index and without any cache."""

    name: str
    command: tuple[str, ...]

    @property
    def reads_metadata(self) -> bool:
        """Whether it knows `core-metadata` (PEP 714)."""
        return not self.name.startswith("pip ") or Version(self.name.removeprefix("pip ")) >= Version("23.2")

    def install(self, index_url: str, into: Path, *requirements: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, "--index-url", index_url, "--target", str(into), *requirements],
            env={**{k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_"))}, **NO_CONFIGURATION},
            capture_output=True,
            text=True,
        )


def pip_of(python: str) -> Client | None:
    """The pip of an interpreter new enough to build for; None when there is none."""
    question = "import sys, pip; assert sys.version_info >= (3, 9); print(pip.__version__)"
    answer = subprocess.run([python, "-c", question], capture_output=True, text=True)
    if answer.returncode:
        return None
    command = (python, "-m", "pip", "install", "--isolated", "--no-cache-dir", "--only-binary", ":all:")
    return Client(f"pip {answer.stdout.strip()}", command)


def installers() -> list[Client]:
    """This environment's pip, every other pip at hand (old ones read pages differently), and uv."""
    pythons = [Path(sys.executable), Path("/usr/bin/python3"), *Path.home().glob(".pyenv/versions/*/bin/python3")]
    pips = [pip_of(str(python)) for python in pythons if python.exists()]
    clients = {client.name: client for client in pips if client}
    if UV:
        command = (UV, "pip", "install", "--no-cache", "--only-binary", ":all:", "--python", sys.executable)
        clients["uv"] = Client("uv", command)
    return sorted(clients.values(), key=lambda client: client.name)


CLIENTS = installers()
METADATA_READERS = [client for client in CLIENTS if client.reads_metadata]
each_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[ControllerState]:
    with ControllerState(tmp_path / "var") as state:
        yield state


@pytest.fixture
def negotiating(state: ControllerState) -> Iterator[StaticServer]:
    """A web server that gives JSON to whom asks for it, as ours will."""
    with serve(state.site) as server:
        yield server


def installed(folder: Path) -> set[str]:
    return {path.name.removesuffix(".dist-info") for path in folder.glob("*.dist-info")}


def two_releases(state: ControllerState, **second: str) -> None:
    state.wheel("Wheel.Fleet_demo", "1.0")
    state.wheel("Wheel.Fleet_demo", "2.0", **second)
    state.publish()


@contextlib.contextmanager
def plain_http_server(site: Path) -> Iterator[str]:
    """`python -m http.server`: knows nothing of indexes and gives index.html for a folder."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", str(site), str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        assert "Serving HTTP" in process.stdout.readline()
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()


def test_both_kinds_of_client_are_here() -> None:
    assert "uv" in [client.name for client in CLIENTS]
    assert any(client.name.startswith("pip ") for client in CLIENTS)


@each_client
def test_a_wheel_is_installed_by_any_spelling_of_its_name_over_a_server_that_negotiates(
    state: ControllerState, negotiating: StaticServer, tmp_path: Path, client: Client
) -> None:
    two_releases(state)
    done = client.install(f"{negotiating.url}/simple/", tmp_path / "out", "wheel-fleet.DEMO")
    assert installed(tmp_path / "out") == {"wheel_fleet_demo-2.0"}, done.stderr
    assert negotiating.requests.count("/simple/wheel-fleet-demo/", status=200) >= 1
    assert negotiating.requests.matching("/files", status=404) == []


@each_client
def test_a_wheel_is_installed_from_the_plainest_of_servers(
    state: ControllerState, tmp_path: Path, client: Client
) -> None:
    two_releases(state)
    with plain_http_server(state.site) as url:
        done = client.install(f"{url}simple/", tmp_path / "out", "wheel-fleet-demo")
    assert installed(tmp_path / "out") == {"wheel_fleet_demo-2.0"}, done.stderr


@each_client
def test_a_wheel_is_installed_from_disk(state: ControllerState, tmp_path: Path, client: Client) -> None:
    two_releases(state)
    done = client.install(f"{state.site.as_uri()}/simple", tmp_path / "out", "wheel-fleet-demo")
    assert installed(tmp_path / "out") == {"wheel_fleet_demo-2.0"}, done.stderr


@each_client
def test_a_name_that_addresses_must_quote_is_fetched(
    state: ControllerState, negotiating: StaticServer, tmp_path: Path, client: Client
) -> None:
    state.wheel("demo", "1!2.0+pi.1")
    state.publish()
    for kind, url in (("html", None), ("json", negotiating.url)):
        with contextlib.ExitStack() as stack:
            index = url or stack.enter_context(plain_http_server(state.site)).rstrip("/")
            done = client.install(f"{index}/simple/", tmp_path / kind, "demo")
        assert installed(tmp_path / kind) == {"demo-1!2.0+pi.1"}, done.stderr


@each_client
def test_a_release_for_other_pythons_is_passed_over(
    state: ControllerState, negotiating: StaticServer, tmp_path: Path, client: Client
) -> None:
    two_releases(state, requires_python=">=4")
    done = client.install(f"{negotiating.url}/simple/", tmp_path / "out", "wheel-fleet-demo")
    assert installed(tmp_path / "out") == {"wheel_fleet_demo-1.0"}, done.stderr


@each_client
def test_a_yanked_release_is_taken_only_when_pinned_and_the_reason_is_said(
    state: ControllerState, negotiating: StaticServer, tmp_path: Path, client: Client
) -> None:
    two_releases(state)
    state.execute("UPDATE upstream_file SET yanked = 'eats data' WHERE filename LIKE '%-2.0.tar.gz'")
    state.outdate("wheel-fleet-demo")
    state.publish()
    client.install(f"{negotiating.url}/simple/", tmp_path / "free", "wheel-fleet-demo")
    assert installed(tmp_path / "free") == {"wheel_fleet_demo-1.0"}
    pinned = client.install(f"{negotiating.url}/simple/", tmp_path / "pinned", "wheel-fleet-demo==2.0")
    assert installed(tmp_path / "pinned") == {"wheel_fleet_demo-2.0"}
    assert "eats data" in pinned.stdout + pinned.stderr


@each_client
def test_bytes_that_are_not_the_ones_published_are_refused(
    state: ControllerState, negotiating: StaticServer, tmp_path: Path, client: Client
) -> None:
    state.wheel("demo", "1.0")
    state.publish()
    with ControllerState(tmp_path / "evil") as evil:
        filename = evil.wheel("demo", "1.0", source="import os\n")
        (state.site / "files/demo" / filename).unlink()
        shutil.copy(evil.files_dir / "demo" / filename, state.site / "files/demo" / filename)
    done = client.install(f"{negotiating.url}/simple/", tmp_path / "out", "demo")
    assert done.returncode != 0
    assert "hash" in (done.stdout + done.stderr).lower()
    assert installed(tmp_path / "out") == set()


@pytest.mark.parametrize("page", ["index.html", "index.json"])
@pytest.mark.parametrize("client", METADATA_READERS, ids=lambda client: client.name)
def test_a_resolver_reads_the_metadata_and_leaves_wheels_it_does_not_want_alone(
    state: ControllerState, negotiating: StaticServer, tmp_path: Path, client: Client, page: str
) -> None:
    state.wheel("other", "1.0")
    state.wheel("demo", "1.0")
    state.wheel("demo", "2.0", requires_dist=["other>=2"])
    state.publish()
    if page == "index.html":
        for json_page in state.site.glob("simple/*/index.json"):
            json_page.unlink()
    done = client.install(f"{negotiating.url}/simple/", tmp_path / "out", "demo", "other<2")
    assert installed(tmp_path / "out") == {"demo-1.0", "other-1.0"}, done.stderr
    refused = [request.path for request in negotiating.requests.matching("/files/demo/demo-2.0")]
    assert refused == ["/files/demo/demo-2.0-py3-none-any.whl.metadata"]


def links_of(client: urllib3.PoolManager, url: str) -> tuple[int, list[str]]:
    answer = client.request("GET", url, headers={"Accept": "text/html"})
    if answer.status != 200:
        return answer.status, []
    return 200, [urljoin(url, attributes["href"] or "") for _, attributes, _ in elements(answer.data.decode(), "a")]


class Reader(threading.Thread):
    """Reads the index from its root to every file, again and again, and notes each link that leads nowhere."""

    def __init__(self, root: str) -> None:
        super().__init__()
        self.root = root
        self.dead_ends: list[str] = []
        self.files_found = 0
        self.rounds = 0
        self.enough = threading.Event()
        self.stop = threading.Event()

    def run(self) -> None:
        with urllib3.PoolManager(retries=False) as client:
            while not self.stop.is_set():
                self.read_all(client)
                self.rounds += 1
                if self.rounds >= 10:
                    self.enough.set()

    def read_all(self, client: urllib3.PoolManager) -> None:
        for page in links_of(client, self.root)[1]:
            status, files = links_of(client, page)
            # A project may leave between two requests: then the list no longer names it.
            if status != 200 and page in links_of(client, self.root)[1]:
                self.dead_ends.append(page)
            for file in (urldefrag(link)[0] for link in files):
                for url in (file, f"{file}.metadata"):
                    if client.request("HEAD", url).status != 200:
                        self.dead_ends.append(url)
                    self.files_found += 1


def changes_for(state: ControllerState, turn: int) -> list[Callable[[], object]]:
    return [
        lambda: state.wheel(f"project-{turn % 5}", f"1.{turn}"),
        lambda: state.wheel("evergreen", f"1.{turn}", "cp311-cp311-linux_aarch64"),
        lambda: state.upstream_removes("evergreen", f"1.{turn - 3}") if turn > 3 else None,
        lambda: state.execute(
            "UPDATE project SET state = iif(state = 'deleted', 'present', 'deleted'), pages_stale = 1 WHERE name = ?",
            f"project-{turn % 3}",
        ),
    ]


def test_a_reader_in_mid_publication_never_meets_a_link_to_a_missing_file(state: ControllerState) -> None:
    state.wheel("evergreen", "1.0")
    state.publish()
    with serve(state.site) as server:
        reader = Reader(f"{server.url}/simple/")
        reader.start()
        try:
            for turn in range(1, 500):
                for change in changes_for(state, turn):
                    change()
                    state.publish()
                if turn >= 20 and reader.enough.is_set():
                    break
        finally:
            reader.stop.set()
            reader.join()
    assert reader.dead_ends == []
    assert reader.rounds >= 10
    assert reader.files_found > 100
