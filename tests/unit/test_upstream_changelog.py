"""The changelog is a hint: it is read where it can be, and never more than a sentence where it cannot."""

from __future__ import annotations

import random
import xmlrpc.client
from collections.abc import Iterator
from email.message import Message

import pytest
from wheelfleet.upstream.changelog import Changes, changes_since
from wheelfleet.upstream.client import Upstream as Client

from tests.support.loopback import Answer, LoopbackServer
from tests.support.sdists import pure_sdist
from tests.support.upstream import Upstream


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        server.add_release(pure_sdist("RPi.Fake", "1.0"))
        yield server


@pytest.fixture
def asking(upstream: Upstream) -> Iterator[Client]:
    with Client(upstream.index_url, timeout=0.5) as asking:
        yield asking


def test_it_names_who_changed_since_and_the_highest_serial_of_each(upstream: Upstream, asking: Client) -> None:
    before = upstream.serial
    assert changes_since(asking, upstream.xmlrpc_url, before) == Changes({})
    upstream.add_release(pure_sdist("spam", "1.0"))
    upstream.yank("rpi-fake", "1.0")
    serials = {name: upstream.serial_of(name) for name in ("spam", "rpi-fake")}
    assert changes_since(asking, upstream.xmlrpc_url, before) == Changes(serials)


def test_more_than_it_gives_at_once_is_a_sentence(upstream: Upstream, asking: Client) -> None:
    upstream.changelog_limit = 1
    changes = changes_since(asking, upstream.xmlrpc_url, 0)
    assert changes.serials == {}
    assert "more to tell than it gives at once" in (changes.problem or "")


@pytest.mark.parametrize("kind", ["404", "403", "429", "500", "garbage", "empty", "truncated", "close", "hang"])
def test_every_kind_of_trouble_is_a_sentence(upstream: Upstream, asking: Client, kind: str) -> None:
    upstream.fault("/pypi", kind)  # type: ignore[arg-type]
    changes = changes_since(asking, upstream.xmlrpc_url, 0)
    assert changes.serials == {}
    assert (changes.problem or "").startswith(f"The changelog {upstream.xmlrpc_url} ")
    assert (changes.problem or "").endswith("the run goes on without it.")


def test_a_serial_beyond_xml_rpcs_numbers_is_a_sentence(upstream: Upstream, asking: Client) -> None:
    assert "no such number" in (changes_since(asking, upstream.xmlrpc_url, 2**31).problem or "")


@pytest.mark.parametrize("url", ["", "no url", "file:///etc/passwd", "http://[", "http://a:b/"])
def test_an_address_that_is_none_is_a_sentence(asking: Client, url: str) -> None:
    assert changes_since(asking, url, 0).problem


def test_a_password_in_the_address_is_not_told(upstream: Upstream, asking: Client) -> None:
    upstream.stop()
    problem = changes_since(asking, upstream.xmlrpc_url.replace("://", "://me:secret@"), 0).problem
    assert upstream.xmlrpc_url in (problem or "")
    assert "secret" not in (problem or "")


class Said(LoopbackServer):
    """Says one thing to everybody."""

    body = b""

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        return Answer(200, self.body, {"Content-Type": "text/xml"})


def said(value: object) -> bytes:
    return xmlrpc.client.dumps((value,), methodresponse=True, allow_none=True).encode()  # type: ignore[arg-type]


ROW = ["spam", "1.0", 1700000000, "new release", 5]


@pytest.mark.parametrize(
    "body",
    [
        said(7),
        said(None),
        said("text"),
        said([["spam", 5]]),
        said([7]),
        said(xmlrpc.client.Fault(1, "x").faultCode),
        xmlrpc.client.dumps(xmlrpc.client.Fault(-32601, "no such method")).encode(),
        xmlrpc.client.dumps(xmlrpc.client.Fault(1, "x"))
        .replace("<string>x</string>", "<array><data/></array>")
        .encode(),
        b"<methodResponse/>",
        said(7).replace(b"7", b"9" * 9999),
        b"<methodResponse><fault><value><int>1</int></value></fault></methodResponse>",
        b"<methodResponse><params><param><value>" + b"<array><data><value>" * 50_000,
        b"<html><body>Gone</body></html>",
        b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
        + b"]><methodResponse><params><param><value><string>&j;</string></value></param></params></methodResponse>",
    ],
)
def test_what_is_no_changelog_is_a_sentence(asking: Client, body: bytes) -> None:
    with Said() as server:
        server.body = body
        changes = changes_since(asking, server.url, 0)
    assert changes.serials == {}
    assert changes.problem


def test_rows_that_make_no_sense_are_passed_over(asking: Client) -> None:
    with Said() as server:
        server.body = said(
            [ROW, ["../x", None, 1, "", 6], [7, None, 1, "", 7], ["eggs", None, 1, "", "x"], ["ham", None, 1, "", 0]]
        )
        assert changes_since(asking, server.url, 0) == Changes({"spam": 5})


def test_no_mutation_of_an_answer_does_harm(asking: Client) -> None:
    chance = random.Random(20261125)
    whole = said([ROW, ["RPi.GPIO", None, 1700000001, "create", 6]])
    names = ["value", "array", "data", "struct", "member", "name", "int", "double", "boolean", "base64", "fault"]
    names += ["dateTime.iso8601", "nil", "bigdecimal"]
    pieces = [*(f"<{name}>".encode() for name in names), b"</value>", b"</data>", b"<nil/>", b"\xff", b"&"]
    with Said() as server:
        read = 0
        for _ in range(400):
            body = bytearray(whole)
            for _ in range(chance.randrange(1, 4)):
                at = chance.randrange(len(body))
                tag_end = body.find(b">", at) + 1
                body[at:tag_end] = chance.choice(pieces) if chance.random() < 0.7 else b""
            server.body = bytes(body)
            changes = changes_since(asking, server.url, 0)
            read += changes.problem is None
            assert all(isinstance(serial, int) for serial in changes.serials.values())
        for tag in pieces:
            server.body = whole.replace(b"<string>", tag, 1).replace(b"</string>", tag.replace(b"<", b"</"), 1)
            changes_since(asking, server.url, 0)
    assert read < 400
