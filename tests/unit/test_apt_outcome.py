"""What became of each package after apt failed: dpkg's own answers, from a dpkg of the test's own."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from wheelfleet.builder import apt_outcome
from wheelfleet.builder.apt_outcome import InstallOutcome, after_failure

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg")

Dpkg = Callable[..., str]


@pytest.fixture
def dpkg(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dpkg:
    """Installs packages below a folder, each given as a name, what it depends on, and whether its script fails."""
    root = tmp_path / "root"
    (root / "var/lib/dpkg/info").mkdir(parents=True)
    (root / "var/lib/dpkg/updates").mkdir()
    (root / "var/lib/dpkg/status").touch()
    # The packages' scripts run on this machine, and change nothing.
    options = [f"--root={root}", "--force-not-root", "--force-script-chrootless", "--log=/dev/null"]

    def install(*packages: tuple[str, str, bool]) -> str:
        files = []
        for name, depends, fails in packages:
            control = tmp_path / name / "DEBIAN" / "control"
            control.parent.mkdir(parents=True)
            control.write_text(
                f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: a test\nDescription: one\n"
                + (f"Depends: {depends}\n" if depends else "")
            )
            if fails:
                script = control.with_name("postinst")
                script.write_text("#!/bin/sh\nexit 2\n")
                script.chmod(0o755)
            files.append(str(tmp_path / f"{name}.deb"))
            subprocess.run(
                ["dpkg-deb", "--root-owner-group", "--build", tmp_path / name, files[-1]],
                check=True,
                capture_output=True,
            )
        said = subprocess.run(["dpkg", *options, "--install", *files], capture_output=True, text=True, check=False)
        return said.stdout + said.stderr

    ask = apt_outcome.run_apt
    monkeypatch.setattr(
        apt_outcome, "run_apt", lambda command: ask([command[0], f"--admindir={root}/var/lib/dpkg", *command[1:]])
    )
    return install


def test_one_package_that_cannot_be_set_up_costs_only_what_needs_it(dpkg: Dpkg) -> None:
    new = ["libcairo2-dev", "default-jdk", "openjdk"]
    said = dpkg(("openjdk", "", True), ("default-jdk", "openjdk", False), ("libcairo2-dev", "", False))
    assert "error processing package openjdk" in said
    assert after_failure(["libcairo2-dev", "default-jdk"], new, said) == InstallOutcome(
        install=["libcairo2-dev"],
        refused={"default-jdk": "apt could not set up openjdk."},
        half_installed=["default-jdk", "openjdk"],
    )


def test_what_the_host_had_before_is_never_removed(dpkg: Dpkg) -> None:
    """An upgrade that cannot be set up stays, because the host had the package."""
    dpkg(("openjdk", "", True))
    assert (
        after_failure(["libcairo2-dev"], ["libcairo2-dev"], "E: Sub-process dpkg returned an error").half_installed
        == []
    )


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            "'apt-get install' failed: E: Failed to fetch cairo.deb  Cannot connect\nE: more",
            "Failed to fetch cairo.deb Cannot connect.",
        ),
        ("", "it did not say why."),
    ],
)
def test_what_may_pass_is_tried_again(dpkg: Dpkg, said: str, why: str) -> None:
    outcome = after_failure(["libcairo2-dev"], ["libcairo2-dev", "libcairo2"], said)
    assert outcome == InstallOutcome(later={"libcairo2-dev": f"apt failed: {why}"})
