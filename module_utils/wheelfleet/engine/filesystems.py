"""Recognises network file systems, because locks and SQLite's WAL mode do not work between machines."""

from __future__ import annotations

import re
from pathlib import Path

#: Their names in /proc/self/mountinfo. On some of them locks work between machines, but a catalog in WAL mode never
#: does, because SQLite's writers share memory (sqlite.org, "Write-Ahead Logging").
_NETWORK = re.compile(
    r"(?:nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|coda|lustre|gpfs|beegfs|glusterfs|virtiofs|vboxsf|prl_fs|vmhgfs"
    r"|fuse\.(?:sshfs|glusterfs|ceph\S*|s3fs|rclone|gcsfuse|smbnetfs|davfs\S*|vmhgfs\S*|curlftpfs|moosefs|mfs|juicefs))"
)


def network_filesystem(folder: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> str | None:
    """The kind of network file system that an existing folder is on; None if it is on another kind or unknown.

    `mountinfo` is in the format of proc(5).
    """
    try:
        lines = mountinfo.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        path = folder.resolve()
    except OSError:
        return None
    kind, depth = "", -1
    for line in lines:
        before, separator, after = line.partition(" - ")
        fields = before.split()
        if not separator or len(fields) < 5:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4]))
        # Of two mounts at one place the later one covers the earlier.
        if (point == path or point in path.parents) and len(point.parts) >= depth:
            kind, depth = after.split()[0], len(point.parts)
    return kind if _NETWORK.fullmatch(kind) else None
