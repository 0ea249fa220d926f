"""ARM nodes on another processor: qemu-user through binfmt_misc."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.lab.processes import sh

QEMU = {"armhf": "qemu-arm", "arm64": "qemu-aarch64"}
BINFMT = Path("/proc/sys/fs/binfmt_misc")


def emulated(arch: str) -> bool:
    """Whether programs of a Debian architecture need qemu on this machine."""
    return arch in QEMU and not (arch == "arm64" and os.uname().machine == "aarch64")


def register(name: str, arch: str) -> None:
    """Let the kernel run programs of `arch` under qemu, until `name` unregisters.

    Flags: F opens the interpreter now, so that it works in any mount namespace; C lets setuid programs keep their
    rights. Debian's own entry has no C, so that sudo fails with "effective uid is not 0". The newest entry wins.
    """
    if not emulated(arch):
        return
    if not (BINFMT / "register").exists():
        sh("mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT)
    entry = f"{name}-{QEMU[arch]}"
    if not (BINFMT / entry).exists():
        line = Path(f"/usr/lib/binfmt.d/{QEMU[arch]}.conf").read_text().strip()
        line = re.sub("^:[^:]*", f":{entry}", line)
        (BINFMT / "register").write_text(re.sub("[A-Z]*$", "POCF", line))


def unregister(name: str) -> None:
    """Remove the entries of that name."""
    for qemu in QEMU.values():
        entry = BINFMT / f"{name}-{qemu}"
        if entry.exists():
            entry.write_text("-1")
