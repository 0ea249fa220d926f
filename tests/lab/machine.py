"""Checks whether a machine can run a lab."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.lab import cgroups, emulation
from tests.lab.settings import REPOSITORY

#: PATH with the folders of system programs, which users' PATH does not have.
PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def _programs() -> dict[str, str]:
    """The lab's Debian packages, each with a program of it, from the list in `bootstrap`."""
    lines = [line.split() for line in (REPOSITORY / "bootstrap").read_text().splitlines()]
    return {line[1]: line[2] for line in lines if line[:1] == ["lab"]}


def missing(*, root: bool | None = None) -> str | None:
    """One sentence on a requirement of the lab that this machine does not meet; None if it meets all.

    `root`: whether the lab would run as root; by default, whether this process does.
    """
    packages = [package for package, program in _programs().items() if shutil.which(program, path=PATH) is None]
    if packages:
        return f"the lab needs the Debian packages {', '.join(packages)}; install them by: sudo ./bootstrap test"
    if not cgroups.supported():
        return "the lab limits hosts by control groups of version 1, which this machine does not have"
    if not Path("/dev/loop-control").exists():
        return "the lab gives each host a disk of its own by loop devices, which this machine does not have"
    if not emulation.BINFMT.is_dir():
        return "the lab runs ARM programs through binfmt_misc, which this machine's kernel does not have"
    if not (os.geteuid() == 0 if root is None else root):
        return "the lab boots hosts, for which it must be root"
    return None
