"""Check whether a wheel can be imported.

    python -m wheelfleet.builder.import_check WHEELS SCRATCH ANSWER INSTALLED DATA

INSTALLED is a folder with the wheel and its dependencies, and nothing else. The tools' Python imports the wheel's
modules there one after another, in the sandbox and without network, and writes the verdict to ANSWER. DATA is a JSON
list of libraries in the wheel that are the project's data and not modules. The verdict depends on the project's own
modules alone (see `importable`); other modules that fail are only named in the message.

imported    all own modules were imported, as far as that can be judged
failed      a part of the wheel is missing (a compiled module, a symbol, a shared library), Python crashes, or the code
            is not for this Python: it can be imported nowhere
unchecked   something of the machine is missing (a display, GPIO, a database), another project that the wheel does not
            declare is missing, or an import takes too long: nothing is known

The code that runs here is untrusted, so the verdict is too; a package that lies harms only itself.
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
from collections.abc import Iterable, Mapping, Sequence
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Any, NamedTuple, TypedDict

from ..atomic_files import visible, write_json
from ..elf import foreign_code
from ..removed_api import REMOVED_MODULES
from ..standard_modules import SEPARATE_PACKAGES
from .importable import Modules, importable

#: Seconds for one module, and for all of them.
ONE, ALL = 90.0, 300.0
_LONGEST = 500
_LARGEST_ANSWER = 1 << 20

#: Prints in lines of JSON which module it begins to import and how that ended.
_IMPORT = """
import importlib, importlib.util, json, os, site, sys, traceback
folder, words = sys.argv[1], os.fdopen(int(sys.argv[2]), "w")
site.addsitedir(folder)
sys.path.remove(folder)
sys.path.insert(0, folder)
def say(**facts):
    words.write(json.dumps(facts) + "\\n")
    words.flush()
def told(error):
    # Python itself names the module. An ImportError without a name is the project's own, made of what came before it.
    cause, seen = error, []
    while isinstance(error, ImportError) and cause is not None and cause not in seen:
        if isinstance(cause, ImportError) and cause.name:
            return cause
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    return error
def elsewhere(name):
    try:
        found = importlib.util.find_spec(name.partition(".")[0])
        places = [found.origin, *(found.submodule_search_locations or [])] if found else []
    except Exception:
        places = []
    return any(str(place).startswith(folder + "/") for place in places)
for name in sys.argv[3:]:
    say(begins=name)
    try:
        importlib.import_module(name)
    except BaseException as error:
        traceback.print_exc()
        cause = told(error)
        missing = getattr(cause, "name", None)
        missing = missing if isinstance(cause, ImportError) and isinstance(missing, str) else None
        say(ends=name, kinds=[kind.__name__ for kind in type(cause).__mro__], text=str(cause)[:2000], missing=missing,
            said=str(error)[:2000], there=missing is not None and elsewhere(missing))
    else:
        say(ends=name, kinds=[])
