"""The built-in canary: a project whose build needs an interpreter, a compiler and disk space, and nothing else.

A release that was built for the builder's target before is the better canary, because it also needs the network. This
one is for fleets that have built nothing yet.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

from ..atomic_files import write_atomically
from ..contract.assignment import Sdist
from ..contract.canary import NAME, VERSION

_STEM = f"wheelfleet_canary-{VERSION}"

_PYPROJECT = """\
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""

_METADATA = f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n"

_EXTENSION = """\
#include <Python.h>
static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "wheelfleet_canary", NULL, -1, NULL};
PyMODINIT_FUNC PyInit_wheelfleet_canary(void) { return PyModule_Create(&definition); }
"""

#: Compiles with the flags of the interpreter's own extensions, and packs the result.
_BACKEND = """\
import shlex
import subprocess
import sysconfig
import zipfile
from pathlib import Path

NAME = "{stem}-py3-none-any.whl"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    variables = sysconfig.get_config_vars()
    command = [*shlex.split(variables["CC"]), *shlex.split(variables["CFLAGS"]), "-fPIC", "-shared",
               "-I" + sysconfig.get_path("include"), "extension.c", "-o", "extension.so"]
    print(shlex.join(command), flush=True)
    subprocess.run(command, check=True)
    with zipfile.ZipFile(Path(wheel_directory, NAME), "w") as wheel:
        wheel.write("extension.so", "wheelfleet_canary.so")
    return NAME
""".replace("{stem}", _STEM)

_FILES = {"PKG-INFO": _METADATA, "pyproject.toml": _PYPROJECT, "backend.py": _BACKEND, "extension.c": _EXTENSION}


def put_canary(folder: Path) -> Sdist:
    """Write the canary's sdist into `folder`, and return its description for an assignment."""
    data = _sdist()
    path = folder / f"{_STEM}.tar.gz"
    if not path.is_file() or path.read_bytes() != data:
        write_atomically(path, data)
    return {
        "filename": path.name,
        "url": path.resolve().as_uri(),
        "sha256": hashlib.sha256(data).hexdigest(),
        "size": len(data),
        "upload_time": None,
    }


def _sdist() -> bytes:
    packed = io.BytesIO()
    with tarfile.open(mode="w", fileobj=packed, format=tarfile.PAX_FORMAT) as archive:
        for name, text in _FILES.items():
            entry = tarfile.TarInfo(f"{_STEM}/{name}")
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(packed.getvalue(), mtime=0)
