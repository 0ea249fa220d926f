"""A young release whose files vanish upstream, while its project lives: PyPI's quarantine of one release."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta, timezone

import pytest

from tests.lab import Lab
from tests.support import sdists
from tests.support.fleet_operator import FleetOperator
from tests.support.upstream import Upstream

pytestmark = pytest.mark.long


def test_what_upstream_takes_away_young_leaves_web_nodes_and_comes_back(
    fleet_operator: FleetOperator, fleet_upstream: Upstream, provisioned: Lab
) -> None:
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    harmful = sdists.pure_sdist("useful", "1.1")
    fleet_upstream.add_release(sdists.pure_sdist("useful", "1.0"), upload_time=yesterday)
    fleet_upstream.add_release(harmful, upload_time=yesterday)
    fleet_operator.variables["controller_packages"] = [{"name": "useful", "newest": 2}]
    fleet_operator.builders = ["build1"]
    fleet_operator.build()
    old, young = "useful-1.0-py3-none-any.whl", "useful-1.1-py3-none-any.whl"
    assert fleet_operator.wheels() == [old, young]
    served = {name: fetched(provisioned, name) for name in (old, young)}
    assert all(status == "200" for status, _ in served.values())

    fleet_upstream.delete_release("useful", "1.1")
    run = fleet_operator.build()
    assert run.lines("upstream took useful 1.1 away 1 day after its upload, as it does with harmful releases")
    assert fleet_operator.wheels() == [old]
    assert fetched(provisioned, old) == served[old]
    for address in (young, f"{young}.metadata"):
        assert fetched(provisioned, address)[0] == "404", address
    assert provisioned.ssh("web1", f"sudo find /srv -name '{young}*'") == "", "not even where nobody links to it"
    (kept,) = fleet_operator.state.glob(f"files/**/{young}")
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == served[young][1]
    assert fleet_operator.build().changed == 0

    fleet_upstream.add_release(harmful, upload_time=yesterday)
    fleet_operator.build()
    assert fleet_operator.wheels() == [old, young]
    assert fetched(provisioned, young) == served[young], "the same bytes"
    assert fleet_operator.attempts() == [("useful", "built")] * 2, "nothing was built again"
    assert fleet_operator.build().changed == 0


def fetched(lab: Lab, filename: str) -> tuple[str, str]:
    """What the web node answers for a file of the project: HTTP status, and the body's SHA-256."""
    url = f"http://{lab.address('web1')}/files/useful/{filename}"
    done = lab.run(["sh", "-c", f"curl -s -o - -w '\\n%{{http_code}}' {url} | tail -n 1; curl -s {url} | sha256sum"])
    status, digest, *_ = done.stdout.split()
    return status, digest
