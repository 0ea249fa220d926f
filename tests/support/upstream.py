"""The tests' own upstream: a package index on loopback, or in the lab, with serials, a changelog and faults on demand.

    with Upstream() as upstream:
        upstream.add_release(sdists.pure_sdist("spam", "1.0"))
        …  # pip install --index-url upstream.index_url spam

By default it is as difficult as the public index. Its files lie on another host, which knows no passwords and answers
403 for a missing file. Pages also list unusable files, and HTML has other links. After the list of all projects shows a
change, a cache returns the project's old page once more.

Stand-alone, with a small demonstration set: `python -m tests.support.upstream --port 8080`.
"""

from __future__ import annotations

import argparse
import base64
import copy
import gzip
import hashlib
import re
import threading
import xmlrpc.client
from dataclasses import dataclass, replace
from datetime import timedelta
from email.message import Message
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

from tests.support import sdists, upstream_pages, wheels
from tests.support.artifacts import Artifact
from tests.support.loopback import Answer, LoopbackServer
from tests.support.upstream_faults import Fault, Kind
from tests.support.upstream_holdings import EPOCH, Holdings
from tests.support.upstream_pages import JSON_TYPE, PageOptions


@dataclass(frozen=True)
class _Page:
    body: bytes
    content_type: str
    serial: int


