"""Credentials of an index. They travel beside its URL, until pip on the builder needs them in the URL."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit, urlunsplit


def with_credentials(url: str, credentials: str, only_for: str | None = None) -> str:
    """`url` with `credentials` (`user:password` as in a URL, percent-encoded; empty for none).

    With `only_for`, only if the URL is of that index's own origin: as pip does it, files elsewhere get none.
    """
    parts = urlsplit(url)
    if not credentials or "@" in parts.netloc or not parts.netloc:
        return url
    if only_for is not None and (parts.scheme, parts.netloc) != urlsplit(only_for)[:2]:
        return url
    return parts._replace(netloc=f"{credentials}@{parts.netloc}").geturl()


def secrets_of(credentials: str) -> set[str]:
    """The secrets not to show, in both spellings: the password, or the user where it is a token that stands alone."""
    user, _, password = credentials.partition(":")
    secret = password or user
    return {secret, unquote(secret)} - {""}


def without_password(url: str) -> str:
    """`url` as it may be shown to everybody."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
