"""Linux namespaces: a thread in the lab's network, a process with private mounts."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from tests.lab.processes import sh
from tests.lab.settings import REPOSITORY

CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000

Result = TypeVar("Result")


def enter_network(namespace: Path) -> None:
    """Move this thread into a network namespace. Sockets that it opens stay there."""
    libc = ctypes.CDLL(None, use_errno=True)
    with namespace.open() as file:
        if libc.setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"cannot enter {namespace}")


def in_network(namespace: Path, function: Callable[..., Result], *arguments: object) -> Result:
    """Call a function in a thread of its own inside a network namespace."""
    with ThreadPoolExecutor(1, initializer=enter_network, initargs=(namespace,)) as pool:
        return pool.submit(function, *arguments).result()


def private_mounts(home: Path, network: Path) -> None:
    """Give this process a mount namespace without the mounts of other nodes.

    A node's disk is mounted only here. A mount in the host's namespace would be copied into every new mount namespace,
    stay there after our umount, and keep a killed node's file system in use. Here it ends with the node's last process.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "cannot make a mount namespace")
    sh("mount", "--make-rslave", "/")
    needed = ("/usr/", "/etc/", "/bin/", f"{home}/", f"{REPOSITORY}/", f"{sys.prefix}/", f"{sys.base_prefix}/")
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    for _, point, kind, *_ in reversed(mounts):
        if kind == "nsfs":
            ours = point == str(network)  # other mounts would keep other nodes' networks in use
        else:
            inside = point.rstrip("/") + "/"
            ours = point.startswith(("/proc", "/sys", "/dev", "/run")) or any(n.startswith(inside) for n in needed)
        if not ours:
            sh("umount", "-l", point, check=False)
    os.chdir("/")
