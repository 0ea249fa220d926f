"""The sandbox that a package's code runs in: a command line of bubblewrap (`bwrap`), and whether this host can run one.

Inside there is the system, read-only; what the caller binds; and nothing else. No other process, no network but a
loopback of its own, no capability, no home, no host name, no key. Every place that can be written to lies in the
build's own folder on the disk, so that its size is watched there; nothing is a file system in memory.

A worker that runs as root stays root to the kernel, without any capability. What such a process could still do by
owning files is done to `/proc`, so all of that which is not about processes is read-only or empty.
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

#: Where the package `wheelfleet` lies that this is of.
LIBRARY = Path(__file__).resolve().parents[2]

#: Where builds find their folders, on every builder.
BUILD = "/build"
#: Whom builds take themselves for, on every builder.
USER, USER_ID, HOST = "build", 1000, "build"

#: Where the proxy listens inside, and the program that opens that socket there; see `proxy`.
PROXY_PORT = 3128
PROXY_CLIENT = "/run/wheelfleet/proxy_client.py"

_SYSTEM = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libo32", "libx32", "opt")
#: What programs need of /etc, and what tells nobody anything. Everything else of it is not there.
_ETC = (
    *("alternatives", "ca-certificates", "ca-certificates.conf", "crypto-policies", "debian_version", "ethertypes"),
    *("fonts", "gai.conf", "ImageMagick-*", "java*", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "locale.alias"),
    *("localtime", "lsb-release", "magic", "magic.mime", "mailcap", "mime.types", "OpenCL", "os-release"),
    *("perl", "pki/ca-trust", "pki/tls/certs", "pki/tls/cert.pem", "pki/tls/openssl.cnf", "protocols", "pypy*"),
    *("python*", "rpc", "services", "sgml", "ssl/certs", "ssl/cert.pem", "ssl/openssl.cnf", "timezone", "xml"),
)
#: Parts of an interpreter's prefix; not the prefix itself, which may be somebody's home.
_PREFIX = ("bin", "compiler_compat", "include", "lib", "lib-python", "lib_pypy", "lib64", "libexec", "pyvenv.cfg")
#: Files of /proc that the owner of the system may read and nobody else should.
_SECRET = ("kcore", "keys", "key-users", "kmsg", "kpagecgroup", "kpagecount", "kpageflags", "timer_list", "slabinfo")
_NAMESPACES = ("user", "pid", "ipc", "uts", "net")

#: Environment variables that name proxies; inside, the network is closed or the proxy is ours.
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "ftp_proxy", "no_proxy")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")


class Place(NamedTuple):
    """A file or folder of this host, and where it appears inside."""

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

    `rootfs` is a folder made by `make_rootfs`, of this one build. A plain path in `read_only` appears where it is on
    the host. `hidden` folders are empty inside, should they lie below `/usr` or `/opt`. `proxy_python` is the
    Python that opens the way to `proxy`; without it there is no network. `library` is where the package `wheelfleet`
    lies. The environment is the caller's: a command line is no secret. A process that a signal ended inside ends the
    command with 128 and the signal's number.
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
        # bubblewrap cannot put something in the place of a link; what it leads to is what is meant.
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
    """Make `folder`, which is the sandbox's own of one build: its /tmp, /dev/shm and the names in its /etc."""
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
    """What the interpreter `python`, often one of a virtual environment, needs of this host except the system."""
    places: list[Place] = []
    for prefix in _prefixes(Path(python)):
        if prefix.is_absolute() and not _of_the_system(prefix):
            parts = (prefix / name for name in _PREFIX)
            places += (Place(part.resolve(), str(part)) for part in parts if part.exists())
    return list(dict.fromkeys(places))


def certificate_places(environment: Mapping[str, str], cert: str | None = None) -> list[Place]:
    """The files and folders of CA certificates that `environment` names, and `cert`, where the system's have none."""
    named = (*(environment.get(name) for name in _CERTIFICATES), cert)
    paths = (Path(os.path.realpath(name)) for name in named if name)
    found = ((Path(name), path) for name, path in zip(filter(None, named), paths) if path.exists())
    return list(dict.fromkeys(Place(path, str(name)) for name, path in found if not _visible(name)))


