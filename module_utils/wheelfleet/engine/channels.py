"""The channels of `controller_notify`: a command, a mail or a webhook, each with the kinds of events that it wants.

Addresses of webhooks, and their headers, may be secrets: no sentence here quotes them.
"""

from __future__ import annotations

import base64
import getpass
import hashlib
import json
import os
import platform
import shlex
import shutil
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .. import __version__
from ..credentials import without_password
from ..nearest import do_you_mean
from ..network import TRANSIENT_STATUS
from .trouble_kinds import KINDS

#: Seconds for one request, one command and one mail.
REQUEST, PROGRAM = 10.0, 20.0
#: Seconds between two tries of a webhook.
PAUSES = (1.0, 4.0)
#: Where sendmail is, if the PATH of a service does not name it.
SENDMAIL = ("/usr/sbin/sendmail", "/usr/lib/sendmail")
WAYS = ("command", "mail", "webhook")
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "command": ("events",),
    "mail": ("events", "from", "sendmail"),
    "webhook": ("events", "headers"),
}


class BadChannel(Exception):
    """An entry of controller_notify makes no sense; the message names it and the cure."""


class NotDelivered(Exception):
    """A message was not delivered; the message is one sentence without secrets."""


@dataclass(frozen=True)
class Message:
    """What is told at once: a title of one line, the text for people, and the same for programs."""

    title: str
    text: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class Channel:
    """One entry of controller_notify."""

    way: str
    #: The program with its arguments, the address of the mail, or the URL.
    to: tuple[str, ...]
    events: frozenset[str]
    #: Of a mail, "" for the default.
    sender: str = ""
    sendmail: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def id(self) -> str:
        """What the catalog calls it. It follows from the whole entry, and no secret can be read from it."""
        text = json.dumps([self.way, self.to, self.sender, self.sendmail, self.headers])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def name(self) -> str:
        """What people call it."""
        if self.way == "webhook":
            return f"the webhook at {urlsplit(self.to[0]).hostname}"
        return f"the mail to {self.to[0]}" if self.way == "mail" else f"the command {Path(self.to[0]).name}"

    def deliver(self, message: Message) -> None:
        """Deliver, within a minute. Raises NotDelivered."""
        {"command": self._run, "mail": self._mail, "webhook": self._post}[self.way](message)

    def _run(self, message: Message) -> None:
        about = {
            "WHEELFLEET_TITLE": message.title,
            "WHEELFLEET_TEXT": message.text,
            "WHEELFLEET_KINDS": ",".join(sorted({str(each["kind"]) for each in message.data["notices"]})),
        }
        self._feed(self.to, json.dumps(message.data).encode() + b"\n", {**os.environ, **about})

    def _mail(self, message: Message) -> None:
        mail = EmailMessage()
        mail["From"] = self.sender or f"wheelfleet <{getpass.getuser()}@{platform.node() or 'localhost'}>"
        mail["To"] = self.to[0]
        mail["Subject"] = message.title
        mail["Date"] = formatdate()
        mail["Message-ID"] = make_msgid(domain=platform.node() or "localhost")
        # So that nobody's absence is answered to us (RFC 3834).
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        self._feed((self.sendmail, "-i", "-t"), mail.as_bytes(), dict(os.environ))

    def _feed(self, words: Sequence[str], stdin: bytes, environ: Mapping[str, str]) -> None:
        """Run a program of the operator's; what it prints is not kept, because it may be a secret."""
        try:
            with subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environ,
                start_new_session=True,
            ) as process:
                try:
                    process.communicate(stdin, timeout=PROGRAM)
                except subprocess.TimeoutExpired:
                    # Only now: the sendmail of some mail servers goes on in a child.
                    with suppress(ProcessLookupError, PermissionError):
                        os.killpg(process.pid, signal.SIGKILL)
                    raise NotDelivered(f"did not end within {PROGRAM:.0f} s") from None
        except OSError as error:
            raise NotDelivered(f"cannot be run ({error.strerror})") from error
        if process.returncode:
            raise NotDelivered(f"ended with status {process.returncode}")

    def _post(self, message: Message) -> None:
        body = json.dumps({**message.data, "title": message.title, "text": message.text}).encode()
        headers = {"Content-Type": "application/json", "User-Agent": f"wheelfleet/{__version__}"}
        parts = urlsplit(self.to[0])
        if parts.username is not None:
            # urllib takes what stands before @ for a part of the host.
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
        headers |= dict(self.headers)
        request = urllib.request.Request(without_password(self.to[0]), body, headers, method="POST")
        opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=ssl.create_default_context()), _NoRedirect()
        )
        for pause in (*PAUSES, None):
            try:
                with opener.open(request, timeout=REQUEST):
                    return
            except urllib.error.HTTPError as error:
                problem, may_pass = f"answered {error.code}", error.code in TRANSIENT_STATUS
                error.close()
            except (OSError, ValueError) as error:
                cause = getattr(error, "reason", error)
                # A text of the library may quote the address.
                problem = f"cannot be reached ({type(cause).__name__})"
                may_pass = not isinstance(cause, (ssl.SSLCertVerificationError, ValueError))
                if isinstance(cause, ssl.SSLCertVerificationError):
                    problem = f"has a certificate that does not hold ({cause.verify_message})"
            if pause is None or not may_pass:
                raise NotDelivered(problem)
            time.sleep(pause)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirected POST would become a GET."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow none."""
        return


