"""The sandbox for a package's code: a command line of bubblewrap (`bwrap`), and a test of whether this host can run it.

Inside are the system, read-only, the places that the caller binds, and nothing else: no other process, no network
except its own loopback, no capability, no home, no host name, no key. All writable places lie in the build's folder on
the disk, where their size is measured; none is a file system in memory.

A worker that runs as root stays root for the kernel, without capabilities. Such a process could still write the files
in `/proc` that root owns, so everything in it that is not about processes is read-only or empty.
"""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

#: The folder of this package `wheelfleet`.
LIBRARY = Path(__file__).resolve().parents[2]

#: The folder of a build inside, the same on every builder.
BUILD = "/build"
#: User and host name inside, the same on every builder.
USER, USER_ID, HOST = "build", 1000, "build"

#: The proxy's port inside, and the program that opens its socket there; see `proxy`.
PROXY_PORT = 3128
PROXY_CLIENT = "/run/wheelfleet/proxy_client.py"

_SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libo32", "libx32", "opt")
#: The parts of /etc that programs need and that reveal nothing of the host. The rest is absent.
_ETC = (
    *("alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "debian_version", "ethertypes"),
    *("fonts", "gai.conf", "ImageMagick-*", "java*", "ld-musl-*.path", "ld.so.cache", "ld.so.conf", "ld.so.conf.d"),
    *("locale.alias", "localtime", "lsb-release", "magic", "magic.mime", "mailcap", "mime.types", "OpenCL"),
    *("os-release", "perl", "pki/ca-trust", "pki/tls/certs", "pki/tls/cert.pem", "pki/tls/openssl.cnf", "protocols"),
    *("pypy*", "python*", "rpc", "services", "sgml", "ssl/certs", "ssl/cert.pem", "ssl/openssl.cnf", "timezone", "xml"),
)
#: Parts of an interpreter's prefix. The prefix itself is not bound, because it may be a user's home.
_PREFIX = ("bin", "compiler_compat", "include", "lib", "lib-python", "lib_pypy", "lib64", "libexec", "pyvenv.cfg")
#: Files of /proc that only the system's owner should read.
_SECRET = ("kcore", "keys", "key-users", "kmsg", "kpagecgroup", "kpagecount", "kpageflags", "timer_list", "slabinfo")
_NAMESPACES = ("user", "pid", "ipc", "uts", "net")

#: Environment variables that name proxies. Inside there is no network, or only this package's proxy.
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")


class Place(NamedTuple):
    """A file or folder of this host, and its path inside."""

    outside: Path
    inside: str


def sandboxed(
    command: Sequence[str],
    *,
    rootfs: Path,
    cwd: str = BUILD,
    read_only: Iterable[Path | Place] = (),
    writable: Iterable[Place] = (),
    hidden: Iterable[Path] = (),
    proxy_python: str | None = None,
    library: Path = LIBRARY,
) -> list[str]:
    """The command line that runs `command` in the sandbox.

    `rootfs` is a folder of this one build, made by `make_rootfs`. A plain path in `read_only` has the same path inside.
    `hidden` folders are empty inside if they lie in a folder of the system. `proxy_python` is the Python that runs the
    proxy client; without it there is no network. `library` is the folder of the package `wheelfleet`. The environment
    is the caller's, because a command line is not secret. If a signal ends a process inside, the command's exit code is
    128 plus the signal's number.
    """
    options = ["bwrap"]
    options += [f"--unshare-{name}" for name in _NAMESPACES]
    options += ["--unshare-cgroup-try", *_no_namespaces_inside()]
    options += ["--uid", str(USER_ID), "--gid", str(USER_ID), "--hostname", HOST]
    options += ["--cap-drop", "ALL", "--new-session", "--die-with-parent"]
    options += [*_system(), *_etc(rootfs), *_proc(), *_dev(rootfs)]
    covered = [str(folder) for folder in hidden if _of_the_system(folder)]
    for folder in covered:
        options += ["--tmpfs", folder]
    for empty in (BUILD, "/home", "/mnt", "/run", "/srv", "/var"):
        options += ["--dir", empty]
    options += ["--bind", str(rootfs / "tmp"), "/tmp", "--bind", str(rootfs / "tmp"), "/var/tmp"]
    for path in read_only:
        place = path if isinstance(path, Place) else Place(path, str(path))
        # bubblewrap cannot mount over a link, so its destination is bound.
        options += ["--ro-bind", os.path.realpath(place.outside), place.inside]
    for place in writable:
        options += ["--bind", str(place.outside), place.inside]
    if proxy_python is not None:
        options += ["--ro-bind", str(library / "wheelfleet" / "builder" / "proxy_client.py"), PROXY_CLIENT]
        command = [proxy_python, "-I", "-S", PROXY_CLIENT, str(PROXY_PORT), *command]
    for folder in ("/", *covered):
        options += ["--remount-ro", folder]
    return [*options, "--chdir", cwd, "--", *command]


def make_rootfs(folder: Path) -> Path:
    """Make and return `folder`, the sandbox's writable root of one build: /tmp, /dev/shm and files of /etc."""
    folder.mkdir(exist_ok=True)
    for name in ("tmp", "shm", "etc"):
        (folder / name).mkdir(exist_ok=True)
    (folder / "tmp").chmod(0o1777)
    (folder / "shm").chmod(0o1777)
    files = {
        "passwd": "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
        f"{USER}:x:{USER_ID}:{USER_ID}:{USER}:{BUILD}/home:/bin/sh\n"
        "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n",
        "group": f"root:x:0:\n{USER}:x:{USER_ID}:\nnogroup:x:65534:\n",
        "hosts": f"127.0.0.1 localhost {HOST}\n::1 localhost\n",
        "hostname": f"{HOST}\n",
        "nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n",
        "resolv.conf": "# There is no network here.\n",
    }
    for name, text in files.items():
        (folder / "etc" / name).write_text(text, encoding="ascii")
    return folder


def interpreter_places(python: Path | str) -> list[Place]:
    """The places of this host, other than the system, that `python` or its virtual environment needs."""
    places: list[Place] = []
    for prefix in _prefixes(Path(python)):
        if prefix.is_absolute() and not _of_the_system(prefix):
            parts = (prefix / name for name in _PREFIX)
            places += (Place(part.resolve(), str(part)) for part in parts if part.exists())
    return list(dict.fromkeys(places))


def certificate_places(environment: Mapping[str, str], cert: str | None = None) -> list[Place]:
    """The files and folders of CA certificates that `environment` and `cert` name, and that are not visible inside."""
    named = (*(environment.get(name) for name in _CERTIFICATES), cert)
    paths = (Path(os.path.realpath(name)) for name in named if name)
    found = ((Path(name), path) for name, path in zip(filter(None, named), paths) if path.exists())
    return list(dict.fromkeys(Place(path, str(name)) for name, path in found if not _visible(name)))


def local_places(*urls: str | None) -> list[Place]:
    """The folders and files of this host that `urls` name: a file URL of an index, a plain path of wheels.

    The index of a fleet's site (`…/simple`) brings `…/files` with it, because its pages link to the wheels there.
    """
    parts = (urlsplit(url) for url in urls if url)
    given = [Path(unquote(part.path)) for part in parts if part.scheme in ("", "file") and part.path.startswith("/")]
    paths = [*given, *(path.parent / "files" for path in given if path.name == "simple")]
    named = (path for path in paths if path.exists() and path != Path("/") and not _visible(path))
    return list(dict.fromkeys(Place(path.resolve(), str(path)) for path in named))


def closed(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` for a sandbox without network: no proxy, and no index URL, because it may hold a password.

    pip, uv and cargo do not retry, so a build that needs the network fails at once.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name.lower() not in PROXIES and not (name.startswith(("PIP_", "UV_")) and "://" in value)
    }
    return {**kept, "PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0", "CARGO_NET_RETRY": "0"}


@cache
def probe() -> str | None:
    """Why this host cannot run the sandbox and what to do, in one sentence; None when it can. Takes milliseconds."""
    try:
        tried = _try(*_no_namespaces_inside())
    except FileNotFoundError:
        return (
            "This host has no bubblewrap, in which builds are kept apart; install it (the package bubblewrap), or "
            "allow builds without a sandbox here by builder_sandbox: false in this host's variables."
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        said = str(error)
    else:
        if not tried.returncode:
            return None
        lines = tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"]
        said = lines[-1]
    return (
        f"This host cannot sandbox builds ({said[:200]}); let its kernel give users namespaces of their own (sysctl "
        "user.max_user_namespaces and kernel.apparmor_restrict_unprivileged_userns; in a container, nesting), or allow "
        "builds without a sandbox here by builder_sandbox: false in this host's variables."
    )


@cache
def version() -> str | None:
    """The output of `bwrap --version`, such as "bubblewrap 0.8.0"; None without bubblewrap."""
    try:
        said = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return said.strip()[:100] or None


@cache
def tracer(*, sandboxed: bool) -> str | None:
    """The first line of `strace --version` if strace can watch a program, in the sandbox if builds are; else None."""
    asked = ("/bin/sh", "-c", "strace -f -o /dev/null true && strace --version")
    command = [*_tried(), *asked] if sandboxed else list(asked)
    try:
        said = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return said.partition("\n")[0].strip()[:100] or None


@cache
def _no_namespaces_inside() -> tuple[str, ...]:
    """The option that forbids further user namespaces, if bubblewrap (0.8 and newer) and the kernel support it."""
    try:
        return () if _try("--disable-userns").returncode else ("--disable-userns",)
    except (OSError, subprocess.TimeoutExpired):
        return ()


@cache
def _try(*more: str) -> subprocess.CompletedProcess[str]:
    command = [*_tried(*more), "/bin/sh", "-c", ":"]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60, check=False
    )


def _tried(*more: str) -> list[str]:
    """The beginning of a command line that tries the sandbox."""
    options = [f"--unshare-{name}" for name in _NAMESPACES]
    options += ["--unshare-cgroup-try", *more, "--uid", str(USER_ID), "--gid", str(USER_ID), "--hostname", HOST]
    options += ["--cap-drop", "ALL", "--new-session", "--die-with-parent", *_system(), *_proc(), "--dev", "/dev"]
    return ["bwrap", *options, "--remount-ro", "/", "--"]


@cache
def _system() -> tuple[str, ...]:
    options: list[str] = []
    for name in _SYSTEM:
        path = Path("/", name)
        if path.is_symlink():
            options += ["--symlink", os.readlink(path), str(path)]  # noqa: PTH115 - as it is written
        elif path.is_dir():
            options += ["--ro-bind", str(path), str(path)]
    return tuple(options)


def _etc(rootfs: Path) -> list[str]:
    options = ["--dir", "/etc"]
    for path in sorted({path for pattern in _ETC for path in Path("/etc").glob(pattern)}):
        # Links in /etc lead to /usr, or nowhere.
        options += ["--ro-bind-try", os.path.realpath(path), str(path)]
    for path in sorted((rootfs / "etc").iterdir()):
        options += ["--ro-bind", str(path), f"/etc/{path.name}"]
    return options


@cache
def _proc() -> tuple[str, ...]:
    """A new /proc in which only the files of processes are writable.

    bubblewrap covers `/proc/sys` and others only if the folder itself is writable, which it never is for root without
    capabilities. The files in it still are, such as `kernel.core_pattern`.
    """
    options = ["--proc", "/proc"]
    with os.scandir("/proc") as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.isdigit() or entry.is_symlink():
                continue
            if entry.name in _SECRET:
                options += ["--ro-bind", os.devnull, entry.path]
            elif entry.is_dir() or entry.stat().st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
                options += ["--ro-bind", entry.path, entry.path]
    return tuple(options)


def _dev(rootfs: Path) -> list[str]:
    return ["--dev", "/dev", "--bind", str(rootfs / "shm"), "/dev/shm", "--remount-ro", "/dev"]


def _prefixes(python: Path) -> list[Path]:
    """The folders that `python` may take as its prefix: its own, its base, and those that links lead to."""
    found: list[Path] = []
    ahead = [python]
    while ahead and len(found) < 16:
        path = ahead.pop()
        prefix = path.parent.parent
        found.append(prefix)
        if path.is_symlink():
            ahead.append(Path(os.path.normpath(path.parent / os.readlink(path))))  # noqa: PTH115 - one step
        if prefix.resolve() != prefix:
            ahead.append(path.resolve())
        base = _base(prefix / "pyvenv.cfg")
        if base is not None:
            ahead.append(base / path.name)
    return list(dict.fromkeys(Path(os.path.normpath(prefix)) for prefix in found))


def _base(settings: Path) -> Path | None:
    """The folder of the interpreter that a virtual environment was made from, by its pyvenv.cfg (PEP 405)."""
    try:
        lines = settings.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    homes = (value.strip() for key, _, value in (line.partition("=") for line in lines) if key.strip() == "home")
    return next((Path(home) for home in homes if home), None)


def _of_the_system(path: Path) -> bool:
    return path == Path("/") or any(top in (path, *path.parents) for top in (Path("/", name) for name in _SYSTEM))


def _visible(name: Path) -> bool:
    """Whether the sandbox always contains this file."""
    etc = Path("/etc/ssl/certs")
    return _of_the_system(name) or etc in (name, *name.parents)
