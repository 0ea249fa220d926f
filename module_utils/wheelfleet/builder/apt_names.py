"""What no contents index knows: how build systems call what a distribution's files call otherwise.

Languages, names that alternatives stand for (`cc`, which no package ships), and CMake's names of libraries. All else is
found by the names of files (apt_owners.py), so nothing belongs here that a header, a library, a `.pc` file or a program
of the same name would lead to.
"""

from __future__ import annotations

#: Lower case. What to look up instead: kind and name, as in an attempt's `missing` and `subject`.
OTHER_NAMES: dict[str, tuple[str, str]] = {
    "boost": ("header", "boost/version.hpp"),
    "bzip2": ("library", "bz2"),
    "curses": ("header", "curses.h"),
    "gssapi": ("library", "gssapi_krb5"),
    "hdf5": ("header", "hdf5.h"),
    "jni": ("header", "jni.h"),
    "libusb": ("library", "usb-1.0"),
    "mpi": ("header", "mpi.h"),
    "mysql": ("tool", "mysql_config"),
    "odbc": ("header", "sql.h"),
    "postgresql": ("tool", "pg_config"),
    "protobuf": ("header", "google/protobuf/message.h"),
    "tcl": ("header", "tcl.h"),
    "tk": ("header", "tk.h"),
}

#: The same for programs and compilers.
OTHER_TOOLS: dict[str, tuple[str, str]] = {
    "c": ("tool", "gcc"),
    "c++": ("tool", "g++"),
    "cc": ("tool", "gcc"),
    "cxx": ("tool", "g++"),
    "fortran": ("tool", "gfortran"),
    "f77": ("tool", "gfortran"),
    "f95": ("tool", "gfortran"),
    "java": ("tool", "javac"),
    "libtool": ("tool", "libtoolize"),
    # What has its name chooses between several of them, and is none.
    "qmake": ("library", "Qt5Core"),
    "pkgconf": ("tool", "pkg-config"),
    # cargo brings rustc along, not the other way round.
    "rust": ("tool", "cargo"),
    "rustc": ("tool", "cargo"),
    "x86_64-linux-gnu-gcc": ("tool", "gcc"),
    "arm-linux-gnueabihf-gcc": ("tool", "gcc"),
    "aarch64-linux-gnu-gcc": ("tool", "gcc"),
}

#: Of packages that have the very same files, the one that Python packages are made for and tested with.
PREFERRED = frozenset({"golang-go", "libcurl4-openssl-dev", "libkrb5-dev", "libopenblas-dev"})
