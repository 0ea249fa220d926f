"""Which project has a module that a build imports and does not declare: a list that people have read, and no guess.

Whoever asks upstream for a project by a module's name gets whatever stranger registered it. A name that is not here is
asked for only where the sdist itself declares it (builder/sdist_names.py). What was ever in the standard library is
never asked for: PyPI has projects of such names, and they are strangers'.
"""

from __future__ import annotations

import sys

from packaging.utils import canonicalize_name

from ..removed_api import REMOVED_MODULES

#: Projects that builds need and whose module has their name, whatever its dashes and capitals.
_OF_THAT_NAME = frozenset(
    # Backends, and what they are extended by
    {"setuptools", "wheel", "hatchling", "maturin", "setuptools-scm", "setuptools-rust", "setuptools-git-versioning"}
    | {
        "setuptools-golang",
        "flit-core",
        "pbr",
        "hatch-vcs",
        "hatch-fancy-pypi-readme",
        "versioneer-518",
        "versioningit",
    }
    | {"scikit-build-core", "jupyter-packaging", "extension-helpers", "pytest-runner", "incremental", "vcversioner"}
    # What compiles, generates or finds
    | {"cffi", "pybind11", "nanobind", "pythran", "cppy", "ninja", "cmake", "pkgconfig", "swig", "ply"}
    | {"pycparser", "semantic-version", "mako", "jinja2", "numba", "meson"}
    # What setup.py computes with, or asks for its headers
    | {"numpy", "scipy", "torch", "tensorflow", "pandas", "pyarrow", "h5py", "mpi4py", "astropy", "matplotlib"}
    | {"six", "packaging", "toml", "tomli", "tomlkit", "requests", "click", "certifi", "psutil", "lxml", "docutils"}
    | {"sphinx", "babel", "markdown", "distro", "python-dateutil", "typing-extensions", "importlib-metadata"}
    | {"greenlet", "gevent", "pyproj", "shapely", "gdal", "attrs", "mypy", "pip", "polib", "kivy", "pygame"}
)

#: Modules of projects that have another name, as requirements; the modules as indexes spell names (PEP 503).
_ELSEWHERE = {
    "attr": "attrs",
    "bdist-wheel": "wheel",
    "bs4": "beautifulsoup4",
    "cpuinfo": "py-cpuinfo",
    "crypto": "pycryptodome",
    "cython": "Cython",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "distutils": "setuptools",
    "git": "GitPython",
    "grpc-tools": "grpcio-tools",
    "mesonpy": "meson-python",
    "mypyc": "mypy",
    "openssl": "pyopenssl",
    "osgeo": "gdal",
    "pdm": "pdm-backend",
    "pil": "Pillow",
    "pkg-resources": "setuptools<81",
    "poetry": "poetry-core",
    "pyqtbuild": "pyqt-builder",
    "serial": "pyserial",
    "sipbuild": "sip",
    "skbuild": "scikit-build",
    "sklearn": "scikit-learn",
    "usb": "pyusb",
    "yaml": "PyYAML",
}

_ELSEWHERE_NAMES = frozenset(map(canonicalize_name, _ELSEWHERE.values()))

#: Whatever a project of such a name upstream has, it is not what the import means.
_STANDARD_LIBRARY = frozenset(map(canonicalize_name, (*sys.stdlib_module_names, *REMOVED_MODULES)))


def reviewed(module: str) -> str | None:
    """The requirement that has the module, by its first name in whatever spelling; None for one that is not listed."""
    name = canonicalize_name(module)
    return _ELSEWHERE.get(name) or (name if name in _OF_THAT_NAME else None)


def is_reviewed(requirement: str) -> bool:
    """Whether it is one that `reviewed` may give."""
    return requirement in _ELSEWHERE.values() or canonicalize_name(requirement) in _OF_THAT_NAME | _ELSEWHERE_NAMES


def is_standard(module: str) -> bool:
    """Whether it is, or was, a module of Python itself, by its first name."""
    return canonicalize_name(module) in _STANDARD_LIBRARY
