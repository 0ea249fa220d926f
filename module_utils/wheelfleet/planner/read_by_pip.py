"""Requirements files read by pip itself, on the controller: a program for pip's own Python.

    PYTHON -I read_by_pip.py < JSON list of paths      > JSON list, for each file a list of lines

A line is {"kind", "path", "number", "text", "why"}. Its kind is "requirement", "constraint", "option" (it changes pip's
choice of releases), "problem" or "ignored"; for the last two `why` is a clause with the reason. `number` is None for a
file that cannot be read. Included files are read where they are named. Encodings, comments, quotes, continued lines and
variables are read as pip reads them.

This file imports nothing of this package, so that it can be run by itself. pip has no public API; the names used here
exist since pip 22.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import urllib.parse
from collections.abc import Iterator
from typing import Any

_ELSEWHERE = ("index_url", "extra_index_urls", "find_links", "no_index", "trusted_hosts")
_CHOICE = ("pre", "prefer_binary")
#: Options and their attributes that are sets of names.
_CONTROLS = (("format_control", "no_binary", "only_binary"), ("release_control", "all_releases", "only_final"))


class Reader:
    """Reads one file with all files that it includes."""

    def __init__(self) -> None:
        from pip._internal.req import req_file

        self._pip: Any = req_file
        self._parse = req_file.get_line_parser(None)

    def lines(self, path: str, constraint: bool = False, within: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
        """The lines of a file. Raises OSError, ValueError, LookupError or pip's errors if it cannot be read itself."""
        path, content = self._pip.get_file_content(path, _Session())
        for number, text in self._pip.preprocess(content):
            line = {"kind": "problem", "path": path, "number": number, "text": text, "why": ""}
            try:
                # On an error pip's parser prints its usage.
                with contextlib.redirect_stderr(io.StringIO()):
                    requirement, options = self._parse(text)
            except self._pip.OptionParsingError as error:
                yield {**line, "why": f"pip cannot read it ({_one_line(error.msg)})"}
                continue
            if requirement or options.editables:
                yield {**line, **_requirement(requirement, options, constraint)}
            elif options.requirements or options.constraints:
                inner = self._included(path, (options.requirements or options.constraints)[0])
                if inner in (path, *within):
                    yield {**line, "why": f"{inner} includes itself by it"}
                    continue
                try:
                    # As a list, so that an error inside the included file yields none of its lines.
                    yield from list(self.lines(inner, not options.requirements, (*within, path)))
                except _unreadable() as error:
                    yield {**line, "why": f"what it names cannot be read ({_one_line(error)})"}
            else:
                yield {**line, **_option(options)}

    def _included(self, path: str, name: str) -> str:
        is_url = self._pip.SCHEME_RE.search
        if is_url(path):
            return urllib.parse.urljoin(path, name)
        return name if is_url(name) else os.path.abspath(os.path.join(os.path.dirname(path), name))  # noqa: PTH100, PTH118, PTH120


class _Session:
    """pip's session, made only for an included URL because its import is slow."""

    def get(self, url: str) -> Any:
        from pip._internal.commands import create_command

        command: Any = create_command("download")
        options, _ = command.parse_args([])
        with command.main_context():
            return command.get_default_session(options).get(url)


def _requirement(text: str, options: Any, constraint: bool) -> dict[str, Any]:
    from pip._internal.exceptions import PipError
    from pip._internal.req.constructors import install_req_from_line

    if options.editables:
        return {"why": "it is a folder or a repository, and no release of the index"}
    named = text.partition(";")[0]
    if named.startswith(".") or ("/" in named and "@" not in named):
        return {"why": "it is a URL or a file, and no release of the index"}
    try:
        requirement = install_req_from_line(text.strip())
    except (PipError, ValueError) as error:
        return {"why": f"pip cannot read it ({_one_line(error)})"}
    if requirement.link is not None or requirement.req is None:
        return {"why": "it is a URL or a file, and no release of the index"}
    if constraint and requirement.extras:
        return {"why": "a constraint can have no extras"}
    # Options after a requirement (mostly hashes) concern the installation.
    return {"kind": "constraint" if constraint else "requirement", "text": text.strip()}


def _option(options: Any) -> dict[str, Any]:
    given = vars(options)
    if any(given.get(name) for name in _ELSEWHERE):
        return {"kind": "ignored", "why": "the fleet's upstream is the only index that counts"}
    chosen = any(getattr(given.get(control), name, None) for control, *names in _CONTROLS for name in names)
    if chosen or any(given.get(name) for name in _CHOICE):
        return {"kind": "option"}
    return {"kind": "ignored", "why": ""}


def _unreadable() -> tuple[type[BaseException], ...]:
    from pip._internal.exceptions import PipError

    return (PipError, OSError, ValueError, LookupError)


def _one_line(error: object) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rpartition(" error: ")[2].rstrip(".")[:300]


def main() -> None:
    found = []
    for path in json.load(sys.stdin):
        try:
            found.append(list(Reader().lines(path)))
        except _unreadable() as error:
            found.append([{"kind": "problem", "path": path, "number": None, "text": "", "why": _one_line(error)}])
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
