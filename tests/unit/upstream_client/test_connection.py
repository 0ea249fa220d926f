"""The way to an upstream is the one pip takes: credentials, redirects, TLS and proxies."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from email.message import Message
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from wheelfleet.upstream.client import Absent, Page, ProjectRequest, UpstreamUnreachable
from wheelfleet.upstream.client import Upstream as Client

from tests.support.asking import Canned, page_of, serving, trouble_of, versions
from tests.support.loopback import Answer as HttpAnswer
from tests.support.loopback import LoopbackServer
from tests.support.upstream import Upstream

# Credentials and redirects


def test_credentials_of_the_index_url_are_sent_and_never_told(upstream: Upstream) -> None:
    upstream.basic_auth = ("me", "s€cret")
    with Client(upstream.index_url.replace("://", "://me:s%E2%82%ACcret@")) as asking:
        assert versions(asking.project(ProjectRequest("spam"))) == ["1.0", "2.0"]
        assert asking.index_url == upstream.index_url
    with Client(upstream.index_url.replace("://", "://me:wrong@")) as asking:
        trouble = trouble_of(asking.project(ProjectRequest("spam")))
    assert "credentials" in trouble.sentence
    assert "wrong" not in trouble.sentence


def test_links_are_relative_to_where_a_redirect_led(upstream: Upstream) -> None:
    html = b'<html><h1>Links for spam</h1><a href="spam-1.0.tar.gz">x</a></html>'
    with Canned(HttpAnswer(200, html, {"Content-Type": "text/html"})) as other, Client(upstream.index_url) as asking:
        upstream.fault("spam", "redirect", location=f"{other.url}/mirror/spam/")
        (file,) = page_of(asking.project(ProjectRequest("spam"))).page.files
        assert file.url == f"{other.url}/mirror/spam/spam-1.0.tar.gz"


def test_credentials_do_not_follow_a_redirect_to_another_host(upstream: Upstream) -> None:
    with Canned(HttpAnswer(404)) as other:
        upstream.basic_auth = ("me", "secret")
        upstream.fault("spam", "redirect", location=f"{other.url}/spam/")
        with Client(upstream.index_url_with_password) as asking:
            assert asking.project(ProjectRequest("spam")) == Absent()
        assert upstream.requests.matching("/simple/spam/")[0].headers["authorization"]
        (asked,) = other.asked
        assert asked["Authorization"] is None


# TLS


@pytest.fixture(scope="module")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A key and a certificate for 127.0.0.1 that no system trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    key_file, certificate_file = folder / "key.pem", folder / "cert.pem"
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return key_file, certificate_file


@pytest.fixture
def tls_index(tls_files: tuple[Path, Path], tmp_path: Path) -> Iterator[str]:
    """An index over TLS with one project, and one that redirects to plain http."""
    (tmp_path / "simple/spam").mkdir(parents=True)
    (tmp_path / "simple/spam/index.html").write_text('<html><a href="spam-1.0.tar.gz">x</a></html>')

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(tmp_path))  # type: ignore[arg-type]

        def do_GET(self) -> None:
            if "downgraded" not in self.path:
                return super().do_GET()
            self.send_response(302)
            self.send_header("Location", f"http://127.0.0.1:{self.server.server_address[1]}/simple/spam/")  # type: ignore[index]
            self.end_headers()
            return None

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that does not trust us says so on its own side."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_files[1], tls_files[0])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server) as port:
        yield f"https://127.0.0.1:{port}/simple/"


def test_tls_goes_by_the_certificate_pip_is_configured_for(tls_index: str, tls_files: tuple[Path, Path]) -> None:
    with Client(tls_index, cert=str(tls_files[1])) as asking:
        assert versions(asking.project(ProjectRequest("spam"))) == ["1.0"]
    with Client(tls_index) as asking:
        trouble = trouble_of(asking.project(ProjectRequest("spam")))
        assert "fails at TLS" in trouble.sentence
        assert not trouble.answered
        with pytest.raises(UpstreamUnreachable, match="certificate verify failed"):
            list(asking.projects([ProjectRequest("spam")]))


@pytest.mark.parametrize("with_port", [False, True])
def test_a_trusted_host_needs_no_valid_certificate(tls_index: str, with_port: bool) -> None:
    port = tls_index.split(":")[2].split("/")[0]
    with Client(tls_index, trusted_hosts=["127.0.0.1" + (f":{port}" if with_port else "")]) as asking:
        assert versions(asking.project(ProjectRequest("spam"))) == ["1.0"]
    with Client(tls_index, trusted_hosts=["127.0.0.1:1", "elsewhere.example"]) as asking:
        assert "fails at TLS" in trouble_of(asking.project(ProjectRequest("spam"))).sentence


def test_a_redirect_from_https_to_http_is_not_followed(tls_index: str, tls_files: tuple[Path, Path]) -> None:
    with Client(tls_index, cert=str(tls_files[1])) as asking:
        assert "not safe" in trouble_of(asking.project(ProjectRequest("downgraded"))).sentence


# Proxies


class Proxy(LoopbackServer):
    """A proxy that knows the answers itself."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, str | None]] = []

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> HttpAnswer:
        self.asked.append((target, headers["Proxy-Authorization"]))
        return HttpAnswer(404)


def test_everything_goes_through_the_configured_proxy() -> None:
    with Proxy() as proxy:
        address = proxy.url.replace("http://", "me:secret@")
        with Client("http://index.invalid/simple/", proxy=address) as asking:
            assert asking.project(ProjectRequest("spam")) == Absent()
        assert proxy.asked == [("http://index.invalid/simple/spam/", "Basic bWU6c2VjcmV0")]
    with Client("http://index.invalid/simple/", proxy=address) as asking:
        trouble = trouble_of(asking.project(ProjectRequest("spam")))
    assert f"through the proxy {proxy.url}" in trouble.sentence
    assert "secret" not in trouble.sentence


def test_the_environments_proxy_counts_as_it_does_for_pip(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    with Proxy() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with Client("http://index.invalid/simple/") as asking:
            assert asking.project(ProjectRequest("spam")) == Absent()
        with Client(upstream.index_url) as asking:
            assert isinstance(asking.project(ProjectRequest("spam")), Page)
        assert [target for target, _ in proxy.asked] == ["http://index.invalid/simple/spam/"]


def test_a_proxy_of_a_kind_that_is_not_supported_is_named() -> None:
    with Client("http://index.invalid/simple/", proxy="socks5://127.0.0.1:1") as asking:
        assert "socks5://127.0.0.1:1 is neither" in trouble_of(asking.project(ProjectRequest("spam"))).sentence
