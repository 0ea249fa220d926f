"""The build backend that travels inside the tests' sdists (PEP 517 with `backend-path`).

It needs nothing but the standard library of Python 3.9 or newer and, for C, a compiler: no network, no build
requirements. `project.json` beside it says what to build; the sdist's PKG-INFO becomes the wheel's METADATA.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import runpy
import shlex
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent
PROJECT: dict[str, Any] = json.loads((HERE / "project.json").read_text(encoding="utf-8"))
DIST_INFO = f"{PROJECT['stem']}.dist-info"


def get_requires_for_build_wheel(config_settings: object = None) -> list[str]:
    requires: list[str] = PROJECT["dynamic_requires"]
    return requires


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: object = None) -> str:
    folder = Path(metadata_directory, DIST_INFO)
    folder.mkdir()
    for name, data in dist_info_files().items():
        Path(metadata_directory, name).write_bytes(data)
    return DIST_INFO


def build_wheel(wheel_directory: str, config_settings: object = None, metadata_directory: str | None = None) -> str:
    claimed = run_script(wheel_directory, config_settings)
    if claimed is not None:
        return claimed
    if PROJECT["runs_setup_py"]:
        runpy.run_path(str(SOURCE / "setup.py"), run_name="__main__")
    if PROJECT["kind"] == "prepared":
        wheels = sorted((HERE / "wheels").glob("*/*.whl"))
        for wheel in wheels:
            shutil.copy(wheel, wheel_directory)
        return wheels[0].name
    return write_wheel(wheel_directory, {**payload(), **dist_info_files()})


def run_script(wheel_directory: str, config_settings: object) -> str | None:
    """Run the test's own code; the name of the wheel, if that code says that it has made one."""
    script = HERE / "script.py"
    if not script.exists():
        return None
    said: dict[str, Any] = {
        "__name__": "__main__",
        "__file__": str(script),
        "wheel_directory": wheel_directory,
        "config_settings": config_settings,
        "source": str(SOURCE),
        "wheel_filename": None,
    }
    exec(compile(script.read_text(encoding="utf-8"), str(script), "exec"), said)
    name: str | None = said["wheel_filename"]
    return name


def payload() -> dict[str, bytes]:
    module = PROJECT["module"]
    if PROJECT["kind"] == "c":
        limited = ".abi3t.so" if PROJECT["abi3t"] else ".abi3.so" if PROJECT["abi3"] else None
        suffix = limited or sysconfig.get_config_var("EXT_SUFFIX")
        return {module + suffix: compile_c("extension.c")}
    files = {name: (SOURCE / name).read_bytes() for name in PROJECT["files"]}
    if PROJECT["kind"] == "ctypes":
        files[f"{module}/_native.so"] = compile_c("native.c")
    return files


def compile_c(source: str) -> bytes:
    """Compile one C file into a shared object as the running interpreter's own extensions are compiled."""
    variables = sysconfig.get_config_vars()
    output = HERE / "output.so"
    command = [
        *shlex.split(os.environ.get("CC") or variables["CC"]),
        *shlex.split(variables["CFLAGS"]),
        *shlex.split(os.environ.get("CFLAGS", "")),
        *(["-DPy_LIMITED_API=0x03090000"] if PROJECT["abi3"] else []),
        "-fPIC",
        "-shared",
        "-I" + sysconfig.get_path("include"),
        source,
        "-o",
        str(output),
        *shlex.split(os.environ.get("LDFLAGS", "")),
        *("-l" + library for library in PROJECT["libraries"]),
    ]
    print(shlex.join(command), flush=True)
    done = subprocess.run(command, cwd=SOURCE, check=False)
    if done.returncode:
        raise RuntimeError(f"error: command {command[0]!r} failed with exit code {done.returncode}")
    return output.read_bytes()


def tag() -> str:
    if PROJECT["kind"] == "pure":
        return "py3-none-any"
    family = {"cpython": "cp", "pypy": "pp"}[sys.implementation.name]
    python = f"{family}{sys.version_info[0]}{sys.version_info[1]}"
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    if PROJECT["kind"] == "ctypes":
        return f"{python}-none-{platform}"
    if PROJECT["abi3"]:
        return f"cp39-abi3-{platform}"
    if PROJECT["abi3t"]:
        return f"cp315-abi3.abi3t-{platform}"
    if family == "pp":
        # "pypy39-pp73-x86_64-linux-gnu" names the ABI pypy39_pp73.
        return f"{python}-{'_'.join(sysconfig.get_config_var('SOABI').split('-')[:2])}-{platform}"
    return f"{python}-{python}{getattr(sys, 'abiflags', '')}-{platform}"


def dist_info_files() -> dict[str, bytes]:
    purelib = "true" if PROJECT["kind"] == "pure" else "false"
    python, abis, platform = tag().split("-")
    tags = "".join(f"Tag: {python}-{abi}-{platform}\n" for abi in abis.split("."))
    wheel = f"Wheel-Version: 1.0\nGenerator: intree_backend\nRoot-Is-Purelib: {purelib}\n{tags}"
    return {
        f"{DIST_INFO}/METADATA": (SOURCE / "PKG-INFO").read_bytes(),
        f"{DIST_INFO}/WHEEL": wheel.encode(),
    }


def write_wheel(wheel_directory: str, files: dict[str, bytes]) -> str:
    rows = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(data)}")
    record = f"{DIST_INFO}/RECORD"
    rows.append(f"{record},,")
    filename = f"{PROJECT['stem']}-{tag()}.whl"
    with zipfile.ZipFile(Path(wheel_directory, filename), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**files, record: ("\n".join(rows) + "\n").encode()}.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return filename