class Upstream(Holdings, LoopbackServer):
    """The holdings behind a real HTTP server. Tests may change its switches at any time."""

    def __init__(self, port: int = 0, **place: Any) -> None:
        Holdings.__init__(self)
        LoopbackServer.__init__(self, port, **place)
        self.json = True
        self.html = True
        self.serials = True
        #: One serial for everything, as Pulp's 1000000000; then all pages share one ETag.
        self.one_serial: int | None = None
        self.serial_as_string = False
        self.etags = True
        self.last_modified = False
        self.gzip = True
        self.hashes = True
        self.core_metadata = True
        self.upload_times = True
        self.absolute_urls = True
        #: Whether links to files name the other host, not the index's.
        self.files_elsewhere = True
        #: The address of files in links, if it is neither of the two hosts.
        self.files_url: str | None = None
        #: The status for a missing page or file: 404, or 403 as of object stores.
        self.missing_page, self.missing_file = 404, 403
        #: Whether pages have links to other files than sdists and wheels.
        self.odd_links = True
        #: Whether a cache returns the old page of a changed project once more, after the list shows the change.
        self.cached = True
        #: Whether the server supports range requests for files.
        self.ranges = False
        self.basic_auth: tuple[str, str] | None = None
        self.changelog_limit = 50_000
        self._faults: list[Fault] = []
        self._files = _Files(self, **place)
        self._announced = 0
        self._in_cache: dict[str, int] = {}
        self._root_page = lru_cache(maxsize=8)(self._make_root_page)

    @property
    def index_url(self) -> str:
        return f"{self.url}/simple/"

    @property
    def index_url_with_password(self) -> str:
        """The index's URL with the credentials of `basic_auth` in it, as pip's configuration may have it."""
        user, password = self.basic_auth or ("", "")
        return self.index_url.replace("://", f"://{user}:{password}@")

    @property
    def xmlrpc_url(self) -> str:
        return f"{self.url}/pypi"

    @property
    def files_base(self) -> str:
        """The address of the files' host in links; empty if links are relative."""
        if not self.absolute_urls:
            return ""
        return self.files_url or (self._files.url if self.files_elsewhere else self.url)

    def file_url(self, artifact: Artifact) -> str:
        return (self.files_base or self.url) + upstream_pages.file_path(artifact)

    def start(self) -> None:
        super().start()
        self._files.start()

    def stop(self) -> None:
        self._files.stop()
        super().stop()

    def fault(
        self,
        where: str,
        kind: Kind,
        times: int | None = None,
        *,
        retry_after: int | str | None = None,
        serial: int | None = None,
        location: str | None = None,
        sent: int = 0,
    ) -> Fault:
        """Add a fault (see `Fault`) and return it; the last one added wins. `heal` removes it."""
        fault = Fault(where, kind, times, retry_after, serial, location, sent)
        with self._lock:
            self._faults.append(fault)
        return fault

    def heal(self, fault: Fault | None = None) -> None:
        """Remove one fault, or all."""
        with self._lock:
            self._faults = [each for each in self._faults if fault is not None and each is not fault]

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        if self.basic_auth is not None:
            expected = base64.b64encode(":".join(self.basic_auth).encode()).decode()
            if headers.get("Authorization") != f"Basic {expected}":
                return Answer(401, b"Who are you?\n", {"WWW-Authenticate": 'Basic realm="upstream"'})
        return self.answer_as("index", target, headers, body)

    def answer_as(self, host: Literal["index", "files"], target: str, headers: Message, body: bytes) -> Answer:
        """The answer of one of the two hosts, after authentication."""
        parts = urlsplit(target)
        path = unquote(parts.path)
        fault = self._fault_at(path, parts.query)
        at = None
        if fault is not None and fault.kind == "stale":
            at = fault.serial if fault.serial is not None else self._serial_before(path)
        if fault is not None and fault.spoils_the_body:
            headers = _unconditional(headers)
        if path.startswith("/files/"):
            good = self._part(self._file(path), headers.get("Range", ""))
        elif host == "index":
            good = self._good_answer(path, headers, body, at)
        else:
            good = None
        if good is None:
            good = Answer(self.missing_page if host == "index" else self.missing_file, b"There is nothing.\n")
        if fault is None and path in ("/simple/", "/pypi"):
            self._announced = self.serial
        if at is not None:
            good = replace(good, headers={**good.headers, "Age": "120"})  # which caches must send (RFC 9111, 5.1)
        return good if fault is None else fault.applied_to(good, path)

    def _fault_at(self, path: str, query: str) -> Fault | None:
        with self._lock:
            fault = next((each for each in reversed(self._faults) if each.strikes(path, query)), None)
            if fault is not None and fault.times is not None:
                fault.times -= 1
            return fault

    def _serial_before(self, path: str) -> int:
        name = path.removeprefix("/simple/").strip("/")
        return self.serial_before_last_change(name) if name else self.serial - 1

    def _good_answer(self, path: str, headers: Message, body: bytes, at: int | None) -> Answer | None:
        if path == "/pypi":
            return Answer(200, self._xmlrpc(body), {"Content-Type": "text/xml"})
        if path.startswith("/simple"):
            name = path.removeprefix("/simple").strip("/")
            proper = f"/simple/{canonicalize_name(name)}/" if name else "/simple/"
            return self._page(name, headers, at) if path == proper else Answer(301, headers={"Location": proper})
        return None

    def _page(self, name: str, headers: Message, at: int | None) -> Answer | None:
        kind = upstream_pages.negotiate(headers.get("Accept", ""), json_offered=self.json, html_offered=self.html)
        if kind is None:
            return Answer(406)
        options = PageOptions(
            self.serials,
            self.serial_as_string,
            self.hashes,
            self.core_metadata,
            self.upload_times,
            self.odd_links,
            self.files_base,
            self.one_serial,
        )
        zipped = self.gzip and "gzip" in headers.get("Accept-Encoding", "")
        if not name:
            with self._lock:
                page = self._root_page(kind, options, self.serial if at is None else at, zipped)
        else:
            project = self.project(name, self._serial_in_cache(name, headers) if at is None else at)
            if project is None:
                return None
            render = upstream_pages.project_json if kind == JSON_TYPE else upstream_pages.project_html
            page = _Page(_packed(render(project, options), zipped), kind, project.serial)
        return self._conditional(page, headers, zipped)

    def _serial_in_cache(self, name: str, headers: Message) -> int | None:
        """The old serial whose page a cache returns once more; None: the present page."""
        with self._lock:
            if not self.knew(name):
                return None
            now = self.serial_of(name)
            held = self._in_cache.get(name, now)
            self._in_cache[name] = now
            if self.cached and held < now <= self._announced and "no-cache" not in headers.get("Cache-Control", ""):
                return held
            return None

    def _make_root_page(self, kind: str, options: PageOptions, serial: int, zipped: bool) -> _Page:
        render = upstream_pages.root_json if kind == JSON_TYPE else upstream_pages.root_html
        body = render(self.projects(None if serial == self.serial else serial), serial, options)
        return _Page(_packed(body, zipped), kind, serial)

    def _conditional(self, page: _Page, headers: Message, zipped: bool) -> Answer:
        modified = EPOCH + timedelta(seconds=page.serial)
        etag = f'"{hashlib.sha256(page.body).hexdigest()[:32]}"'
        if self.one_serial is not None:
            etag = f'"{self.serial}"'
        said = {"Vary": "Accept, Accept-Encoding", "Cache-Control": "max-age=600, public"}
        if self.etags:
            said["ETag"] = etag
        if self.last_modified:
            said["Last-Modified"] = format_datetime(modified, usegmt=True)
        if self.serials:
            said["X-PyPI-Last-Serial"] = str(page.serial if self.one_serial is None else self.one_serial)
        known_tags = headers.get("If-None-Match")
        known_since = headers.get("If-Modified-Since")
        if self.etags and known_tags is not None:
            unchanged = etag in known_tags
        else:
            unchanged = (
                self.last_modified and known_since is not None and parsedate_to_datetime(known_since) >= modified
            )
        if unchanged:
            return Answer(304, headers=said)
        said["Content-Type"] = page.content_type + ("" if page.content_type == JSON_TYPE else "; charset=utf-8")
        if zipped:
            said["Content-Encoding"] = "gzip"
        return Answer(200, page.body, said)

    def _file(self, path: str) -> Answer | None:
        name, _, filename = path.removeprefix("/files/").partition("/")
        project = self.project(name)
        for file in project.files if project is not None else ():
            artifact = file.artifact
            if filename == artifact.filename:
                return Answer(200, artifact.data, {"Content-Type": "application/octet-stream"})
            if filename == f"{artifact.filename}.metadata" and artifact.metadata is not None:
                return Answer(200, artifact.metadata, {"Content-Type": "text/plain; charset=utf-8"})
        return None

    def _part(self, whole: Answer | None, wanted: str) -> Answer | None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
        if not self.ranges or whole is None or whole.status != 200 or asked is None:
            return whole
        size = len(whole.body)
        first, last = int(asked[1]), min(int(asked[2] or size), size - 1)
        if first >= size:
            return Answer(416, headers={"Content-Range": f"bytes */{size}"})
        said = {**whole.headers, "Content-Range": f"bytes {first}-{last}/{size}"}
        return Answer(206, whole.body[first : last + 1], said)

    def _xmlrpc(self, body: bytes) -> bytes:
        arguments, method = xmlrpc.client.loads(body)
        with self._lock:
            rows, serial = list(self.changelog), self.serial
        if method == "changelog_last_serial":
            return _xmlrpc_answer(serial)
        if method != "changelog_since_serial" or len(arguments) != 1 or not isinstance(arguments[0], int):
            return _xmlrpc_answer(xmlrpc.client.Fault(-32601, f"server error; requested method {method} not found"))
        later = rows[max(arguments[0], 0) :]
        if len(later) > self.changelog_limit:
            return _xmlrpc_answer(xmlrpc.client.Fault(-32500, f"ValueError: more than {self.changelog_limit} rows"))
        return _xmlrpc_answer(later)


