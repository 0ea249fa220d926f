"""Operators are told of a fleet's troubles by real runs: once each, and no secret is printed."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support import sdists
from tests.support.operator import Operator
from tests.support.upstream import Upstream

#: Nobody listens on port 9.
SECRET_WEBHOOK = "http://user:s3cret@127.0.0.1:9/s3cret"


def heard(file: Path) -> list[list[str]]:
    """The kinds in each message since the last call."""
    messages = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    file.unlink(missing_ok=True)
    return [[notice["kind"] for notice in message["notices"]] for message in messages]


def test_troubles_of_runs_are_told_once_each(operator: Operator, upstream: Upstream, tmp_path: Path):
    told, tell = tmp_path / "told", tmp_path / "tell"
    tell.write_text(f"#!/bin/sh\ncat >>{told}\n")
    tell.chmod(0o755)
    upstream.add_release(sdists.pure_sdist("fails", "1.0", script="raise AssertionError"))
    working = {
        **operator.variables,
        "controller_packages": ["fails"],
        "controller_notify": [
            {"command": [str(tell)]},
            {"webhook": SECRET_WEBHOOK, "headers": {"X-Key": "s3cret"}, "events": ["disk-low"]},
        ],
    }

    # What makes no sense is refused at the start, and no secret is quoted.
    operator.variables = {**working, "controller_notify": [{"webhoook": SECRET_WEBHOOK}]}
    refused = operator.play("playbooks/notify.yml", "-vvv", expect=2)
    assert "entry 1 of controller_notify has neither command, mail nor webhook" in refused.output
    assert "s3cret" not in refused.output

    # Upstream is away.
    operator.variables = {**working, "controller_upstream_url": "http://127.0.0.1:9/simple"}
    assert "s3cret" not in operator.build("-vvv", expect=2).output
    assert heard(told) == [["upstream-failed", "run-failed"]]

    # It is back, and what the operator named cannot be built: this is told, and nothing a second time.
    operator.variables = working
    operator.build()
    assert heard(told) == [["package-failed"]]

    # A test message; the webhook does not take it.
    test = operator.play("playbooks/notify.yml", expect=2)
    assert "Not told: the webhook at 127.0.0.1 cannot be reached (ConnectionRefusedError). Told: the command tell." in (
        " ".join(test.output.split())
    )
    assert "s3cret" not in test.output
    assert heard(told) == [["test"]]
