"""The cache of upstream: what pip, uv and a builder fetch through the real nginx, and what upstream hears of it."""

from __future__ import annotations

import hashlib
import http.client
import http.server
import json
import socketserver
import ssl
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from wheelfleet.builder.cache import NoCache, probe_cache

from tests.support import sdists, wheels
from tests.support.artifacts import Artifact
from tests.support.asking import serving
from tests.support.clients import PIPS, UV, Client
from tests.support.crates import CrateRegistry
from tests.support.loopback import Answer as HttpAnswer
from tests.support.loopback import LoopbackServer
from tests.support.nginx_cache import PAGE_SECONDS, NginxCache
from tests.support.upstream import Upstream
from tests.support.upstream_faults import Kind

V1_JSON = "application/vnd.pypi.simple.v1+json"
V1_HTML = "application/vnd.pypi.simple.v1+html"
PIP = f"{V1_JSON}, {V1_HTML}; q=0.1, text/html; q=0.01"

DEMO = wheels.wheel_file("demo", "1.0", requires_dist=["helper>=1"])
HELPER = wheels.wheel_file("helper", "1.1")
SDIST = sdists.pure_sdist("demo", "1.0")


def large_wheel() -> Artifact:
    """Ten megabytes that cannot be compressed: three parts of the cache's."""
    noise = b"".join(hashlib.sha256(str(number).encode()).digest() for number in range(320_000))
    return wheels.wheel_file("large", "1.0", files={"large/noise.bin": noise})


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def ask(url: str, method: str = "GET", *, source: str = "127.0.0.1", **headers: str) -> Answer:
    """One request as it is written, from the loopback address `source`. `headers` have `_` for `-`."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20, source_address=(source, 0))
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, url.removeprefix(f"http://{parts.netloc}"), headers=sent)
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read())
    connection.close()
    return answer


@dataclass
class Place:
    """An index and, apart from it, the server that has its files; before them the cache."""

    index: Upstream
    files: Upstream
    cache: NginxCache

    def page(self, name: str = "demo") -> str:
        return f"{self.cache.index_url}{name}/"

    def file(self, artifact: Artifact) -> str:
        return self.cache.through(self.files.file_url(artifact))

    def asked(self) -> list[str]:
        """What upstream was asked for."""
        return [request.path for upstream in (self.index, self.files) for request in upstream.requests]

    def forget_requests(self) -> None:
        self.index.requests.clear()
        self.files.requests.clear()


@pytest.fixture(scope="module")
def running() -> Iterator[Place]:
    with Upstream() as index, Upstream() as files:
        for upstream in (index, files):
            upstream.add_release(DEMO, SDIST)
            upstream.add_release(HELPER, wheels.wheel_file("helper", "1.0"))
            upstream.add_release(large_wheel())
        index.files_url, files.files_elsewhere, files.ranges = files.url, False, True
        index.basic_auth = ("builder", "se cret")
        proof = "Basic YnVpbGRlcjpzZSBjcmV0"
        with NginxCache(index.index_url, files.url, authorization=proof) as cache:
            yield Place(index, files, cache)


@pytest.fixture
def place(running: Place) -> Iterator[Place]:
    running.forget_requests()
    yield running
    for upstream in (running.index, running.files):
        upstream.heal()


@pytest.mark.parametrize(
    ("client", "json_offered"), [(PIPS[2], False), (PIPS[-1], True), (UV, False), (UV, True)], ids=str
)
def test_installers_work_through_it_and_a_second_builder_fetches_nothing(
    client: Client, json_offered: bool, tmp_path: Path
):
    with Upstream() as index, Upstream() as files:
        for upstream in (index, files):
            upstream.add_release(DEMO)
            upstream.add_release(HELPER)
        index.files_url, files.files_elsewhere, files.ranges = files.url, False, True
        index.json = json_offered
        with NginxCache(index.index_url, files.url) as cache:
            first = client.install(cache.index_url, tmp_path / "first", "demo")
            asked = [request.path for request in (*index.requests, *files.requests)]
            second = client.install(cache.index_url, tmp_path / "second", "demo")
            asked_later = [(request.path, request.status) for request in (*index.requests, *files.requests)]
    assert first.packages == second.packages == {"demo": "1.0", "helper": "1.1"}
    assert sorted(set(asked)) == sorted(asked), "nothing is asked for twice"
    assert {f"/files/demo/{DEMO.filename}", f"/files/helper/{HELPER.filename}"} <= set(asked)
    # Pages may have come of age meanwhile, and upstream be asked whether they have changed.
    assert {path for path, status in asked_later if status != 304} == set(asked)
    assert len([status for _, status in asked_later if status != 304]) == len(asked)


def test_the_metadata_of_a_wheel_comes_through_it(place: Place):
    for _ in range(2):
        assert ask(place.file(DEMO) + ".metadata").body == DEMO.metadata
    assert place.asked() == [f"/files/demo/{DEMO.filename}.metadata"]


@pytest.mark.parametrize(
    ("accept", "given"),
    [
        (PIP, V1_JSON),
        (V1_JSON, V1_JSON),
        ("text/html", "text/html"),
        ("*/*", "text/html"),
        (f"{V1_JSON};q=0, text/html", "text/html"),
    ],
)
def test_pages_of_different_types_are_kept_apart_and_name_cached_files(place: Place, accept: str, given: str):
    for _ in range(2):
        answer = ask(place.page(), Accept=accept)
        assert (answer.status, answer.headers.get_content_type()) == (200, given)
        assert answer.headers.get_all("Vary") == ["Accept, Accept-Encoding"]
        assert place.files.url.encode() not in answer.body
        assert f"/-/http/127.0.0.1~{place.files.port}/files/demo/{DEMO.filename}".encode() in answer.body
        assert DEMO.sha256.encode() in answer.body


def test_a_page_that_has_not_changed_is_not_sent_again_by_upstream(place: Place):
    ask(place.page("helper"), Accept=PIP)
    expire(place)
    place.forget_requests()
    first = ask(place.page("helper"), Accept=PIP)
    assert [request.status for request in place.index.requests] == [304]
    assert first.status == 200


def test_a_page_that_has_changed_is_seen_when_its_time_is_over(place: Place):
    changing = wheels.wheel_file("changing", "1.0")
    place.index.add_release(changing)
    ask(place.page("changing"), Accept=PIP)
    place.index.add_release(wheels.wheel_file("changing", "1.1"))
    expire(place)
    assert b"changing-1.1" in ask(place.page("changing"), Accept=PIP).body


def expire(place: Place) -> None:
    """Let the time go by for which pages are taken as they are here; nginx counts whole seconds."""
    time.sleep(PAGE_SECONDS + 1)


def test_what_was_fetched_is_served_while_upstream_is_down(place: Place):
    before = [ask(place.page(), Accept=PIP).body, ask(place.file(SDIST)).body]
    assert before[1] == SDIST.data
    expire(place)
    place.index.stop()
    place.files.stop()
    try:
        assert [ask(place.page(), Accept=PIP).body, ask(place.file(SDIST)).body] == before
        assert ask(place.page("not-asked-for-before"), Accept=PIP).status == 502
    finally:
        place.index.start()
        place.files.start()


class Names(socketserver.BaseRequestHandler):
    """A DNS server for which every name is 127.0.0.1, and no other kind of question has an answer."""

    def handle(self) -> None:
        query, answering = self.request
        end = query.index(b"\0", 12) + 5
        ours = query[end - 4 : end - 2] == b"\0\1"
        address = b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1" if ours else b""
        counts = b"\0\1" + (b"\0\1" if ours else b"\0\0") + b"\0\0\0\0"
        answering.sendto(query[:2] + b"\x81\x80" + counts + query[12:end] + address, self.client_address)


def test_fetched_files_are_served_while_upstreams_name_has_no_address():
    with Upstream() as index, socketserver.UDPServer(("127.0.0.1", 0), Names) as names:
        index.add_release(DEMO)
        index_url = index.index_url.replace("127.0.0.1", "upstream.example")
        with NginxCache(index_url, dns=f"127.0.0.1:{names.server_address[1]}") as cache:
            with serving(names):
                before = ask(f"{cache.index_url}demo/", Accept=PIP)
            time.sleep(PAGE_SECONDS + 1)
            after = ask(f"{cache.index_url}demo/", Accept=PIP)
            assert ask(f"{cache.index_url}not-asked-for-before/", Accept=PIP).status == 502
    assert (before.status, before.headers["X-Cache"]) == (200, "MISS")
    assert (after.status, after.headers["X-Cache"], after.body) == (200, "STALE", before.body)


@pytest.mark.parametrize("trouble", ["500", "503"])
def test_what_was_fetched_is_served_while_upstream_is_in_trouble(place: Place, trouble: Kind):
    before = ask(place.page(), Accept=PIP).body
    expire(place)
    place.index.fault("/simple/demo/", trouble)
    answer = ask(place.page(), Accept=PIP)
    assert (answer.status, answer.headers["X-Cache"], answer.body) == (200, "STALE", before)


def test_upstreams_password_is_the_caches_alone_and_goes_to_the_index_only(place: Place):
    asked = ask(place.page("helper"), Accept="text/html", Authorization="Basic b3RoZXI6b3RoZXI=")
    assert asked.status == 200
    ask(place.cache.through(place.files.file_url(wheels.wheel_file("helper", "1.0"))), Authorization="Basic eDp4")
    assert {request.headers.get("authorization") for request in place.index.requests} <= {place.cache.authorization}
    assert [request.headers.get("authorization") for request in place.files.requests] == [None]


def test_any_part_of_a_large_file_is_had_without_the_whole(place: Place):
    large = large_wheel()
    url, end = place.file(large), len(large.data)
    answer = ask(url, Range=f"bytes={end - 100}-{end - 1}")
    assert (answer.status, answer.body) == (206, large.data[-100:])
    assert answer.headers["Content-Range"] == f"bytes {end - 100}-{end - 1}/{end}"
    assert len(place.files.requests) == 1
    assert ask(url).body == large.data
    assert ask(url, Range="bytes=-5").body == large.data[-5:]
    parts = [request.headers["range"] for request in place.files.requests]
    assert len(parts) == len(set(parts)) == 3


def test_a_file_whose_server_knows_no_parts_is_kept_all_the_same(place: Place):
    place.files.ranges = False
    whole = wheels.wheel_file("whole", "1.0")
    place.files.add_release(whole)
    try:
        assert [ask(place.file(whole)).body, ask(place.file(whole)).body] == [whole.data] * 2
        assert ask(place.file(whole), Range="bytes=0-9").body == whole.data[:10]
    finally:
        place.files.ranges = True
    assert len(place.files.requests) == 1


def test_builders_that_ask_at_once_have_upstream_asked_once(place: Place):
    wanted = wheels.wheel_file("wanted", "1.0")
    for upstream in (place.index, place.files):
        upstream.add_release(wanted)
    with ThreadPoolExecutor(16) as builders:
        pages = list(builders.map(lambda _: ask(place.page("wanted"), Accept=PIP).status, range(16)))
        files = list(builders.map(lambda _: ask(place.file(wanted)).body, range(16)))
    assert (set(pages), set(files)) == ({200}, {wanted.data})
    assert place.asked() == ["/simple/wanted/", f"/files/wanted/{wanted.filename}"]


def test_other_hosts_than_upstreams_are_refused(place: Place):
    with Upstream() as stranger:
        stranger.add_release(DEMO)
        for url in (
            f"{place.cache.url}/-/http/127.0.0.1~{stranger.port}/files/demo/{DEMO.filename}",
            f"{place.cache.url}/-/https/127.0.0.1~{place.files.port}/files/demo/{DEMO.filename}",
            f"{place.cache.url}/-/http/127.0.0.1~{place.files.port}@127.0.0.1:{stranger.port}/files/demo/x",
            f"{place.cache.url}/-/http/127.0.0.1~{place.files.port}/../127.0.0.1~{stranger.port}/files/demo/x",
        ):
            assert ask(url).status in (400, 403), url
        # As a client would ask that takes it for a proxy: it is answered from upstream, as ever.
        connection = http.client.HTTPConnection("127.0.0.1", urlsplit(place.cache.url).port, timeout=20)
        connection.request("GET", f"{stranger.url}/files/nothing/upstream-has")
        assert connection.getresponse().status == 404
        connection.close()
        assert list(stranger.requests) == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT"])
def test_nothing_can_be_sent_to_upstream(place: Place, method: str):
    assert ask(place.page("helper"), method).status in (400, 405)
    assert place.asked() == []


def test_a_head_costs_upstream_no_more_than_what_follows_it(place: Place):
    headed = wheels.wheel_file("headed", "1.0")
    place.files.add_release(headed)
    answer = ask(place.file(headed), "HEAD")
    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, str(len(headed.data)), b"")
    assert ask(place.file(headed)).body == headed.data
    assert len(place.files.requests) == 1


def test_whoever_is_no_builder_is_refused_and_told_so(place: Place):
    for url in (place.page(), place.file(DEMO), f"{place.cache.url}/-/cache.json"):
        assert ask(url, source="127.0.0.9").status == 403
    assert place.asked() == []


def test_a_builder_asks_whether_it_may_use_it_and_for_which_upstream(place: Place):
    cache = probe_cache(place.cache.url, place.index.index_url)
    assert cache.through(place.index.index_url) == place.cache.index_url
    assert cache.through(place.files.file_url(DEMO)) == place.file(DEMO)
    with pytest.raises(NoCache, match="another upstream"):
        probe_cache(place.cache.url, "http://127.0.0.1:1/simple/")


class Spelling(LoopbackServer):
    """An index whose pages spell addresses in ways that others do not; its files are its own."""

    def __init__(self) -> None:
        super().__init__()
        self.pages: dict[str, tuple[str, str]] = {}

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> HttpAnswer:
        if target in self.pages:
            kind, text = self.pages[target]
            return HttpAnswer(200, text.encode(), {"Content-Type": kind})
        if target == "/pi/files/Plus%2Bx%20y-1.0.tar.gz?token=1":
            return HttpAnswer(200, b"the file")
        if target == "/pi/files/moved.whl":
            return HttpAnswer(302, headers={"Location": f"{self.url}/pi/files/there.whl"})
        return HttpAnswer(404)


def test_addresses_are_led_through_it_however_a_page_spells_them():
    file = "pi/files/Plus%2Bx%20y-1.0.tar.gz?token=1"
    with Spelling() as index, NginxCache(f"{index.url}/pi/simple/") as cache:
        escaped = f"{index.url}/{file}".replace("/", "\\/")
        spellings = {
            "absolute": ("text/html", f'<a href="{index.url}/{file}#sha256=00">x</a>', f'"/{file}#sha256=00"'),
            "rooted": ("text/html", f'<a href="/{file}">x</a>', f'"/{file}"'),
            "relative": ("text/html", '<a href="../../files/x.whl">x</a>', '"../../files/x.whl"'),
            "escaped": (V1_JSON, f'{{"url":"{escaped}"}}', None),
        }
        for name, (kind, text, expected) in spellings.items():
            index.pages[f"/pi/simple/{name}/"] = (kind, text)
            page = ask(f"{cache.index_url}{name}/").body.decode()
            assert index.url not in page
            assert expected in page if expected else json.loads(page) == {"url": f"/{file}"}
        # The path as it was written, its query with it.
        assert ask(f"{cache.url}/{file}").body == b"the file"
        assert ask(f"{cache.url}/pi/files/moved.whl").headers["Location"] == "/pi/files/there.whl"


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two authorities, good.pem and other.pem, and a server's certificate by the first of them."""
    folder = tmp_path_factory.mktemp("authorities")
    # nginx compares names alone, and this is the name in the address.
    (folder / "names").write_text("subjectAltName=DNS:127.0.0.1\n")
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for command in (
        *(
            ["req", "-x509", *curve, "-keyout", f"{name}.key", "-out", f"{name}.pem", "-subj", f"/CN={name}"]
            for name in ("good", "other")
        ),
        ["req", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=server"],
        ["x509", "-req", "-in", "server.csr", "-CA", "good.pem", "-CAkey", "good.key", "-CAcreateserial",
         "-extfile", "names", "-out", "server.pem", "-days", "2"],
    ):  # fmt: skip
        subprocess.run(["openssl", *command], cwd=folder, check=True, capture_output=True)
    return folder


def test_a_crate_index_and_its_crates_are_led_through_it_and_kept():
    with Upstream() as index, CrateRegistry() as registry:
        registry.add("tiny", "1.0.0", "")
        with NginxCache(index.index_url, crates=(registry.url, registry.crates.url)) as cache:
            config = json.loads(ask(cache.through(f"{registry.url}config.json")).body)
            # A whole URL, for cargo takes no other.
            assert config["dl"] == cache.through(f"{registry.crates.url}/crates")
            for _ in range(2):
                assert b'"tiny"' in ask(cache.through(f"{registry.url}ti/ny/tiny")).body
                crate = ask(f"{config['dl']}/tiny/1.0.0/download")
                assert hashlib.sha256(crate.body).hexdigest() == registry.checksum("tiny", "1.0.0")
            assert ask(cache.through(f"{registry.url}mi/ss/missing")).status == 404
            assert ask(cache.through(f"{registry.url}ti/ny/tiny"), "POST").status == 405
            assert ask(cache.through(f"{registry.url}ti/ny/tiny"), source="127.0.0.2").status == 403
            registry.index.requests.clear()
            time.sleep(PAGE_SECONDS + 1)
            # A new version is seen when the page is no longer fresh.
            registry.add("tiny", "1.0.1", "")
            assert b'"1.0.1"' in ask(cache.through(f"{registry.url}ti/ny/tiny")).body
            assert registry.crates.requests.count("/crates/tiny/1.0.0/") == 1
            registry.index.stop()
            registry.crates.stop()
            time.sleep(PAGE_SECONDS + 1)
            assert b'"1.0.1"' in ask(cache.through(f"{registry.url}ti/ny/tiny")).body
            assert ask(f"{config['dl']}/tiny/1.0.0/download").status == 200


@pytest.mark.parametrize(("authority", "status"), [("good", 200), ("other", 502)])
def test_upstreams_certificate_is_checked(authorities: Path, authority: str, status: int):
    def answer(connection: http.server.BaseHTTPRequestHandler) -> None:
        connection.send_response(200)
        connection.send_header("Content-Type", "text/html")
        connection.send_header("Content-Length", "2")
        connection.end_headers()
        connection.wfile.write(b"ok")

    handler = type("Handler", (http.server.BaseHTTPRequestHandler,), {"do_GET": answer, "log_message": print})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authorities / "server.pem", authorities / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    index = f"https://127.0.0.1:{server.server_address[1]}/simple/"
    with serving(server), NginxCache(index, authorities=authorities / f"{authority}.pem") as cache:
        assert ask(f"{cache.index_url}demo/").status == status