class _Files(LoopbackServer):
    """The other host, which has an upstream's files. Both hosts share one log of requests."""

    def __init__(self, upstream: Upstream, **place: Any) -> None:
        super().__init__(**{"address": "127.0.0.2", **place})
        self._upstream = upstream
        self.requests, self.errors = upstream.requests, upstream.errors

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        return self._upstream.answer_as("files", target, headers, body)


def _unconditional(headers: Message) -> Message:
    others = copy.copy(headers)
    for name in ("If-None-Match", "If-Modified-Since"):
        del others[name]
    return others


def _xmlrpc_answer(value: object) -> bytes:
    content = value if isinstance(value, xmlrpc.client.Fault) else (value,)
    return xmlrpc.client.dumps(content, methodresponse=True, allow_none=True).encode()  # type: ignore[arg-type]


def _packed(body: bytes, zipped: bool) -> bytes:
    return gzip.compress(body, compresslevel=1, mtime=0) if zipped else body


def add_demonstration(upstream: Upstream) -> None:
    """Add a project of each kind."""
    upstream.add_release(sdists.pure_sdist("demo-pure", "1.0"))
    upstream.add_release(sdists.c_sdist("Demo.C", "1.0"), sdists.c_sdist("Demo.C", "1.1"))
    upstream.add_release(sdists.c_sdist("demo-abi3", "1.0", abi3=True))
    upstream.add_release(sdists.cli_tagged_sdist("demo-ctypes", "1.0"))
    upstream.add_release(sdists.missing_header_sdist("demo-missing-header", "1.0"))
    upstream.add_release(
        sdists.pure_sdist("demo-upstream-wheel", "1.0"), wheels.wheel_file("demo-upstream-wheel", "1.0")
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the tests' own upstream until interrupted.")
    parser.add_argument("--port", type=int, default=0, help="the port on loopback; by default any free one")
    parser.add_argument("--populate", type=int, default=0, metavar="N", help="add N projects that are made on demand")
    options = parser.parse_args()
    with Upstream(options.port) as upstream:
        add_demonstration(upstream)
        upstream.populate(options.populate)
        print(upstream.index_url, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
