"""A builder in the hands of an enemy: whatever lies in its outbox, nothing of it reaches the index."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import sqlite3
import subprocess
import tarfile
from collections.abc import Mapping

import pytest

from tests.lab import Lab
from tests.support import sdists
from tests.support.artifacts import Artifact
from tests.support.fleet_operator import FleetOperator
from tests.support.upstream import Upstream
from tests.support.waiting import until
from tests.support.wheels import wheel_file

BUILDER = "build1"
OUTBOX = "/var/lib/wheelfleet/outbox"


@pytest.fixture
def victim(fleet_operator: FleetOperator, fleet_upstream: Upstream) -> FleetOperator:
    """A builder that was given one build, whose result an enemy will send instead of the worker."""
    fleet_upstream.add_release(sdists.pure_sdist("victim", "1.0", script="import time\ntime.sleep(600)\n"))
    fleet_operator.variables |= {"controller_packages": ["victim"], "builder_patience": 15}
    fleet_operator.builders = [BUILDER]
    return fleet_operator


def sent(lab: Lab, attempt: str, files: Mapping[str, bytes], extra: str = "") -> None:
    """Put a result into the builder's outbox by one rename, as the worker does."""
    packed = io.BytesIO()
    with tarfile.open(mode="w", fileobj=packed) as archive:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    command = (
        f"sudo -u wheelfleet sh -c 'mkdir -p {OUTBOX}/.forged && cd {OUTBOX}/.forged && tar x {extra} "
        f"&& mv {OUTBOX}/.forged {OUTBOX}/{attempt}'"
    )
    subprocess.run(lab.enter(lab.ssh_command(BUILDER, command)), input=packed.getvalue(), check=True)


def result(attempt: str, wheel: Artifact | None) -> dict[str, bytes]:
    """A result that claims a success."""
    wheels = [{"filename": wheel.filename, "size": wheel.size, "sha256": wheel.sha256}] if wheel else []
    document = {
        "schema": 1, "attempt": attempt, "outcome": "built", "stopped_by": None, "phase": "collect", "exit_code": 0,
        "seconds": 1.0, "cpu_seconds": 1.0, "peak_memory": 1, "interpreter": "CPython 3.11.2", "build_requires": [],
        "sdist_sha256": hashlib.sha256(b"").hexdigest(), "message": None, "wheels": wheels,
        "log": {"filename": "log.gz", "size": 1},
    }  # fmt: skip
    files = {"result.json": json.dumps(document).encode(), "log.gz": gzip.compress(b"all is well\n")}
    return {**files, wheel.filename: wheel.data} if wheel else files


FORGED = {
    "another project": wheel_file("popular", "1.0"),
    "another version": wheel_file("victim", "9.9"),
    "a path outside": wheel_file("victim", "1.0", flaws=("path-traversal",)),
    "another machine": wheel_file("victim", "1.0", "cp39-cp39-linux_armv7l"),
}


@pytest.mark.parametrize("forged", FORGED, ids=str)
def test_a_forged_wheel_is_refused_with_a_reason(victim: FleetOperator, fleet: Lab, forged: str):
    with victim.running() as run:
        attempt = until(lambda: begun(victim), "the build to begin", 120)
        sent(fleet, str(attempt), result(str(attempt), FORGED[forged]))
        output, _ = run.communicate(timeout=300)
    assert victim.wheels() == []
    assert not list(victim.state.glob("files/**/*.whl"))
    (row,) = victim.query("SELECT outcome, failure_class, sentence FROM attempt WHERE state = 'done'")
    assert row["outcome"] == "refused", output


def test_a_result_for_a_build_that_was_never_given_is_dropped_and_told(victim: FleetOperator, fleet: Lab):
    with victim.running() as run:
        attempt = str(until(lambda: begun(victim), "the build to begin", 120))
        sent(fleet, "popular-1.0-deadbeef", result("popular-1.0-deadbeef", wheel_file("popular", "1.0")))
        sent(fleet, attempt, result(attempt, wheel_file("victim", "1.0")))
        output, _ = run.communicate(timeout=300)
    assert victim.wheels() == ["victim-1.0-py3-none-any.whl"]
    assert "popular-1.0-deadbeef was dropped" in output


def test_a_link_instead_of_a_file_hands_out_nothing(victim: FleetOperator, fleet: Lab):
    fleet.ssh(BUILDER, "echo secret of the login > /home/pi/secret; chmod 600 /home/pi/secret")
    with victim.running() as run:
        attempt = str(until(lambda: begun(victim), "the build to begin", 120))
        files = result(attempt, wheel_file("victim", "1.0"))
        del files["log.gz"]
        sent(fleet, attempt, files, extra="&& ln -s /home/pi/secret log.gz")
        run.communicate(timeout=300)
    kept = b"".join(path.read_bytes() for path in victim.state.rglob("*") if path.is_file())
    assert b"secret of the login" not in kept


def test_a_host_with_another_key_is_not_talked_to(victim: FleetOperator, fleet: Lab):
    known = fleet.ssh_config.with_name("known_hosts")
    before = known.read_text()
    stranger = next(line.split()[2] for line in before.splitlines() if fleet.address("build2") in line)
    lines = [
        f"{line.split()[0]} {line.split()[1]} {stranger}" if fleet.address(BUILDER) in line else line
        for line in before.splitlines()
    ]
    known.write_text("\n".join(lines) + "\n")
    try:
        run = victim.build(expect=None)
    finally:
        known.write_text(before)
    assert run.recap[BUILDER]["unreachable"] == 1
    assert run.returncode != 0


def begun(operator: FleetOperator) -> str | None:
    """The attempt that is being built; None until one is."""
    try:
        rows = operator.query("SELECT id FROM attempt WHERE state = 'open' AND begun_at IS NOT NULL")
    except sqlite3.OperationalError:
        return None  # no catalog yet, or one that is just being made
    return rows[0]["id"] if rows else None
