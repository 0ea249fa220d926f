"""docs/platforms.md, made from what tests/fleet/test_platforms.py recorded; `make docs` writes it.

A row is a platform whose test passed when it ran last. A test that begins removes its platform's row, so that the page
says nothing of a platform that no longer passes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = _DOCS / "platforms.md"
RECORD = _DOCS / "platforms.json"

NAMES = {"bookworm": "Debian 12", "trixie": "Debian 13", "forky": "Debian 14 (testing)"}


@dataclass(frozen=True)
class Platform:
    """A system that wheelfleet is tried on: Debian's release and architecture, and options of the lab's node."""

    suite: str
    arch: str
    options: str = ""
    #: Whether a sdist of every build backend is built there, too.
    backends: bool = False
    #: Debian's names of the Pythons that it builds for.
    pythons: tuple[str, ...] = ("python3",)

    @property
    def key(self) -> str:
        """Its name in the record and in the test's."""
        return "-".join(filter(None, (self.suite, self.arch, self.options.replace("uname=", ""))))


#: In the order of the page.
PLATFORMS = (
    Platform("bookworm", "amd64"),
    Platform("bookworm", "armhf"),
    Platform("bookworm", "armhf", "uname=aarch64", backends=True),
    Platform("bookworm", "arm64"),
    Platform("bookworm", "i386"),
    Platform("trixie", "amd64"),
    Platform("trixie", "armhf"),
    Platform("trixie", "arm64"),
    Platform("trixie", "riscv64"),
    Platform("forky", "amd64", pythons=("python3", "python3.13", "python3.15")),
)

_HEAD = """# Platforms that were tried

`make test-long` records [platforms.json](platforms.json), and `make docs` makes this page of it.
It names only what a test really ran, on booted hosts.
A platform whose test fails has no row.

For each platform `tests/fleet/test_platforms.py` begins with two hosts that have a minimal Debian, Python and SSH:

- **provisioned**: `playbooks/provision.yml` makes one a builder, and a second run changes nothing;
- **built**: it builds a C extension, and one that needs libyaml;
- **repaired**: the second wheel carries libyaml with it, and each wheel names the oldest C library that it runs on;
- **installed**: pip on the other, clean one installs both from the index, and they answer.

"""
_TAIL = """
Hosts other than amd64 and i386 are emulated (qemu-user): their programs are real, their kernel is this machine's.
The times are those of two processor cores, which also did other work.

"""
_NOT_TRIED = """
## What was not tried

[Pis of several kinds](how-to/add-builders.md#pis-of-several-kinds) says which of these is a Pi of yours.

- **Raspberry Pi OS** was not booted: its archive cannot be reached from where wheelfleet is tested.
  The 64-bit system is Debian's arm64 with a kernel, firmware and desktop of its own: the arm64 rows speak for it.
  The 32-bit system is an armhf of its own, compiled for ARMv6: the armhf rows speak for ARMv7 and newer only.
- **Ubuntu 24.04** was not booted: its archive cannot be reached either.
  Its Python (3.12) and C library (2.39) lie between Debian 12's and Debian 13's.
- **Alpine**: [Builders with Alpine or Fedora](how-to/alpine-and-fedora.md#what-was-tried) says what was tried, and how.
- **Fedora** was not booted: its archive cannot be reached either.
  [The same page](how-to/alpine-and-fedora.md) has the steps.
"""


def read() -> dict[str, dict[str, Any]]:
    """The rows by platform's key."""
    rows: dict[str, dict[str, Any]] = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    return rows


def record(platform: Platform, row: dict[str, Any] | None) -> None:
    """Write a platform's row; None removes it."""
    rows = {key: value for key, value in read().items() if key != platform.key}
    if row is not None:
        rows[platform.key] = row
    RECORD.write_text(json.dumps(rows, indent=1, sort_keys=True) + "\n")


def page() -> str:
    """The whole page."""
    rows = read()
    shown = [(platform, rows[platform.key]) for platform in PLATFORMS if platform.key in rows]
    table = [
        "| platform | Python | provisioned | built | repaired | installed | when |",
        "|---|---|---|---|---|---|---|",
    ]
    for platform, row in shown:
        told = [_title(platform), row["python"], *(_step(row, step) for step in ("provisioned", "built"))]
        told += [", ".join(f"`{tag}`" for tag in row["repaired"]), row["installed"], row["date"]]
        table.append(f"| {' | '.join(told)} |")
    backends = [
        f"On {_title(platform)} each of these backends made a wheel that a host with a 32-bit kernel installed, too.\n"
        "By ELF all their code is for ARMv7 or older:\n\n"
        + "".join(f"- {name}: `{filename}`\n" for name, filename in sorted(row["backends"].items()))
        for platform, row in shown
        if row.get("backends")
    ]
    tests = "".join(f"- {_title(platform)}: `{row['test']}`\n" for platform, row in shown)
    shown_backends = "".join(f"{each}\n" for each in backends)
    return _HEAD + "\n".join(table) + "\n" + _TAIL + shown_backends + f"By test:\n\n{tests}" + _NOT_TRIED


def _title(platform: Platform) -> str:
    wide = platform.options == "uname=aarch64" or platform.arch == "i386"
    kernel = " under a 64-bit kernel" if wide else ""
    return f"{NAMES[platform.suite]}, {platform.arch}{kernel}"


def _step(row: dict[str, Any], step: str) -> str:
    return f"{row[step]} s"


if __name__ == "__main__":
    PAGE.write_text(page())
