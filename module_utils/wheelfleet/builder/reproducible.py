"""The environment variables that make two builds of one sdist give the same bytes.

Flags are in variables that build systems *add* to their own: CPPFLAGS and LDFLAGS for setuptools, distutils, meson and
autoconf (CMake reads LDFLAGS), CARGO_BUILD_RUSTFLAGS for cargo. CFLAGS would replace the interpreter's own flags in
newer setuptools, and "-g -O2" in configure scripts. RUSTFLAGS would replace the flags in a package's cargo
configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

#: The earliest time of a zip file, and so of a wheel: 1980-01-01, in seconds since the epoch.
EARLIEST = 315532800


def reproducible(root: Path | str, upload_time: str | None) -> dict[str, str]:
    """The variables for a build whose folders are in `root`, its path inside.

    `SOURCE_DATE_EPOCH` is the sdist's upload time, so that a rebuild dates its files equally (reproducible-builds.org).
    Debug information and symbols, which contain paths, are left out; `root` in other file names becomes `.`. The linker
    strips before it computes the build ID.
    """
    return {
        "SOURCE_DATE_EPOCH": str(max(_epoch(upload_time) or EARLIEST, EARLIEST)),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "CPPFLAGS": f"-g0 -ffile-prefix-map={root}=.",
        "LDFLAGS": "-Wl,-s",
        # Otherwise LDFLAGS replaces numpy.distutils' flags for linking Fortran.
        "NPY_DISTUTILS_APPEND_FLAGS": "1",
        "CARGO_BUILD_RUSTFLAGS": f"--remap-path-prefix={root}=. -Cstrip=symbols",
    }


#: Variables whose values are joined; others are replaced.
_FLAGS = ("CPPFLAGS", "LDFLAGS", "CARGO_BUILD_RUSTFLAGS")


def overridden(variables: Mapping[str, str], by: Mapping[str, str]) -> dict[str, str]:
    """`variables`, overridden by `by`; flags are appended, because compilers heed the last, and empty flags replace."""
    wanted = dict(by)
    for name in _FLAGS:
        if wanted.get(name) and variables.get(name):
            wanted[name] = f"{variables[name]} {wanted[name]}"
    return {**variables, **wanted}


def _epoch(upload_time: str | None) -> int | None:
    if not upload_time:
        return None
    # Python 3.9 and 3.10 parse neither "Z" nor fractions of any length.
    when = upload_time.rstrip("Z").partition(".")[0].partition("+")[0]
    try:
        return int(datetime.fromisoformat(when).replace(tzinfo=timezone.utc).timestamp())
    except ValueError:
        return None
