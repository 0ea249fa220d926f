"""Makes this machine's Rust visible to builds, which do not see home folders, where rustup installs it."""

from __future__ import annotations

import re
import shutil
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path

from tests.support.toolenv import tools

USUAL = "/usr/local/bin:/usr/bin:/bin"


def cargo_here() -> str | None:
    """The path of this machine's cargo; None without one."""
    return shutil.which("cargo", path=USUAL) or shutil.which("cargo")


@cache
def path_with_cargo(prefix: Path | None = None) -> str:
    """The PATH of builds that need this machine's cargo; `prefix` is that of their interpreter."""
    if shutil.which("cargo", path=USUAL):
        return USUAL
    asked = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True)
    # Folders of the interpreter's prefix are bound into the sandbox, also symbolic links.
    link = (prefix or tools().parents[1]) / "libexec"
    with suppress(FileNotFoundError):
        if link.resolve() != Path(asked.stdout.strip()).resolve():
            link.unlink()
    with suppress(FileExistsError):
        link.symlink_to(asked.stdout.strip())
    return f"{link}/bin:{USUAL}"


@cache
def cargo_version() -> tuple[int, ...]:
    """The version of this machine's cargo, as in (1, 68)."""
    cargo = cargo_here()
    assert cargo is not None
    said = subprocess.run([cargo, "--version"], check=True, capture_output=True, text=True).stdout
    match = re.match(r"cargo (\d+)\.(\d+)", said)
    assert match is not None, said
    return int(match[1]), int(match[2])


def old_cargo() -> str:
    """A PATH for builds with a cargo that reports an old version and fails otherwise."""
    folder = tools().parents[1] / "lib" / "old-cargo"
    folder.mkdir(exist_ok=True)
    program = folder / "cargo"
    program.write_text(
        '#!/bin/sh\ntest "$1" = --version && echo "cargo 1.65.0" && exit\necho "error: old" >&2\nexit 101\n'
    )
    program.chmod(0o755)
    return f"{folder}:{USUAL}"


@cache
def path_without_cargo() -> str:
    """A PATH with all that this machine has but Rust, as builds see it."""
    if not shutil.which("cargo", path=USUAL):
        return USUAL
    folder = tools().parents[1] / "lib" / "no-cargo"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for program in Path("/usr/bin").iterdir():
        if not program.name.startswith(("cargo", "rust")):
            (folder / program.name).symlink_to(program)
    return str(folder)
