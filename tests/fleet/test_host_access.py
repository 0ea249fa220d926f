"""Hosts on which an operator's Ansible cannot work yet, as the run's output tells them."""

from __future__ import annotations

from pathlib import Path

from tests.lab import Lab
from tests.support.fleet_operator import FleetOperator

NODE = "build1"


def test_a_pi_whose_sudo_asks_for_a_password_is_told_with_the_cure(fleet: Lab, tmp_path: Path):
    # As new images of Raspberry Pi OS are: the account may use sudo, with its password.
    fleet.ssh(
        NODE,
        "id visitor >/dev/null 2>&1 || sudo useradd -m -s /bin/bash -G sudo visitor; "
        "sudo install -d -o visitor -m 700 ~visitor/.ssh; "
        "sudo install -o visitor ~/.ssh/authorized_keys ~visitor/.ssh/",
    )
    operator = FleetOperator(
        tmp_path / "operator", {}, [NODE], lab=fleet, host_variables={NODE: {"ansible_user": "visitor"}}
    )
    try:
        run = operator.play("playbooks/provision.yml", expect=None, timeout=120)
    finally:
        operator.close()
    assert run.returncode != 0
    said = f"{NODE}: sudo asks for a password there: add --ask-become-pass"
    assert run.output.count(said) == 1, run.output
