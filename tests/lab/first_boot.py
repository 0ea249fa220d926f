"""Makes a node of a base tree: its name, keys, DNS server, and the certificates that this machine trusts."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from tests.lab import emulation
from tests.lab.hardware import Hardware
from tests.lab.processes import sh
from tests.lab.settings import USER

BUNDLE = "etc/ssl/certs/ca-certificates.crt"


def prepare(root: Path, *, name: str, hardware: Hardware, dns: str, host_keys: Path, login_key: str) -> None:
    """Prepare a node's root directory; a disk that was prepared before is left as it is."""
    mark = root / "etc/fleet"
    if mark.exists():
        return
    (root / "etc/hostname").write_text(f"{name}\n")
    (root / "etc/hosts").write_text(f"127.0.0.1 localhost\n127.0.1.1 {name}\n")
    (root / "etc/resolv.conf").write_text(f"nameserver {dns}\noptions timeout:2 attempts:2\n")
    for key in host_keys.iterdir():
        shutil.copy2(key, root / "etc/ssh")
    _authorize(root / "home" / USER, login_key)
    _trust_what_this_machine_trusts(root)
    hardware.show(root)
    if hardware.suite != "bookworm":
        _describe_sources(root)
    if emulation.emulated(hardware.arch):
        _do_without_namespaces(root)
    if hardware.uname:
        emulation.set_machine(hardware.arch, root, hardware.uname)
    # Without this a power cut soon after the first boot would leave empty host keys, unlike on a freshly written card.
    sh("sync", "-f", root)
    mark.touch()
    sh("sync", "-f", root)


def _authorize(home: Path, key: str) -> None:
    owner = home.stat()
    folder = home / ".ssh"
    folder.mkdir(mode=0o700)
    file = folder / "authorized_keys"
    file.write_text(key)
    file.chmod(0o600)
    for path in (folder, file):
        os.chown(path, owner.st_uid, owner.st_gid)


def _trust_what_this_machine_trusts(root: Path) -> None:
    """Add certificates that this machine trusts and stock Debian does not, for example a package mirror's.

    They go into the bundle, and into the folder that update-ca-certificates reads.
    """
    certificate = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
    bundle = root / BUNDLE
    known = {"".join(each.split()) for each in certificate.findall(bundle.read_text())}
    ours = Path("/", BUNDLE)
    text = ours.read_text() if ours.exists() else ""
    extra = [each for each in certificate.findall(text) if "".join(each.split()) not in known]
    for number, each in enumerate(extra):
        (root / f"usr/local/share/ca-certificates/fleet-{number}.crt").write_text(f"{each}\n")
    with bundle.open("a") as file:
        file.writelines(f"{each}\n" for each in extra)
    # requests, and pip from an index, have bundles of their own.
    (root / "etc/pip.conf").write_text(f"[global]\ncert = /{BUNDLE}\n")
    with (root / "etc/environment").open("a") as file:
        file.write(f"REQUESTS_CA_BUNDLE=/{BUNDLE}\nPIP_CERT=/{BUNDLE}\n")


def _describe_sources(root: Path) -> None:
    """Write apt's sources as Debian 13 and newer have them: in paragraphs (deb822), not in lines."""
    lines = root / "etc/apt/sources.list"
    sources = re.findall(r"^deb (?:\[(.*)\] )?(\S+) (\S+) (.*)$", lines.read_text(), re.MULTILINE)
    paragraphs = [
        f"Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: {components}\n"
        + ("Check-Valid-Until: no\n" if "check-valid-until=no" in options else "")
        + "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        for options, uri, suite, components in sources
    ]
    (root / "etc/apt/sources.list.d/debian.sources").write_text("\n".join(paragraphs))
    lines.unlink()


#: What systemd does for a service by a mount namespace, which qemu-user refuses.
_NEEDS_NAMESPACES = {
    **dict.fromkeys(("PrivateTmp", "PrivateDevices", "PrivateNetwork", "PrivateUsers", "PrivateMounts"), "no"),
    **dict.fromkeys(("PrivateIPC", "MountAPIVFS", "ProtectSystem", "ProtectHome", "ProtectHostname"), "no"),
    **dict.fromkeys(("ProtectKernelTunables", "ProtectKernelModules", "ProtectKernelLogs", "ProtectClock"), "no"),
    **dict.fromkeys(("ProtectControlGroups", "RestrictNamespaces", "RestrictSUIDSGID", "DynamicUser"), "no"),
    "ProtectProc": "default",
    "ProcSubset": "all",
    **dict.fromkeys(("LoadCredential", "SetCredential", "ImportCredential", "BindPaths", "BindReadOnlyPaths"), ""),
    **dict.fromkeys(("ReadWritePaths", "ReadOnlyPaths", "InaccessiblePaths", "TemporaryFileSystem"), ""),
    **dict.fromkeys(("SystemCallFilter", "SystemCallArchitectures"), ""),
}


def _do_without_namespaces(root: Path) -> None:
    """Keep systemd from what fails under qemu-user: namespaces of services, and a systemd per login, which spins."""
    folder = root / "etc/systemd/system/service.d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "fleet.conf").write_text("[Service]\n" + "".join(f"{k}={v}\n" for k, v in _NEEDS_NAMESPACES.items()))
    session = root / "etc/pam.d/common-session"
    lines = session.read_text().splitlines(keepends=True)
    session.write_text("".join(line for line in lines if "pam_systemd" not in line))
