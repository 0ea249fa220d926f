"""Rust code in packages: its crates are fetched through the proxy before the build, which has no network itself."""

from __future__ import annotations

import io
import re
import socket
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.admission.classify import classify
from wheelfleet.builder import sandbox

from tests.support.artifacts import Artifact
from tests.support.builder import Builder
from tests.support.crates import CrateRegistry, make_certificate, manifest
from tests.support.nginx_cache import NginxCache
from tests.support.operator import Operator
from tests.support.rust import cargo_here, cargo_version, old_cargo, path_with_cargo, path_without_cargo
from tests.support.sdists import pure_sdist, rust_sdist
from tests.support.upstream import Upstream

pytestmark = [
    pytest.mark.skipif(sandbox.probe() is not None, reason=str(sandbox.probe())),
    pytest.mark.skipif(cargo_here() is None, reason="this machine has no cargo; install it"),
]

POSITIONS = count()

MAIN = 'fn main() { println!("{}", tiny::answer()); }\n'
TINY = "pub fn answer() -> i32 { 42 }\n"


@pytest.fixture
def registry() -> Iterator[CrateRegistry]:
    with CrateRegistry() as registry:
        registry.add("tiny", "1.0.0", TINY)
        yield registry


def build(builder: Builder, index: str | None, *sdists: Artifact, path: str | None = None) -> list[dict[str, Any]]:
    # That cargo tries again what fails is its own, and takes time.
    environment = {"PATH": path or path_with_cargo(), "CARGO_NET_RETRY": "0"}
    return builder.build(
        *(
            builder.assignment(
                sdist, position=next(POSITIONS), crates_index=index, sandbox=True, environment=environment
            )
            for sdist in sdists
        )
    )


def reads_sparse_indexes(builder: Builder, registry: CrateRegistry) -> bool:
    """Whether this machine's cargo is new enough; where it is not, this sees that a build says so."""
    if cargo_version() >= (1, 68):
        return True
    (result,) = build(builder, registry.url, demo())
    assert_too_old(builder, result)
    return False


def assert_too_old(builder: Builder, result: dict[str, Any]) -> None:
    assert (result["outcome"], result["phase"]) == ("failed", "crates")
    assert "on this builder is older than 1.68; install a newer one" in result["message"]
    assert classify(result, builder.log(result["attempt"]), "demo").failure_class == "toolchain-too-old"


def demo(name: str = "demo", dependencies: str = 'tiny = "1"', main: str = MAIN, **more: Any) -> Artifact:
    return rust_sdist(name, "1", dependencies=dependencies, main=main, **more)


def answer(builder: Builder, result: dict[str, Any]) -> str:
    assert (result["outcome"], result["message"]) == ("built", None), builder.log(result["attempt"])[-3000:]
    name = result["attempt"].partition("-")[0]
    return zipfile.ZipFile(io.BytesIO(builder.wheel(result))).read(f"{name}.py").decode().strip()


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        return int(taken.getsockname()[1])


def test_crates_are_fetched_before_the_build_which_has_no_network(builder: Builder, registry: CrateRegistry) -> None:
    if not reads_sparse_indexes(builder, registry):
        return
    hosts = [registry.index.url, registry.crates.url]
    trying = f"""
import os, urllib.request
assert os.environ["CARGO_NET_OFFLINE"] == "true"
for url in {hosts!r}:
    for opener in (urllib.request.build_opener(), urllib.request.build_opener(urllib.request.ProxyHandler(
        {{"http": "http://127.0.0.1:3128"}}))):
        try:
            opener.open(url, timeout=5)
        except OSError as error:
            print("closed:", error, flush=True)
        else:
            raise SystemExit("there is a network")
"""
    rust = f"""
use std::net::TcpStream;
fn main() {{ assert!(TcpStream::connect("{hosts[0].removeprefix("http://")}").is_err()); }}
"""
    (result,) = build(builder, registry.url, demo(before=trying, files={"build.rs": rust.encode()}))
    assert answer(builder, result) == "ANSWER = 42"
    assert registry.index.requests.count("/ti/ny/tiny", status=200) == 1
    assert registry.crates.requests.count("/", status=200) == len(registry.crates.requests) == 1
    log = builder.log(result["attempt"])
    assert log.count("closed: ") == 4
    assert log.index("phase crates") < log.index("Downloaded tiny v1.0.0") < log.index("phase environment")
    builder.assert_nothing_is_left()


