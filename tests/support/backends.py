"""Sdists of compiled code for the build backends that people use, each with what its build needs of pip and of apt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.support.artifacts import Artifact
from tests.support.sdists import sdist_of_files

_C = """\
#include <Python.h>

static PyObject *answer(PyObject *self, PyObject *arguments) { return PyLong_FromLong(42); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, "the answer"}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "@NAME@", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_@NAME@(void) { return PyModule_Create(&module); }
"""


@dataclass(frozen=True)
class Backend:
    """A build backend: the projects that its build requires, the packages of apt, and the files of an sdist for it.

    `@NAME@` in a file is the name of the project and of its module.
    """

    name: str
    requires: Sequence[str]
    module: str
    files: Mapping[str, str]
    settings: str = ""
    apt: Sequence[str] = ()
    #: What the tags of its wheel begin with, where that is not python and ABI.
    tags: str = ""

    @property
    def project(self) -> str:
        """The name of its sdist's project."""
        return f"by_{self.name.replace('-', '_')}"

    def sdist(self) -> Artifact:
        """An sdist of version 1.0."""
        requires = ", ".join(f'"{each}"' for each in self.requires)
        pyproject = (
            f'[build-system]\nrequires = [{requires}]\nbuild-backend = "{self.module}"\n\n'
            f'[project]\nname = "@NAME@"\nversion = "1.0"\n\n{self.settings}'
        )
        files = {"pyproject.toml": pyproject, "extension.c": _C, **self.files}
        return sdist_of_files(
            self.project, "1.0", {path: text.replace("@NAME@", self.project) for path, text in files.items()}
        )


BACKENDS = (
    Backend(
        "setuptools",
        ("setuptools",),
        "setuptools.build_meta",
        {
            "setup.py": "from setuptools import Extension, setup\n"
            'setup(ext_modules=[Extension("@NAME@", ["extension.c"])])\n'
        },
    ),
    Backend(
        "meson-python",
        ("meson-python",),
        "mesonpy",
        {
            "meson.build": "project('@NAME@', 'c', version: '1.0')\n"
            "python = import('python').find_installation(pure: false)\n"
            "python.extension_module('@NAME@', 'extension.c', install: true)\n"
        },
        apt=("ninja-build", "patchelf"),
    ),
    Backend(
        "scikit-build-core",
        ("scikit-build-core",),
        "scikit_build_core.build",
        {
            "CMakeLists.txt": "cmake_minimum_required(VERSION 3.15)\nproject(${SKBUILD_PROJECT_NAME} LANGUAGES C)\n"
            "find_package(Python COMPONENTS Interpreter Development.Module REQUIRED)\n"
            "Python_add_library(@NAME@ MODULE extension.c WITH_SOABI)\n"
            "install(TARGETS @NAME@ DESTINATION .)\n"
        },
        apt=("cmake", "ninja-build"),
    ),
    Backend(
        "hatchling",
        ("hatchling",),
        "hatchling.build",
        {
            "hatch_build.py": "import subprocess, sysconfig\n"
            "from hatchling.builders.hooks.plugin.interface import BuildHookInterface\n"
            "class Compile(BuildHookInterface):\n"
            "    def initialize(self, version, data):\n"
            "        name = '@NAME@' + sysconfig.get_config_var('EXT_SUFFIX')\n"
            "        headers = '-I' + sysconfig.get_paths()['include']\n"
            "        subprocess.run(['cc', '-shared', '-fPIC', headers, 'extension.c', '-o', name], check=True)\n"
            "        data.update(pure_python=False, infer_tag=True, force_include={name: name})\n"
        },
        "[tool.hatch.build.targets.wheel]\nbypass-selection = true\n[tool.hatch.build.targets.wheel.hooks.custom]\n",
    ),
    # A program: an extension would need PyO3, which takes a quarter of an hour under emulation.
    Backend(
        "maturin",
        ("maturin",),
        "maturin",
        {
            "Cargo.toml": '[package]\nname = "@NAME@"\nversion = "1.0.0"\nedition = "2021"\n',
            "src/main.rs": 'fn main() { println!("42"); }\n',
        },
        '[tool.maturin]\nbindings = "bin"\n',
        apt=("cargo-web", "rustc-web"),
        tags="py3-none",
    ),
)
