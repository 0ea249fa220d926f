"""Failures have names: each case is the result and the log of a build that really failed (tests/support/logs)."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.admission.classify import LOG_END, classify
from wheelfleet.admission.failure import Failure, failure
from wheelfleet.admission.rules import RULES
from wheelfleet.admission.rules.platforms import WINDOWS_AND_APPLE_MODULES
from wheelfleet.failure_classes import FAILURE_CLASSES
from wheelfleet.planner.projects_of_modules import reviewed
from wheelfleet.removed_api import REMOVED_MODULES
from wheelfleet.standard_modules import STANDARD_MODULES
from wheelfleet.text import plain

LOGS = Path(__file__).parents[1] / "support" / "logs"
BUILD_FAILED = {"phase": "build", "stopped_by": None, "exit_code": 1, "message": "The backend failed (exit code 1)."}

#: Log, class, what it settles, what the sentence names.
CASES = [
    # What the builder lacks
    ("pycups", "missing-header", "target", "cups/http.h"),
    ("python-ldap", "missing-header", "target", "lber.h"),
    ("python-prctl", "missing-header", "target", "libcap"),
    ("psycopg2", "missing-header", "target", "pg_config"),
    ("mysqlclient", "missing-header", "target", "mysqlclient"),
    ("mysqlconf", "missing-header", "target", "gphoto2-config"),
    ("dbus-python", "missing-header", "target", "dbus-1"),
    ("dbus-python-old", "missing-header", "target", "dbus-1"),
    ("pkgconf", "missing-header", "target", "libgpiod"),
    ("meson", "missing-header", "target", "libgpiod"),
    ("cmakelists", "missing-header", "target", "BLAS"),
    ("header", "missing-header", "target", "wiringPi.h"),
    ("nestedreq", "missing-header", "target", "wiringPi.h"),
    ("library", "missing-library", "target", "pigpio"),
    ("nogcc", "missing-tool", "target", "gcc"),
    ("nogit", "missing-tool", "target", "git"),
    ("nopkgconfig", "missing-tool", "target", "pkg-config"),
    ("gomissing", "missing-tool", "target", "go"),
    ("swig", "missing-tool", "target", "swig"),
    ("gfortran-called", "missing-tool", "target", "gfortran"),
    ("mesonfortran", "missing-tool", "target", "gfortran"),
    ("mesonnocc", "missing-tool", "target", "cc"),
    ("cmakemissing", "missing-tool", "target", "cmake"),
    ("nocmake", "missing-tool", "target", "C"),
    ("setuptoolsrust", "missing-tool", "target", "Rust"),
    ("norust", "missing-tool", "target", "Rust"),
    ("pyaudio", "missing-header", "target", "portaudio.h"),
    ("cmakenew", "toolchain-too-old", "target", "CMake 3.31"),
    ("gotooold", "toolchain-too-old", "target", "Go 1.24"),
    ("rustold", "toolchain-too-old", "target", "newer Rust"),
    ("orjson", "toolchain-too-old", "target", "nightly"),
    ("stdnew", "toolchain-too-old", "target", "compiler"),
    # What the project brings along
    ("mysql-python", "python2-syntax", "release", "ConfigParser"),
    ("py2module", "python2-syntax", "release", "ConfigParser"),
    ("py2print", "python2-syntax", "release", "'print'"),
    ("py2print-39", "python2-syntax", "release", "'print'"),
    ("py2except", "python2-syntax", "release", "Python 2"),
    ("py2except-39", "python2-syntax", "release", "Python 2"),
    ("py2name", "python2-syntax", "release", "unicode"),
    ("imp-313", "removed-api", "target", "imp"),
    ("distutils-msvc", "removed-api", "target", "distutils.msvccompiler"),
    ("pkgres", "removed-api", "target", "pkg_resources"),
    ("use2to3", "removed-api", "target", "use_2to3"),
    ("sslwrap-313", "removed-api", "target", "wrap_socket"),
    ("safeconfig-313", "removed-api", "target", "SafeConfigParser"),
    ("importlibabc", "removed-api", "target", "Mapping"),
    ("pyheader", "removed-api", "target", "longintrepr.h"),
    ("compileerr", "removed-api", "target", "recursion_depth"),
    ("cmakeold", "removed-api", "target", "CMake"),
    ("demjson", "removed-api", "target", "use_2to3"),
    ("markupsafe", "removed-api", "target", "Feature"),
    ("thinc", "removed-api", "target", "msvccompiler"),
    ("lap", "removed-api", "target", "pkg_resources"),
    ("flat", "removed-api", "target", "flat-layout"),
    ("cchardet", "removed-api", "target", "longintrepr.h"),
    ("typed-ast", "removed-api", "target", "code.h"),
    ("pyyaml", "cython-too-new", "target", "cython_sources"),
    ("hdbscan", "cython-too-new", "target", "dist_metrics.pxd"),
    ("pymssql", "cython-too-new", "target", "long"),
    ("numpyc", "numpy-abi", "target", "names"),
    ("pykdtree", "numpy-abi", "target", "subarray"),
    ("llvmlite", "python-too-new", "target", "3.11"),
    ("pycocotools", "undeclared-build-requirement", "release", "Cython"),
    ("setuptools-dry-run", "removed-api", "target", "dry_run"),
    ("setuptools-extension", "removed-api", "target", "Extension"),
    ("setuptools-extension-314", "removed-api", "target", "Extension"),
    ("cython-long", "cython-too-new", "target", "long"),
    ("cython-numpy-headers", "numpy-abi", "target", "NumPy Cython headers"),
    ("lap-numpy", "undeclared-build-requirement", "release", "numpy"),
    ("setuprequires", "undeclared-build-requirement", "release", "numpy"),
    ("numpyimport", "undeclared-build-requirement", "release", "numpy"),
    ("cython-undeclared", "undeclared-build-requirement", "release", "Cython"),
    ("backendmissing", "undeclared-build-requirement", "target", "poetry.core.masonry.api"),
    ("distutils-313", "undeclared-build-requirement", "target", "backend"),
    ("sre-315", "removed-api", "target", "sre_constants"),
    ("noblock-315", "removed-api", "target", "PyImport_ImportModuleNoBlock"),
    ("setuptools-licence-2027", "removed-api", "target", "project.license"),
    ("tkinter-315", "missing-library", "target", "tkinter"),
    ("limited-setuptools-314t", "python-too-new", "target", "limited API"),
    ("limited-header-314t", "python-too-new", "target", "limited API"),
    ("limited-meson-314t", "python-too-new", "target", "limited API"),
    ("march", "wrong-platform", "target", "armv8-a"),
    ("instruction-armhf", "wrong-platform", "target", "stp"),
    ("windows", "wrong-platform", "release", "Linux"),
    ("winheader", "wrong-platform", "release", "windows.h"),
    ("cuda", "wrong-platform", "release", "CUDA"),
    ("arch", "wrong-platform", "target", "-mfpu=neon"),
    ("sse", "wrong-platform", "target", "AVX-512"),
    ("truncated", "sdist-broken", "release", "cannot be unpacked"),
    ("missingfile", "sdist-broken", "release", "README.md"),
    ("missingsource", "sdist-broken", "release", "src/gone.c"),
    ("ownmodule", "sdist-broken", "release", "ownmodule"),
    ("ownhelper", "own-module-missing", "release", "cf_setup_helpers"),
    ("patchrefused", "patch-refused", "target", "x.patch"),
    ("badrequires", "sdist-broken", "release", "'>=3.6.*'"),
    ("badtoml", "sdist-broken", "release", "']'"),
    ("badversion", "sdist-broken", "release", "'1.0-final-really'"),
    ("scmversion", "sdist-broken", "release", "version"),
    ("cmakefatal", "configure-error", "target", "CMake"),
    ("mesonerror", "configure-error", "target", "big-endian"),
    ("cxx", "compile-error", "target", "‘byte’"),
    ("pyicu", "compile-error", "target", "getFirstDecimal"),
    ("cargo", "compile-error", "target", "cargo_demo"),
    ("undefsym", "link-error", "target", "PyModule_Create2"),
    ("assertfail", "build-script-error", "target", "the moon is not full"),
    ("needreq", "build-requirements", "target", "wheelfleet-no-such-project-at-all>=3"),
    ("pinreq", "build-requirements", "target", "setuptools==1.0.99"),
    ("otherpy", "build-requirements", "target", "onlynew"),
    ("selfneeding", "build-requirements", "target", "needs itself"),
    ("conflict", "build-requirements", "target", "contradict"),
    ("netbuild", "download-in-build", "target", "download"),
    ("gitclone", "download-in-build", "target", "lib.git (a git repository) from git.invalid"),
    ("gomodules", "download-in-build", "target", "Go module example.org/answer@v1.2.3"),
    ("download-protoc", "download-in-build", "target", "program protoc (protoc-26.1-linux-x86_64.zip)"),
    ("download-node", "download-in-build", "target", "program node (node-v20.11.0-linux-x64.tar.xz)"),
    ("download-sources", "download-in-build", "target", "10.2.1.tar.gz (an archive) from example.org"),
    # What pip says of real sdists that it cannot build
    ("corpus-adafruit-dht", "wrong-platform", "target", "Raspberry Pi"),
    ("corpus-av", "missing-tool", "target", "pkg-config"),
    ("corpus-blist", "removed-api", "target", "Py_TYPE"),
    ("corpus-chromedriver", "download-in-build", "target", "program chromedriver"),
    ("corpus-coincurve", "missing-tool", "target", "aclocal"),
    ("corpus-coincurve-libtool", "missing-tool", "target", "libtool"),
    ("corpus-dlib", "removed-api", "target", "PyFrameObject"),
    ("corpus-dockerfile", "missing-tool", "target", "go"),
    ("corpus-fiona", "missing-tool", "target", "gdal-config"),
    ("corpus-functools32", "python2-syntax", "release", "Python 2 only"),
    ("corpus-gevent-cpdef", "cython-too-new", "target", "cpdef"),
    ("corpus-pykcs11", "compile-error", "target", "SWIGTYPE_p_std__vectorT"),
    ("corpus-pymc-f2py", "undeclared-build-requirement", "release", "charset_normalizer"),
    ("corpus-pyzmq-pipes", "removed-api", "target", "pipes"),
    ("corpus-glmnet", "undeclared-build-requirement", "release", "numpy"),
    ("corpus-glmnet-fortran", "missing-tool", "target", "Fortran"),
    ("corpus-h5py", "missing-tool", "target", "pkg-config"),
    ("corpus-libvirt-python", "missing-tool", "target", "pkg-config"),
    ("corpus-markupsafe-regex", "removed-api", "target", "regular expression"),
    ("corpus-mod-wsgi", "missing-tool", "target", "apxs"),
    ("corpus-numexpr", "removed-api", "target", "numpy.distutils"),
    ("corpus-picamera", "wrong-platform", "target", "Raspberry Pi"),
    ("corpus-pillow", "missing-header", "target", "jpeg"),
    ("corpus-pycairo", "missing-tool", "target", "pkg-config"),
    ("corpus-pygame-ce", "missing-library", "target", "SDL2"),
    ("corpus-pyopenjtalk", "removed-api", "target", "PyTypeObject"),
    ("corpus-pyqt5", "missing-tool", "target", "qmake"),
    ("corpus-pysha3", "removed-api", "target", "pystrhex.h"),
    ("corpus-rpi-gpio", "link-error", "target", "rpiinfo"),
    ("corpus-scikit-umfpack", "missing-header", "target", "umfpack.h"),
    ("corpus-simplejpeg", "removed-api", "target", "CMake"),
    ("corpus-testpath", "removed-api", "target", "tool.flit.metadata"),
    ("corpus-textract", "sdist-broken", "release", "install_requires"),
    ("corpus-tweepy", "undeclared-build-requirement", "release", "pip"),
    ("corpus-orjson-cargo", "missing-tool", "target", "Rust"),
    ("corpus-h5py-313", "missing-library", "target", "hdf5"),
    ("corpus-igraph", "missing-tool", "target", "CMake"),
    ("corpus-pyjnius", "missing-tool", "target", "javac"),
    ("corpus-gphoto2", "missing-header", "target", "libgphoto2"),
    ("corpus-pillow-313", "build-script-error", "target", "KeyError"),
    ("corpus-bottleneck", "build-script-error", "target", "__NUMPY_SETUP__"),
    ("corpus-pyspharm", "compile-error", "target", "Rank mismatch"),
    ("corpus-gevent", "cython-too-new", "target", "cpdef"),
    ("corpus-pygit2", "compile-error", "target", "libgit2 version"),
    ("corpus-pymc", "undeclared-build-requirement", "release", "NumPy"),
    ("corpus-hidapi-313", "build-script-error", "target", ".pxd"),
    ("corpus-apexpy", "numpy-abi", "target", "no numpy for Python 3.12"),
    ("corpus-xfoil", "sdist-broken", "release", "CMakeLists.txt"),
    ("corpus-simplejpeg-output", "compile-error", "target", "_jpeg.c"),
    ("corpus-pywayland", "missing-header", "target", "/usr/share/wayland/wayland.xml"),
    ("corpus-secp256k1", "missing-tool", "target", "pkg-config"),
    ("corpus-pynng", "missing-tool", "target", "cmake"),
    ("corpus-hidapi", "build-script-error", "target", ".pxd"),
    ("corpus-simplejpeg-313", "removed-api", "target", "cgi"),
    ("corpus-xmlsec", "missing-tool", "target", "pkg-config"),
    ("corpus-unittest2", "sdist-broken", "release", "late_version"),
    # What came from upstream, and the builder
    ("fetch-hash", "hash-mismatch", "release", "SHA-256"),
    ("fetch-404", "sdist-missing", None, "404"),
    ("fetch-refused", "network", None, "Connection refused"),
    ("netreq", "network", None, "index"),
    ("notools", "builder-fault", None, "provision"),
    # What the limits and the machine say
    ("limit-memory", "out-of-memory", "target", "340 MiB"),
    ("oom", "out-of-memory", "target", "memory"),
    ("memorycc", "out-of-memory", "target", "memory"),
    ("limit-disk", "out-of-disk", "target", "60 MiB"),
    ("nospace", "out-of-disk", None, "disk"),
    ("limit-time", "time-out", "target", "longer"),
    ("limit-silence", "silence", "target", "4 seconds"),
    ("limit-processes", "too-many-processes", "target", "36 processes"),
    ("nofork", "too-many-processes", "target", "process"),
    ("limit-log", "log-limit", "target", "60000 bytes"),
    ("killed", "killed", None, "killed"),
    ("compiler-killed", "killed", None, "killed"),
    # What became of it
    ("nowheel", "no-wheel", "target", "no wheel"),
    ("silentfail", "unknown", "target", "exit code 3"),
    ("segv", "unknown", "target", "signal 11"),
]


def classified(log: str, project: str | None = None) -> Failure:
    head, _, text = (LOGS / f"{log}.log").read_text().partition("\n")
    return classify(json.loads(head), text, project or log)


@pytest.mark.parametrize(("log", "failure_class", "blocks", "named"), CASES, ids=[case[0] for case in CASES])
def test_a_build_that_really_failed_gets_its_class(
    log: str, failure_class: str, blocks: str | None, named: str
) -> None:
    found = classified(log)
    assert (found.failure_class, found.blocks) == (failure_class, blocks)
    assert named in found.sentence
    assert found.sentence.endswith(".")
    assert found.advice.endswith((".", ")."))


def test_every_recorded_log_is_a_case() -> None:
    assert sorted(case[0] for case in CASES) == sorted(path.stem for path in LOGS.glob("*.log"))


@pytest.mark.parametrize(
    ("log", "missing_kind", "subject"),
    [
        ("pycups", "header", "cups/http.h"),
        ("pyaudio", "header", "portaudio.h"),
        ("library", "library", "pigpio"),
        ("cmakelists", "library", "BLAS"),
        ("nogcc", "tool", "gcc"),
        ("nocmake", "tool", "cc"),
        ("norust", "tool", "rustc"),
        ("psycopg2", "tool", "pg_config"),
        ("mysqlconf", "tool", "gphoto2-config"),
        ("meson", "pkg-config", "libgpiod"),
        ("dbus-python", "pkg-config", "dbus-1"),
        ("pycocotools", "module", "Cython"),
        ("setuprequires", "module", "numpy"),
        ("demjson", None, "use_2to3"),
        ("cmakenew", None, "cmake"),
        ("gotooold", None, "go"),
        ("gomissing", "tool", "go"),
        ("gomodules", None, "example.org/answer@v1.2.3"),
        ("download-protoc", "tool", "protoc"),
        ("download-sources", None, "10.2.1.tar.gz"),
        ("netbuild", None, None),
        ("silentfail", None, None),
    ],
)
def test_what_is_missing_is_said_as_data_for_who_looks_for_its_package(
    log: str, missing_kind: str | None, subject: str | None
) -> None:
    found = classified(log)
    assert (found.missing_kind, found.subject) == (missing_kind, subject)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("sh: 1: go: not found", "go"),
        ("make: go: No such file or directory", "go"),
        ("wget: unable to resolve host address ‘example.org’", None),
    ],
)
def test_go_and_downloads_are_known_by_the_words_of_shells_too(line: str, found: str | None) -> None:
    said = classify(BUILD_FAILED, line, "demo")
    assert (said.failure_class, said.subject) == (("missing-tool" if found else "download-in-build"), found)


@pytest.mark.parametrize("address", ["https://[::1", "https://", "https://x" + "a" * 5000, "ftp://h/%2e%2e/\u202egnp"])
def test_any_address_in_a_log_is_borne(address: str) -> None:
    said = classify(BUILD_FAILED, f"curl {address}\ncurl: (6) Could not resolve host: h", "demo")
    assert said.failure_class == "download-in-build"
    assert said.sentence.isprintable()
    assert len(said.sentence) <= 600


def test_a_binding_generator_that_does_not_know_the_python_yet_is_named() -> None:
    # As PyO3's build script prints it; building it takes crates, which no test downloads.
    log = "the configured Python interpreter version (3.14) is newer than PyO3's maximum supported version (3.13)"
    assert classify(BUILD_FAILED, log, "demo").failure_class == "python-too-new"


def test_without_the_contents_index_the_advice_says_how_to_find_a_package() -> None:
    assert "apt-file search wiringPi.h" in classified("header").advice


def test_the_evidence_is_the_lines_of_the_log_around_the_cause() -> None:
    evidence = classified("pycups").evidence
    assert any("cups/http.h: No such file or directory" in line for line in evidence)
    assert len(evidence) <= 4


def test_the_evidence_of_a_stopped_build_is_the_last_thing_it_said() -> None:
    assert classified("limit-silence").evidence[-1] == "compiling the last file"


def test_a_failure_of_an_installed_requirement_never_settles_the_release() -> None:
    in_requirement = {"phase": "environment", "message": "", "reason": "requirements-failed"}
    log = "SyntaxError: Missing parentheses in call to 'print'. Did you mean print(...)?\n"
    own = classify(BUILD_FAILED, log, "demo")
    requirement = classify({**BUILD_FAILED, **in_requirement}, log, "demo")
    assert (own.failure_class, own.blocks) == ("python2-syntax", "release")
    assert (requirement.failure_class, requirement.blocks) == ("python2-syntax", "target")
    assert requirement.sentence.startswith("While the build requirements were installed: ")


def test_a_missing_module_is_the_project_itself_however_it_is_spelled() -> None:
    log = "ModuleNotFoundError: No module named 'RPi_lgpio._version'\n"
    assert classify(BUILD_FAILED, log, "rpi-lgpio").failure_class == "sdist-broken"
    assert classify(BUILD_FAILED, log, "gpiozero").failure_class == "undeclared-build-requirement"


def of_project(backend: str = "setuptools.build_meta", **names: list[str]) -> dict[str, Any]:
    return {**BUILD_FAILED, "project": {"backend": backend, "modules": [], "declared": [], **names}}


@pytest.mark.parametrize(
    "line",
    [
        "ModuleNotFoundError: No module named 'versioneer'",
        "ModuleNotFoundError: No module named 'versioneer.sub'",
        "ImportError: cannot import name 'get_cmdclass' from 'versioneer' (/env/site-packages/versioneer.py)",
        "AttributeError: module 'versioneer' has no attribute 'get_cmdclass'",
    ],
)
def test_of_two_modules_of_one_name_the_sdists_own_is_meant(line: str) -> None:
    found = classify(of_project(modules=["versioneer"]), f"{line}\n", "demo")
    assert (found.failure_class, found.blocks, found.missing_kind) == ("own-module-missing", "release", None)
    assert classify(of_project(), f"{line}\n", "demo").failure_class != "own-module-missing"


def test_a_module_of_the_sdist_with_an_old_name_is_no_sign_of_python_2() -> None:
    line = "ModuleNotFoundError: No module named 'commands'\n"
    assert classify(of_project(), line, "demo").failure_class == "python2-syntax"
    assert classify(of_project(modules=["commands"]), line, "demo").failure_class == "own-module-missing"


def test_with_the_source_on_the_path_the_sdist_misses_a_part_of_itself() -> None:
    result = of_project("setuptools.build_meta:__legacy__", modules=["demo"])
    found = classify(result, "ModuleNotFoundError: No module named 'demo._native'\n", "demo")
    assert found.failure_class == "sdist-broken"


@pytest.mark.parametrize(
    ("module", "declared"), [("helping", "helping"), ("Help_Ing.sub", "help-ing"), ("other", None)]
)
def test_a_missing_module_is_known_by_what_the_sdist_declares(module: str, declared: str | None) -> None:
    result = of_project(declared=["help-ing", "helping"])
    found = classify(result, f"ModuleNotFoundError: No module named '{module}'\n", "demo")
    assert (found.failure_class, found.declared) == ("undeclared-build-requirement", declared)


def test_a_module_that_left_python_is_a_removed_api() -> None:
    for module in ("sre_constants", "asynchat", "imp", "distutils.core"):
        found = classify(BUILD_FAILED, f"ModuleNotFoundError: No module named '{module}'\n", "demo")
        assert found.failure_class == "removed-api", module


def test_a_standard_module_that_a_python_lacks_is_no_project() -> None:
    for module in sorted(STANDARD_MODULES):
        line = f"ModuleNotFoundError: No module named '{module}'"
        found = next(rule.failure_class for rule in RULES if rule.pattern.search(line))
        assert found in ("removed-api", "missing-library", "wrong-platform"), module
        assert (found == "wrong-platform") == (module in WINDOWS_AND_APPLE_MODULES)
        assert reviewed(module) in (None, "setuptools")


def test_every_module_of_this_python_is_known_to_be_standard() -> None:
    assert sys.stdlib_module_names <= STANDARD_MODULES
    assert REMOVED_MODULES <= STANDARD_MODULES


@pytest.mark.parametrize(
    ("line", "failure_class", "named"),
    [
        # Python 3.15 and Debian say more than older Pythons do.
        ("ModuleNotFoundError: Standard library module '_bz2' was not found", "removed-api", "_bz2"),
        (
            "ModuleNotFoundError: Unsupported platform for Windows-only standard library module 'winreg'",
            "wrong-platform",
            "winreg",
        ),
        ("ModuleNotFoundError: Please install the python3-tk package for tkinter support.", "missing-library", "-tk"),
        ("ImportError: No module named '_gdbm', please install the python3-gdbm package", "missing-library", "-gdbm"),
        ("arm-linux-gnueabihf-gcc-12: error: unrecognized -march target: x86-64", "wrong-platform", "x86-64"),
        ("arm-linux-gnueabihf-gcc-12: error: unrecognized -mcpu target: core2", "wrong-platform", "core2"),
        ("cc1: error: unknown value ‘armv7-a’ for ‘-march’", "wrong-platform", "armv7-a"),
        ("cc1: error: bad value ('armv8-a') for '-march=' switch", "wrong-platform", "armv8-a"),
        ("a.s:1: Error: unknown mnemonic `vadd.f32' -- `vadd.f32 q0,q1,q2'", "wrong-platform", "vadd.f32"),
        ("a.c:1: Error: no such instruction: `stp x29,x30,[sp,'", "wrong-platform", "stp"),
    ],
)
def test_what_the_tools_of_today_say_is_understood(line: str, failure_class: str, named: str) -> None:
    found = classify(BUILD_FAILED, f"{line}\nerror: command 'gcc' failed with exit code 1\n", "demo")
    assert (found.failure_class, found.blocks) == (failure_class, "target" if named != "winreg" else "release")
    assert named in found.sentence


def test_a_warning_of_setuptools_is_no_failure() -> None:
    warned = (
        "/env/setuptools/config.py:82: SetuptoolsDeprecationWarning: `project.license` as a TOML table is deprecated"
    )
    found = classify(BUILD_FAILED, f"{warned}\nValueError: the moon is not full\n", "demo")
    assert found.failure_class == "build-script-error"


def test_the_limit_that_stopped_a_build_counts_more_than_what_its_log_says() -> None:
    result = {
        **BUILD_FAILED,
        "stopped_by": "memory",
        "message": "The build wanted more than the 800 MiB of memory it may use.",
    }
    found = classify(result, "foo.c:1:10: fatal error: foo.h: No such file or directory\n", "demo")
    assert found.failure_class == "out-of-memory"


def test_an_interrupted_attempt_is_worth_another_try() -> None:
    found = classify({"phase": "build", "stopped_by": "interrupted", "message": "The builder went down."}, "", "demo")
    assert (found.failure_class, found.blocks) == ("interrupted", None)


def test_a_missing_optional_library_does_not_hide_the_error_at_the_end() -> None:
    log = "Package 'libfoo', required by 'virtual:world', not found\nmain.c:7:1: error: unknown type name ‘u8’\n"
    assert classify(BUILD_FAILED, log, "demo").failure_class == "compile-error"


def test_terminal_colours_do_not_hide_a_cause() -> None:
    colour, plain_again = "\x1b[01;31m\x1b[K", "\x1b[m\x1b[K"
    log = f"{colour}x.c:1:10:{plain_again} {colour}fatal error: {plain_again}zmq.h: No such file or directory\n"
    found = classify(BUILD_FAILED, log, "demo")
    assert found.sentence == "The header zmq.h is missing on the builder."
    assert found.evidence == ["x.c:1:10: fatal error: zmq.h: No such file or directory"]


@pytest.mark.parametrize(
    "log",
    [
        "x" * (8 << 20),
        "error: " * (1 << 20),
        "fatal error: " + "a/" * (1 << 20),
        "Package 'a" + "a" * (1 << 20) + ", required by 'b",
        "requires " * (1 << 20),
        ("needs" + " " * 70 + "\n") * 100_000,
        "a" * 60 + (".a" * 30 + "\n") * 100_000,
        (" " * 1990 + "x\n") * 1000,
        ("|" * 1990 + "x\n") * 1000,
        "\x1b[" * (1 << 20),
        "\x1b[" + "0;" * (1 << 20),
        "\x1b]0;" + "x" * (1 << 20),
        "\n" * (1 << 20),
        "\r".join(["50 %"] * 100_000),
        "".join(map(chr, range(0x110000))) * 2,
        "{found}{0}%s<script>alert(1)</script>",
        "",
    ],
    ids=lambda log: repr(log[:12]),
)
def test_a_hostile_log_is_classified_like_any_other(log: str) -> None:
    found = classify({"phase": "build", "message": log}, log, "demo")
    assert found.failure_class in FAILURE_CLASSES
    assert len(found.sentence) <= 600
    assert all(len(line) <= 300 and line.isprintable() for line in found.evidence)


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"phase": 3, "stopped_by": ["memory"], "exit_code": "x", "message": {"a": 1}},
        {"phase": "fetch"},
        {"phase": "build", "project": {"backend": 3, "modules": "os", "declared": [1, {}, "../x", "a" * 900]}},
        {"phase": "build", "project": [], "reason": {}, "about": []},
        {"phase": "nowhere", "stopped_by": "boredom", "exit_code": 1e99, "message": None},
    ],
)
def test_a_result_document_of_any_content_is_classified(result: dict[str, Any]) -> None:
    assert classify(result, "what happened?\n", "demo").failure_class in FAILURE_CLASSES


def test_only_the_end_of_a_log_is_looked_at() -> None:
    log = "x.c:1:10: fatal error: zmq.h: No such file or directory\n" + "all is well\n" * LOG_END
    assert classify(BUILD_FAILED, log, "demo").failure_class == "unknown"


def test_names_from_the_log_are_shown_without_what_could_deceive_a_reader() -> None:
    found = failure("unknown", "a\x1b[2Jb\u202ec\x07d", ["\x1b]0;title\x07" + "e" * 400])
    assert found.sentence == "abcd"
    assert found.evidence == ["e" * 299 + "…"]


def test_plain_text_keeps_what_people_write() -> None:
    assert plain("größer\tals ‘ß’ – 日本 \n") == "größer als ‘ß’ – 日本"


def test_every_class_says_what_it_means_and_what_would_help() -> None:
    for entry in FAILURE_CLASSES.values():
        assert re.fullmatch(r"[a-z0-9-]+", entry.name)
        assert entry.meaning.endswith(".")
        assert entry.advice.endswith(".")


def test_the_operators_page_lists_every_class_as_it_is() -> None:
    said = {
        row[0]: row[1:]
        for row in re.findall(
            r"^\| `([a-z0-9-]+)` \| ([^|]+) \| (target|release|nothing: tried again) \| ([^|]*?) ?\| ([^|]+) \|$",
            (LOGS.parents[2] / "docs/reference/failure-classes.md").read_text(),
            re.MULTILINE,
        )
    }
    words = {"toolchain": "compilers", "packages": "packages", "tools": "tools"}
    assert said == {
        entry.name: (
            entry.meaning,
            entry.blocks or "nothing: tried again",
            ", ".join(words[each] for each in sorted(entry.depends_on)),
            entry.advice,
        )
        for entry in FAILURE_CLASSES.values()
    }


def test_every_class_says_whether_and_when_it_is_tried_again() -> None:
    assert "growing waits" in FAILURE_CLASSES["network"].again
    assert "the builder's packages" in FAILURE_CLASSES["missing-header"].again
    assert "compilers or packages" in FAILURE_CLASSES["link-error"].again
    assert FAILURE_CLASSES["python2-syntax"].again.startswith("Tried again when the project's recipe")


def test_every_rule_belongs_to_a_class_and_every_class_is_shown_here() -> None:
    assert {rule.failure_class for rule in RULES} <= FAILURE_CLASSES.keys()
    # The builder's own words for a restart and for an order, the queue's for builders that went down, and the
    # verification's four.
    shown = {case[1] for case in CASES}
    shown |= {
        "interrupted",
        "stopped",
        "host-lost",
        "metadata-mismatch",
        "refused",
        "import-failed",
        "not-installable",
        "other-python",
    }
    assert shown == FAILURE_CLASSES.keys()
