"""What a machine needs to hold a lab."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.lab import cgroups, emulation

#: The Debian package and the program that shows that it is there.
PROGRAMS = {
    "arch-test": "arch-test",
    "dnsmasq-base": "dnsmasq",
    "e2fsprogs": "mkfs.ext4",
    "iproute2": "ip",
    "mmdebstrap": "mmdebstrap",
    "openssh-client": "ssh",
    "qemu-user-static": "qemu-arm-static",
    "systemd-container": "systemd-nspawn",
    "zstd": "zstd",
}


def missing() -> str | None:
    """One sentence about what this machine lacks for a lab; None when it lacks nothing."""
    if os.geteuid() != 0:
        return "the lab boots hosts, for which it must be root"
    packages = [package for package, program in PROGRAMS.items() if shutil.which(program) is None]
    if packages:
        return f"the lab needs programs of Debian packages: apt-get install {' '.join(packages)}"
    if not cgroups.supported():
        return "the lab limits hosts by control groups of version 1, which this machine does not have"
    if not Path("/dev/loop-control").exists():
        return "the lab gives each host a disk of its own by loop devices, which this machine does not have"
    if not emulation.BINFMT.is_dir():
        return "the lab runs ARM programs through binfmt_misc, which this machine's kernel does not have"
    return None
