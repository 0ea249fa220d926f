"""The base trees: a minimal Debian for each architecture, made once and shared read-only by all nodes."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.lab import emulation
from tests.lab.native import copy_native
from tests.lab.processes import LabError, die_with_parent, sh
from tests.lab.registries import debian_mirror
from tests.lab.settings import USER, Settings

PACKAGES = (
    *("systemd-sysv", "dbus", "libpam-systemd", "udev", "kmod", "procps", "less"),
    *("openssh-server", "sudo", "python3", "python3-apt"),
    *("iproute2", "iputils-ping", "ca-certificates", "gpgv"),
)

#: The path of a node's first process.
INIT = "/usr/lib/fleet-init"

# nspawn mounts the cgroup-v1 controllers read-only, so that systemd silently ignores MemoryMax= and similar settings.
# The cgroup namespace confines them to the node's subtree, so it is safe to make them writable. Debian 13's systemd
# needs an option for cgroup v1.
INIT_SCRIPT = """#!/bin/sh
for c in memory pids cpu cpuacct blkio; do
    [ -d /sys/fs/cgroup/$c ] && mount -o remount,bind,rw /sys/fs/cgroup/$c
done
exec /lib/systemd/systemd systemd.show_status=1 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1
"""

# mmdebstrap runs this in the finished tree: it adds the user, and removes files that must differ between nodes. The
# masked units have no use in a container or only cost time.
CUSTOMIZE = f"""set -e; cd "$1"
chroot . useradd -m -s /bin/bash -G sudo,adm {USER}
echo "{USER} ALL=(ALL) NOPASSWD: ALL" > etc/sudoers.d/010_{USER}-nopasswd
chmod 440 etc/sudoers.d/010_{USER}-nopasswd
rm -f etc/ssh/ssh_host_* etc/hostname etc/resolv.conf var/lib/dbus/machine-id
: > etc/machine-id
for u in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer getty.target \\
  console-getty.service systemd-timesyncd.service systemd-networkd.service; do
  ln -sf /dev/null etc/systemd/system/$u
done"""

# Under emulation dpkg-deb takes minutes to decompress packages, so this machine's own is used. mmdebstrap runs this in
# a tree with only the essential packages.
_NATIVE = "/usr/local/lib/native-dpkg"
NATIVE_DPKG = f"""set -e; cd "$1"
mkdir -p .{_NATIVE}; cp "$NATIVE"/* .{_NATIVE}/
chroot . dpkg-divert --local --rename --add /usr/bin/dpkg-deb
mv .{_NATIVE}/start usr/bin/dpkg-deb"""
# The emulator is in the tree before its first program runs.
PUT_EMULATOR = """mkdir -p "$1$(dirname "$PLACE")"; cp "$EMULATOR" "$1$PLACE\""""
#: Under emulation apt's lists stay in the tree, because apt takes more than a minute to read them again.
LISTS = "--skip=cleanup/apt/lists"

log = logging.getLogger("lab")


class BaseTrees:
    """The trees in the cache. A tree's name has a hash of everything that the tree is made of."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def key(self, arch: str, suite: str) -> str:
        """The name of a tree and, with .tar.zst, of its tarball."""
        more = (NATIVE_DPKG, LISTS, PUT_EMULATOR) if emulation.emulated(arch) else ()
        contents = repr((suite, debian_mirror(), PACKAGES, CUSTOMIZE, INIT_SCRIPT, *more))
        return f"{suite}-{arch}-{hashlib.sha256(contents.encode()).hexdigest()[:8]}"

    def tree(self, arch: str, suite: str) -> Path:
        """The unpacked tree. If it is missing it is made, from its tarball in seconds, otherwise in minutes.

        Waits while another process makes the same tree.
        """
        cache, key = self._settings.cache, self.key(arch, suite)
        tree, tarball, part = cache / key, cache / f"{key}.tar.zst", cache / f".{key}.part"
        cache.mkdir(parents=True, exist_ok=True)
        with _locked(cache / f".{key}.lock"):
            if tree.is_dir():
                return tree
            if part.exists():
                shutil.rmtree(part)
            if tarball.exists():
                part.mkdir()
                sh(*_TAR, "-C", part, "-I", "zstd", "-xpf", tarball)
            else:
                log.info("building the base tree %s (once: a minute, under emulation five)", key)
                # An entry of its own, which no lab removes when it goes down.
                emulation.register(key, arch)
                try:
                    _debootstrap(arch, suite, part)
                finally:
                    emulation.unregister(key)
                unfinished = tarball.with_suffix(".part")
                sh(*_TAR, "-C", part, "-I", "zstd -T0 -3", "-cf", unfinished, ".")
                unfinished.rename(tarball)
            part.rename(tree)
        return tree


_TAR = ("tar", "--numeric-owner", "--xattrs", "--xattrs-include=*")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _debootstrap(arch: str, suite: str, root: Path) -> None:
    """Make a tree with mmdebstrap, in namespaces of its own: if it is killed, no mount and no process is left."""
    more = []
    environment = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        if emulation.emulated(arch):
            native, emulator = Path(folder, "native"), Path(folder, "emulator")
            copy_native("dpkg-deb", native, _NATIVE)
            emulation.fetch_emulator(arch, emulator)
            environment |= {
                "NATIVE": str(native),
                "EMULATOR": str(emulator),
                "PLACE": emulation.EMULATORS[arch].place,
            }
            more = [f"--setup-hook={PUT_EMULATOR}", f"--essential-hook={NATIVE_DPKG}", LISTS]
        _mmdebstrap(arch, suite, root, more, environment)
    init = root / INIT.lstrip("/")
    init.write_text(INIT_SCRIPT)
    init.chmod(0o755)


def _mmdebstrap(arch: str, suite: str, root: Path, more: Sequence[str], environment: Mapping[str, str]) -> None:
    mirror = debian_mirror()
    sources = [
        f"deb {mirror} {suite} main",
        f"deb {mirror} {suite}-updates main",
        f"deb {mirror}-security {suite}-security main",
    ]
    command = [
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *("mmdebstrap", "--mode=root", "--variant=minbase", f"--architectures={arch}"),
        f"--include={','.join(PACKAGES)}",
        *('--aptopt=Acquire::Languages "none"', '--aptopt=Acquire::Retries "3"', "--dpkgopt=force-unsafe-io"),
        *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in ("man", "locale", "doc")),
        *(*more, f"--customize-hook={CUSTOMIZE}", suite, str(root)),
    ]
    # A caching mirror may have a stale index ("Mirror sync in progress?"). Then the index is left out, also of the
    # node's sources, or each apt-get update there would fail. What testing has expires after a week.
    for choice in (sources, sources[:2], sources[:1], [f"deb [check-valid-until=no] {mirror} {suite} main"]):
        done = subprocess.run(
            [*command, *choice],
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            preexec_fn=die_with_parent,
            check=False,
        )
        if done.returncode == 0:
            return
        if root.exists():
            shutil.rmtree(root)
        if "apt-get update" not in done.stdout:
            break
        log.info("apt-get update failed for %s of %s with %s", suite, arch, "; ".join(choice))
    raise LabError(f"{shlex.join(command)} ended with {done.returncode}: {done.stdout[-4000:]}")
