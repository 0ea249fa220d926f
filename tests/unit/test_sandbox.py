"""The sandbox's command line, and what of the host it lets in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from wheelfleet.builder import sandbox
from wheelfleet.builder.sandbox import Place, certificate_places, closed, interpreter_places, make_rootfs, sandboxed


@pytest.fixture
def rootfs(tmp_path: Path) -> Path:
    return make_rootfs(tmp_path / "room")


def bound(command: list[str], how: str) -> dict[str, str]:
    """What is bound where."""
    return {command[at + 2]: command[at + 1] for at, word in enumerate(command) if word == how}


def test_only_the_builds_own_folders_can_be_written_to(rootfs: Path, tmp_path: Path) -> None:
    command = sandboxed(["true"], rootfs=rootfs, writable=[Place(tmp_path / "source", "/build/source")])
    assert bound(command, "--bind") == {
        "/tmp": f"{rootfs}/tmp",
        "/var/tmp": f"{rootfs}/tmp",
        "/dev/shm": f"{rootfs}/shm",
        "/build/source": f"{tmp_path}/source",
    }
    last = command.index("--chdir")
    assert command[last - 2 : last] == ["--remount-ro", "/"]
    assert command[last:] == ["--chdir", "/build", "--", "true"]


def test_keys_and_names_of_the_host_are_not_among_what_is_shown(rootfs: Path) -> None:
    command = sandboxed(["true"], rootfs=rootfs)
    shown = set(bound(command, "--ro-bind")) | set(bound(command, "--ro-bind-try"))
    for name in ("passwd", "group", "hosts", "resolv.conf", "nsswitch.conf"):
        assert bound(command, "--ro-bind")[f"/etc/{name}"] == f"{rootfs}/etc/{name}"
    for name in ("shadow", "gshadow", "ssh", "machine-id", "ssl/private", "wheelfleet", "sudoers", "fstab"):
        assert f"/etc/{name}" not in shown
    assert not shown & {"/", "/etc", str(Path.home()), "/home", "/var", "/run", "/sys", "/etc/ssl"}


def test_the_builders_home_is_empty_also_among_the_systems_folders(rootfs: Path) -> None:
    hidden = Path("/opt/wheelfleet")
    tools = hidden / "tools"
    command = sandboxed(["true"], rootfs=rootfs, read_only=[tools], hidden=[hidden, Path("/var/lib/wheelfleet")])
    assert command.index("/opt/wheelfleet") < command.index(str(tools))
    assert "/var/lib/wheelfleet" not in command
    assert command[command.index("--chdir") - 2 : command.index("--chdir")] == ["--remount-ro", str(hidden)]


def test_an_environments_interpreter_is_shown_with_its_base_but_not_home(tmp_path: Path) -> None:
    home = tmp_path / "pi"
    for folder in ("bin", "lib/python3.11", "share/keyrings", ".ssh"):
        (home / folder).mkdir(parents=True)
    (home / "bin/python3.11").touch()
    tools = tmp_path / "tools"
    for folder in ("bin", "lib"):
        (tools / folder).mkdir(parents=True)
    (tools / "pyvenv.cfg").write_text(f"home = {home}/bin\ninclude-system-site-packages = false\n")
    (tools / "bin/python").symlink_to(home / "bin/python3.11")
    shown = {place.inside for place in interpreter_places(tools / "bin/python")}
    assert shown == {
        *(f"{tools}/{name}" for name in ("bin", "lib", "pyvenv.cfg")),
        *(f"{home}/{name}" for name in ("bin", "lib")),
    }


def test_the_systems_interpreter_needs_nothing_more() -> None:
    assert interpreter_places("/usr/bin/python3") == []


def test_certificates_elsewhere_are_shown_under_their_requested_name(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    (tmp_path / "link.pem").symlink_to("ca.pem")
    environment = {"SSL_CERT_FILE": str(tmp_path / "link.pem"), "PIP_CERT": "/etc/ssl/certs/ca-certificates.crt"}
    assert certificate_places(environment, str(tmp_path / "missing")) == [
        Place(tmp_path / "ca.pem", f"{tmp_path}/link.pem")
    ]


def test_without_network_neither_proxies_nor_index_urls_are_told() -> None:
    environment = {
        "HTTPS_PROXY": "http://user:secret@proxy:3128",
        "no_proxy": "localhost",
        "PIP_INDEX_URL": "https://user:secret@index.example/simple",
        "PIP_NO_INPUT": "1",
        "PATH": "/usr/bin",
    }
    kept = closed(environment)
    assert "secret" not in str(kept)
    assert kept["PATH"] == "/usr/bin"
    assert kept["PIP_NO_INPUT"] == "1"
    assert kept["PIP_RETRIES"] == "0"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder that commands are found in."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    for cached in (sandbox.probe, sandbox._try, sandbox._no_namespaces_inside, sandbox.version):
        cached.cache_clear()
    return folder


def test_a_host_without_bubblewrap_says_so_with_both_cures(path: Path) -> None:
    said = sandbox.probe()
    assert said is not None
    assert said.startswith("This host has no bubblewrap")
    assert "the package bubblewrap" in said
    assert "builder_sandbox: false" in said
    assert sandbox.version() is None


def test_a_host_whose_kernel_refuses_says_what_bubblewrap_said(path: Path) -> None:
    program = path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    program.chmod(0o755)
    said = sandbox.probe()
    assert said is not None
    assert "No permissions to create new namespace" in said
    assert "builder_sandbox: false" in said


def test_an_older_bubblewrap_is_not_asked_for_what_it_does_not_know(path: Path, rootfs: Path) -> None:
    program = path / "bwrap"
    program.write_text("#!/bin/sh\ncase \"$*\" in *--disable-userns*) echo 'unknown option' >&2; exit 1;; esac\n")
    program.chmod(0o755)
    assert sandbox.probe() is None
    assert "--disable-userns" not in sandboxed(["true"], rootfs=rootfs)


@pytest.fixture(autouse=True)
def _forget() -> object:
    yield
    for cached in (sandbox.probe, sandbox._try, sandbox._no_namespaces_inside, sandbox.version):
        cached.cache_clear()


def test_the_umask_does_not_matter_for_shared_places_inside(tmp_path: Path) -> None:
    old = os.umask(0o077)
    try:
        rootfs = make_rootfs(tmp_path / "room")
    finally:
        os.umask(old)
    assert (rootfs / "tmp").stat().st_mode & 0o7777 == 0o1777
