"""Credentials are put into URLs only where a program needs them, and only for the index they belong to."""

from __future__ import annotations

import pytest
from wheelfleet.credentials import secrets_of, with_credentials

INDEX = "https://index.example.org/simple/"


@pytest.mark.parametrize(
    ("url", "credentials", "only_for", "expected"),
    [
        (INDEX, "", None, INDEX),
        (INDEX, "me:pass%40word", None, "https://me:pass%40word@index.example.org/simple/"),
        ("https://other:x@index.example.org/", "me:word", None, "https://other:x@index.example.org/"),
        ("file:///mirror/simple", "me:word", None, "file:///mirror/simple"),
        ("https://index.example.org/f/a.tar.gz", "me:word", INDEX, "https://me:word@index.example.org/f/a.tar.gz"),
        ("https://files.example.org/a.tar.gz", "me:word", INDEX, "https://files.example.org/a.tar.gz"),
        ("http://index.example.org/a.tar.gz", "me:word", INDEX, "http://index.example.org/a.tar.gz"),
        ("https://index.example.org:444/a.tar.gz", "me:word", INDEX, "https://index.example.org:444/a.tar.gz"),
    ],
)
def test_only_the_indexs_own_origin_gets_its_credentials(
    url: str, credentials: str, only_for: str | None, expected: str
):
    assert with_credentials(url, credentials, only_for) == expected


def test_a_secret_is_hidden_in_every_spelling_and_a_lone_token_is_one():
    assert secrets_of("me:pass%40word") == {"pass%40word", "pass@word"}
    assert secrets_of("token") == {"token"}
    assert secrets_of("") == set()
