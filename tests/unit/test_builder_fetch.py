"""Getting the sdist: exactly the bytes that upstream states, over a network that fails now and then."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.builder.fetch import fetch
from wheelfleet.contract.assignment import Sdist
from wheelfleet.contract.reasons import Failed
from wheelfleet.credentials import without_password

from tests.support.artifacts import Artifact
from tests.support.sdists import pure_sdist
from tests.support.upstream import Upstream

DEMO = pure_sdist("demo", "1.0")


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        server.add_release(DEMO)
        yield server


def stated(url: str, sdist: Artifact = DEMO, **changes: Any) -> Sdist:
    about = {"filename": sdist.filename, "url": url, "sha256": sdist.sha256, "size": sdist.size, "upload_time": None}
    return {**about, **changes}  # type: ignore[return-value,typeddict-item]


def get(sdist: Sdist, folder: Path, **options: Any) -> tuple[Path, str]:
    return fetch(sdist, folder, **{"largest": 1 << 20, "seconds": 60, "pauses": (0.0, 0.0), **options})


def test_the_file_and_its_hash_are_returned(upstream: Upstream, tmp_path: Path) -> None:
    file, digest = get(stated(upstream.file_url(DEMO)), tmp_path)
    assert (file, file.read_bytes(), digest) == (tmp_path / "demo-1.0.tar.gz", DEMO.data, DEMO.sha256)


def test_what_upstream_does_not_state_is_not_compared(upstream: Upstream, tmp_path: Path) -> None:
    _, digest = get(stated(upstream.file_url(DEMO), sha256=None, size=None), tmp_path)
    assert digest == DEMO.sha256


@pytest.mark.parametrize("kind", ["503", "429", "truncated", "close"])
def test_passing_trouble_is_tried_again(upstream: Upstream, tmp_path: Path, kind: Any) -> None:
    upstream.fault(DEMO.filename, kind, times=2)
    file, _ = get(stated(upstream.file_url(DEMO), size=None), tmp_path)
    assert file.read_bytes() == DEMO.data
    assert upstream.requests.count("/files/") == 3


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("503", "the server answers 503 Service Unavailable"),
        ("truncated", r"the connection broke after \d+ of \d+ bytes"),
        ("close", "the connection broke"),
    ],
)
def test_trouble_that_stays_is_told_in_one_sentence(upstream: Upstream, tmp_path: Path, kind: Any, reason: str) -> None:
    upstream.fault(DEMO.filename, kind)
    with pytest.raises(Failed, match=rf"^The sdist demo-1.0.tar.gz from http://.* could not be downloaded: {reason}"):
        get(stated(upstream.file_url(DEMO)), tmp_path)
    assert upstream.requests.count("/files/") == 3


def test_a_server_that_falls_silent_is_not_waited_for_for_ever(upstream: Upstream, tmp_path: Path) -> None:
    upstream.fault(DEMO.filename, "hang", sent=10)
    with pytest.raises(Failed, match="could not be downloaded: the connection broke"):
        get(stated(upstream.file_url(DEMO)), tmp_path, pauses=(), silence=0.2)


def test_a_host_that_is_not_there_is_tried_again_and_named(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"from http://127.0.0.1:9/demo.tar.gz could not be downloaded: .*refused"):
        get(stated("http://127.0.0.1:9/demo.tar.gz"), tmp_path)


@pytest.mark.parametrize(("status", "reason"), [("404", "sdist-missing"), ("403", "index-unreachable")])
def test_an_answer_that_will_stay_the_same_is_not_asked_for_again(
    upstream: Upstream, tmp_path: Path, status: Any, reason: str
) -> None:
    upstream.fault(DEMO.filename, status)
    with pytest.raises(Failed, match=f"the server answers {status}") as refused:
        get(stated(upstream.file_url(DEMO)), tmp_path)
    assert refused.value.reason == reason
    assert upstream.requests.count("/files/") == 1


def test_other_bytes_than_upstream_states_are_refused(upstream: Upstream, tmp_path: Path) -> None:
    url = upstream.file_url(DEMO)
    with pytest.raises(Failed, match=f"has the SHA-256 {DEMO.sha256}; upstream states 00ff"):
        get(stated(url, sha256="00ff"), tmp_path)
    with pytest.raises(Failed, match=f"has {DEMO.size} bytes; upstream states {DEMO.size + 1}"):
        get(stated(url, size=DEMO.size + 1), tmp_path)


def test_no_more_is_taken_than_was_stated_or_than_the_build_may_have(upstream: Upstream, tmp_path: Path) -> None:
    url = upstream.file_url(DEMO)
    with pytest.raises(Failed, match="is larger than the 100 bytes that upstream states") as other:
        get(stated(url, size=100), tmp_path)
    with pytest.raises(Failed, match="is larger than the 50 bytes that it may have here") as large:
        get(stated(url, size=None), tmp_path, largest=50)
    assert (other.value.reason, large.value.reason) == ("sdist-differs", "sdist-too-large")
    assert (tmp_path / DEMO.filename).stat().st_size <= 100


def test_user_and_password_in_the_url_are_sent_and_shown_to_nobody(upstream: Upstream, tmp_path: Path) -> None:
    upstream.basic_auth, upstream.files_elsewhere = ("pi@home", "söcret/:"), False
    quoted = upstream.file_url(DEMO).replace("://", "://pi%40home:s%C3%B6cret%2F%3A@")
    file, _ = get(stated(quoted), tmp_path)
    assert file.read_bytes() == DEMO.data
    with pytest.raises(Failed) as refused:
        get(stated(upstream.file_url(DEMO).replace("://", "://pi:wrong@")), tmp_path)
    assert "answers 401" in str(refused.value)
    assert "wrong" not in str(refused.value)


def test_a_redirect_is_followed_and_does_not_carry_the_password_elsewhere(upstream: Upstream, tmp_path: Path) -> None:
    with Upstream() as entrance:
        entrance.basic_auth = ("pi", "secret")
        entrance.fault("*", "redirect", location=upstream.file_url(DEMO))
        url = entrance.file_url(DEMO).replace("://", "://pi:secret@")
        file, _ = get(stated(url), tmp_path)
        assert file.read_bytes() == DEMO.data
        assert [request.headers.get("authorization") for request in entrance.requests] == ["Basic cGk6c2VjcmV0"]
    assert [request.headers.get("authorization") for request in upstream.requests] == [None]


def test_a_proxy_of_the_environment_is_used(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", upstream.url)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(Failed, match=r"from http://pypi.invalid/demo.tar.gz could not be .* 404"):
        get(stated("http://pypi.invalid/demo.tar.gz"), tmp_path)
    assert [request.path for request in upstream.requests] == ["http://pypi.invalid/demo.tar.gz"]


def test_a_file_of_this_machine_can_be_the_source(tmp_path: Path) -> None:
    origin = tmp_path / "with space" / DEMO.filename
    origin.parent.mkdir()
    origin.write_bytes(DEMO.data)
    file, digest = get(stated(origin.as_uri()), tmp_path)
    assert (file.read_bytes(), digest) == (DEMO.data, DEMO.sha256)
    with pytest.raises(Failed, match=r"not-there.tar.gz cannot be read"):
        get(stated((tmp_path / "not-there.tar.gz").as_uri()), tmp_path)


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/demo.tar.gz", "data:,demo", "demo.tar.gz"])
def test_other_kinds_of_urls_are_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(Failed, match="is neither http, https nor file"):
        get(stated(url), tmp_path)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
def test_an_own_certificate_authority_is_trusted_when_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / DEMO.filename).write_bytes(DEMO.data)
    with tls_server(tmp_path / "site", tmp_path) as (server, cert):
        url = f"https://127.0.0.1:{server.server_address[1]}/{DEMO.filename}"
        file, _ = get(stated(url), tmp_path, cert=str(cert))
        assert file.read_bytes() == DEMO.data
        with pytest.raises(Failed, match="certificate verify failed"):
            get(stated(url), tmp_path, pauses=())
    with pytest.raises(Failed, match=r"The CA certificates in .*/missing.pem cannot be read: No such file"):
        get(stated(url), tmp_path, cert=str(tmp_path / "missing.pem"))


def test_the_shown_url_has_no_password() -> None:
    assert without_password("https://me:secret@example.org:8443/a?b#c") == "https://example.org:8443/a?b#c"
    assert without_password("file:///srv/sdists/a.tar.gz") == "file:///srv/sdists/a.tar.gz"


@contextmanager
def tls_server(site: Path, folder: Path) -> Iterator[tuple[HTTPServer, Path]]:
    """An https server of the folder `site`, and the file with its own certificate."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)]
    subprocess.run([*request, *names], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server = HTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(site)))
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server, cert
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""