sys.stdout.flush()
os._exit(0)
"""

_NO_MODULE = re.compile(r"does not define module export function")
_MISSING_LIBRARY = re.compile(r"^(\S+): cannot open shared object file")


class Tried(NamedTuple):
    """The import of one module. `verdict` is imported, failed, unchecked, or "" if it is no module at all."""

    module: str
    verdict: str
    sentence: str
    #: The missing top-level module of another project.
    missing: str | None = None
    #: Whether a compiled part is missing or Python crashed: the wheel has failed, whatever else was imported.
    compiled: bool = False
    #: The missing shared library.
    library: str | None = None


def main(arguments: Sequence[str]) -> int:
    wheels, scratch, answer, installed = map(Path, arguments[:4])
    (name,) = (name for name in visible(wheels) if name.endswith(".whl"))
    with zipfile.ZipFile(wheels / name) as archive:
        left_out = {*json.loads(arguments[4]), *foreign_code(archive)}
        paths = [path for path in archive.namelist() if path not in left_out]
    modules = importable(paths, EXTENSION_SUFFIXES, name.partition("-")[0])
    write_json(answer, check(modules, installed, scratch), durable=False)
    return 0


class Verdict(TypedDict):
    """The verdict on a wheel, and the missing thing: a library, or the top-level module of another project."""

    verdict: str
    modules: list[str]
    message: str | None
    missing: str | None
    library: str | None


def check(modules: Modules, installed: Path, scratch: Path) -> Verdict:
    """Import the modules from the folder `installed` and judge the wheel by them."""
    names = list(dict.fromkeys([*modules.own, *modules.compiled, *modules.beside]))
    tried = [attempt for attempt in _import(names, installed, scratch) if attempt.verdict]
    beside = [attempt for attempt in tried if attempt.module in modules.beside]
    own = [attempt for attempt in tried if attempt not in beside]
    imported = [attempt.module for attempt in own if attempt.verdict == "imported"]
    failed = [attempt for attempt in own if attempt.verdict == "failed"]
    if not (modules.named or modules.compiled) and imported:
        # Nothing shows which module is the project's main one, and some can be imported.
        beside += [attempt for attempt in failed if not attempt.compiled]
        failed = [attempt for attempt in failed if attempt.compiled]
    unknown = [attempt for attempt in own if attempt.verdict == "unchecked"]
    missing = next((attempt.missing for attempt in [*failed, *unknown] if attempt.missing), None)
    if failed:
        return _verdict("failed", imported, failed[0].sentence, missing, failed[0].library)
    if not imported and unknown:
        return _verdict("unchecked", [], unknown[0].sentence, missing)
    if not imported:
        return _verdict("unchecked", [], "The wheel has no module that could be imported.")
    notes = [attempt.sentence for attempt in unknown if attempt.missing]
    aside = [attempt for attempt in beside if attempt.verdict != "imported"]
    if aside:
        others = f" and {len(aside) - 1} more" if aside[1:] else ""
        notes.append(f"Beside it lies {aside[0].module}{others}, which cannot be imported: {aside[0].sentence}")
    return _verdict("imported", imported, " ".join(notes) or None, missing)


def _verdict(
    verdict: str,
    modules: list[str],
    message: str | None = None,
    missing: str | None = None,
    library: str | None = None,
) -> Verdict:
    message = message and message[:_LONGEST]
    return {"verdict": verdict, "modules": modules, "message": message, "missing": missing, "library": library}


def import_verdict(
    module: str, kinds: Sequence[str], text: str, missing: str | None, *, said: str | None = None, there: bool = False
) -> Tried:
    """Judge the end of an import.

    `kinds` are the names of the exception's class and its bases, empty if there was none. `missing` is the module that
    Python names in it. If the exception caused another one, `said` is the other's text. `there`: the package of
    `missing` is installed with the wheel.
    """
    if not kinds:
        return Tried(module, "imported", "")
    why = " ".join(text.split()).rstrip(".")
    spoken = " ".join((said or text).split()).rstrip(".")
    ended = Tried(module, "unchecked", f"Importing {module} ended with {kinds[0]}{f': {spoken}' if spoken else ''}.")
    fails = Tried(module, "failed", f"Importing {module} fails: {why}.")
    if "SyntaxError" in kinds:
        return fails._replace(sentence=f"Importing {module} fails: {kinds[0]}: {why}.")
    if "ImportError" not in kinds:
        return ended
    if _NO_MODULE.search(why) or why == f"No module named '{module}'":
        # Either it is no module at all, or it reports itself that it is of no use here, as PyYAML's _yaml does.
        return Tried(module, "", "")
    if missing is None:
        # Python always names the module, so this error is the project's own.
        return ended
    root = missing.partition(".")[0]
    own = root == module.partition(".")[0]
    if "ModuleNotFoundError" not in kinds:
        library = _MISSING_LIBRARY.match(why)
        if library:
            sentence = f"Importing {module} fails: the shared library {library[1]} is not there."
            return fails._replace(sentence=sentence, compiled=True, library=library[1])
        if why.startswith("cannot import name"):
            # The name is missing in Python or in the project itself; another project may have had it in another
            # release.
            return ended if there and not own else fails
        return fails._replace(compiled=True)
    if own or (root.startswith("_") and not _is_pythons_own(root)):
        # A module with an underscore is part of the project, because no other project imports such a name.
        return fails._replace(missing=None if own else root)
    if root in REMOVED_MODULES and not _is_pythons_own(root):
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        sentence = f"Importing {module} fails: it imports {root}, which Python {version} does not have any more."
        return fails._replace(sentence=sentence, missing=root)
    if _is_pythons_own(root):
        if missing != root and root not in SEPARATE_PACKAGES:
            return fails
        package = SEPARATE_PACKAGES.get(root)
        where = f", which the distribution has in {package}" if package else ""
        return Tried(module, "unchecked", f"Importing {module} needs Python's own module {root}{where}.")
    if there:
        return ended
    return Tried(module, "unchecked", f"Importing {module} needs {root}, which it does not declare.", root)


def _is_pythons_own(root: str) -> bool:
    # Python 3.9 has no `sys.stdlib_module_names`.
    own: Iterable[str] = getattr(
        sys, "stdlib_module_names", [name for name in SEPARATE_PACKAGES if sys.version_info < (3, 12)]
    )
    return root in own


def _import(modules: Sequence[str], installed: Path, scratch: Path) -> list[Tried]:
    """Import the modules in one process; if one of them ends it, continue behind that one in another process."""
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
        # Drop at least one module, so that the loop ends even if the process reported nothing.
        left = left[max(1, len(done) + (culprit is not None)) :]
    return tried


def _import_some(
    modules: Sequence[str], installed: Path, scratch: Path, until: float
) -> tuple[list[Tried], Tried | None]:
    """The modules that were tried, and the one that ended the process, if one did."""
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
                    done.append(_judged(modules[len(done)], fact))
    if late:
        child.kill()
    status = child.wait()
    if len(done) == len(modules):
        return done, None
    culprit = modules[len(done)]
    if late:
        return done, Tried(culprit, "unchecked", f"Importing {culprit} takes more than {ONE:.0f} s.")
    if status < 0:
        sentence = f"Importing {culprit} ends Python with signal {-status}."
        return done, Tried(culprit, "failed", sentence, compiled=True)
    return done, Tried(culprit, "unchecked", f"Importing {culprit} ends Python with exit code {status}.")


def _judged(module: str, fact: Mapping[str, Any]) -> Tried:
    kinds, missing = [str(kind) for kind in fact.get("kinds", [])], fact.get("missing")
    said, there = str(fact.get("said", "")), fact.get("there") is True
    return import_verdict(module, kinds, str(fact.get("text", "")), missing and str(missing), said=said, there=there)


def _fact(line: bytes) -> dict[str, Any]:
    try:
        fact = json.loads(line)
    except ValueError:
        return {}
    return fact if isinstance(fact, dict) else {}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
