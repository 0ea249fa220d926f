"""Copies files of tests to nodes of the lab."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tests.lab import Lab


def copy_to_node(lab: Lab, node: str, files: Mapping[str, Path]) -> None:
    """Copy files and whole folders to absolute paths on a node, which its user must be able to write."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for target, source in files.items():
            archive.add(source, arcname=target.lstrip("/"))
    unpack = lab.ssh_command(node, "tar --extract --no-same-owner --no-overwrite-dir --directory /")
    subprocess.run(lab.enter(unpack), input=packed.getvalue(), check=True)
