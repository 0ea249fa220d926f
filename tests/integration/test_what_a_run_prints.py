"""What a person reads of a run: what changed, failed, warned or takes long; and the parts of it that can be chosen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from wheelfleet import __version__

from tests.support import sdists
from tests.support.operator import ANSIBLE_PLAYBOOK, REPOSITORY, Operator
from tests.support.upstream import Upstream

#: Lines of the smallest terminal that people use.
SCREEN = 24
#: Tasks of a run with nothing to do, where one host plays all roles.
MOST_TASKS = 26

#: A module that warns, and takes as long as it is told.
MODULE = """
import time
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule({"seconds": {"type": "float", "default": 0}, "word": {"default": "this"},
                        "folder": {"type": "bool", "default": False}})
time.sleep(module.params["seconds"])
if module.params["folder"]:
    module.tmpdir
else:
    module.warn(f"Look at {module.params['word']}.")
module.exit_json(changed=False)
"""


def played(folder: Path, tasks: list[dict[str, object]], *arguments: str, hosts: int = 1) -> str:
    """The output of a playbook with these tasks, as ansible.cfg of this repository has it."""
    (folder / "library").mkdir(parents=True)
    (folder / "library" / "warns.py").write_text(MODULE)
    play = {"name": "A play", "hosts": "all", "gather_facts": False, "tasks": tasks}
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    inventory = "".join(
        f"host{number} ansible_connection=local ansible_python_interpreter={sys.executable}\n"
        for number in range(hosts)
    )
    (folder / "hosts").write_text(inventory)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    done = subprocess.run(
        [ANSIBLE_PLAYBOOK, "-i", folder / "hosts", *arguments, folder / "play.yml"],
        env={**environment, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_hosts_first_run_does_not_warn_of_ansibles_own_folder(tmp_path: Path):
    place = {"ansible_remote_tmp": str(tmp_path / "none"), "ansible_pipelining": True}
    tasks = [{"name": "First", "warns": {"folder": True}, "vars": place}, {"name": "Other", "warns": {"word": "that"}}]
    said = played(tmp_path / "play", tasks)
    assert "Look at that." in said
    assert (tmp_path / "none").is_dir()
    assert "remote_tmp" not in said


def test_what_changed_nothing_is_left_out_but_its_warnings_are_not(tmp_path: Path):
    tasks = [
        {"name": "Quiet", "ansible.builtin.command": "true", "changed_when": False},
        {"name": "Skipped", "ansible.builtin.command": "true", "when": False},
        {"name": "Warning", "warns": {}},
        {"name": "Loop", "warns": {"word": "that"}, "loop": [1]},
    ]
    output = played(tmp_path, tasks)
    assert "TASK" not in output and "PLAY [" not in output and "skipping" not in output
    assert "Look at this." in output and "Look at that." in output
    assert "host0                      : ok=3    changed=0" in output


def test_what_a_task_is_there_to_say_is_said(tmp_path: Path):
    tasks = [{"name": "Say it", "ansible.builtin.debug": {"msg": "A reboot is due."}}, {"name": "Warning", "warns": {}}]
    output = played(tmp_path, tasks)
    assert "TASK [Say it]" in output and "A reboot is due." in output
    assert "TASK [Warning]" not in output


def test_what_changed_stands_below_the_titles_of_its_play_and_task(tmp_path: Path):
    output = played(tmp_path, [{"name": "Change", "ansible.builtin.command": "true"}])
    title, task, changed = (output.index(line) for line in ("PLAY [A play]", "TASK [Change]", "changed: [host0]"))
    assert title < task < changed


def test_a_task_that_takes_long_is_named_while_it_runs(tmp_path: Path):
    tasks = [{"name": "Slow", "warns": {"seconds": 6.5}}, {"name": "Quick", "warns": {}}]
    output = played(tmp_path, tasks)
    assert "TASK [Slow]" in output and "TASK [Quick]" not in output


def test_whoever_asks_for_more_words_gets_all_of_them(tmp_path: Path):
    output = played(tmp_path, [{"name": "Quiet", "ansible.builtin.command": "true", "changed_when": False}], "-v")
    assert "TASK [Quiet]" in output and "ok: [host0]" in output


def test_a_wrong_variable_of_a_role_prints_no_wall_of_text(tmp_path: Path):
    spec = {"number": {"type": "int", "description": "What nobody needs to read now."}}
    task = {
        "name": "Check",
        "ansible.builtin.validate_argument_spec": {"argument_spec": spec, "provided_arguments": {"number": "x"}},
        "ignore_errors": True,
    }
    output = played(tmp_path / "quiet", [task])
    assert "argument 'number'" in output.replace("''", "'")
    assert "What nobody needs" not in output.partition("fatal: ")[2]
    assert "What nobody needs" in played(tmp_path / "verbose", [task], "-v").partition("fatal: ")[2]


def test_the_recap_of_a_large_fleet_counts_hosts_without_changes(tmp_path: Path):
    task = {"name": "One changes", "ansible.builtin.debug": {}, "changed_when": "inventory_hostname == 'host7'"}
    output = played(tmp_path, [task], hosts=20)
    assert [line.split()[0] for line in output.splitlines() if ": ok=" in line] == ["host7"]
    assert "19 other hosts: ok, nothing changed" in output


@pytest.fixture
def planned(operator: Operator, upstream: Upstream) -> Operator:
    upstream.add_release(sdists.pure_sdist("spidev", "1.0"))
    operator.variables["controller_packages"] = ["spidev"]
    return operator


def test_a_part_of_a_run_tells_by_its_status_too_what_was_not_considered(planned: Operator):
    planned.variables["controller_packages"] = ["spidev", "no-such-project"]
    assert planned.build("--tags", "delta", expect=3).lines("^Not considered: no-such-project ")
    assert planned.build("--tags", "build", expect=3).lines("^Not considered: no-such-project ")


def test_each_tag_is_a_part_of_the_run_and_the_whole_then_fits_on_a_screen(planned: Operator):
    assert planned.build("--tags", "delta").lines("^1 build would begin")
    assert planned.attempts() == []
    assert planned.build("--tags", "build").lines("--tags publish brings it there")
    assert planned.attempts() == [("spidev", "built")]
    assert not planned.site.exists()
    assert planned.build("--tags", "publish").lines("^Built 1")
    assert planned.wheels()
    for tag in ("mirror", "downloads", "provision"):
        assert planned.build("--tags", tag).changed == 0
    run = planned.build()
    assert run.changed == 0
    assert len(run.output.splitlines()) <= SCREEN
    # A task costs a process, also one whose condition is false.
    assert sum(counts["ok"] + counts["skipped"] for counts in run.recap.values()) <= MOST_TASKS
    assert run.lines(f"^wheelfleet {re.escape(__version__)}: what was built")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["--tags", "pubish"],
            "--tags pubish is refused, because no task has that tag; do you mean publish?",
        ),
        (["--skip-tags", "delta,mirrors"], "has that tag; do you mean mirror?"),
        (["--limit", "localhost,localhots"], "the inventory has no such host or group; do you mean localhost?"),
        (["--start-at-task", "Publish"], "build.yml cannot begin at a task, because later tasks need what earlier"),
    ],
)
def test_what_a_run_cannot_do_is_refused_before_it_begins(planned: Operator, arguments: list[str], sentence: str):
    begun = time.monotonic()
    run = planned.build(*arguments, expect=2)
    assert sentence in run.output
    assert "PLAY" not in run.output and not planned.state.exists(), time.monotonic() - begun


def test_a_playbook_without_tags_says_so(planned: Operator):
    run = planned.play("playbooks/publish.yml", "--tags", "publish", expect=2)
    assert "--tags publish is refused, because publish.yml has no tags; leave it out." in run.output
