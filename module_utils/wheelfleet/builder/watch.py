"""Runs a command and keeps what it and its children looked for in vain: `watch.py ANSWER COMMAND...`.

`strace` tells each program that is started and each file that is opened or asked for, whatever language or library
asks (a static program, musl, Python's own `posix_spawn`). This program reads that as it comes and keeps the names of
programs, headers, libraries, modules of pkg-config, packages of CMake and hosts that were not found. `ANSWER` gets a
JSON list of `[kind, name]`, the last one first. The exit code is the command's. If `strace` cannot run here, the
command runs without it, and there is no answer.

It runs among the package's code, so its answer is untrusted. It imports nothing of this package (see `hooks`).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import IO

#: Most names in the answer, and most that are kept meanwhile.
MOST, MOST_KEPT = 60, 2000
#: Characters of a line that are read, and calls of other threads that wait for their end.
_LONGEST_LINE, _MOST_UNFINISHED = 1 << 14, 4096

#: A filter in the kernel (seccomp) lets all other calls run at full speed.
STRACE = (
    *("strace", "-f", "-q", "-s", "200", "--seccomp-bpf"),
    *("-e", "trace=execve,execveat,/^open,/stat,/access,sendto,sendmmsg", "-e", "signal=!SIGCHLD"),
)

_CALL = re.compile(r"(\d+) +(?:<\.\.\. )?(\w+)(?:\((.*)| resumed>(.*))")
_ENDING = re.compile(r".*\) += (-?\d+)(?: (E[A-Z0-9]+)\b.*)?")
_EXIT = re.compile(r"(\d+) +\+\+\+ (?:exited with (\d+)|killed by (SIG\w+)).*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"(\.\.\.)?')
_UNFINISHED = " <unfinished ...>"

_NAME = r"[A-Za-z0-9][A-Za-z0-9_+.-]{0,80}"
_PROGRAM = re.compile(rf"(/.*/?s?bin)/({_NAME})")
_HEADER = re.compile(
    r"/usr/include/((?:[A-Za-z0-9_][A-Za-z0-9_+.-]{0,60}/){0,4}[A-Za-z0-9_][A-Za-z0-9_+.-]{0,80}\.h(?:pp|h|xx)?)"
)
_MODULE = re.compile(rf"/(?:.*/)?pkgconfig/({_NAME}?)\.pc")
_LIBRARY = re.compile(rf"/(?:usr/(?:local/)?)?lib(?:32|64)?/(?:[a-z0-9_]+-linux-[a-z0-9_]+/)?lib({_NAME}?)\.(?:so|a)")
_PACKAGE = re.compile(rf"/(?:.*/)?(?:({_NAME}?)Config|({_NAME}?)-config)\.cmake")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,8}[a-z][a-z0-9-]{1,30}")
#: Programs that compilers and interpreters look for in any build, and files that Python looks for beside itself.
_ALWAYS = re.compile(
    r"(?:[a-z0-9_]+-linux-[a-z0-9_]+-)?g?(?:nm|strip|ld|as|objcopy)|real-ld|collect-ld|gcc-nm|[\w.]+[.](?:cfg|txt|_pth)|lsb_release"
    r"|ldconfig|ccache|sccache|collect2|lto-wrapper"
)
_TRIPLET = re.compile(r"[a-z0-9_]+-linux-[a-z0-9_]+/|c\+\+/")

Found = tuple[str, str]


class Misses:
    """What was looked for and not found so far, in the order of the last look."""

    def __init__(self, path: str) -> None:
        self._programs = [folder.rstrip("/") for folder in path.split(":") if folder.startswith("/")]
        self._missed: dict[Found, None] = {}
        self._unfinished: dict[str, str] = {}
        #: The process that was started, and how it ended: an exit code, or the name of a signal.
        self.first: str | None = None
        self.exit_code: int | None = None
        self.signal: str | None = None

    def read(self, line: str) -> bool:
        """Take in one line of strace's; returns whether the first process has ended."""
        line = line.rstrip("\n")
        ended = _EXIT.fullmatch(line)
        if ended:
            self._unfinished.pop(ended[1], None)
            if ended[1] == self.first:
                self.exit_code, self.signal = (int(ended[2]) if ended[2] else None), ended[3]
                return True
            return False
        call = _CALL.match(line)
        if call is None:
            return False
        process, name, begun, resumed = call.groups()
        if self.first is None:
            self.first = process
        if begun is not None and begun.endswith(_UNFINISHED):
            if len(self._unfinished) < _MOST_UNFINISHED:
                self._unfinished[process] = begun[: -len(_UNFINISHED)]
            return False
        text = self._unfinished.pop(process, "") + resumed if resumed is not None else begun
        ending = _ENDING.fullmatch(text)
        if ending is not None:
            self._take(name, text, ending[2] if ending[1].startswith("-") else None)
        return False

    def _take(self, call: str, text: str, error: str | None) -> None:
        quoted = _QUOTED.search(text)
        if quoted is None:
            return
        if call in ("sendto", "sendmmsg"):
            for payload in _QUOTED.finditer(text):
                host = asked_host(payload[1])
                if host is not None:
                    self._miss(("host", host))
            return
        path = quoted[1]
        if quoted[2] or "\\" in path:
            return
        if error is None:
            for found in self._meanings(path):
                self._missed.pop(found, None)
            self._find_header(path)
        elif error in ("ENOENT", "ENOTDIR"):
            for missed in self._meanings(path):
                self._miss(missed)
            if call.startswith("execve") and path.endswith(("/pkg-config", "/pkgconf")):
                # Without the program nobody looks for the modules.
                for module in _asked_modules(text[quoted.end() :]):
                    self._miss(("pkg-config", module))

    def _miss(self, what: Found) -> None:
        self._missed.pop(what, None)
        self._missed[what] = None
        if len(self._missed) > MOST_KEPT:
            del self._missed[next(iter(self._missed))]

    def _meanings(self, path: str) -> Iterable[Found]:
        program = _PROGRAM.fullmatch(path)
        if program and program[1] in self._programs and not _ALWAYS.fullmatch(program[2]):
            yield "tool", program[2]
        header = _HEADER.fullmatch(path)
        if header and not _TRIPLET.match(header[1]):
            yield "header", header[1]
        module = _MODULE.fullmatch(path)
        if module and not module[1].endswith("-uninstalled"):
            yield "pkg-config", module[1]
        library = _LIBRARY.fullmatch(path)
        if library:
            yield "library", library[1]
        package = _PACKAGE.fullmatch(path)
        if package:
            yield "cmake", package[1] or package[2]

    def _find_header(self, path: str) -> None:
        """A header that lies where only its includer's options lead."""
        if path.endswith((".h", ".hpp", ".hh", ".hxx")):
            parts = path.split("/")
            for begin in range(max(0, len(parts) - 5), len(parts)):
                self._missed.pop(("header", "/".join(parts[begin:])), None)

    def missing(self) -> list[Found]:
        """What is really not there, the last one first."""
        found = [what for what in reversed(self._missed) if not is_there(what, ":".join(self._programs))]
        return found[:MOST]


