"""The way to upstream through the fleet's cache: which addresses it has there, and when a builder does without it."""

from __future__ import annotations

import json
from email.message import Message

import pytest
from wheelfleet.builder.cache import Cache, NoCache, probe_cache, through_cache

from tests.support.asking import Canned
from tests.support.loopback import Answer, LoopbackServer

INDEX = "https://index.example.org/root/simple"
CACHE = Cache(
    "http://web1:8686", ("https://index.example.org", "https://files.example.org:8443", "http://[fe80::1]:8080")
)
READY = {"index": f"{INDEX}/", "origins": ["https://index.example.org"]}


@pytest.mark.parametrize(
    ("url", "there"),
    [
        (INDEX, "http://web1:8686/root/simple"),
        ("https://user:word@INDEX.example.org/f/a.tar.gz", "http://web1:8686/f/a.tar.gz"),
        (
            "https://files.example.org:8443/a%2Bb-1.0.tar.gz?x=1",
            "http://web1:8686/-/https/files.example.org~8443/a%2Bb-1.0.tar.gz?x=1",
        ),
        ("http://[fe80::1]:8080/a.zip", "http://web1:8686/-/http/fe80~~1~8080/a.zip"),
        ("https://files.example.org/a.zip", None),
        ("http://index.example.org/a.zip", None),
        ("https://index.example.org.evil.example/a.zip", None),
        ("file:///home/a.zip", None),
    ],
)
def test_an_address_is_led_through_it_only_where_it_fetches_from(url: str, there: str | None):
    assert CACHE.through(url) == there


def test_an_assignment_names_the_cache_for_upstream_and_no_password():
    order = {
        "attempt": "a",
        "sdist": {"url": "https://index.example.org/a.zip", "size": 1},
        "pip_options": {"cert": "/ca.pem", "proxy": "http://proxy", "trusted_host": ["own"], "retries": 1},
        "crates_index": "sparse+https://files.example.org:8443/crates/",
    }
    assert through_cache(CACHE, order, INDEX) == {
        "attempt": "a",
        "index_url": "http://web1:8686/root/simple",
        "sdist": {"url": "http://web1:8686/a.zip", "size": 1},
        "pip_options": {"trusted_host": ["own", "web1:8686"], "retries": 1},
        "crates_index": "http://web1:8686/-/https/files.example.org~8443/crates/",
    }


def test_pip_is_told_to_trust_it_only_over_plain_http():
    secure = Cache("https://web1:8686", CACHE.origins)
    assert secure.pip_options({"cert": "/ca.pem"}) == {}
    assert CACHE.pip_options({"trusted_host": "own"}) == {"trusted_host": ["own", "web1:8686"]}


def test_an_sdist_elsewhere_keeps_its_address_and_its_host_is_named():
    url = "https://elsewhere.example.org/a.zip"
    for index in ("https://elsewhere.example.org/crates/", "auto", None):
        led = through_cache(CACHE, {"sdist": {"url": url}, "pip_options": {}, "crates_index": index}, INDEX)
        assert (led["sdist"], led["crates_index"]) == ({"url": url}, index)
    assert CACHE.not_fetched_by_cache([url, url, "http://web1:8686/b.zip", "file:///c.zip"]) == [
        "elsewhere.example.org"
    ]


def test_a_cache_of_this_upstream_that_answers_is_used():
    with Canned(Answer(200, json.dumps(READY).encode())) as server:
        assert probe_cache(f"{server.url}/", INDEX) == Cache(server.url, ("https://index.example.org",))


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(403), "does not let it in"),
        (Answer(502), "answers 502"),
        (Answer(200, b"<html>"), "no cache of wheelfleet's"),
        (Answer(200, b"[]"), "no cache of wheelfleet's"),
        (Answer(200, json.dumps({**READY, "index": "https://other.example.org/simple/"}).encode()), "another upstream"),
        (Answer(200, json.dumps(READY).encode() + b" " * 100_000, sent=3), "does not answer|no cache"),
        (Answer(0, silent=True), "does not answer"),
        (Answer(0, silent=True, hangs=True), "does not answer"),
    ],
)
def test_one_that_cannot_be_used_is_a_sentence(answer: Answer, sentence: str):
    with Canned(answer) as server, pytest.raises(NoCache, match=sentence):
        probe_cache(server.url, INDEX, timeout=0.3)


def test_one_that_is_not_there_is_a_sentence():
    with LoopbackServer() as server:
        url = server.url
    with pytest.raises(NoCache, match="does not answer"):
        probe_cache(url, INDEX)


def test_a_long_answer_is_not_read_to_its_end():
    class Endless(LoopbackServer):
        def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
            return Answer(200, b'{"index": "' + b"x" * (1 << 22))

    with Endless() as server, pytest.raises(NoCache, match="no cache of wheelfleet's"):
        probe_cache(server.url, INDEX)
