"""Nodes of another processor: qemu-user through binfmt_misc.

The emulator is a file of each node, which the kernel finds by its path when a program starts there. So two nodes of one
architecture can have kernels that differ in what `uname` says. It is Debian 13's on every node, because under Debian
12's (7.2) Debian 13's systemd starts not one unit and says nothing: glibc's pidfd_spawn fails there.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.lab.processes import LabError, sh
from tests.lab.registries import debian_mirror


class Emulator(NamedTuple):
    """How programs of an architecture are run."""

    program: str
    #: What `uname -m` says under it.
    machine: str

    @property
    def place(self) -> str:
        """Its path on nodes, which is Debian's."""
        return f"/usr/libexec/qemu-binfmt/{self.program.removeprefix('qemu-')}-binfmt-P"


#: By Debian's architecture.
EMULATORS = {
    "armhf": Emulator("qemu-arm", "armv7l"),
    "arm64": Emulator("qemu-aarch64", "aarch64"),
    "riscv64": Emulator("qemu-riscv64", "riscv64"),
}
#: The release that they come from.
SUITE = "trixie"
BINFMT = Path("/proc/sys/fs/binfmt_misc")


def emulated(arch: str) -> bool:
    """Whether programs of a Debian architecture need qemu on this machine."""
    return arch in EMULATORS and EMULATORS[arch].machine != os.uname().machine


def fetch_emulator(arch: str, path: Path) -> None:
    """Fetch the emulator of an architecture from Debian's archive."""
    with tempfile.TemporaryDirectory() as folder:
        options = ("--mode=root", "--variant=extract", "--include=qemu-user", '--aptopt=Acquire::Languages "none"')
        sh("mmdebstrap", *options, SUITE, folder, f"deb {debian_mirror()} {SUITE} main")
        shutil.copy(Path(folder, "usr/bin", EMULATORS[arch].program), path)


def set_machine(arch: str, root: Path, machine: str) -> None:
    """Have `uname -m` say `machine`, of up to seven letters, to each program of a node."""
    emulator = EMULATORS[arch]
    place = root / emulator.place.lstrip("/")
    before, after = f"\0{emulator.machine}\0".encode(), f"\0{machine}\0".encode()
    program = place.read_bytes()
    if program.count(before) != 1 or len(machine) > 7:
        raise LabError(f"{emulator.program} cannot be made to say {machine}")
    at = program.index(before)
    # The letter that this takes from the next word is of `armv7ml`, a microcontroller's.
    place.write_bytes(program[:at] + after + program[at + len(after) :])


def register(name: str, arch: str) -> None:
    """Let the kernel run programs of `arch` under qemu, until `name` unregisters.

    Flag C lets setuid programs keep their rights. Debian's own entry has no C, so that sudo fails with "effective uid
    is not 0"; and it has F, which opens this machine's emulator instead of the node's. The newest entry wins.
    """
    if not emulated(arch):
        return
    if not (BINFMT / "register").exists():
        sh("mount", "-t", "binfmt_misc", "binfmt_misc", BINFMT)
    program = EMULATORS[arch].program
    entry = f"{name}-{program}"
    if not (BINFMT / entry).exists():
        line = Path(f"/usr/lib/binfmt.d/{program}.conf").read_text().strip()
        line = re.sub("^:[^:]*", f":{entry}", line)
        (BINFMT / "register").write_text(re.sub("[^:]*:[A-Z]*$", f"{EMULATORS[arch].place}:POC", line))


def unregister(name: str) -> None:
    """Remove the entries of that name."""
    for emulator in EMULATORS.values():
        entry = BINFMT / f"{name}-{emulator.program}"
        if entry.exists():
            entry.write_text("-1")
