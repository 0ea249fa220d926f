"""Reads ELF files: needed libraries, symbol versions, Python symbols, and the ARM version.

pyelftools reads the parts that the loader itself uses. Files may be untrusted: loops in them are cut off, and
unreadable ones raise. Used on builders (`builder.repair`) and again by `admission.tag_claims`, which trusts no builder.
"""

from __future__ import annotations

import io
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

_SHARED_OBJECT = re.compile(r"\.so(?:\.|$)")
_SCRIPT = re.compile(r"[^/]+\.data/scripts/[^/]+")

#: Endings of files that are not searched for machine code.
_TEXT = (".py", ".pyi", ".pyx", ".pxd", ".c", ".h", ".txt", ".json", ".md", ".rst", ".html", ".js", ".css", ".svg")

#: Limits above those of any honest file: libraries and versions, symbols, attributes.
_MOST_ENTRIES = 10_000
_MOST_SYMBOLS = 1_000_000
_MOST_ATTRIBUTES = 500

#: `Tag_CPU_arch` of the code that an ARMv6 with VFPv2 (Raspberry Pi 1 and Zero) runs: up to v6, v6KZ and v6K, but not
#: v6T2, which has Thumb-2 (Addenda to the ABI for the Arm Architecture, "Build Attributes").
_UP_TO_V6 = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 9})
_ARCHITECTURES = {6: "v6", 7: "v6KZ", 8: "v6T2", 9: "v6K", 10: "v7", 13: "v7E-M", 14: "v8"}
#: `Tag_FP_arch`: none, VFPv1, VFPv2. `Tag_ABI_VFP_args`: VFP registers (hard float), or compatible with both.
_UP_TO_VFP2 = frozenset({0, 1, 2})
_HARD_FLOAT = frozenset({1, 3})
_THUMB_2 = 2


class UnreadableElf(Exception):
    """An ELF file cannot be read; the message has the reason."""


class ArmAttributes(NamedTuple):
    """The build attributes that decide which ARM processors run the code; None if the file states none."""

    cpu: int | None
    vfp: int
    neon: int
    arguments: int | None
    thumb: int

    def why_not_v6(self) -> str | None:
        """Why a Raspberry Pi 1 or Zero does not run the code; None if it does."""
        if self.cpu not in _UP_TO_V6:
            return f"is for ARM {_ARCHITECTURES.get(self.cpu or -1, f'architecture {self.cpu}')}"
        if self.neon or self.vfp not in _UP_TO_VFP2:
            return "uses floating point instructions that ARMv6 does not have"
        if self.thumb == _THUMB_2:
            return "uses Thumb-2 instructions"
        if self.arguments not in _HARD_FLOAT:
            return "does not pass floating point arguments in VFP registers"
        return None


class Elf(NamedTuple):
    """One file of machine code."""

    #: The name in the ELF specification, such as `EM_AARCH64`. Libraries must match it and `bits`, which is 32 or 64.
    machine: str
    bits: int
    #: Whether it is a program: it names an interpreter (the loader).
    is_program: bool
    soname: str | None
    needed: tuple[str, ...]
    #: Versions of its libraries that it needs: ("libc.so.6", "GLIBC_2.34").
    versions: frozenset[tuple[str, str]]
    #: Versions that it defines.
    defines: frozenset[str]
    #: Undefined symbols that begin with Py or _Py, except weak ones, which may stay undefined.
    python_symbols: frozenset[str]
    #: Defined symbols of such names.
    python_defined: frozenset[str]
    arm: ArmAttributes | None


def read_elf(file: IO[bytes], *, symbols: bool = True) -> Elf:
    """Read an ELF file, which must be seekable. Raises UnreadableElf.

    Without `symbols` those of Python are left out: to go through all of a C library's takes as long as small builds do.
    """
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    try:
        return _read(ELFFile(file), symbols)
    except UnreadableElf:
        raise
    # Contradictory numbers in a file can raise any of these exceptions.
    except (
        ELFError,
        ValueError,
        TypeError,
        LookupError,
        ArithmeticError,
        AttributeError,
        OSError,
        MemoryError,
    ) as error:
        raise UnreadableElf(f"cannot be read as ELF ({type(error).__name__})") from error


class Head(NamedTuple):
    """The facts in the first bytes of an ELF file: its machine, and whether it is a library or program."""

    machine: bytes
    runs: bool


def read_head(head: bytes) -> Head | None:
    """Read the first 20 bytes of a file; None if it is no ELF file."""
    if len(head) < 20 or not head.startswith(b"\x7fELF"):
        return None
    kind = int.from_bytes(head[16:18], "little" if head[5] == 1 else "big")
    # Word size, byte order and e_machine; ET_EXEC and ET_DYN.
    return Head(head[4:6] + head[18:20], kind in (2, 3))


def own_machine() -> bytes:
    """The machine of this process's program, as in `Head`."""
    with Path(sys.executable).open("rb") as file:
        head = read_head(file.read(20))
    return head.machine if head else b""


def code_heads(wheel: zipfile.ZipFile) -> dict[str, Head]:
    """All ELF files in the wheel, by path."""
    found = {}
    for entry in wheel.infolist():
        if entry.is_dir() or entry.filename.endswith(_TEXT):
            continue
        with wheel.open(entry) as file:
            head = read_head(file.read(20))
        if head is not None:
            found[entry.filename] = head
    return found