def test_an_index_by_https_is_believed_by_the_machines_authorities(
    builder: Builder, registry: CrateRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not reads_sparse_indexes(builder, registry):
        return
    certificate = make_certificate(tmp_path / "certificate.pem")
    with CrateRegistry(certificate) as secure:
        secure.add("tiny", "1.0.0", TINY)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        (result,) = build(builder, secure.url, demo())
        assert secure.crates.requests.count("/crates/tiny/", status=200) == 1
    assert answer(builder, result) == "ANSWER = 42"


def test_what_builds_of_a_fleet_ask_for_comes_from_the_registry_once(
    operators: Callable[..., Operator], upstream: Upstream, registry: CrateRegistry
) -> None:
    """The whole way: the inventory's variable, the batch, the builder, the cache on the web node."""
    packages = [demo(), demo("other")]
    upstream.add_release(*packages)
    with NginxCache(upstream.index_url, crates=(registry.url, registry.crates.url)) as cache:
        operator = operators(
            upstream.index_url,
            [package.name for package in packages],
            builder_parallel=1,
            builder_cache_url=cache.url,
            builder_crates_index=f"sparse+{registry.url}",
        )
        (prefix,) = (operator.home / "tools").glob(f"{sys.implementation.cache_tag}-*")
        operator.variables["builder_environment"] = {"PATH": path_with_cargo(prefix)}
        run = operator.build()
    if cargo_version() < (1, 68):
        assert {name for (name,) in operator.query("SELECT failure_class FROM attempt")} == {"toolchain-too-old"}
        return
    assert sorted(operator.attempts()) == [("demo", "built"), ("other", "built")], run.output
    assert [request.path for request in registry.crates.requests] == ["/crates/tiny/1.0.0/download"]
    # Pages of the index the cache takes as they are for a second here.
    assert {request.path for request in registry.index.requests} == {"/config.json", "/ti/ny/tiny"}


def test_a_lock_file_is_heeded_where_it_fits_and_is_no_obstacle_where_not(
    builder: Builder, registry: CrateRegistry
) -> None:
    if not reads_sparse_indexes(builder, registry):
        return
    registry.add("tiny", "1.1.0", TINY.replace("42", "43"))
    package = '[[package]]\nname = "{}"\nversion = "{}"\n{}\n'
    source = 'source = "registry+https://github.com/rust-lang/crates.io-index"\nchecksum = "{}"\n'
    lock = "version = 3\n\n" + package.format("demo", "0.1.0", 'dependencies = [\n "tiny",\n]\n')
    lock += package.format("tiny", "1.0.0", source.format(registry.checksum("tiny", "1.0.0")))
    fits = demo(files={"Cargo.lock": lock.encode()})
    not_so = demo("other", 'tiny = "1.1"', files={"Cargo.lock": lock.encode()})
    first, second = build(builder, registry.url, fits, not_so)
    assert answer(builder, first) == "ANSWER = 42"
    assert answer(builder, second) == "ANSWER = 43"


def test_vendored_crates_need_no_index(builder: Builder, registry: CrateRegistry) -> None:
    vendored = {
        ".cargo/config.toml": b'[source.crates-io]\nreplace-with = "here"\n[source.here]\ndirectory = "vendor"\n',
        ".cargo/config": b'[source.crates-io]\nreplace-with = "here"\n[source.here]\ndirectory = "vendor"\n',
        "vendor/tiny/Cargo.toml": manifest("tiny", "1.0.0"),
        "vendor/tiny/src/lib.rs": TINY.encode(),
        "vendor/tiny/.cargo-checksum.json": b'{"files": {}, "package": null}',
    }
    (result,) = build(builder, f"http://127.0.0.1:{free_port()}/", demo(files=vendored))
    assert answer(builder, result) == "ANSWER = 42"


def test_without_the_index_or_the_download_server_it_is_tried_again_later(
    builder: Builder, registry: CrateRegistry
) -> None:
    if not reads_sparse_indexes(builder, registry):
        return
    port = free_port()
    registry.index.files["/broken/config.json"] = f'{{"dl": "http://127.0.0.1:{port}/crates"}}'.encode()
    registry.index.files["/broken/ti/ny/tiny"] = registry.index.files["/ti/ny/tiny"]
    for index, sentence in (
        (f"http://127.0.0.1:{port}/", f"The crate index http://127.0.0.1:{port}/ could not be reached: "),
        (f"{registry.url}broken/", "The crates of Cargo.toml could not be downloaded: "),
    ):
        (result,) = build(builder, index, demo())
        assert (result["outcome"], result["phase"]) == ("failed", "crates")
        assert result["message"].startswith(sentence)
        failure = classify(result, builder.log(result["attempt"]), "demo")
        assert (failure.failure_class, failure.blocks) == ("network", None)


def test_which_index_cargo_asks_by_itself_is_learned_from_it(
    builder: Builder, registry: CrateRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not reads_sparse_indexes(builder, registry):
        return
    # By way of a proxy where nobody listens, so that it is not asked.
    for name, value in (("https_proxy", f"http://127.0.0.1:{free_port()}"), ("no_proxy", "")):
        monkeypatch.setenv(name, value)
        monkeypatch.setenv(name.upper(), value)
    (result,) = build(builder, "auto", demo())
    assert (result["outcome"], result["phase"]) == ("failed", "crates")
    assert re.fullmatch(r"The crate index https://\S+/ could not be reached: .*refused.*", result["message"])


@pytest.mark.parametrize(
    ("dependencies", "failure", "words"),
    [
        ('missing = "1"', "build-requirements", "no matching package named `missing` found"),
        ('gone = "1"', "build-requirements", "version 1.0.0 is yanked"),
        ('tiny = "2"', "build-requirements", "candidate versions found which didn't match"),
        ('tiny = {{ git = "http://127.0.0.1:{port}/tiny.git" }}', "download-in-build", "a server refuses them"),
    ],
)
def test_crates_that_cannot_be_had_are_named(
    builder: Builder, registry: CrateRegistry, dependencies: str, failure: str, words: str
) -> None:
    if not reads_sparse_indexes(builder, registry):
        return
    registry.add("gone", "1.0.0", "", yanked=True)
    with CrateRegistry() as elsewhere:
        (result,) = build(builder, registry.url, demo(dependencies=dependencies.format(port=elsewhere.index.port)))
        assert len(elsewhere.index.requests) == 0
    assert (result["outcome"], result["phase"]) == ("failed", "crates")
    assert result["message"].startswith("The crates of Cargo.toml cannot be had, ")
    assert words in result["message"]
    found = classify(result, builder.log(result["attempt"]), "demo")
    assert (found.failure_class, found.blocks) == (failure, "target")


def test_a_package_that_does_without_its_rust_code_is_built(builder: Builder, registry: CrateRegistry) -> None:
    files = {"Cargo.toml": manifest("demo", "0.1.0", '[dependencies]\nmissing = "1"\n'), "src/lib.rs": b""}
    (result,) = build(builder, registry.url, pure_sdist("demo", "1", files=files))
    assert (result["outcome"], result["message"]) == ("built", None)
    assert "The build goes on without them." in builder.log(result["attempt"])


def test_the_packages_configuration_runs_nothing_while_there_is_a_network(
    builder: Builder, registry: CrateRegistry
) -> None:
    if not reads_sparse_indexes(builder, registry):
        return
    spy = f"""#!/bin/sh
python3 -c 'import urllib.request; urllib.request.build_opener(urllib.request.ProxyHandler(
    {{"http": "http://127.0.0.1:3128"}})).open("{registry.url}spied", timeout=5)' >/dev/null 2>&1
echo "$*" >>/build/source/demo-1/calls
for file in "$CARGO_HOME/config.toml" /build/cargo/config.toml /build/home/.cargo/config.toml; do
    mkdir -p "${{file%/*}}" && printf '[build]\\nrustc-wrapper = "/build/source/demo-1/spy"\\n' >"$file"
done
exec "$@"
"""
    settings = b'[build]\nrustc-wrapper = "/build/source/demo-1/spy"\n[http]\nproxy = "http://127.0.0.1:9"\n'
    files = {".cargo/config.toml": settings, ".cargo/config": settings}
    after = "print('its program ran', len(open(source + '/calls').readlines()), 'times', flush=True)"
    (result,) = build(builder, registry.url, demo(files=files, after=after, programs={"spy": spy.encode()}))
    assert answer(builder, result) == "ANSWER = 42"
    assert "its program ran" in builder.log(result["attempt"])
    assert registry.index.requests.count("/spied") == 0


def test_an_old_cargo_is_named(builder: Builder, registry: CrateRegistry) -> None:
    (result,) = build(builder, registry.url, demo(), path=old_cargo())
    assert_too_old(builder, result)
    assert "Cargo 1.65" in result["message"]
    assert len(registry.index.requests) == 0


def test_without_cargo_or_without_an_index_nothing_is_fetched(builder: Builder, registry: CrateRegistry) -> None:
    (result,) = build(builder, registry.url, demo(), path=path_without_cargo())
    assert (result["outcome"], result["phase"]) == ("failed", "build")
    assert classify(result, builder.log(result["attempt"]), "demo").failure_class == "missing-tool"
    (result,) = build(builder, None, demo())
    assert (result["outcome"], result["phase"]) == ("failed", "build")
    assert len(registry.index.requests) == 0
