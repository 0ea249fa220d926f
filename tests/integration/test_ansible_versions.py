"""Each ansible-core that requirements.txt allows runs the playbooks, on the newest Python here that it takes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import sdists
from tests.support.clients import venv_with
from tests.support.interpreters import cpythons
from tests.support.operator import REPOSITORY, Operator
from tests.support.upstream import Upstream

pytestmark = pytest.mark.long

#: The requirement, and the Pythons that this ansible-core takes on a controller, by minor version.
VERSIONS = {
    "2.19": ("ansible-core>=2.19.0,<2.20", range(11, 14)),
    "2.20": ("ansible-core>=2.20.0,<2.21", range(12, 15)),
    "2.21": ("ansible-core>=2.21.1,<2.22", range(12, 15)),
    "2.22": ("ansible-core>=2.22.0rc1,<2.23", range(13, 16)),
}


def minor(python: Path) -> int:
    asked = [python, "-c", "import sys; print(sys.version_info.minor)"]
    return int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)


@pytest.fixture(params=VERSIONS)
def programs(request: pytest.FixtureRequest) -> Path:
    """The folder of a controller's programs, with this ansible-core, and the pip that says where upstream is."""
    requirement, pythons = VERSIONS[request.param]
    python = next((each for each in reversed(cpythons()) if minor(each) in pythons), None)
    if python is None:
        pytest.skip(f"{requirement} needs a Python from 3.{pythons[0]} to 3.{pythons[-1]}")
    lines = (REPOSITORY / "requirements.txt").read_text().splitlines()
    others = [line for line in lines if line and not line.startswith(("#", "ansible-core"))]
    return venv_with(f"controller-{request.param}", requirement, "pip", *others, python=str(python)) / "bin"


def test_it_builds_hides_secrets_and_has_nothing_to_complain_about(
    operators: Callable[..., Operator], programs: Path
) -> None:
    with Upstream() as upstream:
        upstream.basic_auth = ("somebody", "s3cret-word")
        upstream.add_release(sdists.pure_sdist("demo", "1.0"))
        operator = operators(upstream.index_url_with_password, ["demo"])
        operator.ansible_playbook = programs / "ansible-playbook"
        # Typed with -e they are strings.
        words = [f"-e={name}=false" for name in ("builder_provision", "cache_enabled", "controller_everything")]
        first = operator.build("-vvv", *words)
        assert operator.wheels() == ["demo-1.0-py3-none-any.whl"]
        second = operator.build(*words)
        assert second.changed == 0
        for said in (first.output, second.output):
            assert "s3cret-word" not in said
            assert "DEPRECATION" not in said
        assert "WARNING" not in second.output


def test_it_reads_every_playbook_and_every_module_documentation(programs: Path, tmp_path: Path) -> None:
    operator = Operator(tmp_path, ansible_playbook=programs / "ansible-playbook")
    playbooks = sorted(str(path) for path in (REPOSITORY / "playbooks").glob("*.yml"))
    modules = sorted(path.stem for path in (REPOSITORY / "library").glob("*.py"))
    for command in (
        operator.command("--syntax-check", *playbooks[:-1], playbook=playbooks[-1]),
        [str(programs / "ansible-doc"), "--type", "module", *modules],
    ):
        done = subprocess.run(command, cwd=REPOSITORY, env=operator.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "DEPRECATION" not in done.stderr
