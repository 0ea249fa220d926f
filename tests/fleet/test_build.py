"""The fleet at work: builders over SSH, provisioned on the way, fed evenly, one of them an armv7l."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable

import pytest

from tests.lab import Lab
from tests.support import sdists
from tests.support.fleet_operator import FleetOperator
from tests.support.suites import python_tag
from tests.support.upstream import Upstream


def test_three_builders_share_the_queue_and_the_second_run_changes_nothing(
    fleet_operator: FleetOperator, fleet_upstream: Upstream, provisioned: Lab
):
    names = [f"shared{number}" for number in range(9)]
    for name in names:
        fleet_upstream.add_release(sdists.c_sdist(name, "1.0", script="import time\ntime.sleep(2)\n"))
    fleet_operator.variables["controller_packages"] = names
    run = fleet_operator.build()
    assert sorted(fleet_operator.attempts()) == [(name, "built") for name in names]
    assert len(fleet_operator.wheels()) == len(names)
    shares = Counter(row["host"] for row in fleet_operator.query("SELECT host FROM attempt"))
    assert set(shares) == {"build1", "build2", "build3"}, run.output
    assert all(row["seconds"] and row["predicted_seconds"] for row in fleet_operator.query("SELECT * FROM attempt"))
    served = json.loads(provisioned.run(["curl", "-sf", f"http://{provisioned.address('web1')}/status.json"]).stdout)
    assert (served["state"], served["built"], served["left"]) == ("ended", len(names), 0)
    assert {host["host"] for host in served["hosts"]} == {"build1", "build2", "build3"}
    assert fleet_operator.build().changed == 0


def test_builds_run_as_a_user_of_their_own_without_rights(
    fleet_operator: FleetOperator, fleet_upstream: Upstream, provisioned: Lab
):
    script = "import getpass\nprint('I am', getpass.getuser())\n"
    fleet_upstream.add_release(sdists.pure_sdist("whoami", "1.0", script=script))
    fleet_operator.variables["controller_packages"] = ["whoami"]
    fleet_operator.builders = ["build1"]
    fleet_operator.build()
    (attempt,) = fleet_operator.query("SELECT log FROM attempt")
    # Inside the sandbox it has another name; outside, it is whoever the worker is, for nobody there can change that.
    assert "I am build\n" in fleet_operator.log(attempt["log"])
    assert provisioned.ssh("build1", "sudo stat -c %U /var/lib/wheelfleet/worker.log").strip() == "wheelfleet"
    assert provisioned.ssh("build1", "sudo -u wheelfleet sudo -n true; echo $?").strip() != "0"


@pytest.mark.long
def test_a_new_builder_is_provisioned_on_the_way_while_the_others_build(
    fleet_operators: Callable[..., FleetOperator], fleet_upstream: Upstream, provisioned: Lab
):
    provisioned.fresh("build3")
    names = [f"joined{number}" for number in range(16)]
    for name in names:
        fleet_upstream.add_release(sdists.pure_sdist(name, "1.0", script="import time\ntime.sleep(6)\n"))
    operator = fleet_operators(
        fleet_upstream.index_url, names, builders=("build1", "build3"), builder_parallel=1, builder_limit_memory="200M"
    )
    run = operator.build()
    assert len(operator.wheels()) == len(names)
    first = {
        row["host"]: row["first"]
        for row in operator.query("SELECT host, min(begun_at) AS first FROM attempt GROUP BY host")
    }
    assert set(first) == {"build1", "build3"}, run.output
    assert first["build1"] < first["build3"], "the one that was ready did not wait"
    assert run.recap["build3"]["changed"] > 0
    assert operator.build().changed == 0


#: What links a library and uses nothing of it does not need it.
USES_YAML = """
#include <Python.h>
#include <yaml.h>
static PyObject *answer(PyObject *self, PyObject *arguments) { return PyUnicode_FromString(yaml_get_version_string()); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "@MODULE@", NULL, -1, methods};
PyMODINIT_FUNC PyInit_@MODULE@(void) { return PyModule_Create(&module); }
"""


@pytest.mark.long
def test_an_armv7l_builder_makes_armv7l_wheels_with_their_libraries(
    fleet_operators: Callable[..., FleetOperator], fleet_upstream: Upstream, arm_node: str, provisioned: Lab
):
    fleet_upstream.add_release(sdists.c_sdist("armed", "1.0"))
    fleet_upstream.add_release(sdists.c_sdist("yamled", "1.0", source=USES_YAML, libraries=["yaml"]))
    operator = fleet_operators(
        fleet_upstream.index_url,
        ["armed", "yamled"],
        builders=(arm_node,),
        builder_apt_extra_packages=["libyaml-dev"],
        builder_limit_seconds=900,
        builder_repair=True,
        builder_check_imports=True,
    )
    run = operator.play("build.yml", timeout=1800)
    armed, yamled = operator.wheels()
    python = python_tag(arm_node)
    for name, filename in (("armed", armed), ("yamled", yamled)):
        wanted = rf"{name}-1.0-{python}-{python}-([\w.]+\.)?manylinux_2_\d+_armv7l\.whl"
        assert re.fullmatch(wanted, filename), run.output
    assert operator.machines(armed) == operator.machines(yamled) == {"ARM"}
    (file,) = json.loads((operator.site / "project/yamled/json").read_text())["releases"]["1.0"]["files"]
    assert file["check"]["verdict"] == "imported"
    assert any(name.startswith("libyaml") for name in file["repair"]["vendored"])
    assert provisioned.ssh(arm_node, "cc -dumpmachine; sudo -u wheelfleet uname -m").split() == [
        "arm-linux-gnueabihf",
        "armv7l",
    ]
