"""Who runs the site, in the operator's own words, and where a reader asks or reports a failed build.

The settings were checked (checked_values.py): an address begins with http, https or mailto, and templates escape the
rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from ..text import printable

#: The placeholders of `issues`.
PLACEHOLDERS = ("project", "version", "target", "class", "log", "page")

#: Mail addresses that need no quoting in a link; RFC 5322 allows more.
_MAIL = re.compile(r"[A-Za-z0-9._+~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
#: Anything in braces, of `PLACEHOLDERS` or not.
PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


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
            return PLACEHOLDER.sub(lambda found: quote(about.get(found[1]) or "", safe=""), self.issues)
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
