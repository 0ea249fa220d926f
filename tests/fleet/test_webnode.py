"""A web node as its readers meet it: nginx as the webnode role sets it up, asked over the network."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import Message
from pathlib import Path

import pytest

from tests.lab import Lab
from tests.support.authority import certify, make_authority, renew
from tests.support.catalogs import ControllerState
from tests.support.fleet_operator import FleetOperator
from tests.support.node_files import copy_to_node
from tests.support.operator import Run
from tests.support.suites import spec

NODE = "web2"
ROOT = "/srv/wheelfleet/site"
SITE = "/etc/nginx/sites-available/wheelfleet"

HTML = "text/html"
V1_HTML = "application/vnd.pypi.simple.v1+html"
V1_JSON = "application/vnd.pypi.simple.v1+json"

PIP = f"{V1_JSON}, {V1_HTML}; q=0.1, text/html; q=0.01"
UV = f"{V1_JSON}, {V1_HTML};q=0.2, text/html;q=0.01"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8"

LOG = "".join(f"gcc -c file{number}.c: ä warning\n" for number in range(2000))


@dataclass(frozen=True)
class Answer:
    """What came back for one request."""

    status: int
    headers: Message
    body: bytes

    @property
    def type(self) -> str | None:
        return self.headers["Content-Type"]


@dataclass
class WebNode:
    """A provisioned web node, the operator who provisions it, and what is published there."""

    lab: Lab
    operator: FleetOperator
    published: ControllerState
    wheel: str
    log: str

    def provision(self, *arguments: str, expect: int = 0, **variables: object) -> Run:
        """Run provision.yml on it with these variables and no others."""
        self.operator.variables = dict(variables)
        return self.operator.play("playbooks/provision.yml", "--limit", NODE, *arguments, expect=expect)

    def ask(
        self,
        path: str,
        accept: str | None = None,
        *,
        method: str = "GET",
        port: int = 80,
        tls: ssl.SSLContext | None = None,
        **headers: str,
    ) -> Answer:
        """One request as it is written, without redirects being followed. `headers` have `_` for `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if accept is not None:
            sent["Accept"] = accept

        def request() -> Answer:
            address = self.lab.address(NODE)
            if tls is None:
                connection = http.client.HTTPConnection(address, port, timeout=20)
            else:
                connection = http.client.HTTPSConnection(address, 443, timeout=20, context=tls)
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            answer = Answer(response.status, response.headers, response.read())
            connection.close()
            return answer

        return self.lab.call(request)


@pytest.fixture(scope="module")
def fresh(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebNode]:
    """A host that has just been booted for the first time, and a site to publish."""
    folder = tmp_path_factory.mktemp("webnode")
    lab.up(spec(NODE))
    operator = FleetOperator(folder / "operator", webnodes=[NODE], lab=lab)
    with ControllerState(folder / "published") as published:
        wheel = published.wheel("Demo", "1.0", source="x = 1\n" * 5000)
        for number in range(40):
            published.wheel("demo", f"0.{number}")
        published.attempt("broken", "1.0", log=LOG)
        published.want("broken", "1.0")
        log = published.one("SELECT log FROM attempt WHERE id LIKE 'broken-%'")
        published.publish()
        yield WebNode(lab, operator, published, wheel, f"/logs/{log}")
    operator.close()


@pytest.fixture(scope="module")
def runs(fresh: WebNode) -> dict[str, Run]:
    """The first runs on the fresh host, and the site's files brought there as its user."""
    runs = {"check": fresh.provision("--check", "--diff")}
    assert fresh.lab.ssh(NODE, "ls /etc/nginx /srv/wheelfleet 2>&1", check=False).count("No such file") == 2
    runs["first"] = fresh.provision()
    runs["second"] = fresh.provision()
    copy_to_node(fresh.lab, NODE, {ROOT: fresh.published.site})
    return runs


@pytest.fixture(scope="module")
def web(fresh: WebNode, runs: dict[str, Run]) -> WebNode:
    """The web node over plain http, provisioned with no variable set."""
    return fresh


def test_check_mode_on_a_fresh_host_says_what_would_be_installed(runs: dict[str, Run]):
    assert runs["check"].recap[NODE]["changed"] > 0
    assert runs["check"].lines("NEW packages will be installed")


def test_a_second_run_changes_nothing(runs: dict[str, Run]):
    assert runs["first"].recap[NODE]["changed"] > 0
    assert runs["second"].recap[NODE]["changed"] == 0


def test_the_site_belongs_to_the_user_who_mirrors_it_and_rsync_is_there(web: WebNode):
    said = web.lab.ssh(NODE, f"stat -c '%U %a' {ROOT}; command -v rsync")
    assert said.split() == ["pi", "755", "/usr/bin/rsync"]


@pytest.mark.parametrize("page", ["/simple/", "/simple/demo/"])
@pytest.mark.parametrize(
    ("accept", "given"),
    [
        (PIP, V1_JSON),
        (UV, V1_JSON),
        (BROWSER, HTML),
        (None, HTML),
        ("*/*", HTML),
        ("text/html", HTML),
        (V1_HTML, V1_HTML),
        (V1_JSON, V1_JSON),
        (V1_JSON.upper(), V1_JSON),
        ("application/vnd.pypi.simple.latest+json", V1_JSON),
        ("application/vnd.pypi.simple.latest+html", V1_HTML),
        (f"{V1_JSON};q=0, {V1_HTML}", V1_HTML),
        (f"{V1_JSON}; q=0.0, text/html", HTML),
        (f"{V1_JSON}; q=0.01, */*; q=0", V1_JSON),
        ("application/vnd.pypi.simple.v2+json", HTML),
        ("image/png", HTML),
    ],
)
def test_the_type_of_a_page_is_exactly_one_the_client_accepts(web: WebNode, page: str, accept: str, given: str):
    answer = web.ask(page, accept)
    file = web.published.site / page.lstrip("/") / ("index.json" if given == V1_JSON else "index.html")
    assert (answer.status, answer.type, answer.body) == (200, given, file.read_bytes())


@pytest.mark.parametrize(
    ("question", "given"),
    [
        (f"format={V1_JSON}", V1_JSON),
        ("format=application%2Fvnd.pypi.simple.latest%2Bjson", V1_JSON),
        (f"format={V1_HTML}", V1_HTML),
        ("format=text/html", HTML),
        ("format=nonsense", V1_JSON),
        ("other=1", V1_JSON),
    ],
)
def test_a_format_in_the_address_goes_before_accept(web: WebNode, question: str, given: str):
    assert web.ask(f"/simple/demo/?{question}", PIP).type == given


@pytest.mark.parametrize("accept", [PIP, V1_HTML, BROWSER])
def test_a_page_says_that_it_varies_and_how_long_it_may_be_kept(web: WebNode, accept: str):
    for headers in ({}, {"Accept_Encoding": "gzip"}):
        answer = web.ask("/simple/demo/", accept, **headers)
        assert answer.headers.get_all("Vary") == ["Accept, Accept-Encoding"]
        assert answer.headers["Cache-Control"] == "max-age=60"


@pytest.mark.parametrize("accept", [PIP, V1_HTML, BROWSER])
def test_a_page_is_compressed_for_whoever_understands_it(web: WebNode, accept: str):
    plain = web.ask("/simple/demo/", accept)
    packed = web.ask("/simple/demo/", accept, Accept_Encoding="gzip, deflate")
    assert plain.headers["Content-Encoding"] is None
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    assert packed.type == plain.type


def test_a_page_that_was_compressed_beforehand_is_sent_as_it_is(web: WebNode):
    packed = (web.published.site / "simple/demo/index.json.gz").read_bytes()
    answer = web.ask("/simple/demo/", PIP, Accept_Encoding="gzip")
    assert (answer.body, answer.type, answer.headers["Content-Encoding"]) == (packed, V1_JSON, "gzip")


@pytest.mark.parametrize("path", ["/simple/demo/", "/files/demo/{wheel}", "/report/", "/"])
def test_who_has_the_page_already_is_told_so(web: WebNode, path: str):
    path = path.format(wheel=web.wheel)
    for encoding in ("identity", "gzip"):
        first = web.ask(path, PIP, Accept_Encoding=encoding)
        assert first.headers["ETag"] and first.headers["Last-Modified"]
        by_tag = web.ask(path, PIP, Accept_Encoding=encoding, If_None_Match=first.headers["ETag"])
        by_date = web.ask(path, PIP, Accept_Encoding=encoding, If_Modified_Since=first.headers["Last-Modified"])
        assert [(each.status, each.body) for each in (by_tag, by_date)] == [(304, b"")] * 2
        assert by_tag.headers["Cache-Control"] == first.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("path", "to"),
    [
        ("/simple", "simple/"),
        ("/simple/demo", "demo/"),
        ("/simple/demo?format=text/html", "demo/?format=text/html"),
        ("/report", "report/"),
    ],
)
def test_a_page_without_its_slash_is_redirected_relatively(web: WebNode, path: str, to: str):
    answer = web.ask(path, PIP)
    assert (answer.status, answer.headers["Location"]) == (301, to)


@pytest.mark.parametrize(
    "path",
    [
        "/simple/missing/",
        "/simple/Demo/",
        "/simple/demo/missing",
        "/files/",
        "/files/demo",
        "/files/demo/",
        "/files/demo/demo-9.9-py3-none-any.whl",
        "/logs/",
        "/logs/broken/missing.log.gz",
        "/status.json",
        "/missing",
        "/-html/simple/index.html",
        "/-v1_json/simple/index.json",
    ],
)
def test_what_is_not_there_is_404_and_never_403(web: WebNode, path: str):
    assert web.ask(path, PIP).status == 404


def test_what_may_not_be_read_is_404_too(web: WebNode):
    web.lab.ssh(NODE, f"mkdir -p {ROOT}/simple/secret && echo x > {ROOT}/simple/secret/index.html")
    try:
        assert web.ask("/simple/secret/").status == 200
        web.lab.ssh(NODE, f"chmod 600 {ROOT}/simple/secret/index.html")
        assert web.ask("/simple/secret/").status == 404
    finally:
        web.lab.ssh(NODE, f"rm -r {ROOT}/simple/secret")


def test_dotfiles_are_never_served(web: WebNode):
    web.lab.ssh(
        NODE,
        f"cd {ROOT} && mkdir -p .publishing simple/.publishing"
        " && touch .publishing/1 simple/.publishing/index.html files/demo/.hidden",
    )
    hidden = (".wheelfleet-site.json", ".publishing/1", "%2epublishing/1", "simple/.publishing/", "files/demo/.hidden")
    assert {path: web.ask(f"/{path}").status for path in hidden} == dict.fromkeys(hidden, 404)


def test_only_reading_is_allowed(web: WebNode):
    for method in ("POST", "PUT", "DELETE"):
        assert web.ask("/simple/demo/", method=method, Content_Length="0").status == 405
    assert (web.ask("/simple/demo/", method="HEAD").status, web.ask("/simple/demo/", method="HEAD").body) == (200, b"")


def test_a_wheel_is_sent_as_it_is_for_a_year_and_in_ranges(web: WebNode):
    path = f"/files/demo/{web.wheel}"
    data = (web.published.site / path.lstrip("/")).read_bytes()
    whole = web.ask(path, Accept_Encoding="gzip")
    assert (whole.status, whole.body, whole.type) == (200, data, "application/octet-stream")
    assert whole.headers["Content-Encoding"] is None
    assert whole.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = web.ask(path, Accept_Encoding="gzip", Range="bytes=10-19")
    assert (part.status, part.body) == (206, data[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(data)}"
    tail = web.ask(path, Range="bytes=-22", If_Range=whole.headers["ETag"])
    assert (tail.status, tail.body) == (206, data[-22:])
    assert web.ask(path, Range=f"bytes={len(data)}-").status == 416


def test_metadata_of_a_wheel_is_text(web: WebNode):
    path = f"/files/demo/{web.wheel}.metadata"
    answer = web.ask(path)
    assert (answer.status, answer.type) == (200, "text/plain; charset=utf-8")
    assert answer.body == (web.published.site / path.lstrip("/")).read_bytes()
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("encoding", ["gzip, deflate, br", "identity"])
def test_a_log_is_shown_as_text_with_or_without_gzip(web: WebNode, encoding: str):
    answer = web.ask(web.log, Accept_Encoding=encoding)
    packed = encoding.startswith("gzip")
    assert (answer.status, answer.type) == (200, "text/plain; charset=utf-8")
    assert answer.headers["Content-Encoding"] == ("gzip" if packed else None)
    assert (gzip.decompress(answer.body) if packed else answer.body).decode() == LOG
    assert answer.headers.get_all("Vary") == ["Accept-Encoding"]


def test_the_live_status_is_asked_for_each_time(web: WebNode):
    web.lab.ssh(NODE, f"echo '{{}}' > {ROOT}/status.json")
    answer = web.ask("/status.json")
    assert (answer.status, answer.type, answer.headers["Cache-Control"]) == (200, "application/json", "no-cache")
    web.lab.ssh(NODE, f"rm {ROOT}/status.json")


@pytest.mark.parametrize("path", ["/", "/report/", "/missing", "/simple/", "/files/demo/{wheel}", "{log}"])
def test_nothing_strange_can_run_in_a_browser(web: WebNode, path: str):
    answer = web.ask(path.format(wheel=web.wheel, log=web.log), BROWSER)
    policy = dict(rule.split(" ", 1) for rule in answer.headers["Content-Security-Policy"].split("; "))
    own = "'self'" if path in ("/", "/report/", "/missing") else None
    assert answer.status == (404 if path == "/missing" else 200)
    assert [policy[rule] for rule in ("default-src", "base-uri", "frame-ancestors")] == ["'none'"] * 3
    assert [policy.get(rule) for rule in ("script-src", "style-src", "connect-src", "img-src")] == [own] * 4
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Server"] == "nginx"
    assert answer.headers["Strict-Transport-Security"] is None


def test_people_are_given_a_page_for_what_is_not_there_and_programs_a_word(web: WebNode):
    page = web.published.site / "404.html"
    assert web.ask("/missing", BROWSER).body == page.read_bytes()
    assert web.ask("/simple/missing/", PIP).body == b"Nothing has this address.\n"


def test_every_request_is_a_line_of_json_that_logrotate_takes_care_of(web: WebNode):
    agent = 'pip/25.1 {"installer":{"name":"pip"}}'
    web.ask("/simple/demo/?x=%22", PIP, User_Agent=agent)
    lines = web.lab.ssh(NODE, "sudo cat /var/log/nginx/wheelfleet-access.log").splitlines()
    line = json.loads(lines[-1])
    assert {
        "address": web.lab.gateway,
        "method": "GET",
        "path": "/simple/demo/?x=%22",
        "status": 200,
        "agent": agent,
    }.items() <= line.items()
    assert set(line) == {"time", "address", "host", "method", "path", "status", "bytes", "seconds", "referer", "agent"}
    assert "/var/log/nginx/*.log" in web.lab.ssh(NODE, "cat /etc/logrotate.d/nginx")


def test_a_configuration_nginx_refuses_is_not_installed(web: WebNode):
    before = web.lab.ssh(NODE, f"cat {SITE}")
    refused = web.provision(expect=2, webnode_server_name="one;{two")
    assert refused.lines("nginx: configuration file .* test failed")
    assert web.lab.ssh(NODE, f"cat {SITE}") == before
    web.lab.ssh(NODE, "sudo nginx -t")


def test_a_configuration_that_clashes_is_loaded_once_it_does_not(web: WebNode):
    other = "/etc/nginx/conf.d/other.conf"
    web.lab.ssh(NODE, f"echo 'server {{ listen 8080 default_server; }}' | sudo tee {other} && sudo nginx -s reload")
    try:
        refused = web.provision(expect=2, webnode_port=8080)
        assert refused.lines("duplicate default server")
        assert web.ask("/simple/demo/").status == 200
    finally:
        web.lab.ssh(NODE, f"sudo rm -f {other}")
    web.provision(webnode_port=8080)
    assert web.ask("/simple/demo/", port=8080).status == 200


def test_a_certificate_without_its_key_is_a_mistake_that_is_said(web: WebNode):
    said = web.provision(expect=2, webnode_tls_certificate="/tmp/certificate.pem")
    assert said.lines("webnode_tls_certificate and webnode_tls_key belong together")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory, lab: Lab) -> Path:
    """A folder with the certificate of a test's own authority, ca.pem, and one for the node: node.pem, node.key."""
    folder = tmp_path_factory.mktemp("authority")
    make_authority(folder)
    certify(folder, "node", f"DNS:{NODE},IP:{lab.address(NODE)}")
    return folder


@pytest.fixture(scope="module")
def tls_run(web: WebNode, authority: Path) -> Run:
    """Provision the web node again, now with the certificate and its name."""
    certificate, key = str(authority / "node.pem"), str(authority / "node.key")
    return web.provision("--diff", webnode_tls_certificate=certificate, webnode_tls_key=key, webnode_server_name=NODE)


@pytest.fixture(scope="module")
def trusting(authority: Path, tls_run: Run) -> Callable[..., ssl.SSLContext]:
    """Makes the settings of a client that trusts the test's authority."""

    def context() -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(authority / "ca.pem"))

    return context


def test_https_serves_the_same_and_asks_browsers_to_stay_with_it(web: WebNode, trusting: Callable[..., ssl.SSLContext]):
    answer = web.ask("/simple/demo/", PIP, tls=trusting())
    assert (answer.status, answer.type) == (200, V1_JSON)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert answer.headers["Vary"] == "Accept, Accept-Encoding"


def test_http_is_redirected_to_https(web: WebNode, tls_run: Run):
    answer = web.ask("/simple/demo/?format=text/html", PIP)
    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{web.lab.address(NODE)}/simple/demo/?format=text/html"


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1")
def test_https_speaks_modern_protocols_only(web: WebNode, trusting: Callable[..., ssl.SSLContext]):
    old = trusting()
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        web.ask("/", tls=old)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        modern = trusting()
        modern.minimum_version = modern.maximum_version = version
        assert web.ask("/", tls=modern).status == 200


def test_https_offers_http2(web: WebNode, trusting: Callable[..., ssl.SSLContext]):
    modern = trusting()
    modern.set_alpn_protocols(["h2", "http/1.1"])

    def chosen() -> str | None:
        address = web.lab.address(NODE)
        with socket.create_connection((address, 443), timeout=20) as plain:
            return modern.wrap_socket(plain, server_hostname=address).selected_alpn_protocol()

    assert web.lab.call(chosen) == "h2"


def test_the_key_is_readable_by_root_alone_and_is_never_shown(web: WebNode, authority: Path, tls_run: Run):
    assert web.lab.ssh(NODE, "sudo stat -c '%U %a' /etc/nginx/wheelfleet/key.pem").split() == ["root", "600"]
    assert "PRIVATE KEY" not in tls_run.output


def test_a_renewed_certificate_is_loaded_by_the_next_run(web: WebNode, authority: Path, tls_run: Run):
    before = serial(web)
    certificate = authority / "node.pem"
    renew(authority, "node", "-set_serial", "4711")
    renewed = web.provision(webnode_tls_certificate=str(certificate), webnode_tls_key=str(authority / "node.key"))
    assert renewed.recap[NODE]["changed"] > 0
    assert serial(web) != before
    assert serial(web) == 4711


def serial(web: WebNode) -> int:
    """The serial number of the certificate the node shows."""
    pem = web.lab.call(ssl.get_server_certificate, (web.lab.address(NODE), 443))
    said = subprocess.run(
        ["openssl", "x509", "-noout", "-serial"], input=pem, check=True, capture_output=True, text=True
    )
    return int(said.stdout.strip().partition("=")[2], 16)


def test_a_retired_web_node_serves_nothing_more_and_keeps_no_key(web: WebNode, tls_run: Run, tmp_path: Path):
    playbook = tmp_path / "retire.yml"
    playbook.write_text(
        "- name: Retire web nodes\n  hosts: webnodes\n  gather_facts: false\n  tasks:\n"
        "    - name: Stop serving the site\n"
        "      ansible.builtin.import_role: {name: webnode, tasks_from: retire}\n"
    )
    web.operator.play(str(playbook))
    for port in (80, 443):
        with pytest.raises(ConnectionRefusedError):
            web.ask("/", port=port)
    assert web.lab.ssh(NODE, f"ls -d {ROOT} {SITE} /etc/nginx/wheelfleet 2>/dev/null", check=False) == ""
    assert web.operator.play(str(playbook)).recap[NODE]["changed"] == 0
