"""The sitemap: every page in one shard, and a shard rewritten only when one of its projects came or went."""

from __future__ import annotations

from collections.abc import Collection
from xml.etree import ElementTree

from wheelfleet.site.html import sitemap
from wheelfleet.site.html.sitemap import SPAN
from wheelfleet.site.renderer import Renderer, SiteFacts

from tests.support.catalogs import TEMPLATES, ControllerState
from tests.support.query_cost import steps

NAMESPACE = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
BASE = "https://wheels.example.org"


def add(state: ControllerState, name: str, project_id: int, *, page: bool = True) -> None:
    state.execute("INSERT INTO project (id, name, display_name) VALUES (?1, ?2, ?2)", project_id, name)
    if page:
        state.execute(
            "INSERT INTO site_project (project_id, name, display_name, status, listed) VALUES (?1, ?2, ?2, 'built', 1)",
            project_id, name,
        )  # fmt: skip


def made(
    state: ControllerState, changed: Collection[str] | None = None, site: SiteFacts | None = None
) -> dict[str, bytes | None]:
    found = list(sitemap.pages(state.catalog.db, Renderer([TEMPLATES], site or SiteFacts(BASE)), changed))
    assert len(dict(found)) == len(found)
    return dict(found)


def addresses(data: bytes | None, outer: str = "urlset", inner: str = "url") -> list[str]:
    assert data is not None
    root = ElementTree.fromstring(data)
    assert root.tag == NAMESPACE + outer
    assert {child.tag for child in root} <= {NAMESPACE + inner}
    found = [child.findtext(f"{NAMESPACE}loc") or "" for child in root]
    assert all(address.startswith(f"{BASE}/") for address in found)
    return found


def shards(files: dict[str, bytes | None]) -> list[str]:
    """The shards that the index names, below the site."""
    return [each.removeprefix(f"{BASE}/") for each in addresses(files["sitemap.xml"], "sitemapindex", "sitemap")]


def test_every_project_with_a_page_is_in_one_of_the_shards_the_index_names(state: ControllerState) -> None:
    names = {"a": 1, "b": SPAN - 1, "c": SPAN, "d": 7 * SPAN + 1}
    for name, project_id in names.items():
        add(state, name, project_id)
    add(state, "without-page", 2, page=False)
    files = made(state)
    assert shards(files) == ["sitemaps/site.xml", "sitemaps/0.xml", "sitemaps/1.xml", "sitemaps/7.xml"]
    assert set(files) == {"sitemap.xml", *shards(files)}
    projects = [address for shard in shards(files)[1:] for address in addresses(files[shard])]
    assert projects == [f"{BASE}/project/{name}/index.html" for name in names]
    assert f"{BASE}/failures/index.html" in addresses(files["sitemaps/site.xml"])


def test_a_new_project_rewrites_its_shard_alone(state: ControllerState) -> None:
    add(state, "a", 1)
    add(state, "b", SPAN)
    before = made(state)
    add(state, "c", SPAN + 1)
    after = made(state, ["c"])
    assert set(after) == {"sitemap.xml", "sitemaps/site.xml", "sitemaps/1.xml"}
    assert len(addresses(after["sitemaps/1.xml"])) == 2
    assert after["sitemap.xml"] == before["sitemap.xml"]
    assert {**before, **after} == made(state)


def test_the_last_project_of_a_shard_takes_it_along(state: ControllerState) -> None:
    add(state, "a", 1)
    add(state, "b", SPAN)
    state.execute("DELETE FROM site_project WHERE name = 'b'")
    files = made(state, ["b"])
    assert files["sitemaps/1.xml"] is None
    assert shards(files) == ["sitemaps/site.xml", "sitemaps/0.xml"]


def test_where_nothing_changed_no_shard_of_projects_is_written(state: ControllerState) -> None:
    add(state, "a", 1)
    assert set(made(state, [])) == {"sitemap.xml", "sitemaps/site.xml"}


def test_a_site_that_does_not_know_its_address_has_no_sitemap(state: ControllerState) -> None:
    add(state, "a", 1)
    assert made(state, None, SiteFacts()) == {}


def test_an_address_is_escaped(state: ControllerState) -> None:
    index = made(state, None, SiteFacts("https://wheels.example.org/?a&b"))["sitemap.xml"]
    assert index is not None
    assert b"/?a&amp;b/sitemaps/site.xml" in index


def test_shards_are_smaller_than_the_form_allows() -> None:
    assert SPAN <= 50_000


def test_a_change_costs_the_same_however_many_projects_there_are(state: ControllerState) -> None:
    def grow(ids: range) -> None:
        with state.catalog.writing() as db:
            for each in ids:
                db.execute("INSERT INTO project (id, name, display_name) VALUES (?1, 'p' || ?1, 'p' || ?1)", (each,))
                db.execute(
                    "INSERT INTO site_project (project_id, name, display_name, status, listed) "
                    "VALUES (?1, 'p' || ?1, 'p' || ?1, 'built', 1)",
                    (each,),
                )

    grow(range(SPAN - 10, SPAN + 10))
    before = steps(state.catalog.db, lambda: made(state, [f"p{SPAN}"]))
    grow(range(SPAN - 510, SPAN - 10))
    assert steps(state.catalog.db, lambda: made(state, [f"p{SPAN}"])) <= before * 1.1
