"""What nginx says beside the bytes: types, policies, how long to keep them; and what is not there."""

from __future__ import annotations

import gzip
import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import urllib3

from tests.support.nginx import Nginx, NginxSite, nginx_site

V1_JSON = "application/vnd.pypi.simple.v1+json"
CLOSED = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
OWN_PARTS = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
PAGE, FOR_EVER = "max-age=60", "public, max-age=31536000, immutable"
HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"

#: address → (content type, kept for, policy)
SERVED = {
    "/": (HTML, PAGE, OWN_PARTS),
    "/search/": (HTML, PAGE, OWN_PARTS),
    "/search/names/0.json": ("application/json", PAGE, OWN_PARTS),
    "/project/demo/": (HTML, PAGE, OWN_PARTS),
    "/project/demo/page-2.html": (HTML, PAGE, OWN_PARTS),
    "/project/demo/json": ("application/json", PAGE, CLOSED),
    "/project/demo/badge.svg": ("image/svg+xml", PAGE, CLOSED),
    "/provenance/demo/demo-1.0-py3-none-any.whl.json": ("application/json", PAGE, OWN_PARTS),
    "/provenance/demo/demo-1.0-py3-none-any.whl.json.sig": (TEXT, PAGE, OWN_PARTS),
    "/provenance/allowed_signers": (TEXT, PAGE, CLOSED),
    "/logs/demo/demo-1.0-00.html": (HTML, PAGE, OWN_PARTS),
    "/logs/demo/demo-1.0-00.log.gz": (TEXT, FOR_EVER, CLOSED),
    "/assets/style.css": ("text/css; charset=utf-8", PAGE, OWN_PARTS),
    "/assets/search.js": ("text/javascript; charset=utf-8", PAGE, OWN_PARTS),
    "/assets/logo.svg": ("image/svg+xml", PAGE, CLOSED),
    "/assets/style.0123456789ab.css": ("text/css; charset=utf-8", FOR_EVER, CLOSED),
    "/assets/search.0123456789ab.js": ("text/javascript; charset=utf-8", FOR_EVER, CLOSED),
    "/feed.atom": ("application/atom+xml; charset=utf-8", PAGE, OWN_PARTS),
    "/project/demo/feed.atom": ("application/atom+xml; charset=utf-8", PAGE, OWN_PARTS),
    "/sitemap.xml": ("application/xml; charset=utf-8", PAGE, OWN_PARTS),
    "/sitemaps/1.xml": ("application/xml; charset=utf-8", PAGE, OWN_PARTS),
    "/robots.txt": (TEXT, PAGE, OWN_PARTS),
    "/report/report.json": ("application/json", PAGE, OWN_PARTS),
    "/status.json": ("application/json", "no-cache", CLOSED),
    "/metrics.prom": ("text/plain; version=0.0.4; charset=utf-8", "no-cache", CLOSED),
    "/simple/": ("text/html", PAGE, CLOSED),
    "/simple/demo/": ("text/html", PAGE, CLOSED),
    "/simple/demo/index.html": ("text/html", PAGE, CLOSED),
    "/simple/demo/index.json": (V1_JSON, PAGE, CLOSED),
    "/files/demo/demo-1.0-py3-none-any.whl": ("application/octet-stream", FOR_EVER, CLOSED),
    "/files/demo/demo-1.0-py3-none-any.whl.metadata": (TEXT, FOR_EVER, CLOSED),
}


