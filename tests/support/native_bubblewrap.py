"""bubblewrap for emulated nodes: this machine's own, for qemu-user knows no namespaces and fails with the node's."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

from tests.lab import Lab
from tests.support.node_files import copy_to_node

_FOLDER = "/usr/local/lib/native"


def install_native_bubblewrap(lab: Lab, node: str, folder: Path) -> None:
    """Put `bwrap` with the libraries it needs onto a node, before the node's own on everybody's path.

    `folder` is for what is copied.
    """
    program = shutil.which("bwrap")
    assert program is not None, "this machine has no bubblewrap"
    said = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    libraries = re.findall(r"(/\S+) \(0x", said)
    loader = next(Path(library).name for library in libraries if Path(library).name.startswith("ld-"))
    files = {f"/tmp/native/{Path(path).name}": Path(path).resolve() for path in (program, *libraries)}
    start = folder / "bwrap"
    start.write_text(f'#!/bin/sh\nexec {_FOLDER}/{loader} --library-path {_FOLDER} {_FOLDER}/bwrap "$@"\n')
    start.chmod(0o755)
    copy_to_node(lab, node, {**files, "/tmp/native/start": start})
    lab.ssh(
        node,
        f"sudo sh -c 'rm -rf {_FOLDER}; mv /tmp/native {_FOLDER}; mv {_FOLDER}/start /usr/local/bin/bwrap;"
        f" chown -R root: {_FOLDER} /usr/local/bin/bwrap'",
    )
