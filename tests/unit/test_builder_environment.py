"""The environment of a build: made from nothing, and the same whoever started the worker."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.builder.env_vars import build_environment, pip_environment, worker_environment
from wheelfleet.builder.folders import BuilderHome

from tests.support.builder import NO_INDEX, Builder
from tests.support.sdists import pure_sdist

ALICE = {
    "PATH": "/home/alice/bin",
    "HOME": "/home/alice",
    "LANG": "de_DE.UTF-8",
    "PYTHONPATH": "/home/alice/lib",
    "PIP_FIND_LINKS": "/home/alice/wheels",
    "CFLAGS": "-O3",
    "SSH_AUTH_SOCK": "/run/alice",
    "SECRET": "secret",
    "https_proxy": "http://proxy.example.org:3128",
    "SSL_CERT_FILE": "/etc/ssl/own.pem",
}


def environment(folder: Path, **changes: Any) -> dict[str, str]:
    assignment = Builder(folder).assignment(pure_sdist("demo", "1.0"), **changes)
    home = BuilderHome(folder)
    return build_environment(home, home.work_dir(assignment["attempt"]), assignment)


def pip(folder: Path, present: dict[str, str] | None = None, **changes: Any) -> dict[str, str]:
    assignment = Builder(folder).assignment(pure_sdist("demo", "1.0"), **changes)
    home = BuilderHome(folder)
    return pip_environment(home, home.work_dir(assignment["attempt"]), assignment, present=present or {})


@pytest.mark.slow
def test_nothing_of_the_workers_environment_gets_into_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = environment(tmp_path)
    for name, value in ALICE.items():
        monkeypatch.setenv(name, value)
    assert environment(tmp_path) == before
    assert not set(before.values()) & set(ALICE.values())


def test_the_way_to_the_network_is_all_that_gets_to_what_installs(tmp_path: Path) -> None:
    variables = pip(tmp_path, ALICE)
    network = {key: variables.pop(key) for key in ("https_proxy", "SSL_CERT_FILE")}
    assert network == {key: ALICE[key] for key in network}
    assert variables == pip(tmp_path)
    assert not set(variables.values()) & set(ALICE.values())


def test_a_build_learns_no_index_which_may_hold_a_password(tmp_path: Path) -> None:
    variables = environment(tmp_path, index_url="https://pi:secret@index.example.org/simple")
    assert not [name for name, value in variables.items() if name.startswith("PIP_") or "secret" in value]


def test_a_build_finds_its_folders_where_it_is_told_to(tmp_path: Path) -> None:
    assignment = Builder(tmp_path).assignment(pure_sdist("demo", "1.0"))
    home = BuilderHome(tmp_path)
    work_dir = home.work_dir(assignment["attempt"])
    variables = build_environment(home, work_dir, assignment, lambda path: f"/build/{path.relative_to(work_dir.path)}")
    assert (variables["HOME"], variables["TMPDIR"]) == ("/build/home", "/build/tmp")
    assert not [name for name, value in variables.items() if str(work_dir.path) in value]


def test_a_worker_takes_over_only_what_a_worker_needs() -> None:
    taken = worker_environment(ALICE)
    assert sorted(taken) == ["HOME", "LANG", "PATH", "SSL_CERT_FILE", "https_proxy"]


def test_home_caches_and_temporary_files_are_in_the_builds_own_folder(tmp_path: Path) -> None:
    variables = environment(tmp_path)
    work_dir = str(tmp_path / "work" / "demo-1.0-0000")
    for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"):
        assert variables[name].startswith(f"{work_dir}/"), name


def test_the_number_of_jobs_reaches_the_common_build_tools(tmp_path: Path) -> None:
    variables = environment(tmp_path, jobs=3)
    names = ("MAKEFLAGS", "CMAKE_BUILD_PARALLEL_LEVEL", "CARGO_BUILD_JOBS", "NPY_NUM_BUILD_JOBS")
    assert [variables[name] for name in names] == ["-j3", "3", "3", "3"]


def test_the_assignments_variables_go_before_ours_but_not_before_marks(tmp_path: Path) -> None:
    own = {"PIWHEELS_BUILD": "1", "MAKEFLAGS": "-j1", "WHEELFLEET_HOME": "elsewhere"}
    variables = environment(tmp_path, environment=own)
    assert (variables["PIWHEELS_BUILD"], variables["MAKEFLAGS"]) == ("1", "-j1")
    assert (variables["WHEELFLEET_HOME"], variables["WHEELFLEET_ATTEMPT"]) == (str(tmp_path), "demo-1.0-0000")


@pytest.mark.parametrize(
    ("uploaded", "epoch"),
    [
        ("2024-01-02T03:04:05.123456Z", "1704164645"),
        ("2024-01-02T03:04:05Z", "1704164645"),
        ("2024-01-02T03:04:05+00:00", "1704164645"),
        ("1979-12-31T23:59:59Z", "315532800"),
        ("yesterday", "315532800"),
        (None, "315532800"),
    ],
)
def test_files_are_dated_as_the_sdist_was_uploaded(tmp_path: Path, uploaded: str | None, epoch: str) -> None:
    assignment = Builder(tmp_path).assignment(pure_sdist("demo", "1.0"))
    assignment["sdist"]["upload_time"] = uploaded
    home = BuilderHome(tmp_path)
    variables = build_environment(home, home.work_dir(assignment["attempt"]), assignment)
    assert variables["SOURCE_DATE_EPOCH"] == epoch


def test_flags_of_the_assignment_follow_ours_and_empty_ones_drop_ours(tmp_path: Path) -> None:
    ours = environment(tmp_path)
    theirs = environment(tmp_path, environment={"CPPFLAGS": "-g -DX=1", "LDFLAGS": "", "TZ": "Europe/Berlin"})
    assert theirs["CPPFLAGS"] == f"{ours['CPPFLAGS']} -g -DX=1"
    assert (ours["LDFLAGS"], theirs["LDFLAGS"]) == ("-Wl,-s", "")
    assert theirs["TZ"] == "Europe/Berlin"
    # These would take the place of the interpreter's and of a package's own.
    assert not {"CFLAGS", "CXXFLAGS", "FFLAGS", "RUSTFLAGS"} & ours.keys()


def test_pip_knows_only_what_the_assignment_says(tmp_path: Path) -> None:
    options = {"cert": "/etc/own.pem", "trusted-host": ["a.example.org", "b.example.org"], "timeout": 30}
    variables = pip(tmp_path, {"PIP_CERT": "/alice.pem"}, own_index_url="file:///srv/simple", pip_options=options)
    assert {name: value for name, value in variables.items() if name.startswith("PIP_")} == {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": NO_INDEX,
        "PIP_EXTRA_INDEX_URL": "file:///srv/simple",
        "PIP_PREFER_BINARY": "1",
        "PIP_NO_INPUT": "1",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "PIP_CERT": "/etc/own.pem",
        "PIP_TRUSTED_HOST": "a.example.org b.example.org",
        "PIP_TIMEOUT": "30",
    }


def test_our_own_index_stands_before_other_extra_indexes(tmp_path: Path) -> None:
    options = {"extra_index_url": ["https://one.example.org/simple", "https://two.example.org/simple"]}
    variables = pip(tmp_path, own_index_url="file:///srv/simple", pip_options=options)
    assert variables["PIP_EXTRA_INDEX_URL"].split() == ["file:///srv/simple", *options["extra_index_url"]]
    assert "PIP_EXTRA_INDEX_URL" not in pip(tmp_path)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="The kernel of this machine is not x86-64.")
@pytest.mark.parametrize(
    ("target", "named"),
    [("cp311-cp311-linux_i686-glibc2.36", "linux-i686"), ("cp311-cp311-linux_x86_64-glibc2.36", None)],
)
def test_a_32_bit_target_on_a_64_bit_kernel_has_its_own_platform(tmp_path: Path, target: str, named: str | None):
    assert environment(tmp_path, target=target).get("_PYTHON_HOST_PLATFORM") == named