def body_of(address: str) -> bytes:
    """The bytes behind an address: of each file others, and enough of them to be worth compressing."""
    return f"{address.removesuffix('index.html')} ä\n".encode() * 200


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with a file of every kind the site has."""
    site = tmp_path_factory.mktemp("tree") / "site"
    for address in [*SERVED, "/404.html", "/files/demo/.hidden", "/.publishing/1"]:
        path = site / address.lstrip("/")
        if address.endswith("/"):
            path /= "index.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        data = body_of(address)
        path.write_bytes(gzip.compress(data, mtime=0) if path.suffix == ".gz" else data)
    return site


@pytest.fixture(scope="module")
def nginx(site: Path) -> Iterator[NginxSite]:
    with nginx_site(site) as nginx:
        yield nginx


def ask(nginx: NginxSite, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
    """One request, its answer as it is. `headers` have `_` for `-`."""
    sent = {"Accept-Encoding": "identity", **{name.replace("_", "-"): value for name, value in headers.items()}}
    return urllib3.request("GET", nginx.url + path, headers=sent, redirect=False, decode_content=False, retries=False)


def ask_as_written(nginx: NginxSite, path: str) -> http.client.HTTPResponse:
    """One request for a path that a careful client would not write so."""
    connection = http.client.HTTPConnection(urlsplit(nginx.url).netloc, timeout=20)
    connection.putrequest("GET", path)
    connection.endheaders()
    response = connection.getresponse()
    response.read()
    connection.close()
    return response


@pytest.mark.parametrize("address", SERVED)
def test_everything_has_its_type_its_age_and_its_policy(nginx: NginxSite, address: str) -> None:
    answer = ask(nginx, address)
    assert (answer.status, answer.data) == (200, body_of(address))
    told = tuple(answer.headers[name] for name in ("Content-Type", "Cache-Control", "Content-Security-Policy"))
    assert told == SERVED[address]
    varies = "Accept, Accept-Encoding" if address.startswith("/simple/") else "Accept-Encoding"
    assert answer.headers.getlist("Vary") == [varies]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("address", SERVED)
def test_scripts_of_other_sites_may_read_json_and_nothing_else(nginx: NginxSite, address: str) -> None:
    shared = "*" if address.endswith(("json", ".json")) else None
    assert ask(nginx, address).headers.get("Access-Control-Allow-Origin") == shared


def test_an_index_page_in_json_may_be_read_by_other_sites_too(nginx: NginxSite) -> None:
    assert ask(nginx, "/simple/demo/", Accept=V1_JSON).headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("asked", "picture"),
    [
        ("/favicon.ico", "assets/logo.svg"),
        ("/apple-touch-icon.png", "assets/touch-icon.png"),
        ("/apple-touch-icon-precomposed.png", "assets/touch-icon.png"),
    ],
)
def test_the_pictures_that_browsers_ask_for_lead_to_ours(nginx: NginxSite, asked: str, picture: str) -> None:
    answer = ask(nginx, asked)
    assert (answer.status, answer.headers["Location"]) == (301, picture)


SPELLINGS = {
    "/project/Demo": "/project/demo/",
    "/project/Demo/": "/project/demo/",
    "/project/DEMO/badge.svg": "/project/demo/badge.svg",
    "/project/RPi.GPIO/": "/project/rpi-gpio/",
    "/project/ruamel.yaml/json": "/project/ruamel-yaml/json",
    "/project/a-_.b__C/page-2.html": "/project/a-b-c/page-2.html",
    "/project/a--b/": "/project/a-b/",
    "/project/One.Two_Three.Four-Five.Six_Seven.Eight/": "/project/one-two-three-four-five-six-seven-eight/",
    "/p/demo": "/project/demo/",
    "/p/demo/": "/project/demo/",
    "/p/scikit_learn": "/project/scikit-learn/",
    "/p/PyYAML/index.html": "/project/pyyaml/",
}


@pytest.mark.parametrize("asked", SPELLINGS)
def test_any_spelling_of_a_project_and_the_short_address_lead_to_it(nginx: NginxSite, proxy: Proxy, asked: str) -> None:
    for server, prefix in ((nginx, ""), (proxy, "/below/here")):
        answer = ask(server, prefix + asked)
        assert (answer.status, answer.headers["Cache-Control"]) == (301, PAGE)
        assert (
            urljoin(server.url + prefix + asked, answer.headers["Location"])
            == f"{server.url}{prefix}{SPELLINGS[asked]}"
        )


@pytest.mark.parametrize(
    "path",
    ["/p/%0d%0aX-Strange:1", "/p//example.org/", "/p/https:example.org", "/project/A%5c..%5c/", "/p/..%2fx", "/p"],
)
def test_no_spelling_leads_to_another_host_or_out_of_its_folder(nginx: NginxSite, path: str) -> None:
    answer = ask_as_written(nginx, path)
    led = answer.headers["Location"]
    assert answer.headers["X-Strange"] is None
    assert led is None or urlsplit(urljoin(nginx.url + "/p/x", led)).netloc == urlsplit(nginx.url).netloc


def test_the_page_that_projects_share_is_no_spelling_of_a_project(nginx: NginxSite) -> None:
    assert ask(nginx, "/project/index.html").status == 404


@pytest.mark.parametrize("address", [address for address in SERVED if not address.startswith("/files/")])
def test_it_comes_compressed_on_request_and_is_not_sent_twice(nginx: NginxSite, address: str) -> None:
    answer = ask(nginx, address, Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.data) == body_of(address)
    for coding in ("gzip", "identity"):
        tag = ask(nginx, address, Accept_Encoding=coding).headers["ETag"]
        again = ask(nginx, address, Accept_Encoding=coding, If_None_Match=tag)
        assert (again.status, again.data) == (304, b"")


@pytest.mark.parametrize(
    "file",
    ["simple/index.html", "simple/demo/index.json", "assets/style.css", "assets/search.js", "search/names/0.json"],
)
def test_what_was_compressed_beforehand_is_sent_as_it_is(nginx: NginxSite, site: Path, file: str) -> None:
    beside = site / f"{file}.gz"
    packed = gzip.compress(b"packed beforehand", mtime=0)
    beside.write_bytes(packed)
    try:
        accept = V1_JSON if file.startswith("simple/") and file.endswith("json") else "*/*"
        address = "/" + re.sub(r"index\.(html|json)$", "", file)
        assert ask(nginx, address, Accept=accept, Accept_Encoding="gzip").data == packed
        assert ask(nginx, address, Accept=accept).data == body_of(f"/{file}" if accept == V1_JSON else address)
    finally:
        beside.unlink()


@pytest.mark.parametrize(
    "address", ["/missing", "/project/missing/", "/logs/demo/missing.html", "/search/missing.json"]
)
def test_people_are_given_the_page_for_what_is_not_there(nginx: NginxSite, address: str) -> None:
    answer = ask(nginx, address)
    assert (answer.status, answer.data, answer.headers["Content-Type"]) == (404, body_of("/404.html"), HTML)
    assert answer.headers["Content-Security-Policy"] == OWN_PARTS


@pytest.mark.parametrize(
    "address",
    [
        "/simple/missing/", "/simple/Demo/", "/simple/demo/missing", "/simple/missing/index.json", "/files/",
        "/files/demo/", "/files/demo/demo-9-py3-none-any.whl", "/files/demo/demo-9-py3-none-any.whl.metadata",
        "/project/missing/json", "/project/missing/badge.svg", "/logs/demo/missing.log.gz", "/404.html",
        "/files/demo/.hidden", "/.publishing/1", "/%2epublishing/1", "/-html/simple/index.html",
    ],
)  # fmt: skip
def test_programs_are_given_a_word(nginx: NginxSite, address: str) -> None:
    answer = ask(nginx, address, Accept=V1_JSON)
    assert (answer.status, answer.data) == (404, b"Nothing has this address.\n")
    assert answer.headers["Content-Type"] == "text/plain"
    # It may be published in a minute.
    assert answer.headers["Cache-Control"] == PAGE


class Proxy(Nginx):
    """Another server of nginx, which has the site below a path of its own."""

    def __init__(self, behind: str) -> None:
        super().__init__()
        self.behind = behind

    def server(self, listen: str) -> str:
        return f"server {{ listen {listen}; location /below/here/ {{ proxy_pass {self.behind}/; }} }}"


@pytest.fixture(scope="module")
def proxy(nginx: NginxSite) -> Iterator[Proxy]:
    with Proxy(nginx.url) as proxy:
        yield proxy


FOLDERS = ["/simple", "/simple/demo", "/project", "/project/demo", "/search", "/search/names", "/logs/demo"]


@pytest.mark.parametrize("folder", FOLDERS)
@pytest.mark.parametrize("query", ["", "?format=text%2Fhtml&x=/a/b"])
def test_a_folder_without_its_slash_is_redirected_to_itself(
    nginx: NginxSite, proxy: Proxy, folder: str, query: str
) -> None:
    for server, prefix in ((nginx, ""), (proxy, "/below/here")):
        answer = ask(server, prefix + folder + query)
        led = urljoin(server.url + prefix + folder + query, answer.headers["Location"])
        assert (answer.status, led) == (301, f"{server.url}{prefix}{folder}/{query}")
        assert answer.headers["Location"] == f"{folder.rpartition('/')[2]}/{query}"
        assert answer.headers["Cache-Control"] == PAGE


@pytest.mark.parametrize("name", ["https:example.org", "\\\\example.org", "%0d%0aX-Strange:1", "a%2f..%2fb"])
def test_no_address_redirects_to_another_host_or_adds_a_header(nginx: NginxSite, name: str) -> None:
    answer = ask_as_written(nginx, f"/simple/{name}")
    assert answer.status in (301, 404)
    assert answer.headers["X-Strange"] is None
    led = answer.headers["Location"]
    assert led in (None, f"./{name}/", f"{name}/")
    assert led is None or led.startswith("./") or re.fullmatch("[a-z0-9%./-]+", led, re.IGNORECASE)


@pytest.mark.parametrize("path", ["/project/known-only/", "/project/known-only/index.html"])
def test_projects_without_a_page_share_one_where_there_is_one(nginx: NginxSite, site: Path, path: str) -> None:
    assert ask(nginx, path).status == 404
    shared = site / "project" / "index.html"
    shared.write_text("<title>A project</title>")
    try:
        answer = ask(nginx, path)
        assert (answer.status, urljoin(path, answer.headers["Location"])) == (302, "/project/index.html#known-only")
        assert ask(nginx, "/project/index.html").status == 200
        assert ask(nginx, "/project/demo/").status == 200
        assert ask(nginx, "/project/known-only/json").status == 404
        assert ask(nginx, "/project/known%0aonly/").status == 404
    finally:
        shared.unlink()


def test_challenges_of_an_authority_are_served_though_they_have_a_dot(site: Path, tmp_path: Path) -> None:
    folder = tmp_path / ".well-known/acme-challenge"
    folder.mkdir(parents=True)
    (folder / "token").write_text("answer")
    (tmp_path / ".well-known/other").write_text("no answer")
    with nginx_site(site, webnode_acme_root=str(tmp_path)) as nginx:
        answer = ask(nginx, "/.well-known/acme-challenge/token")
        assert (answer.status, answer.data) == (200, b"answer")
        assert ask(nginx, "/.well-known/acme-challenge/other").status == 404
        assert ask(nginx, "/.well-known/other").status == 404


def test_what_is_not_there_is_no_news_to_the_operator(nginx: NginxSite) -> None:
    ask(nginx, "/simple/missing/")
    nginx.requests()
    assert nginx.error_log.read_text() == ""
