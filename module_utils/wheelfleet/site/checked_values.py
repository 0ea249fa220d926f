"""The check of the operator's texts and addresses, before anything is built.

An address that does not work is worse than none, and what passes here is harmless on a page.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from .contact import PLACEHOLDER, PLACEHOLDERS, is_mail

#: Characters of a text.
LONGEST_TEXT = 500
#: Characters of an address: browsers and trackers take longer ones, but with a report filled in it grows.
LONGEST_ADDRESS = 1000

_NO_ADDRESS = re.compile(r"[\s\x00-\x20\x7f\"'<>\\`]")
#: A folder by http(s): no query and no fragment, because file names follow, and nothing that HTML or JSON would escape.
_FOLDER = re.compile(r"https?://(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?(?:/[A-Za-z0-9._~-]+)*/?")


def problems(settings: Mapping[str, str]) -> list[str]:
    """What is wrong with `about`, `contact`, `issues`, `announcement`, `files_url`: a sentence each, with its cure."""
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
    if issues and not _is_http(PLACEHOLDER.sub("", issues)):
        found.append(
            f"site_issues is {issues!r}, which is no address that begins with http:// or https://; write the tracker's "
            "address there, or leave it empty. A mail address belongs into site_contact."
        )
    unknown = sorted({each for each in PLACEHOLDER.findall(issues) if each not in PLACEHOLDERS})
    if unknown:
        known = ", ".join(f"{{{each}}}" for each in PLACEHOLDERS)
        found.append(f"site_issues has the placeholder {{{unknown[0]}}}, which stands for nothing; there are {known}.")
    files_url = settings["files_url"]
    if files_url and not _FOLDER.fullmatch(files_url):
        found.append(
            f"site_files_url is {files_url!r}, which is no address of a folder by http or https; write it such as "
            "https://files.example.org/wheels, without a query, or leave it empty."
        )
    return found


def _is_http(text: str) -> bool:
    if len(text) > LONGEST_ADDRESS or _NO_ADDRESS.search(text):
        return False
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and "{" not in text and "}" not in text
    except ValueError:
        return False
