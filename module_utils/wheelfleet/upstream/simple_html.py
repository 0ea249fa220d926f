"""Parses the HTML form of an index (PEP 503 and its successors) into a head and a list of links."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote

#: Titles and headings of the common index servers, and of web servers' folder listings.
_INDEX_TITLE = re.compile(r"links for|simple index|index of|directory listing for", re.IGNORECASE)

_LONGEST_TEXT = 512


class BadHtml(ValueError):
    """The text is no complete HTML page; the message completes "the page"."""


@dataclass
class Anchor:
    """One link: its attributes, with names in lower case, and its text. An attribute without a value has ""."""

    attributes: dict[str, str]
    text: str = ""

    @property
    def last_segment(self) -> str:
        """The link's decoded last path segment: a file's name. Empty for a link to a parent or to the page itself."""
        path = re.split("[?#]", self.attributes.get("href", ""), maxsplit=1)[0]
        segment = unquote(path.rstrip("/").rpartition("/")[2])
        return "" if segment in (".", "..") else segment

    @property
    def folder(self) -> str:
        """The same for a link to a folder, or to the index page in it: a project's name."""
        path = re.split("[?#]", self.attributes.get("href", ""), maxsplit=1)[0]
        segment = unquote(re.sub(r"/(index\.\w+)?$", "", path).rpartition("/")[2])
        return "" if segment in (".", "..") else segment

    @property
    def leads_below(self) -> bool:
        """Whether the link leads to a folder below the page, as in a web server's folder listing."""
        return re.fullmatch(r"(\./)?[^/?#:]+/(index\.\w+)?", self.attributes.get("href", "")) is not None


@dataclass
class HtmlHead:
    """A page's content without its links."""

    metas: dict[str, str] = field(default_factory=dict)
    base: str | None = None
    serial: str | None = None
    titled_as_index: bool = False

    @property
    def looks_like_an_index(self) -> bool:
        """Whether title or version mark an index: a login page must not count as a page without files."""
        return self.titled_as_index or self.is_an_index

    @property
    def is_an_index(self) -> bool:
        """Whether the page states the repository version, which only an index has (PEP 629)."""
        return "pypi:repository-version" in self.metas


def read_html(text: str, take: Callable[[Anchor], None]) -> HtmlHead:
    """Parse a page and pass each link to `take` as it ends, because a list of all projects has 740,000 of them.

    Raises BadHtml for text that ends within a tag or a link.
    """
    reader = _Reader(take)
    try:
        reader.feed(text)
    except AssertionError as error:  # html.parser's way to reject some malformed declarations
        raise BadHtml(f"is not HTML ({error})") from None
    # Never HTMLParser.close(): it parses an unfinished tag again from each "<" in it, which takes hours for a few
    # hostile megabytes. The rest after feed() is the unfinished end, and an incomplete page is no page.
    if "<" in reader.rawdata or reader.open_anchor is not None:
        raise BadHtml("breaks off in the middle of a tag or a link")
    return reader.head


class _Reader(HTMLParser):
    def __init__(self, take: Callable[[Anchor], None]) -> None:
        super().__init__(convert_charrefs=True)
        self.take = take
        self.head = HtmlHead()
        self.open_anchor: Anchor | None = None
        self._in_title = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.handle_endtag("a")  # HTML has no link within a link
            self.open_anchor = Anchor({name: value or "" for name, value in reversed(attrs)})
        elif tag == "meta":
            attributes = dict(attrs)
            self.head.metas.setdefault(attributes.get("name") or "", attributes.get("content") or "")
        elif tag == "base" and self.head.base is None:
            self.head.base = dict(attrs).get("href")
        elif tag in ("title", "h1"):
            self._in_title = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self.open_anchor is not None:
            self.take(self.open_anchor)
            self.open_anchor = None
        elif tag in ("title", "h1"):
            self._in_title = False

    def handle_data(self, data: str) -> None:
        if self.open_anchor is not None:
            # Names are short. Without the limit, hostile text in many pieces would be copied for each piece.
            self.open_anchor.text = (self.open_anchor.text + data)[:_LONGEST_TEXT]
        elif self._in_title and _INDEX_TITLE.search(data):
            self.head.titled_as_index = True

    def handle_comment(self, data: str) -> None:
        # PyPI ends its HTML pages with this comment; static mirrors keep it, though they send no header with the
        # serial.
        if data.startswith("SERIAL "):
            self.head.serial = data.removeprefix("SERIAL ").strip()
