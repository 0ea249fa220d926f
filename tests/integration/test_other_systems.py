"""A whole run with a builder like Alpine's, and one without apt and dpkg, as Fedora and Alpine have none.

The builder is this machine with file systems of its own. Its Python for musl is real, and so is musl.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.builder import sandbox
from wheelfleet.engine.tool_lock import SHIPPED, ToolLock

from tests.support import musl_python, other_system, real_packages, sdists
from tests.support.operator import Operator
from tests.support.servers import serve
from tests.support.upstream import Upstream

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(other_system.missing() is not None, reason=str(other_system.missing())),
    pytest.mark.skipif(sandbox.probe() is not None, reason=str(sandbox.probe())),
]

ALPINE = 'ID=alpine\nVERSION_ID=3.23.0\nNAME="Alpine Linux"\n'
FEDORA = 'ID=fedora\nVERSION_ID=43\nNAME="Fedora Linux"\n'
#: A library that is on the builder alone.
LIBRARY = "int forty_two(void) { return 42; }\n"
USES_LIBRARY = """
#include <Python.h>
int forty_two(void);
static PyObject *answer(PyObject *self, PyObject *arguments) { return PyLong_FromLong(forty_two()); }
static PyMethodDef methods[] = {{"answer", answer, METH_NOARGS, ""}, {NULL, NULL, 0, NULL}};
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "@MODULE@", NULL, -1, methods, NULL, NULL, NULL, NULL};
PyMODINIT_FUNC PyInit_@MODULE@(void) { return PyModule_Create(&module); }
"""


@dataclass
class Elsewhere(Operator):
    """Runs ansible-playbook on this machine while it looks like another; one builder has a Python of its own."""

    os_release: str = ""
    index_url: str = ""
    files: dict[str, Path] = field(default_factory=dict)
    more: str = ""
    python: Path = Path(sys.executable)

    def inventory(self) -> dict[str, Any]:
        inventory = super().inventory()
        own = {"ansible_python_interpreter": str(self.python), "builder_pythons": [str(self.python)]}
        return {**inventory, "builders": {"hosts": dict.fromkeys(self.builders, own)}}

    def command(self, *arguments: str, playbook: str = "build.yml") -> list[str]:
        return self.there(super().command(*arguments, playbook=playbook))

    def there(self, command: Sequence[str]) -> list[str]:
        """A command line that runs on the other system."""
        scratch = self.root / "system"
        scratch.mkdir(exist_ok=True)
        return other_system.without_debian(command, scratch, self.os_release, self.files, self.more)

    @property
    def environment(self) -> dict[str, str]:
        # Where pip on the builder gets the tools.
        return {**super().environment, "PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": self.index_url}


def operator(tmp_path: Path, upstream: Upstream, packages: list[str], **more: Any) -> Elsewhere:
    variables = {
        "controller_upstream_url": upstream.index_url,
        "controller_packages": packages,
        "builder_repair": True,
        "builder_check_imports": True,
        "builder_apt_lookup": True,
    }
    return Elsewhere(tmp_path / "operator", variables, ("other1",), index_url=upstream.index_url, **more)


@pytest.mark.skipif(musl_python.missing() is not None, reason=str(musl_python.missing()))
def test_alpines_kind_of_python_gets_wheels_for_musl_alone(upstream: Upstream, tmp_path: Path):
    python = musl_python.musl_python()
    tools = ToolLock.from_text(SHIPPED.read_text()).versions
    upstream.add_release(*real_packages.wheels(tools, musl_python.VERSION, "musllinux_1_2_x86_64"))
    upstream.add_release(sdists.c_sdist("plain", "1.0"))
    upstream.add_release(sdists.c_sdist("linked", "1.0", source=USES_LIBRARY, libraries=["wheelfleet42"]))
    library = tmp_path / "libwheelfleet42.so.1"
    (tmp_path / "library.c").write_text(LIBRARY)
    shared = ["-shared", "-fPIC", f"-Wl,-soname,{library.name}", "-o", str(library), str(tmp_path / "library.c")]
    subprocess.run([str(python.parent / "musl-cc"), *shared], check=True)
    alpine = operator(
        tmp_path,
        upstream,
        ["plain", "linked"],
        python=python,
        os_release=ALPINE,
        # Alpine's names and places, but for the linker of Debian.
        files={f"/usr/lib/{library.name}": library},
        more="ln -s ld-musl-x86_64.so.1 /lib/libc.musl-x86_64.so.1\nrm -r /etc/ld-musl*\n"
        f"ln -s /usr/lib/{library.name} /usr/lib/x86_64-linux-musl/libwheelfleet42.so\n",
    )
    run = alpine.build()
    assert sorted(alpine.attempts()) == [("linked", "built"), ("plain", "built")], run.output
    (target,) = alpine.query("SELECT name FROM target")
    assert target["name"] == "cp313-cp313-linux_x86_64-musl1.2"
    assert alpine.wheels() == [f"{project}-1.0-cp313-cp313-musllinux_1_2_x86_64.whl" for project in ("linked", "plain")]
    assert "Linux on 64-bit x86, musl 1.2 or newer" in (alpine.site / "project/linked/index.html").read_text()
    page = json.loads((alpine.site / "project/linked/json").read_text())
    (file,) = page["releases"]["1.0"]["files"]
    assert file["check"] == {"verdict": "imported", "modules": ["linked"]}

    # pip with that Python installs both where the library is not; one for glibc is offered neither.
    there = tmp_path / "there"
    with serve(alpine.site) as server:
        index = ["--isolated", "--disable-pip-version-check", "--index-url", f"{server.url}/simple/"]
        subprocess.run([python, "-m", "pip", "install", "-q", *index, "--target", there, "plain", "linked"], check=True)
        program = "import plain, linked; print(plain.answer(), linked.answer())"
        assert subprocess.check_output([python, "-c", program], cwd=there, text=True).split() == ["42", "42"]
        glibc = ["--platform=manylinux_2_36_x86_64", "--platform=linux_x86_64", "--python-version=3.13", "--abi=cp313"]
        here = [sys.executable, "-m", "pip", "download", "--only-binary=:all:", *glibc, *index, "--dest", str(tmp_path)]
        refused = subprocess.run([*here, "plain"], capture_output=True, text=True, check=False)
    assert "No matching distribution found for plain" in refused.stderr
    assert alpine.build().changed == 0


def test_a_host_without_apt_and_dpkg_builds_and_is_told_in_fitting_words(
    upstream: Upstream, tmp_path: Path, tools: Path
):
    upstream.add_release(sdists.c_sdist("linked", "1.0", source=USES_LIBRARY, libraries=["wheelfleet42"]))
    upstream.add_release(sdists.missing_header_sdist("wants-header", "1.0", header="wheelfleet/nowhere.h"))
    library = tmp_path / "libwheelfleet42.so.1"
    (tmp_path / "library.c").write_text(LIBRARY)
    shared = ["-shared", "-fPIC", f"-Wl,-soname,{library.name}", "-o", str(library), str(tmp_path / "library.c")]
    subprocess.run(["cc", *shared], check=True)
    rpm, packages = tmp_path / "rpm", tmp_path / "packages"
    # Real names and the real form of the answer; a database of packages cannot be had here.
    rpm.write_text(f'#!/bin/sh\n[ "$1 $2" = "--query --all" ] && sed "s/^/installed /" {packages}\n')
    rpm.chmod(0o755)
    packages.write_text("dnf\ngcc\nglibc-devel\nlibyaml\npython3-devel\n")
    fedora = operator(
        tmp_path,
        upstream,
        ["linked", "wants-header"],
        os_release=FEDORA,
        # Where Fedora has its libraries.
        files={f"/usr/lib64/{library.name}": library, "/usr/bin/rpm": rpm},
        more=f"ln -s {library.name} /usr/lib64/libwheelfleet42.so\n"
        "echo /usr/lib64 >/etc/ld.so.conf.d/64.conf\nldconfig\n",
    )
    fedora.home.mkdir(parents=True)
    (fedora.home / "tools").symlink_to(tools)
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "wants-header.yml").write_text("reason: It needs it.\napt: [libnowhere-dev]\n")
    fedora.variables["controller_recipes_dir"] = str(tmp_path / "recipes")
    first = fedora.build()
    assert sorted(fedora.attempts()) == [("linked", "built"), ("wants-header", "failed")], first.output
    assert not first.lines(r"apt-get|dpkg|apt install|libnowhere-dev on"), first.output
    (builder,) = fedora.query("SELECT packages FROM builder")
    assert json.loads(builder["packages"]) == ["dnf", "gcc", "glibc-devel", "python3-devel"]
    (failed,) = fedora.query("SELECT failure_class, advice FROM attempt WHERE outcome = 'failed'")
    assert failed["failure_class"] == "missing-header"
    assert "needs libnowhere-dev, as Debian calls them; install on the builder what has the same" in failed["advice"]
    (wheel,) = fedora.wheels()
    assert "manylinux" in wheel
    (file,) = json.loads((fedora.site / "project/linked/json").read_text())["releases"]["1.0"]["files"]
    assert file["check"] == {"verdict": "imported", "modules": ["linked"]}
    assert "carries libwheelfleet42.so.1" in (fedora.site / "project/linked/index.html").read_text()
    assert fedora.build().changed == 0

    # The operator installs the package by dnf.
    header = tmp_path / "nowhere.h"
    header.write_text("")
    fedora.files["/usr/include/wheelfleet/nowhere.h"] = header
    fedora.more += "true\n"
    with packages.open("a") as listed:
        listed.write("nowhere-devel\n")
    second = fedora.build()
    assert ("wants-header", "built") in fedora.attempts(), second.output
