"""An upstream that nobody can ask is told apart from one that answers with errors, and soon."""

from __future__ import annotations

from pathlib import Path

import pytest
from wheelfleet.upstream.client import ProjectRequest, UpstreamUnreachable
from wheelfleet.upstream.client import Upstream as Client

from tests.support.asking import trouble_of
from tests.support.upstream import Upstream


def test_an_absent_upstream_is_one_sentence_without_the_password(upstream: Upstream) -> None:
    upstream.basic_auth = ("me", "secret")
    upstream.stop()
    with Client(upstream.index_url_with_password) as asking:
        answers = asking.projects([ProjectRequest("spam")])
        _, answer = next(answers)
        assert "cannot be reached" in trouble_of(answer).sentence
        with pytest.raises(UpstreamUnreachable) as caught:
            next(answers)
    sentence = str(caught.value)
    assert upstream.index_url in sentence
    assert "Connection refused" in sentence
    assert "pip config list" in sentence
    assert "secret" not in sentence


def test_an_absent_server_is_clear_long_before_100_000_requests(upstream: Upstream) -> None:
    upstream.stop()
    drawn = iter(range(100_000))
    with Client(upstream.index_url, workers=4) as asking, pytest.raises(UpstreamUnreachable):
        list(asking.projects(ProjectRequest(f"project-{number}") for number in drawn))
    assert next(drawn) < 100


def test_an_upstream_that_answers_with_errors_only_is_there(upstream: Upstream, asking: Client) -> None:
    upstream.fault("*", "503")
    ((_, answer),) = asking.projects([ProjectRequest("spam")])
    assert trouble_of(answer).answered


def test_a_host_that_does_not_exist_is_named() -> None:
    with Client("https://index.invalid/simple/", timeout=5) as asking:
        assert "no host index.invalid" in trouble_of(asking.project(ProjectRequest("spam"))).sentence


@pytest.mark.parametrize(
    "url", ["", "index.example/simple", "ftp://index.example/", "https://", "http://[::1", "http://a:b"]
)
def test_an_index_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(UpstreamUnreachable, match="must begin with https://"):
        Client(url)


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(UpstreamUnreachable, match=r"missing\.pem"):
        Client("https://index.example/", cert=str(tmp_path / "missing.pem"))
