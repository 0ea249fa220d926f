"""The index servers that people run, as upstream: what is read of each, what is built, and what stays in hard times."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from wheelfleet.catalog.database import Catalog
from wheelfleet.planner.delta import Delta, Options, run_delta
from wheelfleet.planner.scope import Policy, Scope
from wheelfleet.upstream.client import Upstream as Client
from wheelfleet.upstream.client import UpstreamUnreachable

from tests.support import index_servers as servers
from tests.support.sdists import c_sdist, pure_sdist
from tests.support.upstream import Upstream
from tests.support.wheels import wheel_file

pytestmark = pytest.mark.long

TARGET = {
    "name": "cp311-cp311-linux_aarch64",
    "python_version": "3.11.2",
    "implementation": "cpython",
    "platform": "linux_aarch64",
    "tags": ["cp311-cp311-linux_aarch64", "py3-none-any"],
    "tools": "/tools",
    "interpreter": "/usr/bin/python3",
}
EXT = c_sdist("My.Ext", "1.0")
YANKED = c_sdist("My.Ext", "1.1")
REASON = 'it <breaks> & "burns"'
PURE = (pure_sdist("pure", "1.0"), wheel_file("pure", "1.0"))
#: A mirror asks its origin again when what it has is older than a second.
EXPIRED = 1.5


class Fleet:
    """An operator with one target, who looks at an index again and again."""

    def __init__(self, folder: Path) -> None:
        self.catalog = Catalog(folder / "fleet.sqlite")
        self.hours = 1000.0

    def look(self, url: str, *packages: str) -> Delta:
        """One run's delta: of these packages, or of everything."""
        scope = Scope.from_data(packages=packages, everything=not packages)
        with Client(url, timeout=20) as client:
            return run_delta(
                self.catalog,
                client,
                scope,
                Policy(cooldown_hours=0),
                {"b1": {"facts": {}, "targets": [TARGET]}},
                Options(run="run"),
                lambda: self.hours * 3600,
            )

    def rows(self, column: str) -> dict[str, object]:
        """A column of `upstream_file` by file name."""
        return dict(self.catalog.db.execute(f"SELECT filename, {column} FROM upstream_file").fetchall())

    @property
    def planned(self) -> dict[str, str]:
        """What is built, and what upstream has wheels of."""
        return dict(
            self.catalog.db.execute(
                "SELECT p.name || ' ' || r.version, t.verdict FROM release_target t "
                "JOIN release r ON r.id = t.release_id JOIN project p ON p.id = r.project_id "
                "WHERE t.verdict IN ('build', 'upstream')"
            ).fetchall()
        )

    @property
    def states(self) -> dict[str, str]:
        return dict(self.catalog.db.execute("SELECT name, state FROM project").fetchall())


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(tmp_path)
    yield fleet
    fleet.catalog.close()


@pytest.fixture
def origin() -> Iterator[Upstream]:
    """What the mirrors mirror."""
    with Upstream() as server:
        # The real servers refuse entries that do not follow the specification, as our odd ones do.
        server.odd_links = server.cached = False
        hold(server)
        yield server


def hold(server: Upstream) -> None:
    server.add_release(EXT)
    server.add_release(YANKED, yanked=REASON)
    server.add_release(*PURE)


@pytest.fixture(scope="module")
def devpi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Devpi]:
    with servers.Devpi(tmp_path_factory.mktemp("devpi") / "server") as server:
        yield server


# Of one's own files: nothing is yanked, and sizes and times are not told


def test_devpi_tells_of_its_own_files_a_hash_and_nothing_else(fleet: Fleet, devpi: servers.Devpi) -> None:
    url = devpi.own_index("own", EXT, YANKED, *PURE)
    fleet.look(url)
    assert fleet.planned == {"my-ext 1.1": "build", "pure 1.0": "upstream"}
    assert set(fleet.rows("requires_python").values()) == {None}, 'said as ""'
    assert set(fleet.rows("size").values()) == set(fleet.rows("upload_time").values()) == {None}
    assert fleet.rows("sha256")[EXT.filename] == EXT.sha256
    assert fleet.look(url).changed == []


def test_pypiserver_has_hashes_and_leads_elsewhere_for_the_rest(fleet: Fleet, origin: Upstream, tmp_path: Path) -> None:
    folder = servers.fill(tmp_path / "packages", EXT, YANKED)
    with servers.pypiserver(folder) as url:
        fleet.look(url, "my-ext", "pure")
        assert fleet.planned == {"my-ext 1.1": "build"}
        assert fleet.rows("sha256")[EXT.filename] == EXT.sha256
        assert fleet.look(url).changed == []
    with servers.pypiserver(folder, fallback=origin.index_url) as url:
        fleet.look(url, "my-ext", "pure")
        assert fleet.planned["pure 1.0"] == "upstream", "the page that the redirect leads to"
        assert fleet.rows("size")[PURE[0].filename] == PURE[0].size
        fleet.look(url)
        assert fleet.states["my-ext"] == "present", "its list is of its own files"


