"""Each platform that docs/platforms.md names: a builder is provisioned, builds, repairs; a clean host installs.

What passes is recorded in docs/platforms.json; `make docs` makes the page of it.
"""

from __future__ import annotations

import importlib.util
import io
import re
import shlex
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.utils import canonicalize_name
from wheelfleet.elf import Elf, read_elf

from tests.lab import Lab
from tests.lab.emulation import emulated
from tests.support import platforms, real_packages, sdists
from tests.support.backends import BACKENDS
from tests.support.fleet_operator import FleetOperator
from tests.support.native_bubblewrap import install_native_bubblewrap
from tests.support.node_files import copy_to_node
from tests.support.platforms import Platform
from tests.support.servers import serve
from tests.support.upstream import Upstream

BUILDER, CLIENT = "builder", "client"

#: Uses libyaml, because what links a library and uses nothing of it does not need it.
USES_YAML = """
#include <Python.h>
#include <yaml.h>
static PyObject *answer(PyObject *self, PyObject *arguments) { return PyUnicode_FromString(yaml_get_version_string()); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "@MODULE@", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_@MODULE@(void) { return PyModule_Create(&module); }
"""
#: How ELF names the machine of an architecture, and how wheels' tags do.
MACHINES = {
    "amd64": ("EM_X86_64", "x86_64"),
    "i386": ("EM_386", "i686"),
    "armhf": ("EM_ARM", "armv7l"),
    "arm64": ("EM_AARCH64", "aarch64"),
    "riscv64": ("EM_RISCV", "riscv64"),
}
#: ELF's number of ARMv7 (`Tag_CPU_arch`), which is what each 32-bit Pi from the second on runs.
ARM_V7 = 10


