"""What is said about a host that Ansible cannot work on; the errors are those of real tools."""

from __future__ import annotations

import subprocess

import pytest
from wheelfleet.engine.host_access import cure_of


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        ("Task failed: Missing sudo password", "--ask-become-pass"),
        ("sudo: a password is required\r\n", "--ask-become-pass"),
        ("Task failed: Incorrect sudo password", "correct ansible_become_password"),
        ("The sudo password is wrong.", "correct ansible_become_password"),
        ("Failed to connect to the host via ssh: pi@pi1: Permission denied (publickey,password).", "ssh-copy-id"),
        ("ssh: Could not resolve hostname pi7: Name or service not known", "ansible_host"),
        ("Host key verification failed.", "ssh-keygen -R"),
        ("ssh: connect to host pi1 port 22: No route to host", "is on"),
        ("/bin/sh: 1: /usr/bin/python3: not found", "apt-get install python3"),
        ("No package matching 'libfoo' is available", ""),
        ("Permission denied: /var/lib/wheelfleet", ""),
    ],
)
def test_a_host_that_cannot_be_worked_on_is_told_with_its_cure(error: str, cure: str) -> None:
    assert cure in cure_of(error) if cure else cure_of(error) == ""


def test_what_ssh_really_says_is_understood() -> None:
    options = ["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5"]
    nobody = subprocess.run(["ssh", *options, "-p", "1", "127.0.0.1", "true"], capture_output=True, text=True)
    unknown = subprocess.run(["ssh", *options, "no-such-host.invalid", "true"], capture_output=True, text=True)
    assert "is on" in cure_of(nobody.stderr), nobody.stderr
    assert "ansible_host" in cure_of(unknown.stderr), unknown.stderr
