"""What an interpreter builds for: asked of every Python found here, and of some that cannot answer."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.tags import sys_tags
from wheelfleet.builder.probe import (
    ProbeError,
    describe_target,
    host_facts,
    host_libraries,
    host_packages,
    narrow_machine,
    target_name,
    this_system,
)
from wheelfleet.contract.report import Libc

from tests.support.interpreters import cpythons
from tests.support.toolenv import tools

GLIBC: Libc = {"name": "glibc", "version": "2.36"}


def test_the_running_interpreter_is_described_as_pip_sees_it() -> None:
    target = describe_target(sys.executable)
    assert target["tags"] == [str(tag) for tag in sys_tags()]
    assert (target["implementation"], target["python_version"]) == ("CPython", platform.python_version())
    assert target["machine"] == os.uname().machine
    assert target["cores"] == len(os.sched_getaffinity(0))
    assert target["memory"] > 1 << 27
    assert target["os"]["id"]


@pytest.mark.parametrize("python", [cpythons()[0], cpythons()[-1]], ids=lambda path: path.name)
@pytest.mark.slow
def test_a_tool_environment_is_described_by_its_own_python(python: Path) -> None:
    asked = [str(python), "-c", "import sys; print(*sys.version_info[:3])"]
    major, minor, micro = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split()
    target = describe_target(tools(python))
    assert target["python_version"] == f"{major}.{minor}.{micro}"
    assert target["name"].startswith(f"cp{major}{minor}-cp{major}{minor}-linux_{platform.machine()}-")
    assert target["name"].endswith(f"{target['libc']['name']}{target['libc']['version']}")
    assert f"cp{major}{minor}-cp{major}{minor}-linux_{platform.machine()}" in target["tags"]
    assert "py3-none-any" in target["tags"]


@pytest.mark.parametrize(
    ("kernel", "bits", "machine"),
    [
        ("aarch64", 32, "armv7l"),
        ("armv8l", 32, "armv7l"),
        ("armv7l", 32, None),
        ("armv6l", 32, None),
        ("aarch64", 64, None),
        ("x86_64", 32, "i686"),
        ("riscv64", 64, None),
    ],
)
def test_32_bit_code_has_one_machine_whatever_the_kernel(kernel: str, bits: int, machine: str | None) -> None:
    assert narrow_machine(kernel, bits) == machine


@pytest.mark.parametrize(
    ("tags", "libc", "name"),
    [
        (
            ["cp311-cp311-manylinux_2_36_x86_64", "cp311-cp311-linux_x86_64"],
            GLIBC,
            "cp311-cp311-linux_x86_64-glibc2.36",
        ),
        (["cp311-cp311-linux_armv6l"], GLIBC, "cp311-cp311-linux_armv6l-glibc2.36"),
        (["cp313-cp313t-linux_aarch64"], GLIBC, "cp313-cp313t-linux_aarch64-glibc2.36"),
        (["pp39-pypy39_pp73-manylinux_2_36_x86_64", "pp39-pypy39_pp73-linux_x86_64"], GLIBC, None),
        (
            ["cp312-cp312-musllinux_1_2_aarch64", "cp312-cp312-linux_aarch64"],
            {"name": "musl", "version": "1.2"},
            "cp312-cp312-linux_aarch64-musl1.2",
        ),
        (["cp312-cp312-linux_riscv64"], {"name": None, "version": None}, "cp312-cp312-linux_riscv64"),
    ],
)
def test_a_targets_name_says_interpreter_abi_platform_and_libc(tags: list[str], libc: Libc, name: str | None) -> None:
    assert target_name(tags, libc) == (name or "pp39-pypy39_pp73-linux_x86_64-glibc2.36")


@pytest.mark.parametrize(
    ("said", "system"),
    [
        ('ID=debian\nVERSION_ID="13"\nVERSION_CODENAME=trixie\n', {"id": "debian", "version": "13"}),
        ('NAME="Debian GNU/Linux"\nVERSION_CODENAME=forky\nID=debian\n', {"id": "debian", "version": "forky"}),
        ("ID=arch\n", {"id": "arch", "version": None}),
        ("ID='", {"id": None, "version": None}),
    ],
)
def test_the_release_is_known_by_its_number_or_else_its_code_name(
    tmp_path: Path, said: str, system: dict[str, str | None]
) -> None:
    (tmp_path / "os-release").write_text(said)
    assert this_system(tmp_path / "os-release") == system


def test_a_python_that_is_not_there_is_named_with_the_cure() -> None:
    with pytest.raises(ProbeError, match=r"There is no Python at /nowhere/python3 .*; install it, or correct builder_"):
        describe_target("/nowhere/python3")


def test_a_program_that_is_no_python_is_refused() -> None:
    with pytest.raises(ProbeError, match=r"/false cannot build: it is no Python, for it ends with exit code 1"):
        describe_target("/bin/false")


def test_an_environment_without_pip_and_packaging_is_refused_with_the_cure(tmp_path: Path) -> None:
    subprocess.run([cpythons()[-1], "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    with pytest.raises(ProbeError, match=r"it has neither packaging nor pip; make its virtual environment again"):
        describe_target(tmp_path / "bare" / "bin" / "python")


def test_the_facts_of_a_host_are_the_same_whichever_interpreter_is_asked() -> None:
    facts, target = dict(host_facts()), dict(describe_target(tools()))
    shared = facts.keys() & target.keys()
    assert shared == {"machine", "os", "cores", "memory"}
    assert all(facts[key] == target[key] for key in shared)


def test_the_versions_of_debians_libraries_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says = (
        "libs libtiff6 4.5.0-6+deb12u2 installed\nnon-free/libs libx 1:2-3 installed\nlibs libold 1 config-files\n"
        "libdevel libtiff-dev 4.5.0-6+deb12u2 installed\nadmin apt 2.6.1 installed\n unknown 1 installed\n"
    )
    program = tmp_path / "dpkg-query"
    program.write_text(f"#!/bin/sh\n/bin/cat <<'END'\n{says}END\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert host_libraries() == {"libtiff6": "4.5.0-6+deb12u2", "libx": "1:2-3"}
    program.unlink()
    assert host_libraries() is None


def test_the_packages_of_debian_fedora_and_alpine_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only programs and development files are, by which a failed build may succeed."""
    says = {
        "dpkg-query": "installed gcc\ninstalled libyaml-0-2\ninstalled libyaml-dev\nconfig-files cmake\n",
        "rpm": "installed gcc\ninstalled libyaml\ninstalled libyaml-devel\ninstalled python3-devel\n",
        "apk": "musl\ngcc\nlinux-headers\nlibffi\nyaml-dev\npy3-yaml\n",
    }
    known = {
        "dpkg-query": ["gcc", "libyaml-dev"],
        "rpm": ["gcc", "libyaml-devel", "python3-devel"],
        "apk": ["gcc", "linux-headers", "musl", "yaml-dev"],
    }
    for command in says:
        folder = tmp_path / command
        folder.mkdir()
        # Fedora may have Debian's program, which knows of no package there, and Debian that of Fedora.
        for other in says:
            (folder / other).write_text("#!/bin/sh\nexit 0\n")
        (folder / command).write_text(f"#!/bin/sh\n/bin/cat <<'END'\n{says[command]}END\n")
        for program in folder.iterdir():
            program.chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        assert host_packages() == known[command]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert host_packages() is None