@pytest.fixture(params=platforms.PLATFORMS, ids=lambda platform: platform.key)
def platform(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> Iterator[Platform]:
    """A platform with a blank host that shall become a builder, and a clean one of the same system."""
    platform: Platform = request.param
    platforms.record(platform, None)
    system = f"{platform.arch}:{platform.suite}"
    lab.up(f"{BUILDER}:{system}:{platform.options}", f"{CLIENT}:{system}")
    if emulated(platform.arch):
        install_native_bubblewrap(lab, BUILDER, tmp_path / "bubblewrap")
    yield platform
    lab.remove(BUILDER, CLIENT)


@pytest.mark.long
def test_a_platform_is_provisioned_builds_repairs_and_installs(
    platform: Platform, lab: Lab, fleet_upstream: Upstream, tmp_path: Path, request: pytest.FixtureRequest
):
    machine, in_tags = MACHINES[platform.arch]
    python = _version(lab, BUILDER, "python3")
    backends = BACKENDS if platform.backends else ()
    row: dict[str, Any] = {"python": python, "date": time.strftime("%Y-%m-%d"), "test": request.node.nodeid}
    fleet_upstream.add_release(sdists.c_sdist("plain", "1.0"))
    fleet_upstream.add_release(sdists.c_sdist("yamled", "1.0", source=USES_YAML, libraries=["yaml"]))
    for backend in backends:
        fleet_upstream.add_release(backend.sdist())
    required = sorted({project for backend in backends for project in backend.requires})
    minor = python.rpartition(".")[0]
    fleet_upstream.add_release(*real_packages.wheels(required, minor, f"manylinux_2_31_{in_tags}"))
    projects = ["plain", "yamled", *(backend.project for backend in backends)]
    operator = FleetOperator(
        tmp_path / "operator",
        {
            "controller_upstream_url": fleet_upstream.index_url,
            "controller_packages": projects,
            "builder_pythons": list(platform.pythons),
            "builder_apt_extra_packages": [
                "libyaml-dev",
                *sorted({each for one in backends for each in one.apt}),
                *(f"{other}-{part}" for other in platform.pythons[1:] for part in ("dev", "venv")),
            ],
            "builder_limit_seconds": 1800,
            "builder_repair": True,
            "builder_check_imports": True,
        },
        [BUILDER],
        lab=lab,
    )
    try:
        begun = time.monotonic()
        operator.play("playbooks/provision.yml", timeout=3000)
        row["provisioned"] = round(time.monotonic() - begun)
        assert operator.play("playbooks/provision.yml", timeout=900).recap[BUILDER]["changed"] == 0
        begun = time.monotonic()
        run = operator.play("build.yml", timeout=3000)
        row["built"] = round(time.monotonic() - begun)
    finally:
        operator.close()
    expected = [(name, "built") for name in sorted(map(canonicalize_name, projects)) for _ in platform.pythons]
    assert operator.attempts() == expected, run.output
    wheels = operator.wheels()
    for filename in wheels:
        tags = filename.removesuffix(".whl").split("-")[-1].split(".")
        assert all(tag.endswith(f"_{in_tags}") for tag in tags), filename
        code = _code(operator, filename)
        assert {each.machine for each in code} == {machine}, filename
        assert all((each.arm.cpu or 0) <= ARM_V7 for each in code if each.arm is not None), (filename, code)
    assert len(wheels) == len(projects) * len(platform.pythons), wheels
    row["repaired"] = sorted(
        {re.sub(r"^.*[.-]", "", name.removesuffix(".whl")) for name in wheels if not name.startswith("by_")}
    )
    assert all(tag.startswith("manylinux_2_") for tag in row["repaired"]), wheels
    if others := platform.pythons[1:]:
        lab.ssh(CLIENT, f"sudo apt-get -qq update; sudo apt-get -qqy install {' '.join(others)} >/dev/null 2>&1")
    row["python"] = ", ".join(_version(lab, CLIENT, each) for each in platform.pythons)
    for each in platform.pythons:
        row["installed"] = _installed(lab, operator, each, ["plain", "yamled"])
    if backends:
        assert _installed(lab, operator, "python3", [backend.project for backend in backends])
        row["backends"] = {
            backend.name: next(name for name in wheels if name.startswith(f"{backend.project}-"))
            for backend in backends
        }
    platforms.record(platform, row)


def _version(lab: Lab, node: str, python: str) -> str:
    """The version of a Python on a host, such as 3.11.2."""
    return lab.ssh(node, f"{python} -c 'import sys; print(*sys.version_info[:3], sep=chr(46))'").strip()


def _code(operator: FleetOperator, wheel: str) -> list[Elf]:
    """Everything compiled in a wheel, programs too."""
    (path,) = operator.site.glob(f"files/*/{wheel}")
    with zipfile.ZipFile(path) as archive:
        files = [archive.read(name) for name in archive.namelist()]
    return [read_elf(io.BytesIO(data)) for data in files if data.startswith(b"\x7fELF")]


def _installed(lab: Lab, operator: FleetOperator, python: str, projects: list[str]) -> str:
    """Install projects on the clean host with a Python's pip, and have each answer; returns pip's version."""
    (pip,) = (Path(path) for path in importlib.util.find_spec("pip").submodule_search_locations)
    lab.ssh(CLIENT, "sudo chown pi /opt")
    copy_to_node(lab, CLIENT, {"/opt/pip": pip})
    assert lab.ssh(CLIENT, "ldconfig -p | grep libyaml", check=False) == ""
    with serve(operator.site, **lab.listening) as server:
        host = server.url.removeprefix("http://").partition(":")[0]
        source = f"--index-url {server.url}/simple/ --trusted-host {host}"
        lab.ssh(CLIENT, f"{python} /opt/pip install -q --target /opt/{python} {source} {' '.join(projects)}")
    for project in projects:
        program = f"from {project} import answer; print(answer())"
        command = f"PYTHONPATH=/opt/{python} {python} -c {shlex.quote(program)} || /opt/{python}/bin/{project}"
        assert lab.ssh(CLIENT, command).strip(), project
    return "pip " + lab.ssh(CLIENT, "python3 /opt/pip --version").split()[1]
