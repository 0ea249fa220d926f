"""Go code in packages: its modules are fetched through the proxy before the build, which has no network itself."""

from __future__ import annotations

import io
import shutil
import socket
import zipfile
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any

import pytest
from wheelfleet.admission.classify import classify
from wheelfleet.builder import sandbox

from tests.support.artifacts import Artifact
from tests.support.builder import Builder
from tests.support.go_modules import GoProxy
from tests.support.sdists import pure_sdist

USUAL = "/usr/local/bin:/usr/bin:/bin"
pytestmark = [
    pytest.mark.skipif(sandbox.probe() is not None, reason=str(sandbox.probe())),
    pytest.mark.skipif(shutil.which("go", path=USUAL) is None, reason="this machine has no go; install golang-go"),
]

POSITIONS = count()
#: Go compiles its own library first, without a word.
PATIENT = {"seconds": 600, "silence_seconds": 500}
MAIN = 'package main\n\nimport "example.org/answer"\n\nfunc main() { println(answer.Of()) }\n'
#: As setuptools-golang does it: `go get` in a copy of the source, with a GOPATH of its own, then `go build`.
SCRIPT = """
import os, pathlib, shutil, subprocess, tempfile
place = tempfile.mkdtemp()
copy = os.path.join(place, "src", "demo")
shutil.copytree(source, copy)
environment = {**os.environ, "GOPATH": place, "CGO_ENABLED": "0"}
subprocess.run(["go", "get", "-d"], cwd=copy, env=environment, check=True)
subprocess.run(["go", "build", "-o", "tool", "."], cwd=copy, env=environment, check=True)
said = subprocess.run([os.path.join(copy, "tool")], stderr=subprocess.PIPE, check=True).stderr
pathlib.Path(source, "demo.py").write_bytes(b"ANSWER = " + said)
"""


@pytest.fixture
def proxy() -> Iterator[GoProxy]:
    with GoProxy() as proxy:
        proxy.add("example.org/answer", "v1.2.3", {"answer.go": "package answer\n\nfunc Of() int { return 42 }\n"})
        yield proxy


def demo(proxy: GoProxy, require: str = "example.org/answer v1.2.3", before: str = "", **files: bytes) -> Artifact:
    gomod = f"module example.org/demo\n\ngo 1.19\n\nrequire {require}\n".encode()
    tree = {"go.mod": gomod, "go.sum": proxy.gosum, "main.go": MAIN.encode(), **files}
    return pure_sdist("demo", "1.0", script=before + SCRIPT, files=tree)


def build(builder: Builder, sdist: Artifact, url: str | None, **environment: str) -> dict[str, Any]:
    more = {"go_proxy": url, "environment": {"PATH": USUAL, **environment}, "sandbox": True}
    assignment = builder.assignment(sdist, position=next(POSITIONS), limits=PATIENT, **more)
    builder.hand_over(assignment)
    builder.start()
    builder.wait(PATIENT["seconds"])
    return builder.result(assignment["attempt"])


@pytest.mark.long
def test_modules_are_fetched_before_the_build_which_has_no_network(builder: Builder, proxy: GoProxy) -> None:
    trying = f"""
import urllib.request
for opener in (urllib.request.build_opener(), urllib.request.build_opener(urllib.request.ProxyHandler(
    {{"http": "http://127.0.0.1:3128"}}))):
    try:
        opener.open("{proxy.url}/example.org/answer/@v/list", timeout=5)
    except OSError as error:
        print("closed:", error, flush=True)
    else:
        raise SystemExit("there is a network")
"""
    result = build(builder, demo(proxy, before=trying), proxy.proxy)
    log = builder.log(result["attempt"])
    assert (result["outcome"], result["message"]) == ("built", None), log[-3000:]
    wheel = zipfile.ZipFile(io.BytesIO(builder.wheel(result)))
    assert wheel.read("demo.py").decode().strip() == "ANSWER = 42"
    assert proxy.requests.count("/example.org/answer/@v/v1.2.3.zip", status=200) == 1
    assert log.count("closed: ") >= 2
    assert log.index("phase modules") < log.index("phase environment")
    builder.assert_nothing_is_left()


def test_other_bytes_than_go_sum_says_are_never_built(builder: Builder, proxy: GoProxy) -> None:
    sdist = demo(proxy)
    proxy.add("example.org/answer", "v1.2.3", {"answer.go": "package answer\n\nfunc Of() int { return 666 }\n"})
    result = build(builder, sdist, proxy.proxy)
    assert (result["outcome"], result["phase"]) == ("failed", "modules"), builder.log(result["attempt"])[-3000:]
    found = classify(result, builder.log(result["attempt"]), "demo")
    assert found.failure_class == "build-requirements"
    assert "cannot be had, Go stops: " in found.sentence


def test_a_module_that_the_proxy_does_not_have_is_named(builder: Builder, proxy: GoProxy) -> None:
    result = build(builder, demo(proxy, "example.org/absent v0.1.0"), proxy.proxy)
    found = classify(result, builder.log(result["attempt"]), "demo")
    assert (result["phase"], found.failure_class) == ("modules", "download-in-build"), result["message"]
    assert "the module proxy does not give them: example.org/absent@v0.1.0" in found.sentence


@pytest.mark.parametrize("how", ["status", "closed"])
def test_a_proxy_that_is_out_of_reach_is_the_networks_fault(builder: Builder, proxy: GoProxy, how: str) -> None:
    url = proxy.proxy
    if how == "status":
        proxy.status = 503
    else:
        with closing(socket.create_server(("127.0.0.1", 0))) as taken:
            url = f"http://127.1:{taken.getsockname()[1]}"
    result = build(builder, demo(proxy), url)
    found = classify(result, builder.log(result["attempt"]), "demo")
    assert (result["phase"], found.failure_class) == ("modules", "network")


@pytest.mark.long
def test_vendored_modules_need_no_proxy(builder: Builder, proxy: GoProxy) -> None:
    vendored = {
        "vendor/modules.txt": b"# example.org/answer v1.2.3\n## explicit; go 1.19\nexample.org/answer\n",
        "vendor/example.org/answer/answer.go": b"package answer\n\nfunc Of() int { return 42 }\n",
    }
    sdist = pure_sdist(
        "demo",
        "1.0",
        script=SCRIPT.replace('subprocess.run(["go", "get", "-d"], cwd=copy, env=environment, check=True)\n', ""),
        files={
            "go.mod": b"module example.org/demo\n\ngo 1.19\n\nrequire example.org/answer v1.2.3\n",
            "main.go": MAIN.encode(),
            **vendored,
        },
    )
    result = build(builder, sdist, proxy.proxy)
    assert (result["outcome"], result["message"]) == ("built", None), builder.log(result["attempt"])[-3000:]
    assert len(proxy.requests) == 0


@pytest.mark.parametrize("url", ["direct", "ftp://example.org", "http://user:secret@127.1:1"])
def test_an_address_that_is_no_proxys_is_the_operators_to_correct(builder: Builder, proxy: GoProxy, url: str) -> None:
    result = build(builder, demo(proxy), url)
    assert "see builder_go_proxy" in result["message"]
    assert "secret" not in result["message"]
    assert classify(result, "", "demo").failure_class == "builder-fault"


def test_without_a_proxy_the_build_says_which_module_it_wanted(builder: Builder, proxy: GoProxy) -> None:
    result = build(builder, demo(proxy), None)
    found = classify(result, builder.log(result["attempt"]), "demo")
    assert (found.failure_class, found.subject) == ("download-in-build", "example.org/answer@v1.2.3")
    assert len(proxy.requests) == 0
