"""Credentials of an index. They are sent separately from its URL, until pip on the builder needs them in it."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit, urlunsplit


def with_credentials(url: str, credentials: str, only_for: str | None = None) -> str:
    """`url` with `credentials` (`user:password`, percent-encoded as in a URL; "" for none).

    With `only_for`, they are added only if the URL has that index's origin: as in pip, files elsewhere get none.
    """
    parts = urlsplit(url)
    if not credentials or "@" in parts.netloc or not parts.netloc:
        return url
    if only_for is not None and (parts.scheme, parts.netloc) != urlsplit(only_for)[:2]:
        return url
    return parts._replace(netloc=f"{credentials}@{parts.netloc}").geturl()


def secrets_of(credentials: str) -> set[str]:
    """The secrets not to show, in both spellings: the password, or a user without one, which is a token."""
    user, _, password = credentials.partition(":")
    secret = password or user
    return {secret, unquote(secret)} - {""}


def without_password(url: str) -> str:
    """`url` without its credentials, fit to be shown."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
