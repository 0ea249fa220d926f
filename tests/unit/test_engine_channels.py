"""The channels of controller_notify: what they bring, what is refused, and that no secret is told."""

from __future__ import annotations

import json
import ssl
import stat
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import Message as Headers
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.engine import channels
from wheelfleet.engine.channels import BadChannel, Channel, Message, NotDelivered, read_channels
from wheelfleet.engine.notifier import deliver_all
from wheelfleet.engine.trouble_kinds import KINDS

from tests.support.authority import certify, make_authority
from tests.support.loopback import Answer, LoopbackServer

NOTICE = {"kind": "disk-low", "what": "pi1", "sentence": "Käse is low.", "since": 1, "over": False}
MESSAGE = Message("wheelfleet: Käse is low.", "Käse is low.\n", {"schema": 1, "site": "", "notices": [NOTICE]})


class Chat(LoopbackServer):
    """A server that takes webhooks; `answers` come first, then 200."""

    def __init__(self, *answers: Answer) -> None:
        super().__init__()
        self.answers = list(answers)
        self.taken: list[dict[str, Any]] = []

    def answer(self, method: str, target: str, headers: Headers, body: bytes) -> Answer:
        if self.answers:
            return self.answers.pop(0)
        self.taken.append({"path": target, "type": headers["Content-Type"], "data": json.loads(body)})
        return Answer(204)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "PAUSES", (0.0, 0.0))


@pytest.fixture
def chat() -> Iterator[Chat]:
    with Chat() as chat:
        yield chat


def channel(**entry: object) -> Channel:
    (read,) = read_channels([entry])
    return read


def program(path: Path, script: str) -> str:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_a_command_gets_json_and_variables(tmp_path: Path) -> None:
    tell = program(
        tmp_path / "tell", f'cat >{tmp_path}/in; echo "$1|$WHEELFLEET_TITLE|$WHEELFLEET_KINDS" >{tmp_path}/out'
    )
    channel(command=[tell, "two words"]).deliver(MESSAGE)
    assert json.loads((tmp_path / "in").read_text()) == MESSAGE.data
    assert (tmp_path / "out").read_text() == "two words|wheelfleet: Käse is low.|disk-low\n"


def test_a_command_that_fails_or_hangs_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotDelivered, match=r"^ended with status 3$"):
        channel(command=program(tmp_path / "fails", "echo secret >&2; exit 3")).deliver(MESSAGE)
    monkeypatch.setattr(channels, "PROGRAM", 0.2)
    pid = tmp_path / "pid"
    with pytest.raises(NotDelivered, match="did not end within"):
        channel(command=program(tmp_path / "hangs", f"sleep 60 & echo $! >{pid}; wait")).deliver(MESSAGE)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid.read_text().strip()}/status").exists() and time.monotonic() < deadline:
        if "Z (zombie)" in Path(f"/proc/{pid.read_text().strip()}/status").read_text():
            break
        time.sleep(0.02)
    assert time.monotonic() < deadline, "its child outlived it"


def test_a_mail_is_plain_text_by_sendmail(tmp_path: Path) -> None:
    sendmail = program(tmp_path / "sendmail", f'echo "$@" >{tmp_path}/args; cat >{tmp_path}/mail')
    channel(mail="pi@example.org", sendmail=sendmail, **{"from": "fleet@example.org"}).deliver(MESSAGE)
    mail = message_from_bytes((tmp_path / "mail").read_bytes(), policy=policy.default)
    assert (mail["To"], mail["From"], mail["Subject"]) == (
        "pi@example.org",
        "fleet@example.org",
        "wheelfleet: Käse is low.",
    )
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"]
    assert mail["Message-ID"]
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content() == "Käse is low.\n"
    assert (tmp_path / "args").read_text() == "-i -t\n"


def test_a_webhook_gets_json_by_post(chat: Chat) -> None:
    channel(webhook=f"{chat.url}/hook/s3cret", headers={"Authorization": "Bearer t0ken"}).deliver(MESSAGE)
    (taken,) = chat.taken
    assert taken["path"] == "/hook/s3cret"
    assert taken["type"] == "application/json"
    assert taken["data"] == {**MESSAGE.data, "title": MESSAGE.title, "text": MESSAGE.text}
    assert [request.headers["authorization"] for request in chat.requests] == ["Bearer t0ken"]


def test_a_password_in_the_address_is_sent_as_a_header(chat: Chat) -> None:
    channel(webhook=chat.url.replace("http://", "http://us%40er:pass@")).deliver(MESSAGE)
    assert [request.headers["authorization"] for request in chat.requests] == ["Basic dXNAZXI6cGFzcw=="]


def test_a_webhook_is_tried_again_when_that_may_help(chat: Chat) -> None:
    chat.answers = [Answer(503), Answer(0, silent=True)]
    channel(webhook=chat.url).deliver(MESSAGE)
    assert len(chat.taken) == 1
    assert len(chat.requests) == 3