def local_places(*urls: str | None) -> list[Place]:
    """The folders and files of this host that `urls` name: an index by a file URL, a plain path of wheels.

    With the index of a fleet's site (`…/simple`) goes `…/files`, where its pages say that its wheels are.
    """
    parts = (urlsplit(url) for url in urls if url)
    given = [Path(unquote(part.path)) for part in parts if part.scheme in ("", "file") and part.path.startswith("/")]
    paths = [*given, *(path.parent / "files" for path in given if path.name == "simple")]
    named = (path for path in paths if path.exists() and path != Path("/") and not _visible(path))
    return list(dict.fromkeys(Place(path.resolve(), str(path)) for path in named))


def closed(environment: Mapping[str, str]) -> dict[str, str]:
    """`environment` for an inside without network: no proxy, and no index URL, which may hold a password.

    pip and uv do not try again what cannot succeed, so that a build that wants the network says so at once.
    """
    kept = {
        name: value
        for name, value in environment.items()
        if name.lower() not in PROXIES and not (name.startswith(("PIP_", "UV_")) and "://" in value)
    }
    return {**kept, "PIP_RETRIES": "0", "UV_HTTP_RETRIES": "0", "CARGO_NET_RETRY": "0"}


@cache
def probe() -> str | None:
    """Why this host cannot sandbox and what to do, in one sentence; None when it can. Takes some milliseconds."""
    try:
        tried = _try(*_no_namespaces_inside())
    except FileNotFoundError:
        return (
            "This host has no bubblewrap, in which builds are kept apart; install it (apt-get install bubblewrap), or "
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
    """What this host's bubblewrap calls itself: "bubblewrap 0.8.0". None without one."""
    try:
        said = subprocess.run(["bwrap", "--version"], capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return said.strip()[:100] or None


@cache
def _no_namespaces_inside() -> tuple[str, ...]:
    """The option that forbids further user namespaces, where bubblewrap (0.8 and newer) and the kernel know it."""
    try:
        return () if _try("--disable-userns").returncode else ("--disable-userns",)
    except (OSError, subprocess.TimeoutExpired):
        return ()


@cache
def _try(*more: str) -> subprocess.CompletedProcess[str]:
    options = [f"--unshare-{name}" for name in _NAMESPACES]
    options += ["--unshare-cgroup-try", *more, "--uid", str(USER_ID), "--gid", str(USER_ID), "--hostname", HOST]
    options += ["--cap-drop", "ALL", "--new-session", "--die-with-parent", *_system(), *_proc(), "--dev", "/dev"]
    command = ["bwrap", *options, "--remount-ro", "/", "--", "/bin/sh", "-c", ":"]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60, check=False
    )


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
        # Links in /etc lead to /usr or to nothing.
        options += ["--ro-bind-try", os.path.realpath(path), str(path)]
    for path in sorted((rootfs / "etc").iterdir()):
        options += ["--ro-bind", str(path), f"/etc/{path.name}"]
    return options


@cache
def _proc() -> tuple[str, ...]:
    """A new /proc, of which only processes' own files can be written to.

    bubblewrap covers `/proc/sys` and the like only where the folder itself is writable, which it never is for a root
    without capabilities; the files in it are, `kernel.core_pattern` for one.
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
    """The folders `python` may take for its prefix: its own, its environment's base, and where links lead."""
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
    """The folder of the interpreter that a virtual environment was made from (PEP 405)."""
    try:
        lines = settings.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    homes = (value.strip() for key, _, value in (line.partition("=") for line in lines) if key.strip() == "home")
    return next((Path(home) for home in homes if home), None)


def _of_the_system(path: Path) -> bool:
    return path == Path("/") or any(top in (path, *path.parents) for top in (Path("/", name) for name in _SYSTEM))


def _visible(name: Path) -> bool:
    """Whether the file is there inside anyhow."""
    etc = Path("/etc/ssl/certs")
    return _of_the_system(name) or etc in (name, *name.parents)
