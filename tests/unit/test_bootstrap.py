"""What a fresh machine needs is installed, or said with the one command that ends it; where `make build` may run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.lab import machine

REPOSITORY = Path(__file__).resolve().parents[2]
#: What the script itself calls.
TOOLS = ("cat", "cut", "xargs", "id", "env", "echo", "sh")
NOBODY = 65534


def bare_machine(folder: Path, *programs: str) -> str:
    """A PATH with the script's tools and these programs, and nothing else."""
    for program in (*TOOLS, *programs):
        (folder / program).symlink_to(shutil.which(program) or "/bin/false")
    return str(folder)


def bootstrap(path: str, what: str = "test", script: Path = REPOSITORY / "bootstrap") -> subprocess.CompletedProcess:
    """Run it as a user who may not become root, without a terminal."""
    user = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
    return subprocess.run(
        ["/bin/sh", str(script), what],
        env={"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        cwd="/",
        **user,
    )


@pytest.fixture
def script() -> Iterator[Path]:
    """The script where everybody may read it, which pytest's own temporary folders are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(shutil.copy(REPOSITORY / "bootstrap", folder))


@pytest.fixture
def folder(script: Path) -> Path:
    folder = script.parent / "bin"
    folder.mkdir(mode=0o755)
    return folder


def test_elsewhere_than_on_debian_it_lists_what_is_missing_and_what_for(folder: Path, script: Path):
    done = bootstrap(bare_machine(folder), script=script)
    assert done.returncode == 1
    assert re.search(r"^  chromium +the browser that looks at the pages$", done.stderr, re.MULTILINE)
    assert "Tests that need one of them are skipped" in done.stderr
    assert "on Debian only" in done.stderr


def test_a_user_without_sudo_is_told_the_one_command_and_asked_nothing(folder: Path, script: Path):
    path = bare_machine(folder, "apt-get", "apt-cache", "dpkg-query")
    (folder / "sudo").symlink_to("/bin/false")
    done = bootstrap(path, script=script)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "This command ends that:  sudo ./bootstrap test"
    assert "password" not in done.stderr


def test_builds_are_told_of_what_builds_need_alone(folder: Path, script: Path):
    said = bootstrap(bare_machine(folder), "build", script=script).stderr
    assert "bubblewrap" in said and "Builds that need one of them fail" in said
    assert "chromium" not in said


def test_what_is_there_is_not_missing(folder: Path, script: Path):
    said = bootstrap(bare_machine(folder, "git"), script=script).stderr
    assert "pebble" in said
    assert not re.search("^  git ", said, re.MULTILINE)


def test_the_labs_own_list_is_that_list(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(machine, "PATH", str(tmp_path))
    said = machine.missing(root=True)
    assert said is not None
    assert "arch-test, dnsmasq-base, e2fsprogs" in said and said.endswith("sudo ./bootstrap test")
    assert "chromium" not in said


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that others may write to, with an environment, and a build that says where it is."""
    folder = tmp_path / "checkout"
    (folder / ".venv/bin").mkdir(parents=True)
    for name in ("Makefile", "bootstrap"):
        shutil.copy(REPOSITORY / name, folder)
    (folder / "requirements.txt").touch()
    (folder / ".venv/.controller").touch()
    (folder / ".venv/bin/ansible-playbook").symlink_to(Path(sys.executable).with_name("ansible-playbook"))
    (folder / "ansible.cfg").write_text("[defaults]\ninventory = hosts\n")
    (folder / "hosts").write_text("here ansible_connection=local\n")
    (folder / "build.yml").write_text("- name: Build\n  hosts: here\n  gather_facts: false\n  tasks: []\n")
    folder.chmod(0o777)
    return folder


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed here; on Debian: apt-get install make")
@pytest.mark.parametrize("variable", ["LANG", "LC_ALL"])
def test_make_build_works_from_elsewhere_and_without_the_locale(checkout: Path, variable: str):
    environment = {
        name: value for name, value in os.environ.items() if name not in ("LANG", "LC_ALL", "ANSIBLE_CONFIG")
    }
    done = subprocess.run(
        ["make", "-C", str(checkout), "build"],
        cwd="/",
        env={**environment, variable: "xx_XX.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PLAY [Build]" in done.stdout
    assert "world writable" not in done.stderr


def test_the_test_command_ends_as_pytest_does():
    run = partial(subprocess.run, cwd=REPOSITORY, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    # As pytest says that there is no such file, with its own status for that.
    done = run([sys.executable, "-m", "tests", "-p", "no:cacheprovider", "tests/unit/no_such_test.py"])
    assert (done.returncode, "file or directory not found" in done.stderr) == (4, True), done.stdout + done.stderr
