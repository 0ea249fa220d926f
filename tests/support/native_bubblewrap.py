"""bubblewrap for emulated nodes: this machine's, because the node's fails in qemu-user, which has no namespaces."""

from __future__ import annotations

from pathlib import Path

from tests.lab import Lab
from tests.lab.native import copy_native
from tests.support.node_files import copy_to_node

_FOLDER = "/usr/local/lib/native"


def install_native_bubblewrap(lab: Lab, node: str, folder: Path) -> None:
    """Copy `bwrap` and its libraries to a node, before the node's own in PATH. `folder` is for temporary copies."""
    copied = folder / "native"
    copy_native("bwrap", copied, _FOLDER)
    copy_to_node(lab, node, {f"/tmp/native/{path.name}": path for path in copied.iterdir()})
    lab.ssh(
        node,
        f"sudo sh -c 'rm -rf {_FOLDER}; mv /tmp/native {_FOLDER}; mv {_FOLDER}/start /usr/local/bin/bwrap;"
        f" chown -R root: {_FOLDER} /usr/local/bin/bwrap'",
    )
