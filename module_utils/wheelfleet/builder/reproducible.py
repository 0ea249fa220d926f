"""What makes two builds of one sdist give the same bytes, as environment variables.

Flags go into variables that every build system *adds* to what it would use anyway: CPPFLAGS and LDFLAGS for
setuptools, distutils, meson and autoconf (CMake reads LDFLAGS), CARGO_BUILD_RUSTFLAGS for cargo. CFLAGS would take the
place of the interpreter's own flags in newer setuptools, and of "-g -O2" in every configure script; RUSTFLAGS
would take the place of what a package's own cargo configuration says for its target.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

#: The first moment that a zip file, and so a wheel, can hold: 1980-01-01, in seconds since the epoch.
EARLIEST = 315532800


def reproducible(root: Path | str, upload_time: str | None) -> dict[str, str]:
    """The variables for a build whose folders lie in `root`, as the build sees it.

    `SOURCE_DATE_EPOCH` is the sdist's upload time, so that a rebuild dates its files alike (reproducible-builds.org).
    Debugging information and symbols, which hold paths, stay away, and what is left of `root` in file names becomes
    `.`. A linker that strips also makes the build id from what is left.
    """
    return {
        "SOURCE_DATE_EPOCH": str(max(_epoch(upload_time) or EARLIEST, EARLIEST)),
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONHASHSEED": "0",
        "CPPFLAGS": f"-g0 -ffile-prefix-map={root}=.",
        "LDFLAGS": "-Wl,-s",
        # Without it LDFLAGS takes the place of what numpy.distutils links Fortran with.
        "NPY_DISTUTILS_APPEND_FLAGS": "1",
        "CARGO_BUILD_RUSTFLAGS": f"--remap-path-prefix={root}=. -Cstrip=symbols",
    }


#: Their words add up; all others are replaced.
_FLAGS = ("CPPFLAGS", "LDFLAGS", "CARGO_BUILD_RUSTFLAGS")


def overridden(variables: Mapping[str, str], by: Mapping[str, str]) -> dict[str, str]:
    """`variables` with what somebody wants otherwise. Flags are put behind ours, where a compiler heeds the last word;
    empty ones leave ours out."""
    wanted = dict(by)
    for name in _FLAGS:
        if wanted.get(name) and variables.get(name):
            wanted[name] = f"{variables[name]} {wanted[name]}"
    return {**variables, **wanted}


def _epoch(upload_time: str | None) -> int | None:
    if not upload_time:
        return None
    # Python 3.9 and 3.10 read neither "Z" nor fractions of any length.
    when = upload_time.rstrip("Z").partition(".")[0].partition("+")[0]
    try:
        return int(datetime.fromisoformat(when).replace(tzinfo=timezone.utc).timestamp())
    except ValueError:
        return None
