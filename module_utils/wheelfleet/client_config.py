"""Edits pip's and uv's configuration files on a client so that each change can be undone byte by byte.

Additions stand in marked blocks of whole lines; replaced lines stay in place, commented out. Undoing is then the same
for both files and needs no stored state. A library for INI or TOML would lose comments and order, and Python 3.9 has
none for TOML.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

BEGIN = "# BEGIN wheelfleet (playbooks/client.yml)"
END = "# END wheelfleet"
ASIDE = "# wheelfleet put aside: "

#: uv's name of the index, which a project's `[tool.uv.sources]` may use.
UV_INDEX_NAME = "wheelfleet"


class ClientConfigError(Exception):
    """A file cannot be changed; the message is a clause to follow the file's name, with the reason and the cure."""


@dataclass(frozen=True)
class Index:
    """The fleet's index: its URL, and whether it is the `only` one."""

    url: str
    only: bool = False

    @property
    def untrusted_host(self) -> str | None:
        """The host that pip needs as trusted-host, because the URL is plain http; None if it needs none."""
        parts = urlsplit(self.url)
        loopback = parts.hostname in ("localhost", "::1") or (parts.hostname or "").startswith("127.")
        return parts.netloc.rpartition("@")[2] if parts.scheme == "http" and not loopback else None


def restored(text: str) -> str:
    """The text without this module's changes."""
    kept = []
    ours = False
    for line in text.split("\n"):
        if line in (BEGIN, END):
            ours = line == BEGIN
        elif not ours:
            kept.append(line.removeprefix(ASIDE))
    return "\n".join(kept)


def pip_configured(text: str, index: Index) -> str:
    """pip.conf with the index, in [global] and in each section with indexes of its own. Raises ClientConfigError."""
    _check_pip(text)
    edit = _Edit(text)
    options = list(_pip_options(edit.lines))
    single = {"index-url": index.url} if index.only else {}
    several = {} if index.only else {"extra-index-url": index.url}
    if index.untrusted_host:
        several["trusted-host"] = index.untrusted_host
    missing = {**single, **several}
    for option in options:
        if index.only and option.name in ("index-url", "extra-index-url"):
            edit.put_aside(option.first, option.last)
        elif option.name in several:
            value = several[option.name]
            if not _names(option.value, value):
                edit.insert(option.last + 1, [f"{' ' * option.indent}    {value}"])
            if option.section == "global":
                missing.pop(option.name)
    if missing:
        indent = next((" " * option.indent for option in options if option.section == "global"), "")
        new = [f"{indent}{name} = {value}" for name, value in missing.items()]
        header = next((at for at, line in enumerate(edit.lines) if line.startswith("[global]")), None)
        if header is None:
            edit.append(["[global]", *new])
        else:
            edit.insert(header + 1, new)
    return edit.result(_check_pip)


def uv_configured(text: str, index: Index) -> str:
    """uv.toml with the index. Raises ClientConfigError.

    Beside other indexes the best version of all is chosen: by default uv uses the first index that knows a name, so the
    fleet's would hide newer versions of upstream.
    """
    _check_toml(text)
    edit = _Edit(text)
    tables = [(at, match[1]) for at, line in enumerate(edit.lines) if (match := _TABLE.match(line))]
    top = _top_level(edit.lines, tables[0][0] if tables else len(edit.lines))
    if "index" in top:
        raise ClientConfigError("has its indexes in one array, `index = [...]`; write each as a table, [[index]]")
    ends = [at for at, _ in tables[1:]] + [len(edit.lines)]
    indexes = [(at, end) for (at, name), end in zip(tables, ends) if name == "index"]
    if index.only:
        for first, last in [*indexes, *(top[key] for key in ("index-url", "extra-index-url") if key in top)]:
            edit.put_aside(first, last - 1)
    else:
        if "index-strategy" in top:
            first, last = top["index-strategy"]
            edit.put_aside(first, last - 1)
        edit.insert(0, ['index-strategy = "unsafe-best-match"'])
    ours = [
        "[[index]]",
        f'name = "{UV_INDEX_NAME}"',
        f'url = "{index.url}"',
        *(["default = true"] if index.only else []),
    ]
    if indexes and not index.only:
        edit.insert(indexes[0][0], ours)
    else:
        edit.append(ours)
    return edit.result(_check_toml)