def foreign_code(wheel: zipfile.ZipFile) -> list[str]:
    """The paths of machine code in the wheel that this machine cannot load."""
    here = own_machine()
    return [path for path, head in code_heads(wheel).items() if head.machine != here]


def read_code(wheel: Path) -> dict[str, Elf]:
    """The machine code of a wheel that an installation uses, by path: shared objects, and programs among its scripts.

    Raises UnreadableElf, also for a damaged wheel.
    """
    code = {}
    path = wheel.name
    try:
        with zipfile.ZipFile(wheel) as archive:
            for entry in archive.infolist():
                path = entry.filename
                if not _SHARED_OBJECT.search(path.rpartition("/")[2]) and not _SCRIPT.fullmatch(path):
                    continue
                with archive.open(entry) as file:
                    if (head := file.read(4)) == b"\x7fELF":
                        # Read it whole, because each seek backwards in a compressed file starts again at its beginning.
                        code[path] = read_elf(io.BytesIO(head + file.read()))
    except UnreadableElf as error:
        raise UnreadableElf(f"{path} {error}") from error
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise UnreadableElf(f"{path} cannot be read ({error})") from error
    return code


def _read(elf: Any, symbols: bool) -> Elf:
    from elftools.elf.dynamic import DynamicSegment

    segments = list(islice(elf.iter_segments(), _MOST_ENTRIES))
    dynamic = next((segment for segment in segments if isinstance(segment, DynamicSegment)), None)
    needed: list[str] = []
    soname = None
    pointers: dict[str, int] = {}
    if dynamic is not None:
        for tag in _bounded(dynamic.iter_tags(), _MOST_ENTRIES):
            if tag.entry.d_tag == "DT_NEEDED":
                needed.append(tag.needed)
            elif tag.entry.d_tag == "DT_SONAME":
                soname = tag.soname
            pointers.setdefault(str(tag.entry.d_tag), tag.entry.d_val)
    table = _section(elf, "SHT_DYNSYM", pointers.get("DT_SYMTAB")) if symbols else None
    undefined, defined = _python_symbols(table)
    return Elf(
        machine=str(elf["e_machine"]),
        bits=elf.elfclass,
        is_program=any(segment["p_type"] == "PT_INTERP" for segment in segments),
        soname=soname,
        needed=tuple(needed),
        versions=frozenset(_versions_needed(_section(elf, "SHT_GNU_verneed", pointers.get("DT_VERNEED")))),
        defines=frozenset(_versions_defined(_section(elf, "SHT_GNU_verdef", pointers.get("DT_VERDEF")))),
        python_symbols=undefined,
        python_defined=defined,
        arm=_arm_attributes(elf) if elf["e_machine"] == "EM_ARM" else None,
    )


def _section(elf: Any, kind: str, address: int | None) -> Any | None:
    """The section at the loader's `address`; None without an address. Raises UnreadableElf if none is there."""
    if address is None:
        return None
    for section in _bounded(elf.iter_sections(), _MOST_ENTRIES):
        if section["sh_type"] == kind and section["sh_addr"] == address:
            return section
    raise UnreadableElf("hides from its section table what it needs")


def _versions_needed(section: Any | None) -> Iterator[tuple[str, str]]:
    if section is not None:
        for library, versions in _bounded(section.iter_versions(), _MOST_ENTRIES):
            for version in _bounded(versions, _MOST_ENTRIES):
                yield str(library.name), str(version.name)


def _versions_defined(section: Any | None) -> Iterator[str]:
    if section is not None:
        for _, names in _bounded(section.iter_versions(), _MOST_ENTRIES):
            yield from (str(name.name) for name in islice(names, 1))


def _python_symbols(section: Any | None) -> tuple[frozenset[str], frozenset[str]]:
    undefined, defined = set[str](), set[str]()
    if section is not None:
        for symbol in _bounded(section.iter_symbols(), _MOST_SYMBOLS):
            if symbol.name.startswith(("Py", "_Py")) and symbol["st_info"]["bind"] != "STB_WEAK":
                (undefined if symbol["st_shndx"] == "SHN_UNDEF" else defined).add(str(symbol.name))
    return frozenset(undefined), frozenset(defined)


def _arm_attributes(elf: Any) -> ArmAttributes | None:
    found: dict[str, int] = {}
    sections = _bounded(elf.iter_sections(), _MOST_ENTRIES)
    section = next((section for section in sections if section["sh_type"] == "SHT_ARM_ATTRIBUTES"), None)
    if section is None:
        return None
    for subsection in _bounded(section.iter_subsections("aeabi"), _MOST_ATTRIBUTES):
        for part in _bounded(subsection.iter_subsubsections("TAG_FILE"), _MOST_ATTRIBUTES):
            for attribute in _bounded(part.iter_attributes(), _MOST_ATTRIBUTES):
                if isinstance(attribute.value, int):
                    found[str(attribute.tag)] = attribute.value
    return ArmAttributes(
        found.get("TAG_CPU_ARCH"),
        found.get("TAG_FP_ARCH", 0),
        found.get("TAG_ADVANCED_SIMD_ARCH", 0),
        found.get("TAG_ABI_VFP_ARGS"),
        found.get("TAG_THUMB_ISA_USE", 0),
    )


def _bounded(items: Iterable[Any], most: int) -> Iterator[Any]:
    """Up to `most` items. Raises UnreadableElf if there are more."""
    for count, item in enumerate(items):
        if count >= most:
            raise UnreadableElf("has more entries than any honest file")
        yield item
