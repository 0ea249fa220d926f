"""A wheel stays good: copies of libraries of which the builders have a newer version are named, and built again."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from wheelfleet import sbom
from wheelfleet.admission.admit import Admitted, Storage, admit
from wheelfleet.catalog.database import Catalog
from wheelfleet.catalog.events import events
from wheelfleet.catalog.outdated_copies import outdated_copies
from wheelfleet.debian_version import is_newer
from wheelfleet.planner import batches
from wheelfleet.planner.delta import Options, run_delta
from wheelfleet.planner.scope import Policy, Scope
from wheelfleet.site.html import fleet as fleet_page
from wheelfleet.site.renderer import Renderer
from wheelfleet.upstream.client import Upstream as Client

from tests.support.catalogs import TEMPLATES
from tests.support.controller import result_files
from tests.support.sdists import pure_sdist
from tests.support.upstream import Upstream
from tests.support.wheels import wheel_file

#: The oldest first.
ORDER = (
    *("0~", "0", "0.9~rc1-1", "0.9-1", "0.9-1+b1", "0.9-1+deb12u1", "0.9-1+deb12u2", "0.9-1+deb12u10", "0.9-2"),
    *("0.10-1~bpo12+1", "0.10-1", "0.10a-1", "0.10+dfsg-1", "0.10.1-1", "1:0.1-1", "1:0.1-1.1", "2:0~~-1", "2:0~-1"),
)
TAG, PLATFORM = "cp311-cp311-linux_aarch64", "linux_aarch64"
NAME = f"{TAG}-glibc2.36"
OLD, NEW = "4.5.0-6+deb12u1", "4.5.0-6+deb12u2"


def test_versions_are_ordered_as_debian_does() -> None:
    for older, newer in combinations(ORDER, 2):
        assert is_newer(newer, older), (newer, older)
        assert not is_newer(older, newer), (older, newer)
    assert not is_newer("0:1.0", "1.0")
    assert not is_newer("1.00-0", "1.0-0")


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("dpkg"), reason="dpkg is not here")
def test_dpkg_orders_them_the_same() -> None:
    for one, other in combinations(ORDER, 2):
        assert subprocess.run(["dpkg", "--compare-versions", other, "gt", one], check=False).returncode == 0


@pytest.mark.parametrize(
    "content",
    [
        b"\xff",
        b"[]",
        b'{"components": 3}',
        b'{"components": [{"name": "a", "version": "1"}]}',
        b"[" * 100_000,
        json.dumps({"components": [{"name": "l\n", "version": "1", "purl": "pkg:deb/x"}]}).encode(),
        json.dumps({"components": [{"name": "libx", "version": "1 2", "purl": "pkg:deb/x"}]}).encode(),
        json.dumps({"components": [{"name": ["libx"], "version": "1", "purl": "pkg:deb/x"}]}).encode(),
        json.dumps({"components": [{"name": "libx", "version": "1", "purl": "pkg:rpm/x"}]}).encode(),
    ],
)
def test_an_sbom_of_another_form_names_nothing(content: bytes) -> None:
    assert sbom.copied_packages(content) == {}


class Fleet:
    """A controller with an upstream that has demo 1.0, and builders whose packages a test sets."""

    def __init__(self, root: Path, upstream: Upstream) -> None:
        self.root, self.upstream = root, upstream
        self.catalog = Catalog(root / "catalog.sqlite")
        #: By host: its release of Debian, and its version of libtiff6.
        self.hosts = {"pi1": ("12", OLD)}
        self.rebuild = False
        self.hours = 1000.0

    def look(self) -> None:
        """The delta of one run."""
        self.hours += 1
        with Client(self.upstream.index_url, timeout=5) as client:
            run_delta(
                self.catalog,
                client,
                Scope.from_data(packages=["demo"]),
                Policy(rebuild_outdated=self.rebuild),
                {host: self.report(*has) for host, has in self.hosts.items()},
                Options(run="run", files=self.root / "files"),
                lambda: self.hours * 3600,
            )

    def report(self, release: str, version: str) -> dict[str, Any]:
        facts = {
            "os": {"id": "debian", "version": release},
            "interpreters": {NAME: {"cflags": None, "tools": {}}},
            "slots": 1,
        }
        target = {"name": NAME, "python_version": "3.11.2", "implementation": "cpython", "platform": PLATFORM}
        places = {"tools": "/tools", "interpreter": "/usr/bin/python3", "tags": [TAG, "py3-none-any"]}
        return {"facts": facts, "targets": [{**target, **places}], "libraries": {"libtiff6": version, "zlib1g": "1"}}

    def build(self, copied: str, host: str = "pi1") -> Admitted:
        """The next build of the queue, which copies that version of libtiff6."""
        held = batches.claim(self.catalog, host=host, run="run", now=self.hours * 3600)
        assert held is not None
        attempt = held.builds[0].attempt
        bill = sbom.with_packages(None, f"demo-1.0-{TAG}.whl", "auditwheel 6.8.2", "debian", {"libtiff6": copied})
        wheel = wheel_file("demo", "1.0", TAG, files={"demo.py": b"", f"demo-1.0.dist-info/{sbom.PATH}": bill})
        staging = self.root / "incoming"
        staging.mkdir(exist_ok=True)
        repair = {"tool": "auditwheel 6.8.2", "outcome": "repaired", "platform": None}
        repaired = {**repair, "vendored": ["libtiff.so.6"], "message": None}
        for name, data in result_files(attempt, wheel, repair=repaired).items():
            (staging / name).write_bytes(data)
        storage = Storage(self.root / "files", self.root / "logs")
        return admit(self.catalog, storage, staging, attempt, host=host, now=self.hours * 3600, max_attempts=5)

    @property
    def named(self) -> list[tuple[str, str, str, str, bool]]:
        return [
            (each.filename, each.copied, each.available, each.host, each.ordered)
            for each in outdated_copies(self.catalog.db)
        ]

    @property
    def waiting(self) -> int:
        (many,) = self.catalog.db.execute("SELECT count(*) FROM release_target WHERE need = 'now'").fetchone()
        return int(many)

    def events(self) -> list[str]:
        return [f"{each.host}: {each.sentence}" for each in events(self.catalog.db)]


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with Upstream() as upstream:
        upstream.add_release(pure_sdist("demo", "1.0"))
        fleet = Fleet(tmp_path, upstream)
        fleet.look()
        assert fleet.build(OLD).outcome == "built"
        yield fleet
        fleet.catalog.close()


WHEEL = f"demo-1.0-{TAG}.whl"


def test_a_wheel_is_named_once_its_builder_has_a_newer_library(fleet: Fleet) -> None:
    fleet.look()
    assert fleet.named == []
    fleet.hosts["pi1"] = ("12", NEW)
    fleet.look()
    assert fleet.named == [(WHEEL, OLD, NEW, "pi1", False)]
    said = f"pi1: It has libtiff6 {NEW}, and 1 wheel carries an older copy: {WHEEL}."
    assert said in fleet.events()
    fleet.look()
    assert fleet.events().count(said) == 1
    assert fleet.waiting == 0, "only named, because the operator did not allow more"
    made = dict(fleet_page.pages(fleet.catalog.db, Renderer([TEMPLATES])))
    (known,) = json.loads(made["fleet/fleet.json"])["outdated_copies"]
    assert (known["filename"], known["package"], known["rebuild_ordered"]) == (WHEEL, "libtiff6", False)
    assert NEW in made["fleet/index.html"].decode()


@pytest.mark.parametrize("other", [("13", NEW), ("12", OLD), ("12", "4.4.0")])
def test_builders_of_another_system_and_older_ones_tell_nothing(fleet: Fleet, other: tuple[str, str]) -> None:
    fleet.hosts["pi2"] = other
    fleet.look()
    assert fleet.named == []


def test_a_rebuild_waits_for_all_builders_and_gets_the_next_build_tag(fleet: Fleet) -> None:
    fleet.rebuild = True
    fleet.hosts |= {"pi1": ("12", OLD), "pi2": ("12", NEW), "pi3": ("13", "4.7.0-3")}
    fleet.look()
    assert (fleet.named, fleet.waiting) == ([(WHEEL, OLD, NEW, "pi2", False)], 0)
    fleet.hosts["pi1"] = ("12", NEW)
    fleet.look()
    assert ([each[4] for each in fleet.named], fleet.waiting) == ([True], 1)
    assert any(f"libtiff6 {NEW} instead of {OLD}" in (each.why or "") for each in events(fleet.catalog.db))
    assert fleet.build(NEW).wheel == f"demo-1.0-1-{TAG}.whl"
    assert fleet.named == [], "no client gets the old wheel any more"
    fleet.look()
    assert fleet.named == []
    assert fleet.waiting == 0


def test_a_rebuild_is_ordered_once_for_a_newer_version(fleet: Fleet) -> None:
    fleet.rebuild = True
    fleet.hosts["pi1"] = ("12", NEW)
    fleet.look()
    fleet.build(OLD)
    fleet.look()
    assert ([each[4] for each in fleet.named], fleet.waiting) == ([True], 0)
    fleet.hosts["pi1"] = ("12", "4.5.0-6+deb12u3")
    fleet.look()
    assert fleet.waiting == 1


def test_a_builder_that_is_away_meanwhile_changes_nothing(fleet: Fleet) -> None:
    fleet.hosts |= {"pi1": ("12", NEW), "pi2": ("12", NEW)}
    fleet.look()
    del fleet.hosts["pi1"]
    fleet.look()
    assert fleet.named == [(WHEEL, OLD, NEW, "pi1", False)]


def test_wheels_of_an_older_catalog_are_read_once(fleet: Fleet) -> None:
    with fleet.catalog.writing() as db:
        db.execute("UPDATE wheel SET copied = NULL")
    fleet.hosts["pi1"] = ("12", NEW)
    fleet.look()
    assert [each[0] for each in fleet.named] == [WHEEL]
    with fleet.catalog.writing() as db:
        db.execute("UPDATE wheel SET copied = NULL")
    (fleet.root / "files" / "demo" / WHEEL).write_bytes(b"no zip")
    fleet.look()
    assert fleet.catalog.db.execute("SELECT copied FROM wheel").fetchone()[0] == "{}"
