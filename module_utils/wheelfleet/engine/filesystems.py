"""Which file system a folder is on: some are shared by machines whose kernels know nothing of each other's locks."""

from __future__ import annotations

import re
from pathlib import Path

#: Their names in /proc/self/mountinfo. Locks reach the other machine on some of them, with some servers and options; a
#: catalog in WAL mode never does, for SQLite's writers share memory (sqlite.org, "Write-Ahead Logging").
_NETWORK = re.compile(
    r"(?:nfs\d?|cifs|smb\d?|smbfs|9p|afs|ceph|coda|lustre|gpfs|beegfs|glusterfs|virtiofs|vboxsf|prl_fs|vmhgfs"
    r"|fuse\.(?:sshfs|glusterfs|ceph\S*|s3fs|rclone|gcsfuse|smbnetfs|davfs\S*|vmhgfs\S*|curlftpfs|moosefs|mfs|juicefs))"
)


def network_filesystem(folder: Path, mountinfo: Path = Path("/proc/self/mountinfo")) -> str | None:
    """The kind of network file system that an existing folder is on; None for others, and where that cannot be known.

    `mountinfo` is in the form of proc(5).
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
        # Of two at one place the later one covers the earlier.
        if (point == path or point in path.parents) and len(point.parts) >= depth:
            kind, depth = after.split()[0], len(point.parts)
    return kind if _NETWORK.fullmatch(kind) else None
