"""Rewrites C code for the C API of newer Pythons: `python modernize.py SOURCE`.

What is rewritten means the same in every Python since 3.9, so nothing depends on which one is built for: assignments
to `Py_TYPE(x)`, `Py_SIZE(x)` and `Py_REFCNT(x)`, which Python's own porting notes give `Py_SET_TYPE` and its like
for (What's New in Python 3.10 and 3.11), macros of the garbage collector that have a public function, and headers that
are gone whose functions are still there.

Runs in the sandbox, among the package's code, and is not trusted with anything. It imports nothing of this package, so
that nothing of it is on the build's path.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_SUFFIXES = (".c", ".cc", ".cpp", ".cxx", ".h", ".hh", ".hpp", ".hxx", ".inc")
_LARGEST = 32 << 20

_MACRO = re.compile(r"\bPy_(TYPE|SIZE|REFCNT)\s*\(|\b(_PyObject_GC_(?:IS_TRACKED|TRACK|UNTRACK))\s*\(")
_ASSIGNMENT = re.compile(r"\s*([-+]?)=(?!=)\s*")
#: Macros that became functions of Python's own, with what was made public for others at the same time.
_PUBLIC = {
    "_PyObject_GC_IS_TRACKED": "PyObject_GC_IsTracked((PyObject *)({argument}))",
    "_PyObject_GC_TRACK": "PyObject_GC_Track({argument})",
    "_PyObject_GC_UNTRACK": "PyObject_GC_UnTrack({argument})",
}
#: Each header with what is to stand in its place.
_HEADERS = {
    re.compile(r'^([ \t]*)#[ \t]*include[ \t]*["<]pystrhex\.h[">]', re.MULTILINE): (
        r"\1extern PyObject *_Py_strhex(const char *, const Py_ssize_t);"
        r" extern PyObject *_Py_strhex_bytes(const char *, const Py_ssize_t);"
    ),
}


def main(folder: str) -> int:
    """1 where there was nothing to rewrite."""
    done = 0
    for path in sources(Path(folder)):
        # Every byte is a character, and stays one.
        old = path.read_bytes().decode("latin-1")
        new = modernized(old)
        if new != old:
            print(f"Rewriting {path.relative_to(folder)} for the C API of newer Pythons", flush=True)
            path.write_bytes(new.encode("latin-1"))
            done += 1
    if not done:
        print("No C code here uses anything that can be rewritten.", flush=True)
    return 0 if done else 1


def sources(folder: Path) -> Iterator[Path]:
    """Files of C and C++, in order."""
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
    """The code for newer Pythons; as it is where nothing has to be changed."""
    for header, replacement in _HEADERS.items():
        code = header.sub(replacement, code)
    done, rest = "", code
    while macro := _MACRO.search(rest):
        done += rest[: macro.start()]
        used, inside = rest[macro.start() :], macro.end() - macro.start()
        rewritten, rest = _public(macro[2], used, inside) if macro[2] else _assigned(macro[1], used, inside)
        done += rewritten
    return done + rest


def _assigned(name: str, code: str, inside: int) -> tuple[str, str]:
    """An assignment to the macro at the beginning of `code`, rewritten, and what comes after it.

    Anything else is given back as it is, up to the macro's arguments, which begin at `inside`.
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
    """The public function in the place of the macro at the beginning of `code`, and what comes after it."""
    closed = _end(code, inside, ")")
    if closed < 0:
        return code[:inside], code[inside:]
    return _PUBLIC[name].format(argument=code[inside:closed]), code[closed + 1 :]


def _end(code: str, begin: int, closing: str) -> int:
    """Where the first `closing` is that is in no bracket opened after `begin`; -1 if there is none in the statement."""
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
    # The folder of this file is not the build's business.
    sys.path.pop(0)
    sys.exit(main(sys.argv[1]))