class _Edit:
    """The lines of a file and the changes to make; line numbers are those of the original."""

    def __init__(self, text: str) -> None:
        # Not splitlines(), so that a missing last line end and other line ends are kept.
        self.lines = text.split("\n")
        self._aside: set[int] = set()
        self._blocks: dict[int, list[str]] = {}

    def put_aside(self, first: int, last: int) -> None:
        """Comment out the lines from `first` to `last`."""
        self._aside.update(range(first, last + 1))

    def insert(self, at: int, lines: list[str]) -> None:
        """Put a marked block before a line."""
        self._blocks[at] = [*self._blocks.get(at, []), BEGIN, *lines, END]

    def append(self, lines: list[str]) -> None:
        """Put a marked block at the end."""
        self.insert(len(self.lines) - (not self.lines[-1]), lines)

    def result(self, check: Callable[[str], None]) -> str:
        """The new text, if it passes the check."""
        lines: list[str] = []
        for at in range(len(self.lines) + 1):
            lines += self._blocks.get(at, [])
            if at < len(self.lines):
                line = self.lines[at]
                lines.append(f"{ASIDE}{line}" if at in self._aside and line.strip() else line)
        text = "\n".join(lines)
        check(text)
        return text


@dataclass(frozen=True)
class _PipOption:
    section: str
    name: str
    value: str
    indent: int
    first: int
    last: int


def _pip_options(lines: list[str]) -> Iterator[_PipOption]:
    """The options with their lines, by configparser's rules: deeper indented lines continue an option."""
    section = ""
    at = 0
    while at < len(lines):
        line = lines[at].rstrip()
        first = at
        at += 1
        if not _has_content(line):
            continue
        if line.startswith("["):
            section = line[1 : line.index("]")]
            continue
        name, *value = re.split("[=:]", line, maxsplit=1)
        indent = len(line) - len(line.lstrip())
        last = first
        for below in range(at, len(lines)):
            if _has_content(lines[below]):
                if len(lines[below]) - len(lines[below].lstrip()) <= indent:
                    break
                value.append(lines[below])
                last = below
        at = last + 1
        yield _PipOption(section, name.strip().lower().replace("_", "-"), "\n".join(value), indent, first, last)


def _has_content(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(("#", ";"))


def _names(value: str, wanted: str) -> bool:
    return wanted.rstrip("/") in [each.rstrip("/") for each in value.split()]


def _check_pip(text: str) -> None:
    try:
        configparser.RawConfigParser().read_string(text)
    except configparser.Error as error:
        reason = " ".join(str(error).split())
        raise ClientConfigError(f"cannot be read as pip's configuration ({reason}); correct it") from None


#: The head of a table, or of an element of an array of tables.
_TABLE = re.compile(r"\s*\[{1,2}\s*([\w.-]+)\s*\]{1,2}\s*(?:#.*)?$")
_KEY = re.compile(r"([\w-]+)\s*=")


def _top_level(lines: list[str], end: int) -> dict[str, tuple[int, int]]:
    """The keys before the first table, each with its first line and the line after its last."""
    keys = {}
    at = 0
    while at < end:
        first = at
        at += 1
        if match := _KEY.match(lines[first]):
            while at < end and "".join(lines[first:at]).count("[") > "".join(lines[first:at]).count("]"):
                at += 1
            keys[match[1]] = (first, at)
    return keys


def _check_toml(text: str) -> None:
    try:
        import tomllib
    except ImportError:  # before Python 3.11; uv itself reports errors
        return
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ClientConfigError(f"cannot be read as TOML ({error}); correct it") from None
