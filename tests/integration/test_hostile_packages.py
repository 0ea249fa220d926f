"""Packages that attack the builder: each is contained, the builder goes on, and what is built next is the same."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.builder import sandbox
from wheelfleet.processes import all_processes

from tests.support.artifacts import Artifact
from tests.support.builder import LIBRARY, Builder
from tests.support.hostile import TELLING, Victim, attacks, requirement, requiring
from tests.support.sdists import c_sdist, pure_sdist
from tests.support.toolenv import tools
from tests.support.upstream import Upstream
from tests.support.wheels import wheel_file

pytestmark = pytest.mark.skipif(sandbox.probe() is not None, reason=str(sandbox.probe()))


class Scene:
    """What there is to attack, and how it looks before and after."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "operator"
        (self.home / ".ssh").mkdir(parents=True)
        self.files = [self.home / ".ssh/id_ed25519", self.home / "vault.yml", self.home / "catalog.sqlite"]
        for file in self.files:
            file.write_text("SECRET\n")
        self.process = subprocess.Popen(["sleep", "600"], env={"PATH": os.defpath, "KEY": "SECRET"})
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(self.tcp.getsockname())
        # A path of a socket may have no more than 107 letters.
        self.path = f"/tmp/wheelfleet-{os.getpid()}-{secrets.token_hex(4)}"
        self.abstract = f"wheelfleet-{secrets.token_hex(8)}"
        self.unix = [socket.socket(socket.AF_UNIX) for _ in range(2)]
        for listener, address in zip(self.unix, (self.path, f"\0{self.abstract}"), strict=True):
            listener.bind(address)
            listener.listen()
        for listener in (self.tcp, self.udp, *self.unix):
            listener.setblocking(False)

    def victim(self, *, folders: list[Path], places: list[Path], unarmed: bool = False) -> Victim:
        return {
            "secrets": [str(file) for file in self.files],
            "folders": [str(self.home), *map(str, folders)],
            "places": [*map(str, self.files), str(self.home / "new"), *map(str, places)],
            "process": self.process.pid,
            "port": self.tcp.getsockname()[1],
            "socket": self.path,
            "abstract": self.abstract,
            "no_users": bool(sandbox._no_namespaces_inside()),
            "unarmed": unarmed,
        }

    def assert_untouched(self) -> None:
        assert [file.read_text() for file in self.files] == ["SECRET\n"] * 3
        assert sorted(path.name for path in self.home.iterdir()) == [".ssh", "catalog.sqlite", "vault.yml"]
        assert self.process.poll() is None
        for listener in (self.tcp, *self.unix):
            with pytest.raises(BlockingIOError):
                listener.accept()
        with pytest.raises(BlockingIOError):
            self.udp.recv(16)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        for listener in (self.tcp, self.udp, *self.unix):
            listener.close()
        Path(self.path).unlink()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.close()


def fingerprint(*roots: Path) -> Mapping[str, tuple[int, int]]:
    """What is below these folders, bytecode aside."""
    found = {}
    for root in roots:
        for path in [root, *root.rglob("*")]:
            if "__pycache__" not in path.parts:
                about = path.lstat()
                found[str(path)] = (about.st_size, 0 if path.is_dir() else about.st_mtime_ns)
    return found


def honest(which: str) -> list[Artifact]:
    """An sdist of each kind; `which` is part of nothing that is built."""
    helped = pure_sdist("helped", "1", build_requires=["helper"])
    return [c_sdist("honest-c", "1"), pure_sdist("honest", "1"), helped]


def told(log: str, word: str) -> list[str]:
    return [line for line in log.splitlines() if line.startswith(word)]


def test_whatever_packages_try_they_are_contained(builder: Builder, scene: Scene, upstream: Upstream) -> None:
    upstream.add_release(wheel_file("helper", "1.0"))
    upstream.add_release(requirement())
    shared = [LIBRARY / "wheelfleet" / "builder", tools().parents[1]]
    shown = (shared[0], shared[1] / "lib", Path(sys.base_prefix, "lib"))
    before = fingerprint(*shared)
    victim = scene.victim(
        folders=[builder.home / name for name in ("inbox", "outbox")],
        places=[
            *(path / "evil" for path in shown),
            Path("/usr/evil"),
            Path("/opt/evil"),
        ],
    )
    common: dict[str, Any] = {
        "sandbox": True,
        "index_url": upstream.index_url.replace("://", "://pi:Pa55word@"),
        "environment": {"VICTIM": json.dumps(victim)},
    }
    tried = [*attacks(), requiring()]
    assert len(tried) > 40
    first = [builder.assignment(sdist, position=order, **common) for order, sdist in enumerate(honest("first"))]
    evil = [
        builder.assignment(attack.sdist, position=100 + order, limits={"seconds": 60, **attack.limits}, **common)
        for order, attack in enumerate(tried)
    ]
    last = [builder.assignment(sdist, position=1000 + order, **common) for order, sdist in enumerate(honest("last"))]
    assignments = [*first, *evil, *last]
    builder.hand_over(*assignments)
    builder.start(parallel=2)
    builder.wait(600)
    results = [builder.result(assignment["attempt"]) for assignment in assignments]

    def bytes_of(some: list[dict[str, Any]]) -> list[tuple[str, str]]:
        return [(result["message"], hashlib.sha256(builder.wheel(result)).hexdigest()) for result in some]

    assert bytes_of(results[: len(first)]) == bytes_of(results[-len(last) :])
    problems = []
    for attack, result in zip(tried, results[len(first) : -len(last)], strict=True):
        name, log = attack.sdist.name, builder.log(result["attempt"])
        if (result["outcome"], result["stopped_by"]) != (attack.outcome, attack.stopped_by) and name != "kill-all":
            problems.append(f"{name}: {result['outcome']}, {result['stopped_by']}: {result['message']}")
        if attack.message not in (result["message"] or ""):
            problems.append(f"{name}: {result['message']}")
        if result["outcome"] == "built":
            builder.wheel(result)
        elif result["wheels"]:
            problems.append(f"{name}: handed out {result['wheels']}")
        if result["sdist_sha256"] != attack.sdist.sha256:
            problems.append(f"{name}: {result['sdist_sha256']} was not its sdist")
        problems += [f"{name}: {line}" for line in told(log, "ESCAPED:")]
        if attack.tells and not told(log, "contained:"):
            problems.append(f"{name} tried nothing: {log[-2000:]}")
    assert problems == []
    for result in results[-len(last) :]:
        assert "POISONED" not in builder.log(result["attempt"])
        assert result["sandbox"] == "bubblewrap"
    scene.assert_untouched()
    assert fingerprint(*shared) == before
    assert sorted(path.name for path in (builder.home / "outbox").iterdir()) == sorted(r["attempt"] for r in results)
    assert [pid for pid in all_processes() if _is_daemon(pid)] == []
    builder.assert_nothing_is_left()


@pytest.mark.parametrize("name", ["read-keys", "read-environments", "write-outside", "loopback", "unix-sockets"])
def test_without_the_sandbox_the_same_attacks_succeed(builder: Builder, scene: Scene, name: str) -> None:
    victim = scene.victim(folders=[], places=[], unarmed=True)
    sdist = next(attack.sdist for attack in attacks() if attack.sdist.name == name)
    assert name in TELLING
    (result,) = builder.build(
        builder.assignment(sdist, sandbox=False, environment={"VICTIM": json.dumps(victim)}),
    )
    assert result["sandbox"] is None
    assert told(builder.log(result["attempt"]), "ESCAPED:")


def _is_daemon(pid: int) -> bool:
    try:
        return b"wheelfleet-hostile-daemon" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