def test_dumb_pypi_links_pages_by_their_files_and_may_know_no_hash(fleet: Fleet, tmp_path: Path) -> None:
    with servers.dumb_pypi(tmp_path / "dumb", EXT, YANKED, *PURE) as url:
        fleet.look(url)
        assert fleet.planned == {"my-ext 1.1": "build", "pure 1.0": "upstream"}
        assert set(fleet.rows("sha256").values()) == {None}
        assert fleet.rows("url")[EXT.filename] == url.replace("/simple/", f"/pool/{EXT.filename}")
        assert fleet.look(url).changed == []


def test_simple_repository_server_serves_a_folder_of_folders(fleet: Fleet, tmp_path: Path) -> None:
    servers.fill(tmp_path / "folders" / "my-ext", EXT, YANKED)
    servers.fill(tmp_path / "folders" / "pure", *PURE)
    with servers.simple_repository_server(str(tmp_path / "folders")) as url:
        fleet.look(url)
        assert fleet.planned == {"my-ext 1.1": "build", "pure 1.0": "upstream"}
        assert set(fleet.rows("sha256").values()) == {None}
        assert fleet.rows("size")[EXT.filename] == EXT.size
        assert fleet.look(url).changed == []


# Mirrors: what of the origin's words passes through


Mirror = Callable[[Path, Upstream], AbstractContextManager[str]]
MIRRORS: dict[str, Mirror] = {
    "proxpi": lambda folder, origin: servers.proxpi(origin.index_url),
    "simple-repository-server": lambda folder, origin: servers.simple_repository_server(origin.index_url),
    "simpleindex": lambda folder, origin: servers.simpleindex(folder / "simpleindex", origin.index_url),
}


@pytest.mark.parametrize("name", MIRRORS)
def test_a_mirrors_yanks_news_and_deletions_arrive(fleet: Fleet, origin: Upstream, tmp_path: Path, name: str) -> None:
    with MIRRORS[name](tmp_path, origin) as url:
        follow(fleet, origin, url, keeps=name == "proxpi")
        told = set(fleet.rows("size").values())
        assert (told == {None}) == (name == "proxpi")
        origin.stop()
        time.sleep(EXPIRED)
        if name == "simpleindex":
            with pytest.raises(UpstreamUnreachable):
                fleet.look(url, "my-ext", "pure")
        else:
            assert "out of order" in fleet.look(url, "my-ext", "pure").troubles["my-ext"]
        assert fleet.states["my-ext"] == "present"


def follow(fleet: Fleet, origin: Upstream, url: str, *, keeps: bool) -> None:
    """Look twice: at what there is, and at a new release and a project that is gone."""
    packages = ("my-ext", "pure", "missing")
    assert fleet.look(url, *packages).troubles == {}
    assert fleet.planned == {"my-ext 1.0": "build", "pure 1.0": "upstream"}
    assert fleet.rows("yanked")[YANKED.filename] == REASON
    assert fleet.states["missing"] == "absent"
    origin.add_release(c_sdist("My.Ext", "2.0"))
    origin.delete_project("pure")
    time.sleep(EXPIRED)
    changed = fleet.look(url, *packages).changed
    assert fleet.planned["my-ext 2.0"] == "build"
    # proxpi keeps what it had of a project that is gone.
    assert sorted(changed) == (["my-ext"] if keeps else ["my-ext", "pure"])
    assert fleet.states["pure"] == ("present" if keeps else "deleted")


def test_a_mirror_of_devpi_drops_sizes_and_keeps_yanks(fleet: Fleet, origin: Upstream, devpi: servers.Devpi) -> None:
    packages = ("my-ext", "pure", "missing")
    url = devpi.mirror("plain", origin.index_url)
    fleet.look(url, *packages)
    assert fleet.planned == {"my-ext 1.0": "build", "pure 1.0": "upstream"}
    assert fleet.rows("yanked")[YANKED.filename] == REASON
    assert set(fleet.rows("size").values()) == set(fleet.rows("metadata_sha256").values()) == {None}
    origin.add_release(c_sdist("My.Ext", "2.0"))
    time.sleep(EXPIRED)
    assert fleet.look(url, *packages).changed == ["my-ext"]


