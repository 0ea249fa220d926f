"""What may be installed because builds lacked it: nothing that removes, runs by itself, grants rights or is huge."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import pytest
from wheelfleet.apt_packages import Cost, is_allowed
from wheelfleet.builder import apt_guard
from wheelfleet.builder.apt_contents import has_apt
from wheelfleet.builder.apt_guard import (
    MOST_BYTES,
    MOST_PACKAGES,
    Simulation,
    parse_simulation,
    run_by_themselves,
    why_not,
)

PLENTY = 100 << 30


def test_a_simulated_installation_is_read_as_apt_prints_it() -> None:
    lines = """\
Reading package lists...
Remv libcurl4-gnutls-dev [7.88.1-10+deb12u14]
Inst libudev1 [252.38-1~deb12u1] (252.39-1~deb12u1 Debian:12.15/oldstable [amd64])
Inst libyaml-dev:armhf (0.2.5-1 Debian:12.15/oldstable [armhf])
Conf libyaml-dev:armhf (0.2.5-1 Debian:12.15/oldstable [armhf])
""".splitlines()
    assert parse_simulation(lines) == Simulation(("libyaml-dev",), ("libudev1",), ("libcurl4-gnutls-dev",))


@pytest.mark.parametrize(
    ("simulation", "why"),
    [
        (Simulation(problem="Unable to locate package nosuch"), "apt would not install it: Unable to locate package"),
        (Simulation(("a-dev",), removes=("b-dev",)), "It would remove b-dev."),
        (Simulation(("a-dev", "docker.io")), "runs by itself: docker.io"),
        (Simulation(("a-dev",), upgrades=("docker.io",)), "replace what runs by itself: docker.io"),
        (Simulation(("a-dev", "openssh-sftp-server")), "It would install openssh-sftp-server."),
        (Simulation(tuple(f"lib{n}" for n in range(MOST_PACKAGES + 1))), f"more than {MOST_PACKAGES}"),
        (
            Simulation(("huge-dev",)),
            "It would bring 1 package, 1.0 GiB, more than the 1.0 GiB that are left of builder_apt_budget.",
        ),
    ],
)
def test_what_speaks_against_a_package_is_said_in_one_sentence(simulation: Simulation, why: str) -> None:
    said = why_not(simulation, {"docker.io"}, {"huge-dev": MOST_BYTES + 1}, PLENTY)
    assert said is not None
    assert why in said


def test_a_library_with_its_parts_is_installed() -> None:
    assert why_not(Simulation(("libyaml-dev", "libyaml-0-2"), ("libc6-dev",)), {"docker.io"}, {}, PLENTY) is None


def test_a_disk_is_not_filled() -> None:
    said = why_not(Simulation(("a-dev",)), (), {"a-dev": 100 << 20}, 1100 << 20)
    assert said == "It would take 100 MiB and leave less than 1.0 GiB free."


@pytest.mark.parametrize(
    ("package", "kind", "permission", "allowed"),
    [
        ("libyaml-dev", "header", False, False),
        ("libyaml-dev", "header", True, True),
        ("postgresql-server-dev-15", "header", True, True),
        # MySQL's client, under the names that Debian has for MariaDB's.
        ("libmariadb-dev-compat", "pkg-config", True, True),
        ("qtbase5-dev-tools", "library", True, True),
        ("libmariadb-dev-docs", "header", True, False),
        ("cmake", "tool", True, True),
        ("cmake", "library", True, False),
        ("sudo", "tool", True, False),
        ("openssh-server", "tool", ["*"], False),
        ("linux-image-rpi-v8", "tool", ["*"], False),
        ("libyaml-dev", "header", ["lib*-dev"], True),
        ("cmake", "tool", ["lib*-dev"], False),
        ("libyaml-dev", "header", [], False),
        ("--force-yes", "tool", True, False),
    ],
)
def test_permission_covers_names_and_never_the_system(
    package: str, kind: str, permission: bool | list[str], allowed: bool
) -> None:
    assert is_allowed(package, kind, permission) is allowed


@pytest.mark.skipif(not has_apt(), reason="needs apt, which reads the lists; it is on Debian")
def test_what_runs_by_itself_is_known_from_the_contents_index(tmp_path: Path) -> None:
    lines = """\
etc/cron.d/mdadm                                        admin/mdadm
etc/init.d/dbus                                         admin/dbus
etc/init.d/x11-common                                   x11/x11-common
lib/systemd/system/docker.socket                        admin/docker.io
usr/lib/systemd/system-generators/zram-generator        admin/systemd-zram-generator
usr/share/dbus-1/system-services/org.bluez.service      admin/bluez
usr/share/doc/etc/init.d/README                         doc/init-doc
usr/include/yaml.h                                      libdevel/libyaml-dev
"""
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "x_Contents-amd64.gz").write_bytes(gzip.compress(lines.encode()))
    assert run_by_themselves(tmp_path) == {"bluez", "dbus", "docker.io", "mdadm"}


def test_the_budget_holds_for_all_packages_of_one_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brings = {"a-dev": ("a-dev", "a"), "b-dev": ("b-dev", "a"), "sudo-dev": ("sudo-dev", "sudo")}
    sizes = {"a-dev": 30 << 20, "a": 20 << 20, "b-dev": 40 << 20, "sudo-dev": 1, "sudo": 90 << 20}

    def simulate(packages: Sequence[str]) -> Simulation:
        return Simulation(tuple(dict.fromkeys(each for package in packages for each in brings[package])))

    monkeypatch.setattr(apt_guard, "simulate", simulate)
    monkeypatch.setattr(apt_guard, "run_by_themselves", lambda _: set())
    monkeypatch.setattr(apt_guard, "installed_sizes", lambda names: {name: sizes[name] for name in names})
    judged = apt_guard.simulate_install(tmp_path, brings, budget=80 << 20)
    assert (judged.install, judged.cost) == (["a-dev"], Cost(2, 50 << 20))
    assert judged.new == ("a-dev", "a")
    assert judged.over_budget == {"b-dev": 40 << 20}
    assert judged.refused == {
        "b-dev": "It would bring 1 package, 40 MiB, more than the 30 MiB that are left of builder_apt_budget.",
        "sudo-dev": "It would install sudo.",
    }
    assert apt_guard.simulate_install(tmp_path, ["a-dev", "b-dev"], budget=90 << 20).install == ["a-dev", "b-dev"]


@pytest.mark.skipif(not has_apt(), reason="needs apt")
def test_the_cost_of_a_package_is_what_apt_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed already costs nothing, what does not exist has no cost."""
    assert apt_guard.costs(["dpkg", "no-such-package-at-all", "; rm"]) == {"dpkg": Cost(0, 0)}
