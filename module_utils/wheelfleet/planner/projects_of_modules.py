"""The project of a module that a build imports without declaring it: from a reviewed list, or adopted by the operator.

Anyone may have registered a project under a module's name, so such a project is untrusted. For modules that are not in
the list, only a project that the sdist declares is used (builder/sdist_names), or one that the operator adopted
(`controller_adopt_requirements`). Modules that are or were in the standard library have no project, because PyPI has
untrusted projects of these names.
"""

from __future__ import annotations

from collections.abc import Collection

from packaging.utils import InvalidName, NormalizedName, canonicalize_name

from ..standard_modules import STANDARD_MODULES

#: Projects whose module has their name (dashes and capitals ignored).
_OF_THAT_NAME = frozenset(
    # Backends and their plugins
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
    # Compilers, generators and finders
    | {"cffi", "pybind11", "nanobind", "pythran", "cppy", "ninja", "cmake", "pkgconfig", "swig", "ply"}
    | {"pycparser", "semantic-version", "mako", "jinja2", "numba", "meson", "charset-normalizer"}
    # Projects that setup.py computes with, or whose headers it needs
    | {"numpy", "scipy", "torch", "tensorflow", "pandas", "pyarrow", "h5py", "mpi4py", "astropy", "matplotlib"}
    | {"six", "packaging", "toml", "tomli", "tomlkit", "requests", "click", "certifi", "psutil", "lxml", "docutils"}
    | {"sphinx", "babel", "markdown", "distro", "python-dateutil", "typing-extensions", "importlib-metadata"}
    | {"greenlet", "gevent", "pyproj", "shapely", "gdal", "attrs", "mypy", "pip", "polib", "kivy", "pygame"}
)

#: Projects that bring a module of the standard library back to Pythons that removed it.
_BACKPORTS = {"cgi": "legacy-cgi", "cgitb": "legacy-cgi", "imp": "zombie-imp", "pipes": "standard-pipes"}

#: Requirements by module, for projects that have another name; the modules are normalised (PEP 503).
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

#: An import of these names means the standard library, never a project of upstream.
_STANDARD_LIBRARY = frozenset(map(canonicalize_name, STANDARD_MODULES))


def reviewed(module: str) -> str | None:
    """The requirement for a module, by its first name in any spelling; None if it is not listed."""
    name = canonicalize_name(module)
    return _ELSEWHERE.get(name) or (name if name in _OF_THAT_NAME else None)


def backport(module: str) -> str | None:
    """The project that brings back what Python removed of its standard library, by the module's first name."""
    return _BACKPORTS.get(module)


def is_reviewed(requirement: str) -> bool:
    """Whether `reviewed` may return this requirement."""
    return requirement in _ELSEWHERE.values() or canonicalize_name(requirement) in _OF_THAT_NAME | _ELSEWHERE_NAMES


def guessed(module: str) -> NormalizedName | None:
    """The project's name that a module's first name suggests; None if its project is known, or it cannot have one."""
    try:
        name = canonicalize_name(module, validate=True)
    except InvalidName:
        return None
    return None if reviewed(module) or is_standard(module) else name


def is_adopted(name: str, adopted: bool | Collection[str]) -> bool:
    """Whether the operator adopted a project's name; `adopted` is True for all of them, or their normalised names."""
    return name in adopted if isinstance(adopted, Collection) else adopted


def is_standard(module: str) -> bool:
    """Whether a module (by its first name) is or was in the standard library."""
    return canonicalize_name(module) in _STANDARD_LIBRARY