def read_channels(entries: object) -> list[Channel]:
    """Read controller_notify. Raises BadChannel."""
    if not isinstance(entries, (list, tuple)):
        raise BadChannel("controller_notify is no list; write a list of entries with command, mail or webhook.")
    return [_channel(number, entry) for number, entry in enumerate(entries, 1)]


def _channel(number: int, entry: object) -> Channel:
    where = f"entry {number} of controller_notify"
    ways = [way for way in WAYS if isinstance(entry, Mapping) and way in entry]
    if not isinstance(entry, Mapping) or len(ways) != 1:
        raise BadChannel(
            f"{where} has {' and '.join(ways) or 'neither command, mail nor webhook'}; each entry has one of them."
        )
    (way,) = ways
    if unknown := {str(key) for key in entry} - {way, *OPTIONS[way]}:
        word = min(unknown)
        raise BadChannel(f"{where} has {word}, which a {way} does not have{do_you_mean(word, (way, *OPTIONS[way]))}")
    events = entry.get("events")
    events = list(KINDS) if events is None else [events] if isinstance(events, str) else list(events)
    for event in events:
        if event not in KINDS:
            raise BadChannel(f"{where} names the event {event}, which there is not{do_you_mean(str(event), KINDS)}")
    wanted = frozenset(events)
    if way == "command":
        return Channel(way, _command(where, entry[way]), wanted)
    if way == "mail":
        address = str(entry[way]).strip()
        if "@" not in address or any(letter.isspace() for letter in address):
            raise BadChannel(f"{where} has mail: {address}, which is no address; write it like pi@example.org.")
        sender = str(entry.get("from") or "")
        for word, value in ((way, address), ("from", sender)):
            _check_address(where, word, value)
        return Channel(way, (address,), wanted, sender=sender, sendmail=_sendmail(where, entry.get("sendmail")))
    url = str(entry[way]).strip()
    if not _is_address(url):
        raise BadChannel(f"{where} has a webhook that is no http or https address; write all of it.")
    headers = entry.get("headers") or {}
    if not isinstance(headers, Mapping):
        raise BadChannel(f"headers in {where} is no dictionary; write them like {{Authorization: Bearer …}}.")
    texts = {str(name): str(value) for name, value in headers.items()}
    if any("\n" in text or "\r" in text for pair in texts.items() for text in pair):
        raise BadChannel(f"headers in {where} has a line break; write each header in one line.")
    return Channel(way, (url,), wanted, headers=tuple(sorted(texts.items())))


def _check_address(where: str, word: str, value: str) -> None:
    try:
        EmailMessage()["From" if word == "from" else "To"] = value
    except Exception as error:
        # The library raises whatever it meets first.
        raise BadChannel(
            f"{where} has {word}: {value!r}, which no mail can have; write it like pi@example.org."
        ) from error


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - raises ValueError if it is no port
    except ValueError:
        return False
    whole = parts.scheme in ("http", "https") and bool(parts.hostname)
    return whole and url.isascii() and url.isprintable() and " " not in url


def _command(where: str, value: object) -> tuple[str, ...]:
    try:
        words = shlex.split(value) if isinstance(value, str) else [str(word) for word in value]  # type: ignore[attr-defined]
    except (TypeError, ValueError):
        words = []
    if not words:
        raise BadChannel(f"{where} has a command that is no list of words; write it like [/usr/local/bin/tell, loud].")
    program = shutil.which(words[0])
    if program is None:
        raise BadChannel(
            f"{where} has the command {words[0]}, which is no program on the controller; correct the path."
        )
    return (str(Path(program).absolute()), *words[1:])


def _sendmail(where: str, given: object) -> str:
    for program in [str(given)] if given else ["sendmail", *SENDMAIL]:
        if found := shutil.which(program):
            return str(Path(found).absolute())
    if given:
        raise BadChannel(f"{where} has sendmail: {given}, which is no program on the controller; correct the path.")
    raise BadChannel(
        f"{where} is a mail, and the controller has no sendmail; install a mail server that brings it "
        "(apt-get install msmtp-mta), or name the program in sendmail."
    )
