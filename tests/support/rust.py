"""This machine's Rust, put where builds see it: they see nothing of anybody's home, where rustup has it."""

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
    """This machine's cargo."""
    return shutil.which("cargo", path=USUAL) or shutil.which("cargo")


@cache
def path_with_cargo(prefix: Path | None = None) -> str:
    """The PATH of builds that are to find the cargo of this machine; `prefix` is that of their interpreter."""
    if shutil.which("cargo", path=USUAL):
        return USUAL
    asked = subprocess.run(["rustc", "--print", "sysroot"], check=True, capture_output=True, text=True)
    # A folder of the interpreter's prefix is bound into the sandbox, also where it is a link.
    link = (prefix or tools().parents[1]) / "libexec"
    with suppress(FileNotFoundError):
        if link.resolve() != Path(asked.stdout.strip()).resolve():
            link.unlink()
    with suppress(FileExistsError):
        link.symlink_to(asked.stdout.strip())
    return f"{link}/bin:{USUAL}"


@cache
def cargo_version() -> tuple[int, ...]:
    """Of the cargo there, as in (1, 68)."""
    cargo = cargo_here()
    assert cargo is not None
    said = subprocess.run([cargo, "--version"], check=True, capture_output=True, text=True).stdout
    match = re.match(r"cargo (\d+)\.(\d+)", said)
    assert match is not None, said
    return int(match[1]), int(match[2])


def old_cargo() -> str:
    """A PATH with a cargo that says it is an old one and does nothing else, as builds see it."""
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
