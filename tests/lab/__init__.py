"""A private lab of several "Pis", of any Debian, on one Debian machine, for the fleet tests.

Each node is a systemd-nspawn container that boots its own systemd and sshd, with its own address, size-limited disk
and control groups, so that Ansible provisions it over SSH like a real machine. It needs root, cgroup v1 and Debian
packages; `missing()` names an unmet requirement. By hand: `python -m tests.lab --help`.

Everything below is in the lab's network namespaces; the machine's routes, firewall and sysctls stay untouched:

    the machine               namespace NAME (the switch)           namespace NAME-build1
    +-----------+             +-----------------------------+       +--------------+
    | gateway   |<--sockets---| 10.99.0.1:80 :443   br0 ----+-veth--+ host0        |
    |           |             | dnsmasq 10.99.0.1:53        |       | 10.99.0.11   |
    +---+-------+             | ansible, ssh and the tests' |       | systemd, sshd|
        | TCP to the package  | own servers                 |       +--------------+
        v registries only     +-----------------------------+          ... NAME-web1

A node's disk is a read-only base tree below the node's changes, which are on a small ext4 image: it has real ENOSPC and
real power cuts. There is no NAT: DNS resolves the registries' names to the gateway's address, and no other outside
names.
"""

from __future__ import annotations

from tests.lab.lab import Lab
from tests.lab.machine import missing
from tests.lab.processes import LabError
from tests.lab.settings import Settings

__all__ = ["Lab", "LabError", "Settings", "missing"]