@pytest.mark.parametrize("status", [301, 400, 404])
def test_a_webhook_that_refuses_is_not_asked_again(chat: Chat, status: int) -> None:
    chat.answers = [Answer(status, headers={"Location": f"{chat.url}/elsewhere"})]
    with pytest.raises(NotDelivered, match=f"^answered {status}$"):
        channel(webhook=chat.url).deliver(MESSAGE)
    assert len(chat.requests) == 1


def test_a_webhook_that_hangs_is_left(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channels, "REQUEST", 0.2)
    chat.answers = [Answer(200, silent=True, hangs=True)] * 3
    with pytest.raises(NotDelivered, match="cannot be reached"):
        channel(webhook=chat.url).deliver(MESSAGE)


def test_https_is_checked_with_the_systems_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_authority(tmp_path)
    certify(tmp_path, "chat", "IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "chat.pem", tmp_path / "chat.key")
    with Chat() as chat:
        assert chat._server is not None
        chat._server.socket = context.wrap_socket(chat._server.socket, server_side=True)
        hook = channel(webhook=chat.url.replace("http:", "https:"))
        with pytest.raises(NotDelivered, match="certificate that does not hold"):
            hook.deliver(MESSAGE)
        # What Debian's ca-certificates has is OpenSSL's default, which this variable replaces.
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        hook.deliver(MESSAGE)
        assert len(chat.taken) == 1


def test_no_secret_is_in_a_name_or_a_problem(tmp_path: Path) -> None:
    with Chat() as closed:
        url = f"{closed.url}/s3cret?key=s3cret"
    hooks = [channel(webhook=url, headers={"X-Key": "s3cret"}), channel(webhook="http://user:s3cret@127.0.0.1:9/")]
    for hook, problem in deliver_all(dict.fromkeys(hooks, MESSAGE)).items():
        assert problem is not None
        assert "s3cret" not in problem
        assert "s3cret" not in hook.name + hook.id
        assert hook.name == "the webhook at 127.0.0.1" and problem.startswith("cannot be reached")


def test_one_channel_that_fails_leaves_the_others(chat: Chat, tmp_path: Path) -> None:
    bad = channel(command=program(tmp_path / "fails", "exit 1"))
    good = channel(webhook=chat.url)
    assert deliver_all({bad: MESSAGE, good: MESSAGE}) == {bad: "ended with status 1", good: None}
    assert len(chat.taken) == 1


def test_without_events_all_kinds_are_told() -> None:
    assert channel(command="true").events == set(KINDS)
    assert channel(command="true", events=["disk-low"]).events == {"disk-low"}
    assert channel(command="true", events="disk-low").events == {"disk-low"}


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ("text", "controller_notify is no list"),
        ([{"url": "x"}], "entry 1 of controller_notify has neither command, mail nor webhook"),
        (["pi@example.org"], "entry 1 of controller_notify has neither command, mail nor webhook"),
        ([{"mail": "a@b", "webhook": "http://b"}], "entry 1 of controller_notify has mail and webhook"),
        ([{"command": "true", "event": []}], "has event, which a command does not have; do you mean events?"),
        ([{"command": "true", "events": ["disk-full"]}], "names the event disk-full, which there is not; do you mean"),
        ([{"command": "/nowhere/tell"}], "has the command /nowhere/tell, which is no program on the controller"),
        ([{"command": "true"}, {"command": []}], "entry 2 of controller_notify has a command that is no list of words"),
        ([{"mail": "pi"}], "has mail: pi, which is no address"),
        ([{"mail": "a@b", "sendmail": "/nowhere"}], "has sendmail: /nowhere, which is no program on the controller"),
        ([{"webhook": "chat.example.org/s3cret"}], "has a webhook that is no http or https address"),
        ([{"webhook": "http://b", "headers": ["s3cret"]}], "headers in entry 1 of controller_notify is no dictionary"),
        ([{"webhook": "http://b", "headers": {"a": "s3cret\nb"}}], "has a line break"),
    ],
)
def test_what_makes_no_sense_is_refused_with_one_sentence(entries: object, sentence: str) -> None:
    with pytest.raises(BadChannel) as refused:
        read_channels(entries)
    assert sentence in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_a_controller_without_sendmail_is_told_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(channels, "SENDMAIL", (str(tmp_path / "none"),))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadChannel, match="the controller has no sendmail; install a mail server"):
        channel(mail="pi@example.org")
    program(tmp_path / "sendmail", "cat >/dev/null")
    assert channel(mail="pi@example.org").sendmail == str(tmp_path / "sendmail")
    assert (tmp_path / "sendmail").stat().st_mode & stat.S_IXUSR


@pytest.mark.parametrize(
    "entry",
    [
        {"webhook": "http://chat.example.org:port/"},
        {"webhook": "http://chat.example.org/two words"},
        {"webhook": "http://chat.example.org:99999/"},
        {"mail": "pi@example.org", "from": "fleet <pi@example.org>\nBcc: other@example.org"},
        {"mail": "pi@"},
        {"mail": "pi@["},
    ],
)
def test_an_address_that_nothing_can_reach_is_refused(entry: dict[str, str]) -> None:
    with pytest.raises(BadChannel, match=r"^entry 1 of controller_notify has "):
        channel(**entry, **({"sendmail": "/bin/true"} if "mail" in entry else {}))
