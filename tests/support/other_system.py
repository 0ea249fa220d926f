"""A part of this machine that looks like Alpine or Fedora: without apt and dpkg, and with musl where that is named."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

#: Programs and data of Debian's package management.
_DEBIAN = (
    "/usr/bin/apt* /usr/bin/dpkg* /usr/lib/apt /usr/lib/dpkg /usr/share/dpkg /etc/apt /etc/dpkg /etc/debian_version"
)


def missing() -> str | None:
    """Why this machine cannot look like another; None if it can."""
    if os.geteuid() != 0:
        return "only root makes a machine look like another"
    if shutil.which("unshare") is None:
        return "util-linux's unshare is not here"
    return None


def without_debian(
    command: Sequence[str], scratch: Path, os_release: str, files: Mapping[str, Path] | None = None, more: str = ""
) -> list[str]:
    """The command line that runs `command` with file systems of its own in which Debian's package management is gone.

    `scratch` is an empty folder. `os_release` replaces that file. `files` are copied there, to paths below /usr or
    /etc. `more` is a shell script that runs before the command.
    """
    copies = "".join(f"install -D {shlex.quote(str(file))} {path}\n" for path, file in (files or {}).items())
    script = f"""
        set -e
        mount -t tmpfs tmpfs {shlex.quote(str(scratch))}
        for top in usr etc; do
            mkdir -p {scratch}/$top/upper {scratch}/$top/work
            mount -t overlay overlay -o lowerdir=/$top,upperdir={scratch}/$top/upper,workdir={scratch}/$top/work /$top
        done
        mount -t tmpfs tmpfs /var/lib/dpkg
        rm -rf {_DEBIAN}
        rm -f /etc/os-release
        printf '%s' {shlex.quote(os_release)} >/etc/os-release
        {copies}{more}
        exec "$@"
    """
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", *command]
