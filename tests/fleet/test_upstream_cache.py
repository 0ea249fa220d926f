"""A fleet behind a cache of upstream: set up on the web node, found by builders, done without when it is down."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from tests.lab import Lab
from tests.support import sdists, wheels
from tests.support.fleet_operator import FleetOperator
from tests.support.operator import Run
from tests.support.upstream import Upstream

CACHE = "/etc/nginx/sites-available/wheelfleet-cache"
BUILDERS = ("build1", "build2")
WORD = "password-of-ours"
REQUIRED = wheels.wheel_file("required", "1.0")


@dataclass
class Cached:
    """A web node with a cache, its operator and the upstream; `first` and `again` are the runs that set it up."""

    operator: FleetOperator
    upstream: Upstream
    first: Run
    again: Run


@pytest.fixture
def cached(
    provisioned: Lab, fleet_operators: Callable[..., FleetOperator], fleet_upstream: Upstream
) -> Iterator[Cached]:
    fleet_upstream.basic_auth = ("me", WORD)
    fleet_upstream.add_release(REQUIRED)
    operator = fleet_operators(fleet_upstream.index_url_with_password, builders=BUILDERS, cache_enabled=True)
    try:
        yield Cached(operator, fleet_upstream, *(provision(operator) for _ in range(2)))
    finally:
        operator.variables["cache_enabled"] = False
        provision(operator)
        assert provisioned.ssh("web1", f"ls {CACHE} /etc/nginx/wheelfleet/*cred* 2>/dev/null", check=False) == ""


def provision(operator: FleetOperator, *arguments: str) -> Run:
    return operator.play("playbooks/provision.yml", "--limit", "web1", *arguments)


@pytest.mark.long
def test_two_builders_fetch_each_file_once_and_know_no_password(cached: Cached, provisioned: Lab):
    operator, upstream = cached.operator, cached.upstream
    assert cached.first.recap["web1"]["changed"] > 0
    assert cached.again.recap["web1"]["changed"] == 0, cached.again.output
    assert WORD not in cached.first.output
    assert provisioned.ssh("web1", "sudo stat -c '%U %a' /etc/nginx/wheelfleet/upstream-credentials.conf").split() == [
        "root",
        "600",
    ]

    names = [f"cached{number}" for number in range(4)]
    for name in names:
        upstream.add_release(
            sdists.c_sdist(name, "1.0", build_requires=["required"], script="import time\ntime.sleep(2)\n")
        )
    operator.variables["controller_packages"] = names
    upstream.requests.clear()
    run = operator.build()
    assert sorted(operator.attempts()) == [(name, "built") for name in names], run.output
    assert {row["host"] for row in operator.query("SELECT host FROM attempt")} == set(BUILDERS)
    files = sorted(request.path for request in upstream.requests.matching("/files/"))
    expected = [f"/files/{name}/{name}-1.0.tar.gz" for name in names]
    assert files == [*expected, *(f"/files/required/{REQUIRED.filename}{end}" for end in ("", ".metadata"))]

    # What builders ask, they ask the web node; others are told that they are none.
    log = provisioned.ssh("web1", "sudo cat /var/log/nginx/wheelfleet-cache-access.log").splitlines()
    assert {json.loads(line)["address"] for line in log} == {provisioned.address(name) for name in BUILDERS}
    ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"http://{provisioned.address('web1')}:8686/simple/"]
    assert provisioned.run(ask).stdout == "403"
    for name in BUILDERS:
        left = f"sudo grep -rl {WORD} /var/lib/wheelfleet --exclude-dir=tools"
        assert provisioned.ssh(name, left, check=False) == ""

    # Without it the builders fetch from upstream themselves, and say so.
    provisioned.ssh("web1", "sudo systemctl stop nginx")
    try:
        upstream.add_release(sdists.c_sdist("uncached", "1.0", build_requires=["required"]))
        operator.variables["controller_packages"] = ["uncached"]
        run = operator.build()
    finally:
        provisioned.ssh("web1", "sudo systemctl start nginx")
    assert ("uncached", "built") in operator.attempts(), run.output
    assert run.lines("It goes to upstream itself. The cache http://.*:8686 does not answer")
    assert WORD not in run.output