def is_there(what: Found, path: str) -> bool:
    """Whether this system has it where tools look by themselves."""
    kind, name = what
    if kind == "tool":
        return shutil.which(name, path=path) is not None
    if kind == "header":
        # Some build scripts look for a header in each folder, wherever it lies: /usr/include/SDL/porttime.h.
        names = {name, name.rpartition("/")[2]}
        return any(os.path.exists(f"{folder}/{each}") for folder in _system_folders("include") for each in names)  # noqa: PTH110
    if kind == "library":
        return any(
            os.path.exists(f"{folder}/lib{name}.{end}")  # noqa: PTH110
            for folder in _system_folders("lib")
            for end in ("so", "a")
        )
    if kind == "pkg-config":
        folders = (*_system_folders("lib"), "/usr/share", "/usr/local/share")
        return any(os.path.exists(f"{folder}/pkgconfig/{name}.pc") for folder in folders)  # noqa: PTH110
    return False


def _system_folders(kind: str) -> list[str]:
    """/usr/include and /usr/lib, with those of a multiarch system."""
    triplet = getattr(sys.implementation, "_multiarch", "")
    top = [f"/usr/{kind}", f"/usr/local/{kind}", f"/{kind}", f"/usr/{kind}64"]
    return [*(f"/usr/{kind}/{triplet}" for _ in (1,) if triplet), *top]


def asked_host(quoted: str) -> str | None:
    """The name that a message asks for (DNS, RFC 1035), as strace shows the message; None if it is something else."""
    data = _bytes(quoted)
    if len(data) < 17 or data[2] & 0xF8 or data[4:6] != b"\0\1":
        return None
    labels, at = [], 12
    while at < len(data) and data[at]:
        size = data[at]
        if size > 63 or at + size >= len(data):
            return None
        labels.append(data[at + 1 : at + 1 + size].decode("ascii", "replace").lower())
        at += 1 + size
    name = ".".join(labels)
    return name if _HOST.fullmatch(name) else None


_ESCAPE = re.compile(r"\\([0-7]{1,3}|.)")
_LETTERS = {"n": "\n", "t": "\t", "r": "\r", "v": "\v", "f": "\f"}


def _bytes(quoted: str) -> bytes:
    def one(match: re.Match[str]) -> str:
        code = match[1]
        return chr(int(code, 8) & 0xFF) if code[0] in "01234567" else _LETTERS.get(code, code)

    return _ESCAPE.sub(one, quoted).encode("latin-1", "replace")


def _asked_modules(arguments: str) -> list[str]:
    """The modules in a command line of pkg-config's, without its options and versions."""
    words = [match[1] for match in _QUOTED.finditer(arguments)][1:]
    names = [word for given in words for word in given.split() if not given.startswith("-")]
    return [name for name in names if re.fullmatch(rf"[A-Za-z]{_NAME[len('[A-Za-z0-9]') :]}", name)][:8]


def main(answer: str, command: list[str]) -> int:
    if shutil.which("strace") is None:
        os.execvp(command[0], command)
    reader, writer = os.pipe()
    # The command may inherit the writing end: what it adds is worth as much as what it does.
    tracer = subprocess.Popen([*STRACE, "-o", f"/dev/fd/{writer}", *command], pass_fds=[writer])
    os.close(writer)
    misses = Misses(os.environ.get("PATH", os.defpath))
    with os.fdopen(reader, encoding="ascii", errors="replace") as lines:
        _read(lines, misses)
        if misses.exit_code is not None or misses.signal is not None:
            # It would wait for daemons, and complain when nobody reads.
            tracer.kill()
            tracer.wait()
    if misses.first is None:
        tracer.wait()
        os.execvp(command[0], command)
    with suppress(FileNotFoundError):
        os.remove(answer)  # noqa: PTH107
    with open(answer, "x", encoding="ascii") as file:  # noqa: PTH123
        json.dump(misses.missing(), file)
    code = misses.exit_code if misses.exit_code is not None else tracer.wait()
    number = getattr(signal, misses.signal, signal.SIGKILL) if misses.signal is not None else -code
    if number > 0:
        # End as the command did.
        if number != signal.SIGKILL:
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    return code


def _read(lines: IO[str], misses: Misses) -> None:
    """Read until the first process ends, or strace does."""
    while line := lines.readline(_LONGEST_LINE):
        if misses.read(line):
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
