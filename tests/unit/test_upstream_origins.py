"""From where a cache of upstream fetches: what upstream's pages and the catalog name, and which upstreams cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from wheelfleet.catalog.database import Catalog
from wheelfleet.upstream.cache_origins import NotCacheable, check_cacheable, learn_crates, learn_origins, origin_of
from wheelfleet.upstream.client import Upstream as Client

from tests.support import wheels
from tests.support.catalogs import insert
from tests.support.crates import CrateRegistry
from tests.support.upstream import Upstream

INDEX = "https://index.example.org/simple/"


def client(index_url: str) -> Client:
    return Client(index_url, timeout=2)


def remember(path: Path, *urls: str) -> None:
    """A catalog that knows files at these addresses."""
    with Catalog(path) as catalog, catalog.writing() as db:
        insert(db, "project", id=1, name="demo", display_name="demo")
        insert(db, "release", id=1, project_id=1, version="1.0")
        rows = [(f"demo-1.0.{number}.zip", url) for number, url in enumerate(urls)]
        db.executemany("INSERT INTO upstream_file (release_id, filename, kind, url) VALUES (1, ?, 'sdist', ?)", rows)


def test_files_hosts_are_learned_from_pages_of_common_requirements(tmp_path: Path):
    with Upstream() as upstream:
        upstream.files_url = "http://files.example.org:8080"
        upstream.add_release(wheels.wheel_file("setuptools", "70.0"))
        origins = learn_origins(client(upstream.index_url), tmp_path / "no-catalog")
    assert origins == [upstream.url, "http://files.example.org:8080"]


def test_files_hosts_are_learned_from_the_catalog_while_upstream_is_down(tmp_path: Path):
    path = tmp_path / "catalog.sqlite"
    remember(path, "https://b.example.org/x", "https://a.example.org:444/y", "https://index.example.org/z")
    origins = learn_origins(client("https://127.0.0.1:1/simple"), path)
    assert origins == [
        "https://127.0.0.1:1",
        "https://a.example.org:444",
        "https://b.example.org",
        "https://index.example.org",
    ]


def test_an_https_index_leads_to_no_plain_http_and_not_to_many_hosts(tmp_path: Path):
    path = tmp_path / "catalog.sqlite"
    remember(path, "http://a.example.org/x", *(f"https://{number}.example.org/x" for number in range(100)))
    origins = learn_origins(client("https://127.0.0.1:1/simple"), path)
    assert len(origins) == 8
    assert all(origin.startswith("https:") for origin in origins)


def test_an_upstream_that_is_down_and_unknown_is_a_sentence(tmp_path: Path):
    with pytest.raises(NotCacheable, match="could not be learned"):
        learn_origins(client("http://127.0.0.1:1/simple"), tmp_path / "no-catalog")


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://user:word@Files.example.org:444/a?b#c", "https://files.example.org:444"),
        ("http://[::1]:80/x", "http://[::1]:80"),
        ("file:///x", None),
        ('https://a.example.org";}/x', None),
        ("https://a b/x", None),
        ("https:///x", None),
        ("ftp://a.example.org/x", None),
    ],
)
def test_an_origin_is_plain_enough_for_a_web_servers_configuration(url: str, origin: str | None):
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("index_url", "options", "sentence"),
    [
        ("", {}, "no index"),
        ("file:///mirror/simple", {}, "no address that a web server can ask"),
        (INDEX, {"proxy": "http://proxy"}, "a proxy"),
        (INDEX, {"client_cert": "/me.pem"}, "a client certificate"),
        (INDEX, {"trusted_host": ["index.example.org"]}, "whatever its certificate says"),
    ],
)
def test_an_upstream_that_a_web_server_cannot_ask_is_a_sentence(index_url: str, options: dict[str, Any], sentence: str):
    with pytest.raises(NotCacheable, match=sentence):
        check_cacheable(index_url, options)


def test_others_are_cacheable():
    check_cacheable(INDEX, {"cert": "/ca.pem", "trusted_host": ["other.example.org"]})
    check_cacheable("http://index.example.org/simple/", {"trusted_host": ["index.example.org"]})


def test_a_crate_index_is_cached_with_its_server_for_downloads():
    with CrateRegistry() as registry:
        index, crates = registry.index.url, registry.crates.url
        assert learn_crates(f"sparse+{index}", ["https://index.example.org"], {}) == {
            "index": f"{index}/",
            "origins": [index, crates],
        }
        # Where upstream has its files as well, nothing has to be added for it.
        assert learn_crates(registry.url, ["https://index.example.org", crates], {})["origins"] == [index]
        registry.index.files["/config.json"] = f'{{"dl": "{index}/crates"}}'.encode()
        assert learn_crates(registry.url, ["https://index.example.org"], {})["origins"] == [index]


def test_a_crate_index_that_cannot_be_cached_is_a_sentence():
    with CrateRegistry() as registry:
        with pytest.raises(NotCacheable, match="cannot be told from the upstream's own pages"):
            learn_crates(registry.url, [registry.index.url], {})
        registry.index.files["/config.json"] = b"<html>"
        with pytest.raises(NotCacheable, match=r"config.json is no crate index's"):
            learn_crates(registry.url, ["https://index.example.org"], {})
    with pytest.raises(NotCacheable, match="has a password"):
        learn_crates("https://me:word@crates.example.org/", ["https://index.example.org"], {})
