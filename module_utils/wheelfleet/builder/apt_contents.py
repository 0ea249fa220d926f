"""The distribution's contents index: the files of each package, as apt fetched and verified it.

apt fetches the lists by the host's own sources, keys and proxies, but into a separate folder. `apt-file` uses the same
lists, but makes each `apt-get update` of the host fetch them, daily on a Pi: 46 MB for Debian 12. Here they are fetched
when they are needed and older than `FRESH_DAYS`, which costs 240 kB if the distribution changed nothing. It needs no
root.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

#: Days for which lists are used without looking for newer ones.
FRESH_DAYS = 7.0
#: Seconds that apt may take to fetch them, because a Pi's network may be slow.
PATIENCE = 1800.0
#: Bytes of free disk that fetching them needs.
NEEDED_DISK = 256 << 20
#: Characters of a line that are read; paths are shorter.
LONGEST_LINE = 4096

_HELPER = "/usr/lib/apt/apt-helper"
_STAMP = "fetched"
#: Only the lists of contents, compressed as they come.
_CONFIGURATION = """
Dir::State::Lists "{folder}/lists";
Dir::Cache "{folder}/cache";
Acquire::Languages "none";
Acquire::IndexTargets::deb::Packages::DefaultEnabled "false";
Acquire::IndexTargets::deb::Translations::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::IndexTargets::deb-src::Sources::DefaultEnabled "false";
Acquire::IndexTargets::deb::Contents-deb {{
    MetaKey "$(COMPONENT)/Contents-$(ARCHITECTURE)";
    flatMetaKey "Contents-$(ARCHITECTURE)";
    ShortDescription "Contents-$(ARCHITECTURE)";
    Description "$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Contents (deb)";
    flatDescription "$(RELEASE) Contents (deb)";
    Identifier "Contents-deb";
    KeepCompressed "true";
    KeepCompressedAs "gz";
    Optional "true";
    DefaultEnabled "true";
}};
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


class ContentsError(Exception):
    """The index is not available; the message has the reason and the cure."""


def has_apt() -> bool:
    """Whether this host uses apt."""
    return shutil.which("apt-get") is not None and Path(_HELPER).exists()


def refresh(folder: Path, fresh_days: float = FRESH_DAYS) -> bool:
    """Fetch the lists into `folder` if they are missing or older than `fresh_days`; returns whether apt ran.

    Raises ContentsError if there are no lists afterwards; after a failed update the older ones stay in use.
    """
    stamp = folder / _STAMP
    known = bool(_lists(folder))
    try:
        if known and 0 <= time.time() - stamp.stat().st_mtime < fresh_days * 86400:
            return False
    except FileNotFoundError:
        pass
    try:
        for part in ("lists/partial", "cache/archives/partial"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(folder).free < NEEDED_DISK:
            raise ContentsError(
                f"{folder} has less than {NEEDED_DISK >> 20} MiB free, too little for apt's lists of contents; free "
                "some space there."
            )
        configuration = folder / "apt.conf"
        configuration.write_text(_CONFIGURATION.format(folder=folder), encoding="utf-8")
        done = subprocess.run(
            ["apt-get", "-q", "update"],
            env={**os.environ, "APT_CONFIG": str(configuration), "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
        )
        if not _lists(folder):
            why = _first_complaint(done.stdout.decode("utf-8", "replace"))
            raise ContentsError(
                f"apt could not fetch the lists of contents ({why[:300]}). The mirror is at fault, or the way to it; "
                "the next run asks again."
            )
        if done.returncode == 0:
            stamp.touch()
    except (OSError, subprocess.SubprocessError) as error:
        raise ContentsError(f"apt could not fetch the lists of contents into {folder} ({error}).") from error
    return True


def _first_complaint(said: str) -> str:
    """apt's first error, which names the cause; its last ones only report that files failed."""
    lines = said.splitlines()
    for mark in ("E:", "W:"):
        complaints = [line.strip() for line in lines if line.startswith(mark)]
        if complaints:
            return complaints[0]
    return "its sources have none"


def matching_lines(folder: Path, needles: Iterable[str]) -> Iterator[tuple[str, list[str]]]:
    """Path (without the leading slash) and packages of each file whose line contains one of `needles`, plain text.

    It takes one pass over all lists: `grep` searches for all needles at once, and Python sees only its matches.
    """
    wanted = sorted({needle for needle in needles if needle and "\n" not in needle})
    if not wanted:
        return
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", prefix="wheelfleet-") as patterns:
        patterns.write("".join(f"{needle}\n" for needle in wanted))
        patterns.flush()
        for file in _lists(folder):
            yield from _grep(file, patterns.name)


def _grep(file: Path, patterns: str) -> Iterator[tuple[str, list[str]]]:
    environment = {**os.environ, "LC_ALL": "C"}
    with (
        subprocess.Popen([_HELPER, "cat-file", str(file)], stdout=subprocess.PIPE, env=environment) as unpacked,
        subprocess.Popen(
            ["grep", "-a", "-F", "-f", patterns], stdin=unpacked.stdout, stdout=subprocess.PIPE, env=environment
        ) as found,
    ):
        assert unpacked.stdout is not None
        assert found.stdout is not None
        unpacked.stdout.close()
        for raw in found.stdout:
            line = raw[:LONGEST_LINE].decode("utf-8", "replace")
            path, _, owners = line.rstrip().rpartition(" ")
            if path:
                yield path.strip(), [owner.rpartition("/")[2] for owner in owners.split(",")]


def _lists(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("lists/*Contents-*") if path.is_file())