@pytest.mark.parametrize("origin_answers", [True, False], ids=["304", "down"])
def test_devpi_with_its_list_cut_down_takes_nothing_away(
    fleet: Fleet, origin: Upstream, devpi: servers.Devpi, origin_answers: bool
) -> None:
    """Its list is cut down to what it fetched, when its origin answers 304 for the list or not at all."""
    url = devpi.mirror(f"cut{origin_answers}".lower(), origin.index_url)
    fleet.look(url, "my-ext", "pure")
    known = {"my-ext": "present", "pure": "present"}
    origin.add_release(pure_sdist("never-asked", "1.0"))
    time.sleep(EXPIRED)
    with Client(url) as client:
        assert "never-asked" in client.root().root.projects  # type: ignore[union-attr]
    if not origin_answers:
        origin.stop()
    time.sleep(EXPIRED)
    assert fleet.look(url).troubles == {}
    assert fleet.states == known, "devpi has each page that it ever gave"
    if origin_answers:
        origin.add_release(pure_sdist("another", "1.0"))
        time.sleep(EXPIRED)
        fleet.look(url)
        assert fleet.states == {**known, "another": "present", "never-asked": "present"}


def test_a_devpi_that_lost_its_data_and_its_origin_is_not_believed(
    fleet: Fleet, origin: Upstream, devpi: servers.Devpi
) -> None:
    fleet.look(devpi.mirror("old", origin.index_url))
    origin.stop()
    new = devpi.mirror("new", origin.index_url)
    for packages in ((), ("my-ext", "pure")):
        delta = fleet.look(new, *packages)
        assert any("believed if it says so for a day" in said for said in delta.troubles.values())
        assert fleet.states == {"my-ext": "present", "pure": "present"}


def test_a_devpi_that_keeps_nothing_lists_nothing(fleet: Fleet, origin: Upstream, devpi: servers.Devpi) -> None:
    """With mirror_cache_expiry=0 it has no project at all, though its origin answers, with ETags."""
    url = devpi.mirror("nothing", origin.index_url, seconds=0)
    fleet.look(url)
    delta = fleet.look(url)
    assert fleet.planned == {}
    assert "lists no project at all" in delta.troubles["(list of all projects)"]


# bandersnatch's tree


@pytest.fixture
def legacy(tmp_path: Path) -> Iterator[servers.LegacyJson]:
    (tmp_path / "certificates").mkdir()
    with servers.LegacyJson(tmp_path / "certificates") as server:
        hold(server)
        yield server


@pytest.mark.parametrize("by_accept", [True, False], ids=["JSON", "HTML"])
def test_bandersnatchs_tree_is_read_in_either_form(
    fleet: Fleet, legacy: servers.LegacyJson, tmp_path: Path, by_accept: bool
) -> None:
    """JSON has sizes, times and serials, and no reason of a yank; HTML has the reason and nothing else.

    Neither list has serials of projects, so all pages are asked for.
    """
    servers.bandersnatch(tmp_path / "mirror", legacy)
    with servers.BandersnatchTree(tmp_path / "mirror", by_accept=by_accept) as tree:
        url = f"{tree.url}/simple/"
        fleet.look(url)
        assert fleet.planned == {"my-ext 1.0": "build", "pure 1.0": "upstream"}
        assert fleet.rows("yanked")[YANKED.filename] == ("" if by_accept else REASON)
        assert fleet.rows("size")[EXT.filename] == (EXT.size if by_accept else None)
        legacy.add_release(c_sdist("My.Ext", "2.0"))
        legacy.delete_project("pure")
        servers.bandersnatch(tmp_path / "mirror", legacy)
        assert fleet.look(url).changed == ["my-ext"]
        assert fleet.states["pure"] == "present", "bandersnatch keeps what its origin deleted"


def test_a_tree_that_was_made_again_from_an_older_state_is_read(
    fleet: Fleet, legacy: servers.LegacyJson, tmp_path: Path
) -> None:
    """Serials go backwards."""
    before = legacy.serial
    legacy.add_release(c_sdist("My.Ext", "2.0"))
    tree = servers.BandersnatchTree(tmp_path / "mirror", by_accept=True)
    for version in ("2.0", "1.0"):
        servers.bandersnatch(tmp_path / "mirror", legacy)
        with tree:
            assert fleet.look(f"{tree.url}/simple/").troubles == {}
        assert fleet.planned == {f"my-ext {version}": "build", "pure 1.0": "upstream"}
        shutil.rmtree(tmp_path / "mirror")
        legacy.restore(before)
