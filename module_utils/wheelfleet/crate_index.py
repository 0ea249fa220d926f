"""A sparse index of crates: its URL, its config.json, and cargo's configuration for it."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Mapping
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPSHandler, Request, build_opener

from . import USER_AGENT
from .credentials import without_password
from .network import TRANSIENT_STATUS, authorities

_LARGEST_CONFIG = 1 << 16
_PAUSES = (0.5, 2.0)
_PATIENCE = 30.0


class NoIndex(Exception):
    """The index cannot be used; the message is one sentence."""


class OutOfReach(Exception):
    """The index is unreachable at present; the message is one sentence."""


def checked_index(url: str) -> str:
    """`url` as the URL of a sparse index, without cargo's prefix and with a final slash. Raises NoIndex."""
    url = f"{url[len('sparse+') :] if url.startswith('sparse+') else url}".rstrip("/") + "/"
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise NoIndex(f"{without_password(url)} is no address of a sparse crate index; see builder_crates_index.")
    if "@" in parts.netloc:
        raise NoIndex(
            f"The crate index {without_password(url)} has a password, which every build could read; "
            "see builder_crates_index."
        )
    return url


def replacing(index: str) -> str:
    """A configuration by which cargo uses this sparse index in place of its default."""
    return (
        '[source.crates-io]\nreplace-with = "wheelfleet"\n\n'
        f"[source.wheelfleet]\nregistry = {json.dumps(f'sparse+{index}')}\n"
    )


def downloads_of(config: bytes) -> str:
    """The URL of the server for downloads in an index's config.json. Raises ValueError."""
    data = json.loads(config)
    url = data.get("dl") if isinstance(data, dict) else None
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    # Only the server counts; the path may contain markers.
    if parts.scheme not in ("http", "https") or not parts.hostname or "{" in parts.netloc or "@" in parts.netloc:
        raise ValueError("it names no server for downloads")
    _ = parts.port
    return f"{parts.scheme}://{parts.netloc}/"


def read_index_config(url: str, ways: Mapping[str, str]) -> str:
    """Read the server for downloads from the index `url` (see `checked_index`); returns its URL with a final slash.

    `ways` are the environment variables for the network (see `network`). Raises NoIndex, OutOfReach.
    """
    for pause in (*_PAUSES, None):
        try:
            return downloads_of(_read(f"{url}config.json", authorities(ways)))
        except OutOfReach as trouble:
            if pause is None:
                raise OutOfReach(f"The crate index {url} could not be reached: {_plain(trouble)}.") from trouble
            time.sleep(pause)
        except ValueError as error:
            why = _plain(error)
            raise NoIndex(f"{url}config.json is no crate index's ({why}); see builder_crates_index.") from error
    raise AssertionError


def _read(url: str, bundle: str | None) -> bytes:
    try:
        opener = build_opener(HTTPSHandler(context=ssl.create_default_context(cafile=bundle)))
        with opener.open(Request(url, headers={"User-Agent": USER_AGENT}), timeout=_PATIENCE) as answer:
            data: bytes = answer.read(_LARGEST_CONFIG)
    except HTTPError as error:
        error.close()
        if error.code in TRANSIENT_STATUS:
            raise OutOfReach(f"the server answers {error.code} {error.reason}") from error
        raise ValueError(f"the server answers {error.code} {error.reason}") from error
    except URLError as error:
        raise OutOfReach(str(error.reason)) from error
    except (OSError, http.client.HTTPException) as error:
        raise OutOfReach(f"the connection broke ({error})") from error
    return data


def _plain(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")
