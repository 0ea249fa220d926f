"""The exit status of build.yml, whoever starts it and whatever else listens to the run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support import sdists
from tests.support.operator import REPOSITORY, Operator
from tests.support.upstream import Upstream

#: Prints one JSON document at the end, as ansible.posix.json does.
DOCUMENT_CALLBACK = """
DOCUMENTATION = "name: document\\ntype: stdout\\nshort_description: x\\ndescription: x"
import json
from ansible.plugins.callback import CallbackBase
class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "document"
    def v2_playbook_on_stats(self, stats):
        self._display.display(json.dumps({"hosts": sorted(stats.processed)}))
"""

ANSIBLE_RUNNER = Path(sys.executable).with_name("ansible-runner")


def run(operator: Operator, command: list[str], **environment: str) -> tuple[int, str]:
    """Run a command as the operator does; its exit status and what it printed."""
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**operator.environment, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_summary_and_status_3_come_whatever_callbacks_are_enabled(
    operator: Operator, upstream: Upstream, tmp_path: Path
):
    upstream.add_release(sdists.pure_sdist("purely", "1.0"))
    operator.variables["controller_packages"] = ["purely", "purley"]
    command = operator.command("--check")
    status, output = run(
        operator, command, ANSIBLE_CALLBACKS_ENABLED="ansible.builtin.junit", JUNIT_OUTPUT_DIR=str(tmp_path / "junit")
    )
    assert status == 3, output
    assert "would build purely 1.0 " in output
    assert "Not considered: purley (controller_packages): Upstream knows no project of this name" in output
    assert len(list((tmp_path / "junit").iterdir())) == 1, "a callback that is called after ours hears of the end"


def test_a_callback_that_prints_a_document_has_standard_output_for_itself(
    operator: Operator, upstream: Upstream, tmp_path: Path
):
    upstream.add_release(sdists.pure_sdist("purely", "1.0"))
    operator.variables["controller_packages"] = ["purely", "purley"]
    (tmp_path / "document.py").write_text(DOCUMENT_CALLBACK)
    done = subprocess.run(
        operator.command(),
        cwd=REPOSITORY,
        env={
            **operator.environment,
            "ANSIBLE_CALLBACK_PLUGINS": str(tmp_path),
            "ANSIBLE_STDOUT_CALLBACK": "document",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout) == {"hosts": ["localhost"]}
    assert " localhost builds purely 1.0 " in done.stderr
    assert "Not considered: purley" in done.stderr and "pip install" in done.stderr


def test_ansible_runner_hands_the_status_on(operator: Operator, upstream: Upstream, tmp_path: Path):
    upstream.add_release(sdists.pure_sdist("purely", "1.0"))
    operator.variables["controller_packages"] = ["purely", "purley"]
    operator.command()
    command = [
        *(str(ANSIBLE_RUNNER), "run", str(tmp_path / "runner"), "--project-dir", str(REPOSITORY)),
        *("--inventory", str(operator.root / "hosts.yml"), "--playbook", "build.yml", "--cmdline=--check"),
    ]
    programs = f"{ANSIBLE_RUNNER.parent}:/usr/bin:/bin"
    status, output = run(operator, command, PATH=programs)
    assert status == 3, output
    assert "Not considered: purley" in output
    del operator.variables["controller_packages"][1]
    operator.command()
    assert run(operator, command, PATH=programs)[0] == 0


def test_a_builder_that_is_off_is_a_warning_unless_it_is_the_only_one(operator: Operator, upstream: Upstream):
    upstream.add_release(sdists.pure_sdist("purely", "1.0"))
    operator.variables |= {
        "controller_packages": ["purely"],
        "ansible_connection": "{{ 'ssh' if inventory_hostname == 'off' else 'local' }}",
        # Nobody listens on port 1.
        "ansible_host": "127.0.0.1",
        "ansible_port": 1,
    }
    operator.builders = ("localhost", "off")
    run = operator.build("--check", expect=0)
    assert run.lines("^would build purely 1.0 ")
    assert run.lines("^Warning: without off, which failed or did not answer; the other builders went on.")
    operator.builders = ("off",)
    assert operator.build("--check", expect=2).lines("^No builder works: off failed or did not answer.")
