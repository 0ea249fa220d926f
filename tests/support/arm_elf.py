"""Makes shared objects for 32-bit ARM without a compiler: they have only build attributes of the processor."""

from __future__ import annotations

import struct

_EM_ARM, _ET_DYN = 40, 3
_SHT_STRTAB, _SHT_ARM_ATTRIBUTES = 3, 0x70000003
_NAMES = b"\0.ARM.attributes\0.shstrtab\0"
_HEADER, _SECTION = 52, 40


def arm_elf(*, cpu: int | None = None, fp: int = 0, neon: int = 0, arguments: int = 1, thumb: int = 1) -> bytes:
    """The bytes of a shared object. The numbers are values of build attributes (Addenda to the ABI for the Arm
    Architecture); without `cpu` it has none. A Raspberry Pi 1 has cpu 6 (v6) and fp 2 (VFPv2)."""
    attributes = b"" if cpu is None else _attributes({6: cpu, 9: thumb, 10: fp, 12: neon, 28: arguments})
    kind = _SHT_ARM_ATTRIBUTES if attributes else 0
    sections = [
        bytes(_SECTION),
        struct.pack("<10I", 1, kind, 0, 0, _HEADER, len(attributes), 0, 0, 1, 0),
        struct.pack("<10I", 17, _SHT_STRTAB, 0, 0, _HEADER + len(attributes), len(_NAMES), 0, 0, 1, 0),
    ]
    identification = b"\x7fELF\x01\x01\x01" + bytes(9)
    table = _HEADER + len(attributes) + len(_NAMES)
    fields = (_ET_DYN, _EM_ARM, 1, 0, 0, table, 0x05000400, _HEADER, 32, 0, _SECTION, len(sections), 2)
    return identification + struct.pack("<HHIIIIIHHHHHH", *fields) + attributes + _NAMES + b"".join(sections)


def _attributes(values: dict[int, int]) -> bytes:
    pairs = bytes(byte for pair in values.items() for byte in pair)
    file = b"\x01" + struct.pack("<I", 5 + len(pairs)) + pairs
    vendor = b"aeabi\0" + file
    return b"A" + struct.pack("<I", 4 + len(vendor)) + vendor
