"""Can the wheel be imported? `python -m wheelfleet.build.check WHEELS SCRATCH ANSWER [INSTALLED]`.

Without INSTALLED it says what the wheel needs, for that to be installed. INSTALLED is a folder into which nothing was
installed but that and the wheel. Its modules are imported there one after another by the tools' Python, which sees
nothing else, in the sandbox and without network, and the verdict is written to ANSWER:

imported    all that could be judged was imported
failed      a module, a shared library or a symbol is missing, or the Python in it is not this Python's: it cannot be
            imported anywhere
unchecked   what is missing is the machine's (a display, GPIO, a database) or takes too long: nothing is known

What runs here is a stranger's, so the verdict is no more than its own word; a package that lies harms itself.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterable, Sequence
from email.parser import HeaderParser
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any, NamedTuple

from .importable import importable
from .protocol import Check, visible, write_json

#: Seconds for one module, and for all of them.
ONE, ALL = 90.0, 300.0
_LONGEST = 500
_METADATA = re.compile(r"[^/]+\.dist-info/METADATA")
_LARGEST_METADATA = 1 << 20
_LARGEST_ANSWER = 1 << 20

#: Says in lines of JSON which module it begins with and how that ended.
_IMPORT = """
import importlib, json, os, site, sys, traceback
folder, words = sys.argv[1], os.fdopen(int(sys.argv[2]), "w")
site.addsitedir(folder)
sys.path.remove(folder)
sys.path.insert(0, folder)
def say(**facts):
    words.write(json.dumps(facts) + "\\n")
    words.flush()
for name in sys.argv[3:]:
    say(begins=name)
    try:
        importlib.import_module(name)
    except BaseException as error:
        traceback.print_exc()
        kinds = [kind.__name__ for kind in type(error).__mro__]
        say(ends=name, kinds=kinds, text=str(error)[:2000], missing=getattr(error, "name", None))
    else:
        say(ends=name, kinds=[])
sys.stdout.flush()
os._exit(0)
"""

_NO_MODULE = re.compile(r"does not define module export function")
_MISSING_LIBRARY = re.compile(r"^(\S+): cannot open shared object file")
#: Modules of Python's own that Debian has in packages besides.
_SEPARATE = {
    "tkinter": "python3-tk", "_tkinter": "python3-tk", "turtle": "python3-tk", "idlelib": "idle3",
    "_gdbm": "python3-gdbm", "distutils": "python3-distutils", "lib2to3": "python3-lib2to3",
}  # fmt: skip


class Tried(NamedTuple):
    """How the import of one module ended: imported, failed, unchecked, or "" for what is no module at all."""

    module: str
    verdict: str
    sentence: str
    #: The top-level module for want of which it failed.
    missing: str | None = None


def main(arguments: Sequence[str]) -> int:
    wheels, scratch, answer, *installed = map(Path, arguments)
    (name,) = (name for name in visible(wheels) if name.endswith(".whl"))
    with zipfile.ZipFile(wheels / name) as archive:
        if installed:
            modules = importable(archive.namelist(), EXTENSION_SUFFIXES)
            write_json(answer, check(modules, installed[0], scratch), durable=False)
        else:
            write_json(answer, {"needs": needs(archive)}, durable=False)
    return 0


def needs(wheel: zipfile.ZipFile) -> list[str]:
    """The requirements in its METADATA, with their markers. Raises LookupError where there is none."""
    (name,) = (name for name in wheel.namelist() if _METADATA.fullmatch(name))
    with wheel.open(name) as file:
        metadata = HeaderParser().parsestr(file.read(_LARGEST_METADATA).decode("utf-8", "replace"))
    return [" ".join(str(line).split()) for line in metadata.get_all("Requires-Dist", [])]


class Verdict(Check):
    """A check, with the top-level module, not one of the wheel's, for want of which it failed, if it did for that."""

    missing: str | None


def check(modules: Sequence[str], installed: Path, scratch: Path) -> Verdict:
    """Import the modules from the folder, and say what that means for the wheel."""
    tried = [attempt for attempt in _import(modules, installed, scratch) if attempt.verdict]
    imported = [attempt.module for attempt in tried if attempt.verdict == "imported"]
    for verdict in ("failed", "unchecked"):
        ended = [attempt for attempt in tried if attempt.verdict == verdict]
        if ended and (verdict == "failed" or not imported):
            return _verdict(verdict, imported, ended[0].sentence[:_LONGEST], ended[0].missing)
    if not tried:
        return _verdict("unchecked", [], "The wheel has no module that could be imported.")
    return _verdict("imported", imported)


