"""Removed by newer Pythons: modules of the standard library, and headers and names of the C API.

The patterns match what compilers print about it; rules of admission name the failure by them, remedies choose by them.
"""

from __future__ import annotations

#: Around a name in what compilers print.
QUOTE = r"[‘’'`\"]?"

#: In the standard library of some Python that a builder may have, and not in a newer one.
REMOVED_MODULES = frozenset(
    {
        "_bootlocale", "_dummy_thread", "_dummy_threading", "dummy_threading", "macpath", "sre_compile",
        "sre_constants", "sre_parse",
        "aifc", "asynchat", "asyncore", "audioop", "binhex", "cgi", "cgitb", "chunk", "crypt",
        "distutils", "formatter", "imghdr", "imp", "lib2to3", "mailcap", "msilib", "nis", "nntplib", "ossaudiodev",
        "parser", "pipes", "smtpd", "sndhdr", "spwd", "sunau", "symbol", "telnetlib", "uu", "xdrlib",
    }
)  # fmt: skip

_PYTHON_STRUCTURES = (
    r"(?:Py(?:Thread|Interpreter)State|Py(?:Type|Frame|Code|Long|Unicode)Object"
    r"|_PyErr_StackItem|struct _(?:ts|is|frame|object|typeobject|longobject|err_stackitem))"
)

#: What C code for an older Python uses, most of it by an old Cython.
GONE_HEADERS = r"fatal error: ((?:longintrepr|code|pystrhex|Python-ast|graminit|asdl)\.h): No such file or directory"
GONE_NAMES = (
    rf"error: {QUOTE}{_PYTHON_STRUCTURES}{QUOTE} .{{0,80}}has no member named {QUOTE}(\w{{1,80}})"
    rf"|error: too many initializers for {QUOTE}(PyTypeObject){QUOTE}"
    rf"|error: invalid use of incomplete type(?:def)? {QUOTE}(Py(?:Frame|Thread)\w{{1,20}}){QUOTE}"
    rf"|error: implicit declaration of function {QUOTE}(_?Py\w{{1,80}})"
    rf"|error: {QUOTE}(_?Py\w{{1,80}}){QUOTE} (?:undeclared|was not declared)"
)
ASSIGNED_MACROS = r"^ *\d+ \|.{0,200}\b(Py_(?:REFCNT|SIZE|TYPE)) ?\(.{1,100}\) ?=[^=]"
