"""Describes the target that an interpreter builds for: `PYTHON probe.py`, or `describe_target(PYTHON)` from outside.

The described interpreter runs this file, so it needs only the standard library, and `packaging` or pip's copy of it.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import platform
import re
import shlex
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..contract.report import Facts, Host, Libc, System, Target

#: Compiler, linker and build tools that most sdists with native code need; each accepts `--version`.
TOOLCHAIN = ("gcc", "ld", "rustc", "cmake")
#: Packages that do not help builds, unless they are development files.
_NO_USE_TO_BUILDS = re.compile(r"lib|python3?-|py3-|fonts-|linux-(?:image|headers-)|firmware-|gir1\.2-|task-|locales")
#: How the development files of a library are called: by Debian and Alpine, by Fedora.
_DEVELOPMENT = ("-dev", "-devel")
#: Debian's sections of libraries.
_LIBRARIES = ("libs", "oldlibs")
#: Commands that list the installed packages of Debian, Fedora and Alpine: a line for each, which ends with its name.
_LISTS_OF_PACKAGES = (
    ("dpkg-query", "--show", "--showformat=${db:Status-Status} ${Package}\n"),
    ("rpm", "--query", "--all", "--queryformat", "installed %{NAME}\n"),
    ("apk", "info"),
)
#: What interpreter and build backends take for the platform, if it is set: `linux-armv7l`.
HOST_PLATFORM = "_PYTHON_HOST_PLATFORM"
#: By the name of a 64-bit kernel's machine, or of its 32-bit personality: the machine of 32-bit code.
_NARROW = {"aarch64": "armv7l", "armv8l": "armv7l", "x86_64": "i686"}
#: Characters of a fact from outside, at most.
LONGEST_FACT = 200


class ProbeError(Exception):
    """This interpreter cannot build; the message has the reason and the package to install."""


def describe_target(python: Path | str) -> Target:
    """The target of the interpreter `python`, which runs this file. Raises ProbeError."""
    try:
        asked = subprocess.run(
            # By standard input, because the file does not exist inside Ansible's archive of modules.
            [str(python), "-I", "-"],
            input=inspect.getsource(sys.modules[__name__]),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    except OSError as error:
        raise ProbeError(
            f"There is no Python at {python} ({error.strerror}); install it, or correct builder_pythons."
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ProbeError(f"{python} gave no answer within two minutes; try it by hand.") from error
    if asked.returncode:
        said = asked.stderr.strip().splitlines() or [f"it is no Python, for it ends with exit code {asked.returncode}."]
        raise ProbeError(f"{python} cannot build: {said[-1]}")
    target: Target = json.loads(asked.stdout)
    return target


def describe_this() -> Target:
    """The target of the running interpreter. Raises ProbeError."""
    if sys.version_info < (3, 9):  # noqa: UP036 - the operator may name any Python
        raise ProbeError(f"it is Python {platform.python_version()}; wheelfleet needs Python 3.9 or newer.")
    try:
        import venv  # noqa: F401 - every build needs it
    except ImportError:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        raise ProbeError(
            f"it has no module venv; on Debian and Raspberry Pi OS, apt install python{version}-venv."
        ) from None
    tags = _tags()
    libc = _libc(tags)
    return {
        "name": target_name(tags, libc),
        "implementation": platform.python_implementation(),
        "python_version": platform.python_version(),
        "tags": tags,
        "platform": _platform(tags),
        "libc": libc,
        "cflags": _cflags(),
        **_host(),
    }


def host_facts() -> Facts:
    """The facts of this host, whatever the interpreter. They include nothing volatile, because changes are recorded.

    It runs the tools of `TOOLCHAIN`, so call it once a run and not once a target.
    """
    return {**_host(), "board": _board(), "toolchain": _toolchain()}


def host_packages(patience: float = 30) -> list[str] | None:
    """The names of installed packages that builds may use: development files and programs, no plain libraries.

    None where neither dpkg, rpm nor apk names any, or if it needs longer than `patience` seconds.
    """
    for command in _LISTS_OF_PACKAGES:
        # Fedora and Debian have each other's program in a package, which then knows of no package.
        if names := _installed(command, patience):
            return sorted(name for name in names if name.endswith(_DEVELOPMENT) or not _NO_USE_TO_BUILDS.match(name))
    return None


def host_libraries(patience: float = 30) -> dict[str, str] | None:
    """The versions of installed packages of libraries, by name; None where dpkg names none."""
    command = ("dpkg-query", "--show", "--showformat=${Section} ${Package} ${Version} ${db:Status-Status}\n")
    found = {}
    for line in _said(command, patience):
        section, *rest = line.split(" ")
        # Raspberry Pi's own packages may have an area before it: non-free/libs.
        if section.rpartition("/")[2] in _LIBRARIES and len(rest) == 3 and rest[2] == "installed":
            found[rest[0]] = rest[1]
    return found or None


def _installed(command: Sequence[str], patience: float) -> set[str]:
    states = (line.rpartition(" ") for line in _said(command, patience))
    return {name for state, _, name in states if state in ("installed", "")} - {""}


def _said(command: Sequence[str], patience: float) -> list[str]:
    """The lines that a command says; none if it fails or needs longer than `patience` seconds."""
    try:
        asked = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=patience,
            check=True,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return asked.stdout.splitlines()


def _host() -> Host:
    return {
        "machine": platform.machine(),
        "os": this_system(),
        "cores": _cores(),
        "memory": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
    }


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        # PyPy does not have it.
        return os.cpu_count() or 1


def target_name(tags: Sequence[str], libc: Libc) -> str:
    """The name of a target: `cp311-cp311-linux_x86_64-glibc2.36`, `pp39-pypy39_pp73-linux_x86_64-glibc2.36`."""
    interpreter, abi = tags[0].split("-")[:2]
    name = f"{interpreter}-{abi}-{_platform(tags)}"
    return f"{name}-{libc['name']}{libc['version']}" if libc["name"] else name


def narrow_machine(kernel: str, bits: int) -> str | None:
    """The machine that 32-bit code is for on a 64-bit kernel, by uname's name of the kernel; None if they are the same.

    A Raspberry Pi 4 with a 32-bit system has a 64-bit kernel. The same system on a Raspberry Pi 2 has a 32-bit one, and
    is the same target.
    """
    return _NARROW.get(kernel) if bits == 32 else None


def _tags() -> list[str]:
    narrow = narrow_machine(os.uname().machine, 64 if sys.maxsize > 2**32 else 32)
    if narrow:
        # sysconfig.get_platform() obeys it, and so does packaging, which otherwise names armv8l first.
        os.environ[HOST_PLATFORM] = f"linux-{narrow}"
    for module in ("packaging.tags", "pip._vendor.packaging.tags"):
        try:
            return [str(tag) for tag in importlib.import_module(module).sys_tags()]
        except ImportError:
            continue
    raise ProbeError("it has neither packaging nor pip; make its virtual environment again (python -m venv), with pip.")


def _cflags() -> str | None:
    flags = sysconfig.get_config_var("CFLAGS")
    return str(flags) if flags else None


def _platform(tags: Sequence[str]) -> str:
    """The best platform tag without a libc: `linux_x86_64`."""
    platforms = (tag.split("-")[2] for tag in tags)
    return next((name for name in platforms if name.startswith("linux_")), tags[0].split("-")[2])


def _libc(tags: Sequence[str]) -> Libc:
    for tag in tags:
        musl = re.search(r"-musllinux_(\d+)_(\d+)_", tag)
        if musl:
            return {"name": "musl", "version": f"{musl[1]}.{musl[2]}"}
    try:
        name, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
    except (OSError, ValueError):
        return {"name": None, "version": None}
    return {"name": name or None, "version": version or None}


def this_system(release: Path = Path("/etc/os-release")) -> System:
    """The distribution and its release, as os-release(5) states them."""
    facts: dict[str, str] = {}
    try:
        for line in release.read_text(encoding="utf-8").splitlines():
            key, separator, value = line.partition("=")
            if separator:
                facts[key] = "".join(shlex.split(value))
    except (OSError, ValueError):
        return {"id": None, "version": None}
    return {"id": facts.get("ID"), "version": facts.get("VERSION_ID") or facts.get("VERSION_CODENAME")}


def _board(
    places: Sequence[Path] = (
        Path("/proc/device-tree/model"),
        # What that is a link to, where a container's /proc has none.
        Path("/sys/firmware/devicetree/base/model"),
        Path("/sys/class/dmi/id/product_name"),
    ),
) -> str | None:
    """The model that the device tree (boards) or the firmware (PCs, virtual machines) states."""
    for place in places:
        try:
            model = place.read_bytes().replace(b"\0", b"").decode("utf-8", "replace").strip()
        except OSError:
            continue
        if model:
            return model[:LONGEST_FACT]
    return None


def _toolchain(patience: float = 10) -> dict[str, str]:
    """The first line of each tool's `--version`; all run at once and share `patience` seconds."""
    asked = {}
    for tool in TOOLCHAIN:
        try:
            asked[tool] = subprocess.Popen(
                [tool, "--version"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={**os.environ, "LC_ALL": "C"},
            )
        except OSError:
            continue
    said = {}
    until = time.monotonic() + patience
    for tool, process in asked.items():
        with process:
            try:
                # At least a second for each, because the others' output is ready even if one used up the time.
                answer = process.communicate(timeout=max(1, until - time.monotonic()))[0]
            except subprocess.TimeoutExpired:
                process.kill()
                continue
        lines = answer.decode("utf-8", "replace").strip().splitlines()
        if process.returncode == 0 and lines:
            said[tool] = lines[0].strip()[:LONGEST_FACT]
    return said


def main() -> int:
    try:
        description: Any = describe_this()
    except ProbeError as error:
        print(error, file=sys.stderr)
        return 1
    json.dump(description, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
