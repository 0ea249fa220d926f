"""Who runs the site, in the operator's own words, and where a reader asks or reports a failed build.

The settings are checked before anything is built, because an address that does not work is worse than none. What is
checked here is harmless on a page: an address begins with http, https or mailto, and templates escape the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from ..text import printable

#: The placeholders of `issues`.
PLACEHOLDERS = ("project", "version", "target", "class", "log", "page")
#: Characters of `about` and of the announcement.
LONGEST_TEXT = 500
#: Characters of an address: browsers and trackers take longer ones, but with a report filled in it grows.
LONGEST_ADDRESS = 1000

#: Mail addresses that need no quoting in a link; RFC 5322 allows more.
_MAIL = re.compile(r"[A-Za-z0-9._+~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NO_ADDRESS = re.compile(r"[\s\x00-\x20\x7f\"'<>\\`]")


@dataclass(frozen=True)
class Contact:
    """Who runs the site. All may be empty: then no page speaks of somebody who could be asked."""

    #: Who runs this fleet and for whom, in a sentence or two.
    about: str = ""
    #: A mail address, or an address by http(s).
    address: str = ""
    #: An issue tracker's address by http(s); `PLACEHOLDERS` in braces stand for what a report is about.
    issues: str = ""

    @property
    def is_reachable(self) -> bool:
        """Whether somebody can be asked."""
        return bool(self.address or self.issues)

    @property
    def ask(self) -> str:
        """Where a reader asks something, as a link's address; empty if nobody can be asked."""
        if self.address:
            return f"mailto:{self.address}" if is_mail(self.address) else self.address
        return self.report({})

    def report(self, about: Mapping[str, str | None]) -> str:
        """Where a reader reports a failed build, as a link's address with the report filled in; empty if nowhere.

        `about` has values for `PLACEHOLDERS`. Without a tracker the report is a mail, or starts at the contact.
        """
        if self.issues:
            return _PLACEHOLDER.sub(lambda found: quote(about.get(found[1]) or "", safe=""), self.issues)
        if not is_mail(self.address):
            return self.address
        subject = " ".join(about.get(key) or "" for key in ("project", "version", "class")).strip()
        body = "".join(f"{key}: {about[key]}\n" for key in PLACEHOLDERS if about.get(key))
        return f"mailto:{self.address}?subject={quote(subject, safe='')}&body={quote(body, safe='')}"


def is_mail(text: str) -> bool:
    """Whether the text is a mail address."""
    return _MAIL.fullmatch(text) is not None


def in_one_line(text: str) -> str:
    """An operator's text as pages show it."""
    return printable(" ".join(text.split()))


def problems(settings: Mapping[str, str]) -> list[str]:
    """What is wrong with `about`, `contact`, `issues` and `announcement`: a sentence each, with variable and cure."""
    found = [
        f"site_{name} has {len(settings[name])} characters; say it in at most {LONGEST_TEXT}, and link the rest."
        for name in ("about", "announcement")
        if len(settings[name]) > LONGEST_TEXT
    ]
    contact, issues = settings["contact"], settings["issues"]
    if contact and not is_mail(contact) and not _is_http(contact):
        found.append(
            f"site_contact is {contact!r}, which is neither a mail address nor an address that begins with http:// or "
            "https://; write one of the two, or leave it empty."
        )
    if issues and not _is_http(_PLACEHOLDER.sub("", issues)):
        found.append(
            f"site_issues is {issues!r}, which is no address that begins with http:// or https://; write the tracker's "
            "address there, or leave it empty. A mail address belongs into site_contact."
        )
    unknown = sorted({each for each in _PLACEHOLDER.findall(issues) if each not in PLACEHOLDERS})
    if unknown:
        known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
        found.append(f"site_issues has the placeholder {{{unknown[0]}}}, which stands for nothing; there are {known}.")
    return found


def _is_http(text: str) -> bool:
    if len(text) > LONGEST_ADDRESS or _NO_ADDRESS.search(text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "{" not in text and "}" not in text
    except ValueError:
        return False
