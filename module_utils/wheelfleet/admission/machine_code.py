"""Finds the machine code in a wheel and its machine, by the first bytes of ELF files."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from elftools.common.exceptions import ELFParseError
from elftools.common.utils import struct_parse
from elftools.elf.structs import ELFStructs

#: By the machine of a platform tag (`linux_aarch64`, `manylinux_2_36_aarch64`): ELF machine, word size, little-endian.
_MACHINES = {
    "x86_64": ("EM_X86_64", 64, True),
    "i686": ("EM_386", 32, True),
    "aarch64": ("EM_AARCH64", 64, True),
    "armv8l": ("EM_ARM", 32, True),
    "armv7l": ("EM_ARM", 32, True),
    "armv6l": ("EM_ARM", 32, True),
    "ppc64le": ("EM_PPC64", 64, True),
    "ppc64": ("EM_PPC64", 64, False),
    "s390x": ("EM_S390", 64, False),
    "riscv64": ("EM_RISCV", 64, True),
    "loongarch64": ("EM_LOONGARCH", 64, True),
}
_LINUX = re.compile(r"(?:linux|manylinux\d+|(?:manylinux|musllinux)_\d+_\d+)_(?P<machine>\w+)")
_SHARED_OBJECT = re.compile(r"\.so(?:\.|$)")
_SCRIPT = re.compile(r"[^/]+\.data/scripts/")

#: Bytes of a file's beginning that are read; no ELF header is longer.
HEADER_SIZE = 64


@dataclass(frozen=True)
class NativeCode:
    """A file of a wheel that a target loads or runs."""

    path: str
    #: The name in the ELF specification: `EM_AARCH64`.
    machine: str
    bits: int
    little_endian: bool

    def runs_on(self, platform: str) -> bool:
        """Whether machines of this platform tag can load it; never for `any`, always for machines not listed here."""
        match = _LINUX.fullmatch(platform)
        if match is None:
            return False
        expected = _MACHINES.get(match["machine"])
        return expected in (None, (self.machine, self.bits, self.little_endian))


def native_code(path: str, head: bytes) -> NativeCode | None:
    """The machine code in a wheel's file `path` that begins with `head`; None if an installation does not use it.

    Shared objects and programs among the scripts (`NAME-VERSION.data/scripts/`) are used. Other ELF files are data:
    firmware, object files, and helpers for several machines, such as those in Adafruit-Blinka's pure wheels.
    """
    if not head.startswith(b"\x7fELF") or len(head) < HEADER_SIZE:
        return None
    bits = {1: 32, 2: 64}.get(head[4])
    if bits is None or head[5] not in (1, 2):
        return None
    structs = ELFStructs(little_endian=head[5] == 1, elfclass=bits)
    structs.create_basic_structs()
    try:
        header = struct_parse(structs.Elf_Ehdr, io.BytesIO(head))
    except ELFParseError:
        return None
    is_library = header.e_type == "ET_DYN" and _SHARED_OBJECT.search(PurePosixPath(path).name)
    is_command = header.e_type in ("ET_DYN", "ET_EXEC") and _SCRIPT.match(path)
    return NativeCode(path, str(header.e_machine), bits, head[5] == 1) if is_library or is_command else None
