"""Names that no contents index has: build systems' names for files with other names.

These are languages, names of alternatives (`cc`, which no package contains), and CMake's names of libraries. All other
names are found by file names (`apt_file_lookup`), so do not add names of existing headers, libraries, `.pc` files or
programs.
"""

from __future__ import annotations

#: Lower-case name, and the kind and name to look up instead, as in an attempt's `missing_kind` and `subject`.
OTHER_NAMES: dict[str, tuple[str, str]] = {
    "boost": ("header", "boost/version.hpp"),
    "bzip2": ("library", "bz2"),
    # An interface that several libraries have; OpenBLAS is what Python packages are tested with.
    "cblas": ("library", "openblas"),
    "curses": ("header", "curses.h"),
    "gssapi": ("library", "gssapi_krb5"),
    "hdf5": ("header", "hdf5.h"),
    "jni": ("header", "jni.h"),
    "libusb": ("library", "usb-1.0"),
    "mpi": ("header", "mpi.h"),
    "mysql": ("tool", "mysql_config"),
    "odbc": ("header", "sql.h"),
    "pkgconfig": ("tool", "pkg-config"),
    "postgresql": ("tool", "pg_config"),
    "protobuf": ("header", "google/protobuf/message.h"),
    "tcl": ("header", "tcl.h"),
    "tk": ("header", "tk.h"),
}

#: Likewise for programs and compilers.
OTHER_TOOLS: dict[str, tuple[str, str]] = {
    "c": ("tool", "gcc"),
    "c++": ("tool", "g++"),
    "cc": ("tool", "gcc"),
    "cxx": ("tool", "g++"),
    "fortran": ("tool", "gfortran"),
    "f77": ("tool", "gfortran"),
    "f95": ("tool", "gfortran"),
    "icu-config": ("pkg-config", "icu-uc"),
    "java": ("tool", "javac"),
    "libtool": ("tool", "libtoolize"),
    # The program of that name only selects one of several others.
    "qmake": ("library", "Qt5Core"),
    "pkgconf": ("tool", "pkg-config"),
    # cargo depends on rustc, but rustc not on cargo.
    "rust": ("tool", "cargo"),
    "rustc": ("tool", "cargo"),
    "x86_64-linux-gnu-gcc": ("tool", "gcc"),
    "arm-linux-gnueabihf-gcc": ("tool", "gcc"),
    "aarch64-linux-gnu-gcc": ("tool", "gcc"),
}

#: Of packages with the same files, those that Python packages are made for and tested with. cargo-web is the newer Rust
#: that Debian keeps for browsers, with which it also replaces its older one.
PREFERRED = frozenset({"cargo-web", "golang-go", "libcurl4-openssl-dev", "libkrb5-dev", "libopenblas-dev"})