def _verdict(verdict: str, modules: list[str], message: str | None = None, missing: str | None = None) -> Verdict:
    return {"verdict": verdict, "modules": modules, "message": message, "missing": missing}


def judge(module: str, kinds: Sequence[str], text: str, missing: str | None) -> Tried:
    """What the end of an import means: `kinds` are the names of the exception's classes, none if there was none."""
    if not kinds:
        return Tried(module, "imported", "")
    said = " ".join(text.split()).rstrip(".")
    if "ImportError" in kinds:
        if _NO_MODULE.search(said):
            return Tried(module, "", "")
        root = (missing or "").partition(".")[0]
        if said == f"No module named '{module}'":
            # It is there, or it would not be tried: so it says by itself that here it is of no use (PyYAML's _yaml).
            return Tried(module, "", "")
        if "ModuleNotFoundError" in kinds and _is_pythons_own(root):
            package = _SEPARATE.get(root)
            where = f", which the distribution has in {package}" if package else ""
            return Tried(module, "unchecked", f"Importing {module} needs Python's own module {root}{where}.")
        library = _MISSING_LIBRARY.match(said)
        if library:
            return Tried(module, "failed", f"Importing {module} fails: the shared library {library[1]} is not there.")
        foreign = root if "ModuleNotFoundError" in kinds and root != module.partition(".")[0] else None
        return Tried(module, "failed", f"Importing {module} fails: {said}.", foreign)
    if "SyntaxError" in kinds:
        return Tried(module, "failed", f"Importing {module} fails: {kinds[0]}: {said}.")
    return Tried(module, "unchecked", f"Importing {module} ended with {kinds[0]}{f': {said}' if said else ''}.")


def _is_pythons_own(root: str) -> bool:
    # Python 3.9 has no list of its own modules.
    own: Iterable[str] = getattr(sys, "stdlib_module_names", [name for name in _SEPARATE if sys.version_info < (3, 12)])
    return root in own


def _import(modules: Sequence[str], installed: Path, scratch: Path) -> list[Tried]:
    """Import them in one process, and in another from where one ended it."""
    tried: list[Tried] = []
    until = time.monotonic() + ALL
    left = list(modules)
    while left:
        if time.monotonic() >= until:
            tried += [Tried(name, "unchecked", f"There was no time left to import {name}.") for name in left]
            break
        done, culprit = _import_some(left, installed, scratch, until)
        tried += done
        if culprit is not None:
            tried.append(culprit)
        # Also when nothing was said at all, for this must come to an end.
        left = left[max(1, len(done) + (culprit is not None)) :]
    return tried


def _import_some(
    modules: Sequence[str], installed: Path, scratch: Path, until: float
) -> tuple[list[Tried], Tried | None]:
    """What was imported, and the module that ended the process, if one did."""
    reader, writer = os.pipe()
    command = [sys.executable, "-I", "-S", "-c", _IMPORT, str(installed), str(writer), *modules]
    child = subprocess.Popen(command, pass_fds=[writer], stdin=subprocess.DEVNULL, cwd=scratch)
    os.close(writer)
    done: list[Tried] = []
    late = False
    with os.fdopen(reader, "rb", buffering=0) as words, selectors.DefaultSelector() as selector:
        selector.register(words, selectors.EVENT_READ)
        said, size = b"", 0
        begun = time.monotonic()
        while size < _LARGEST_ANSWER:
            rest = min(begun + ONE, until) - time.monotonic()
            if not selector.select(max(0.0, rest)):
                late = True
                break
            piece = os.read(words.fileno(), 1 << 16)
            if not piece:
                break
            size += len(piece)
            *lines, said = (said + piece).split(b"\n")
            for line in lines:
                fact = _fact(line)
                if "begins" in fact:
                    begun = time.monotonic()
                elif len(done) < len(modules) and fact.get("ends") == modules[len(done)]:
                    kinds, missing = [str(kind) for kind in fact.get("kinds", [])], fact.get("missing")
                    done.append(judge(modules[len(done)], kinds, str(fact.get("text", "")), missing and str(missing)))
    if late:
        child.kill()
    status = child.wait()
    if len(done) == len(modules):
        return done, None
    culprit = modules[len(done)]
    if late:
        return done, Tried(culprit, "unchecked", f"Importing {culprit} takes more than {ONE:.0f} s.")
    if status < 0:
        return done, Tried(culprit, "failed", f"Importing {culprit} ends Python with signal {-status}.")
    return done, Tried(culprit, "unchecked", f"Importing {culprit} ends Python with exit code {status}.")


def _fact(line: bytes) -> dict[str, Any]:
    try:
        fact = json.loads(line)
    except ValueError:
        return {}
    return fact if isinstance(fact, dict) else {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
