"""Rewrites C code and setup.py for newer Pythons: `python modernize.py SOURCE`.

The new code means the same in every Python since 3.9, so it does not depend on the target. It replaces assignments to
`Py_TYPE(x)`, `Py_SIZE(x)` and `Py_REFCNT(x)` by `Py_SET_TYPE` and its like, as Python's porting notes recommend (What's
New in Python 3.10 and 3.11). It also replaces macros of the garbage collector by public functions, and removed headers
by declarations of their functions, which still exist, and a removed function by the one that it was another name of.
The trashcan's macros get the name of the function that they stand in, as they need it since Python 3.8.
Where the build environment has pybind11, its headers replace those of an older pybind11 among the sources.

In setup.py, `__builtins__` is a module only in a script that is run by itself, which no build does since PEP 517. And
`exec` changes what `locals()` gives in a function, as it did before Python 3.13 (PEP 667). A .pxd is no source to
compile; older tools passed over it.

It runs in the sandbox among the package's code, so its output is untrusted. It imports nothing of this package, so that
nothing of it is on the build's path.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

_SUFFIXES = (".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx", ".inc")
_LARGEST = 32 << 20

_MACRO = re.compile(r"\bPy_(TYPE|SIZE|REFCNT)\s*\(|\b(_PyObject_GC_(?:IS_TRACKED|TRACK|UNTRACK))\s*\(")
#: Functions that were other names of these: since Python 3.3 and gone in 3.15; since 3.9 and gone in 3.13.
_RENAMED = {
    re.compile(r"\bPyImport_ImportModuleNoBlock\b"): "PyImport_ImportModule",
    re.compile(r"\b_PyInterpreterState_Get\b"): "PyInterpreterState_Get",
}
_ASSIGNMENT = re.compile(r"\s*([-+]?)=(?!=)\s*")
#: Macros that became internal to Python, with the public functions that replace them.
_PUBLIC = {
    "_PyObject_GC_IS_TRACKED": "PyObject_GC_IsTracked((PyObject *)({argument}))",
    "_PyObject_GC_TRACK": "PyObject_GC_Track({argument})",
    "_PyObject_GC_UNTRACK": "PyObject_GC_UnTrack({argument})",
}
#: Each removed header with its replacement.
_HEADERS = {
    re.compile(r'^([ \t]*)#[ \t]*include[ \t]*["<]pystrhex\.h[">]', re.MULTILINE): (
        r"\1extern PyObject *_Py_strhex(const char *, const Py_ssize_t);"
        r" extern PyObject *_Py_strhex_bytes(const char *, const Py_ssize_t);"
    ),
}

_TRASHCAN = re.compile(r"(?<!define )\bPy_TRASHCAN_SAFE_(BEGIN|END)[ \t]*\(([^()]{1,100})\)")
_FUNCTION = re.compile(r"\b(\w+)[ \t]*\([^(){};]{0,500}\)\s*\{")

_PXD = re.compile(r"""(['"][\w/.-]+\.pyx['"]\s*),\s*['"][\w/.-]+\.pxd['"]""")
_BUILTINS = re.compile(r"(?<![\w.])__builtins__\.(?=\w)")
_READS_LOCALS = re.compile(r"\bexec\(.*\blocals\(\)", re.DOTALL)
_FIRST_IMPORT = re.compile(r"^(?:import |from (?!__future__)[\w.]+ import )", re.MULTILINE)
_OLD_EXEC = """def exec(code, globals=None, locals=None):
    frame = __import__("sys")._getframe(1)
    globals, locals = (frame.f_globals, frame.f_locals) if globals is None else (globals, locals)
    __import__("builtins").exec(code, globals, globals if locals is None else locals)


"""


def main(folder: str) -> int:
    """Rewrite the files below `folder`; returns 1 if nothing had to be rewritten."""
    done = 0
    for path in sources(Path(folder)):
        # latin-1 maps each byte to a character and back.
        old = path.read_bytes().decode("latin-1")
        new = modernized(old)
        if new != old:
            print(f"Rewriting {path.relative_to(folder)} for the C API of newer Pythons", flush=True)
            path.write_bytes(new.encode("latin-1"))
            done += 1
    done += renewed_pybind11(Path(folder)) + rewritten_script(Path(folder, "setup.py"))
    if not done:
        print("Nothing here uses anything that can be rewritten.", flush=True)
    return 0 if done else 1


def renewed_pybind11(folder: Path) -> int:
    """Replace the headers of each pybind11 below `folder` by the build environment's; returns how many."""
    try:
        pybind11 = import_module("pybind11")
    except ImportError:
        return 0
    newer = Path(pybind11.get_include(), "pybind11")
    done = 0
    for place, _, names in os.walk(folder):
        path = Path(place)
        if path.name == "pybind11" and {"pybind11.h", "cast.h"} <= {*names}:
            print(f"Replacing {path.relative_to(folder)} by pybind11 {pybind11.__version__}", flush=True)
            shutil.copytree(newer, path, dirs_exist_ok=True)
            done += 1
    return done


def rewritten_script(path: Path) -> int:
    """Rewrite setup.py; returns 1 if it was changed."""
    if not path.is_file() or path.is_symlink() or path.stat().st_size > _LARGEST:
        return 0
    old = path.read_bytes().decode("latin-1")
    new = modern_script(old)
    if new == old:
        return 0
    print(f"Rewriting {path.name} for newer Pythons", flush=True)
    path.write_bytes(new.encode("latin-1"))
    return 1


def modern_script(code: str) -> str:
    """The code of setup.py for newer Pythons; unchanged if nothing has to be rewritten."""
    code = _PXD.sub(r"\1", _BUILTINS.sub('__import__("builtins").', code))
    first = _FIRST_IMPORT.search(code)
    if first and _OLD_EXEC not in code and _READS_LOCALS.search(code):
        code = code[: first.start()] + _OLD_EXEC + code[first.start() :]
    return code


def sources(folder: Path) -> Iterator[Path]:
    """The files of C and C++, sorted."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if (
                path.suffix in _SUFFIXES
                and path.is_file()
                and not path.is_symlink()
                and path.stat().st_size <= _LARGEST
            ):
                yield path


def modernized(code: str) -> str:
    """The code for newer Pythons; unchanged if nothing has to be rewritten."""
    for header, replacement in _HEADERS.items():
        code = header.sub(replacement, code)
    for name, public in _RENAMED.items():
        code = name.sub(public, code)
    code = _TRASHCAN.sub(_trashcan, code)
    done, rest = "", code
    while macro := _MACRO.search(rest):
        done += rest[: macro.start()]
        used, inside = rest[macro.start() :], macro.end() - macro.start()
        rewritten, rest = _public(macro[2], used, inside) if macro[2] else _assigned(macro[1], used, inside)
        done += rewritten
    return done + rest


def _trashcan(macro: re.Match[str]) -> str:
    """The newer macro, which takes the function that it stands in; the same if that is not found."""
    if macro[1] == "END":
        return "Py_TRASHCAN_END"
    functions = [*_FUNCTION.finditer(macro.string, max(0, macro.start() - 2000), macro.start())]
    names = [function[1] for function in functions if function[1] not in ("if", "for", "while", "switch")]
    return f"Py_TRASHCAN_BEGIN({macro[2]}, {names[-1]})" if names else macro[0]


def _assigned(name: str, code: str, inside: int) -> tuple[str, str]:
    """An assignment to the macro at the beginning of `code`, rewritten, and the code behind it.

    Any other use is returned unchanged, up to the macro's arguments, which begin at `inside`.
    """
    closed = _end(code, inside, ")")
    assignment = _ASSIGNMENT.match(code, closed + 1)
    end = _end(code, assignment.end(), ";") if assignment else -1
    if closed < 0 or assignment is None or end < 0:
        return code[:inside], code[inside:]
    argument, value = code[inside:closed], code[assignment.end() : end]
    if assignment[1]:
        value = f"{code[: closed + 1]} {assignment[1]} ({value})"
    return f"Py_SET_{name}({argument}, {value})", code[end:]


def _public(name: str, code: str, inside: int) -> tuple[str, str]:
    """The public function in place of the macro at the beginning of `code`, and the code behind it."""
    closed = _end(code, inside, ")")
    if closed < 0:
        return code[:inside], code[inside:]
    return _PUBLIC[name].format(argument=code[inside:closed]), code[closed + 1 :]


def _end(code: str, begin: int, closing: str) -> int:
    """The index of the first `closing` outside brackets opened after `begin`; -1 if the statement has none."""
    depth = 0
    for place in range(begin, min(len(code), begin + 1000)):
        character = code[place]
        if depth == 0 and character == closing:
            return place
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        if depth < 0 or (depth == 0 and character == ";"):
            break
    return -1


if __name__ == "__main__":
    # Remove this file's folder from the build's path.
    sys.path.pop(0)
    sys.exit(main(sys.argv[1]))
