"""A build lacks a header: its package is found in Debian's contents index, proposed, and installed where allowed."""

from __future__ import annotations

import json
import re
import shlex

import pytest

from tests.lab import Lab
from tests.support import sdists
from tests.support.fleet_operator import FleetOperator
from tests.support.suites import python_tag
from tests.support.upstream import Upstream

#: A setting of apt by which each installation seems to have failed.
HOOK, FAILS = "/etc/apt/apt.conf.d/99fails", 'DPkg::Post-Invoke {"false";};'


@pytest.mark.long
def test_missing_packages_are_proposed_or_installed_and_built_in_one_run(
    fleet_operator: FleetOperator, fleet_upstream: Upstream, provisioned: Lab
):
    fleet_upstream.add_release(sdists.missing_header_sdist("wants-yaml", "1.0", header="yaml.h"))
    fleet_operator.variables |= {"controller_packages": ["wants-yaml"], "builder_apt_lookup": True}
    fleet_operator.builders = ["build1"]

    # Without permission it is found and proposed, and nothing is installed.
    proposed = fleet_operator.build()
    (attempt,) = fleet_operator.query("SELECT * FROM attempt")
    assert attempt["advice"] == "Install libyaml-dev on the builder (apt-get install libyaml-dev).", proposed.output
    assert re.search(
        r"Proposal: install libyaml-dev \(would unblock 1 project; 2 packages, \d{3} KiB\)\.", proposed.output
    ), proposed.output
    assert "builder_apt_extra_packages: [libyaml-dev]" in proposed.output
    failures = json.loads((fleet_operator.site / "failures" / "failures.json").read_text())
    assert [each["package"] for each in failures["proposals"]] == ["libyaml-dev"]
    assert fleet_operator.build().changed == 0
    assert not _has(provisioned, "libyaml-dev")

    # With permission for other names neither; check mode says what the right one would do.
    fleet_operator.variables["builder_apt_autoinstall"] = ["libusb-*"]
    assert fleet_operator.build().changed == 0
    fleet_operator.variables["builder_apt_autoinstall"] = True
    fleet_operator.build("--check")
    assert not _has(provisioned, "libyaml-dev")

    run = fleet_operator.build()
    python = python_tag("build1")
    assert fleet_operator.attempts() == [("wants-yaml", "failed"), ("wants-yaml", "built")], run.output
    assert fleet_operator.wheels() == [f"wants_yaml-1.0-{python}-{python}-linux_x86_64.whl"]
    assert re.search(r"Installed libyaml-dev \(2 packages, \d{3} KiB\), which builds lacked; 1 build went", run.output)
    assert _has(provisioned, "libyaml-dev")
    assert provisioned.ssh("build1", "cat /etc/wheelfleet/apt-packages").split() == ["libyaml-dev"]
    assert fleet_operator.build().changed == 0

    # apt says that it failed, and the package is installed all the same: dpkg is asked.
    provisioned.ssh("build1", f"echo {shlex.quote(FAILS)} | sudo tee {HOOK}")
    try:
        fleet_upstream.add_release(sdists.missing_header_sdist("wants-gmp", "1.0", header="gmp.h"))
        fleet_operator.variables["controller_packages"] = ["wants-yaml", "wants-gmp"]
        run = fleet_operator.build()
    finally:
        provisioned.ssh("build1", f"sudo rm {HOOK}")
    assert ("wants-gmp", "built") in fleet_operator.attempts(), run.output
    assert "Installed libgmp-dev, which builds lacked; 1 build went back to the queue." in run.output

    # A build that goes on does not keep another from its package.
    fleet_upstream.add_release(sdists.missing_header_sdist("wants-uuid", "1.0", header="uuid/uuid.h"))
    fleet_upstream.add_release(sdists.c_sdist("slow", "1.0", script="import time; time.sleep(100)"))
    fleet_operator.variables["controller_packages"] = ["wants-uuid", "slow"]
    run = fleet_operator.build()
    built = fleet_operator.query(
        "SELECT p.name FROM attempt a JOIN release r ON r.id = a.release_id JOIN project p ON p.id = r.project_id "
        "WHERE a.outcome = 'built' AND p.name IN ('slow', 'wants-uuid') ORDER BY a.finished_at"
    )
    assert [row["name"] for row in built] == ["wants-uuid", "slow"], run.output
    assert "Missing packages are installed while it goes on with 1 build." in run.output
    assert ("slow", "failed") not in fleet_operator.attempts()


def _has(lab: Lab, package: str) -> bool:
    said = lab.ssh("build1", f"dpkg-query -W -f '${{db:Status-Status}}' {package} 2>/dev/null || true")
    return said.strip() == "installed"
