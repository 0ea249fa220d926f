"""Downloads the sdist of an assignment and verifies it."""

from __future__ import annotations

import base64
import hashlib
import http.client
import socket
import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urlsplit
from urllib.request import HTTPSHandler, OpenerDirector, Request, build_opener

from .. import USER_AGENT
from ..contract.assignment import Sdist
from ..contract.reasons import Failed
from ..credentials import without_password
from ..network import TRANSIENT_STATUS

#: HTTP statuses of a missing file.
_GONE = {404, 410}
_CHUNK = 1 << 18


class _TooLarge(Exception):
    """The file is larger than allowed."""


class _Passing(Exception):
    """A transient error."""


def fetch(
    sdist: Sdist,
    folder: Path,
    *,
    largest: int,
    seconds: float,
    cert: str | None = None,
    pauses: Sequence[float] = (1.0, 3.0, 9.0),
    silence: float = 60.0,
) -> tuple[Path, str]:
    """Download `sdist` into `folder`; returns the file and its SHA-256 in hexadecimal.

    Size and hash must be the stated ones; without a stated size, at most `largest` bytes are accepted. A user and
    password in the URL are sent as Basic authentication, to that host only. `cert` is a file of CA certificates. After
    a transient error, or `silence` seconds without data, it tries again after each of `pauses`, within `seconds`.
    Raises Failed.
    """
    deadline = time.monotonic() + seconds
    opener = _opener(cert)
    request = _request(sdist["url"])
    target = folder / sdist["filename"]
    stated = sdist["size"]
    for pause in (*pauses, None):
        try:
            digest = _download(opener, request, target, largest if stated is None else stated, deadline, silence)
            break
        except _Passing as trouble:
            if pause is None or time.monotonic() + pause > deadline:
                raise Failed(f"{_shown(sdist)} could not be downloaded: {trouble}.", "index-unreachable") from trouble
            time.sleep(pause)
        except _TooLarge as error:
            larger = f"{_shown(sdist)} is larger than the {error} bytes that"
            if stated is None:
                raise Failed(f"{larger} it may have here.", "sdist-too-large") from error
            raise Failed(f"{larger} upstream states.", "sdist-differs") from error
        except Failed as error:
            raise Failed(f"{_shown(sdist)} {error}.", error.reason) from error
    if stated not in (None, target.stat().st_size):
        raise Failed(f"{_shown(sdist)} has {target.stat().st_size} bytes; upstream states {stated}.", "sdist-differs")
    if sdist["sha256"] not in (None, digest):
        said = f"{_shown(sdist)} has the SHA-256 {digest}; upstream states {sdist['sha256']}."
        raise Failed(said, "sdist-differs")
    return target, digest


def _shown(sdist: Sdist) -> str:
    return f"The sdist {sdist['filename']} from {without_password(sdist['url'])}"


def _opener(cert: str | None) -> OpenerDirector:
    if cert is None:
        return build_opener()
    try:
        return build_opener(HTTPSHandler(context=ssl.create_default_context(cafile=cert)))
    except OSError as error:
        why = f"The CA certificates in {cert} cannot be read: {error.strerror}."
        raise Failed(why, "index-unreachable") from error


def _request(url: str) -> Request:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "file"):
        why = f"The sdist's URL {without_password(url)} is neither http, https nor file."
        raise Failed(why, "sdist-missing")
    request = Request(without_password(url), headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"})
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}".encode()
        # An ordinary header would follow a redirect to another host.
        request.add_unredirected_header("Authorization", f"Basic {base64.b64encode(secret).decode()}")
    return request


def _download(
    opener: OpenerDirector, request: Request, target: Path, largest: int, deadline: float, silence: float
) -> str:
    digest = hashlib.sha256()
    size = 0
    try:
        with opener.open(request, timeout=silence) as answer, target.open("wb") as file:
            while data := answer.read(_CHUNK):
                size += len(data)
                if size > largest:
                    raise _TooLarge(largest)
                if time.monotonic() > deadline:
                    raise Failed("did not arrive within the time that the build may take", "index-unreachable")
                digest.update(data)
                file.write(data)
            _check_whole(answer, size)
    except HTTPError as error:
        error.close()
        if error.code in TRANSIENT_STATUS:
            raise _Passing(f"the server answers {error.code} {error.reason}") from error
        why = f"could not be downloaded: the server answers {error.code} {error.reason}"
        raise Failed(why, "sdist-missing" if error.code in _GONE else "index-unreachable") from error
    except URLError as error:
        if request.type == "file":
            gone = isinstance(error.reason, FileNotFoundError)
            why = f"cannot be read ({error.reason})"
            raise Failed(why, "sdist-missing" if gone else "index-unreachable") from error
        raise _Passing(f"{error.reason}") from error
    except http.client.HTTPException as error:
        raise _Passing(f"the connection broke ({error!r})") from error
    except (ConnectionError, socket.timeout, ssl.SSLError) as error:
        raise _Passing(f"the connection broke ({error})") from error
    return digest.hexdigest()


def _check_whole(answer: Any, size: int) -> None:
    stated = answer.headers.get("Content-Length")
    if stated is not None and stated.isdigit() and int(stated) != size:
        raise _Passing(f"the connection broke after {size} of {stated} bytes")
