"""Rules for code that does not support the newest Cython, numpy or Python yet, and needs an older one."""

from __future__ import annotations

import re

from ...removed_api import QUOTE
from .rule import rule

TOO_NEW = (
    rule(
        "cython-too-new",
        r"AttributeError: '?build_ext'? object has no attribute '(cython_\w{1,40})'"
        r"|AttributeError: module 'Cython(?:\.[\w.]{1,80})?' has no attribute '(\w{1,80})'"
        r"|ImportError: cannot import name '(\w{1,80})' from 'Cython[.']"
        r"|ModuleNotFoundError: No module named '(Cython\.[\w.]{1,80})'",
        "The build uses {found}, which Cython no longer has.",
    ),
    rule(
        "cython-too-new",
        r"^[\s|│]*\S{1,200}\.p(?:yx|xd|xi|y):\d+:\d+: (?:undeclared name not builtin: "
        r"(long|unicode|basestring|xrange|raw_input|unichr|reduce|buffer|file|cmp)\b"
        r"|.{0,200}(noexcept).{0,80}"
        r"|.{0,40}(cannot be declared with 'cpdef').{0,60}"
        r"|.{0,60}(Exception values are incompatible).{0,80}"
        r"|'((?!numpy)[\w/.]{1,80}\.pxd)' not found"
        r"|.{0,60}'(long)' (?:is not a type identifier|redeclared).{0,80})",
        "Cython 3 does not accept the source, which is for an older one: {found}.",
        choose="first",
    ),
    rule(
        "numpy-abi",
        r"No module named '?(numpy\.distutils[\w.]{0,80})",
        "The build uses {found}, which no numpy for Python 3.12 and later has.",
        after=re.compile(r"/python3\.1[2-9]/"),
        advice="Use a target with Python 3.11 or older, or a later release.",
    ),
    rule(
        "numpy-abi",
        r"AttributeError: (?:module 'numpy(?:\.[\w.]{1,80})?' has no attribute '(\w{1,80})'"
        r"|[`']?np\.(\w{1,40})[`']? was removed in the NumPy)"
        r"|No module named '?(numpy\.(?:distutils|oldnumeric|numarray)[\w.]{0,80})"
        r"|ImportError: cannot import name '(\w{1,80})' from 'numpy[.']",
        "The build uses {found}, which numpy no longer has.",
    ),
    rule(
        "numpy-abi",
        r"fatal error: (numpy/(?:noprefix|oldnumeric|old_defines|npy_deprecated_api|ufunc_api_old)\.h)"
        rf"|error: {QUOTE}(?:struct )?_?PyArray_Descr{QUOTE} .{{0,80}}has no member named {QUOTE}(\w{{1,80}})"
        rf"|error: {QUOTE}((?:NPY|PyArray|PyUFunc|npy)_\w{{1,80}}){QUOTE} (?:undeclared|was not declared)"
        rf"|error: implicit declaration of function {QUOTE}((?:PyArray|PyUFunc|PyDataType)_?\w{{1,80}})",
        "The source uses {found}, which numpy's C API no longer has.",
        choose="first",
    ),
    rule(
        "numpy-abi",
        r"module that was compiled using NumPy 1\.x cannot be run in|module compiled against (?:API|ABI) version"
        r"|numpy\.(?:dtype|ndarray|ufunc) size changed|numpy\.core\.multiarray failed to import",
        "Something in the build is compiled for another numpy than the one it runs with.",
        subject="numpy",
    ),
    rule(
        "numpy-abi",
        r"Build aborted: the (NumPy Cython headers) require Cython",
        "The {found} of numpy 2.5 and later refuse a Cython before 3.",
        choose="first",
    ),
    rule(
        "python-too-new",
        r"configured Python interpreter version \((\d[\d.]{0,10})\) is newer than PyO3's maximum"
        r"|Cannot install on Python version (\d[\d.]{0,10});",
        "The build does not know Python {found} yet.",
    ),
    rule(
        "python-too-new",
        r"`Py_LIMITED_API` is incompatible with `Py_GIL_DISABLED`"
        r"|targets Python's Limited API, which is not supported by free-threaded"
        r"|#error \"The limited API is not currently supported in the free-threaded build",
        "The project is for Python's limited API, which a free-threaded Python has since 3.15 only.",
        choose="first",
        advice="Use a target with a GIL, or a free-threaded Python 3.15 or later.",
    ),
)
