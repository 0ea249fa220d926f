"""A real package against a system library: built and repaired on one host, installed and imported on a blank one."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.lab import Lab
from tests.support.artifacts import Artifact
from tests.support.fleet_operator import FleetOperator
from tests.support.node_files import copy_to_node
from tests.support.upstream import Upstream
from tests.support.wheels import installed_wheel

CLIENT = "client1"
PROJECT, VERSION = "pillow", "11.3.0"
#: Writes and reads a JPEG, which Pillow does by the system's libjpeg.
USE_IT = """
import io
from PIL import Image
file = io.BytesIO()
Image.new("RGB", (8, 8), "red").save(file, "JPEG")
file.seek(0)
print(Image.open(file).getpixel((4, 4))[0] > 200)
"""


def real_sdist(folder: Path) -> Artifact:
    """Upstream's own file, by this machine's pip."""
    pip = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--no-binary",
        PROJECT,
        "--dest",
        str(folder),
    ]
    subprocess.run([*pip, f"{PROJECT}=={VERSION}"], check=True)
    (file,) = folder.glob("*.tar.gz")
    return Artifact(file.name, file.read_bytes(), PROJECT, VERSION, "sdist")


def test_pillow_is_imported_on_a_host_that_has_no_libjpeg(
    fleet_operators: Callable[..., FleetOperator], fleet_upstream: Upstream, provisioned: Lab, tmp_path: Path
):
    nodes = provisioned
    fleet_upstream.add_release(installed_wheel("setuptools"))
    fleet_upstream.add_release(real_sdist(tmp_path))
    operator = fleet_operators(
        fleet_upstream.index_url,
        [PROJECT],
        builders=("build1",),
        builder_limit_seconds=900,
        builder_repair=True,
        builder_check_imports=True,
        builder_apt_packages=["python3-dev", "python3-venv", "libjpeg-dev", "zlib1g-dev"],
    )
    run = operator.build()
    (filename,) = operator.wheels()
    assert "-manylinux_2_" in filename, run.output
    (file,) = json.loads((operator.site / "project" / PROJECT / "json").read_text())["releases"][VERSION]["files"]
    assert file["check"]["verdict"] == "imported"
    assert any(name.startswith("libjpeg.so") for name in file["repair"]["vendored"])
    nodes.up(CLIENT)
    (pip,) = (Path(path) for path in importlib.util.find_spec("pip").submodule_search_locations)
    nodes.ssh(CLIENT, "sudo chown pi /opt")
    copy_to_node(nodes, CLIENT, {"/opt/pip": pip})
    assert nodes.ssh(CLIENT, "ldconfig -p | grep libjpeg", check=False) == ""
    index = f"http://{nodes.address('web1')}/simple/"
    trust = f"--trusted-host {nodes.address('web1')}"
    nodes.ssh(
        CLIENT, f"python3 /opt/pip install -q --target /opt/here --index-url {index} {trust} {PROJECT}=={VERSION}"
    )
    assert nodes.ssh(CLIENT, "PYTHONPATH=/opt/here python3 -", input=USE_IT).strip() == "True"
