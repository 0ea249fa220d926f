"""What installers take where another index has the same version under another tag: a wheel's tag has a rank.

`use/` says what is shown here. `findings/pip-prefers-linux-to-manylinux.sh` shows it without wheelfleet.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from packaging.tags import sys_tags

from tests.support.catalogs import ControllerState
from tests.support.clients import PIPS, UV, Client, Pip, Uv
from tests.support.loopback import LoopbackServer
from tests.support.servers import serve
from tests.support.upstream import Upstream
from tests.support.wheels import wheel_file

#: A wheel that was not repaired, and one that was.
LINUX, MANYLINUX = f"linux_{os.uname().machine}", f"manylinux_2_17_{os.uname().machine}"
PYTHON = next(f"{tag.interpreter}-{tag.abi}" for tag in sys_tags())

#: Debian 13's, and the first that turns the order round.
OLD_PIP, NEW_PIP = (next(pip for pip in PIPS if pip.version == each) for each in ("25.1.1", "26.3"))
CLIENTS = [OLD_PIP, NEW_PIP, UV]


@contextmanager
def indexes(state: ControllerState, ours: str, theirs: str, *, build: str | None = None) -> Iterator[tuple[str, str]]:
    """Our index and another one, each with a wheel of the same version for this machine."""
    state.wheel("demo", "1.0", f"{PYTHON}-{ours}", build=build, source="WHOSE = 'ours'\n")
    state.publish()
    with serve(state.site) as our_index, Upstream() as other:
        other.add_release(wheel_file("demo", "1.0", f"{PYTHON}-{theirs}", files={"demo.py": "WHOSE = 'theirs'\n"}))
        yield _simple(our_index), other.index_url


def _simple(server: LoopbackServer) -> str:
    return f"{server.url}/simple/"


def taken(client: Client, home: Path, ours: str, theirs: str) -> str:
    """Whose wheel the client installs, by the command that `use/` names: the other index is its usual one."""
    if isinstance(client, Pip):
        client.install(theirs, home, "demo", then=ours)
    else:
        assert isinstance(client, Uv)
        client.install(theirs, home, "demo", then=ours)
    return (home / "target" / "demo.py").read_text().split("'")[1]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[ControllerState]:
    with ControllerState(tmp_path / "var") as state:
        yield state


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_pip_26_3_takes_an_unrepaired_wheel_before_our_repaired_one(
    state: ControllerState, tmp_path: Path, client: Client
) -> None:
    """As piwheels has them: `linux_armv7l`, whose libraries are the system's. Older pips and uv take ours."""
    with indexes(state, MANYLINUX, LINUX) as (ours, theirs):
        assert taken(client, tmp_path / "home", ours, theirs) == ("theirs" if client is NEW_PIP else "ours")


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_pip_26_3_takes_our_unrepaired_wheel_before_a_manylinux_one(
    state: ControllerState, tmp_path: Path, client: Client
) -> None:
    """Where we build what upstream has too (`controller_build: always`). uv takes the index that is named first."""
    with indexes(state, LINUX, MANYLINUX) as (ours, theirs):
        assert taken(client, tmp_path / "home", ours, theirs) == ("ours" if client in (NEW_PIP, UV) else "theirs")


def test_of_one_version_uv_takes_the_first_index_and_pip_the_best_tag(state: ControllerState, tmp_path: Path) -> None:
    with indexes(state, MANYLINUX, LINUX) as (ours, theirs):
        assert taken(UV, tmp_path / "uv", theirs, ours) == "theirs", "the first, though its tag is the lower one"
        assert taken(OLD_PIP, tmp_path / "pip", theirs, ours) == "ours"


def test_what_no_wheel_of_the_first_index_fits_comes_from_the_next(state: ControllerState, tmp_path: Path) -> None:
    """As on a machine that the fleet does not build for."""
    with indexes(state, "manylinux_2_17_s390x", MANYLINUX) as (ours, theirs):
        for client in (OLD_PIP, NEW_PIP, UV):
            assert taken(client, tmp_path / str(client), ours, theirs) == "theirs"


@pytest.mark.parametrize("client", CLIENTS, ids=str)
def test_of_equal_tags_the_higher_build_tag_is_taken(state: ControllerState, tmp_path: Path, client: Client) -> None:
    """The tag decides before the build tag does; only of equal ones the build tag counts."""
    with indexes(state, MANYLINUX, MANYLINUX, build="1") as (ours, theirs):
        assert taken(client, tmp_path / "home", ours, theirs) == "ours"


def test_the_guide_tells_which_installer_takes_which(state: ControllerState) -> None:
    state.publish()
    page = " ".join((state.site / "use" / "index.html").read_text().split())
    assert "From 26.3 on pip takes a plain <code>linux</code> wheel before a <code>manylinux</code> one" in page
    assert "piwheels" in page
