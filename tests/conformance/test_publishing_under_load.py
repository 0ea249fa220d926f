"""Readers in all directions at once, through nginx, while one publication follows the other."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import urllib3

from tests.support.catalogs import ControllerState
from tests.support.nginx import nginx_site
from tests.support.site_pages import elements

V1_JSON = "application/vnd.pypi.simple.v1+json"
READERS = 4
#: Files each of them reads at least, and rounds of publications they see.
FILES, ROUNDS = 80, 8


class Reader(threading.Thread):
    """Goes from the list of projects to a project and from there to a file, in either form, again and again."""

    def __init__(self, index: str, seed: int) -> None:
        super().__init__()
        self.index = index
        self.random = random.Random(seed)
        self.wrong: list[str] = []
        self.files = 0
        self.stop = threading.Event()
        self.satisfied = threading.Event()
        self.http = urllib3.PoolManager(retries=False)

    def run(self) -> None:
        with self.http:
            while not self.stop.is_set():
                try:
                    self.read_one()
                except Exception as error:
                    self.wrong.append(repr(error))
                    return
                finally:
                    if self.files >= FILES or self.wrong:
                        self.satisfied.set()

    def read_one(self) -> None:
        accept = self.random.choice([V1_JSON, "text/html"])
        projects = self.links(self.index, accept)
        if not projects:
            return
        page = self.random.choice(sorted(projects))
        files = self.links(page, accept)
        if files is None:
            self.note(page, still=lambda: page in (self.links(self.index, accept) or ()))
        elif files:
            url, sha256 = self.random.choice(sorted(files.items()))
            # What upstream deletes leaves the pages, but its files stay for those who have the page of before; what it
            # puts into quarantine is gone at once.
            self.download(url, sha256, still=lambda: "/evergreen/" in url or url in (self.links(page, accept) or ()))

    def links(self, url: str, accept: str) -> dict[str, str] | None:
        """What a page leads to, with the hashes it states; None if there is no such page."""
        coding = self.random.choice(["gzip", "identity"])
        answer = self.http.request(
            "GET", url, headers={"Accept": accept, "Accept-Encoding": coding}, decode_content=False
        )
        if answer.status == 404:
            return None
        assert answer.status == 200, f"{url}: {answer.status}"
        assert (answer.headers.get("Content-Encoding") == "gzip") <= (coding == "gzip")
        body = gzip.decompress(answer.data) if "Content-Encoding" in answer.headers else answer.data
        return (links_of_json if accept == V1_JSON else links_of_html)(url, body.decode())

    def download(self, url: str, sha256: str, still: Callable[[], bool]) -> None:
        for part in (url, f"{url}.metadata"):
            answer = self.http.request("GET", part)
            self.files += 1
            if answer.status != 200:
                self.note(part, still)
            elif part == url and hashlib.sha256(answer.data).hexdigest() != sha256:
                self.wrong.append(f"{part} has other bytes than its page says")

    def note(self, url: str, still: Callable[[], bool]) -> None:
        """A link led nowhere: wrong unless the page that had it no longer has it, and may be without it at once."""
        if still():
            self.wrong.append(f"{url} is linked and missing")


def links_of_json(url: str, text: str) -> dict[str, str]:
    page = json.loads(text)
    if "projects" in page:
        return {urljoin(url, f"{project['name']}/"): "" for project in page["projects"]}
    return {urljoin(url, file["url"]): file["hashes"]["sha256"] for file in page["files"]}


def links_of_html(url: str, text: str) -> dict[str, str]:
    assert text.endswith("</html>\n"), f"{url} is not whole"
    links = (urldefrag(urljoin(url, attributes["href"] or "")) for _, attributes, _ in elements(text, "a"))
    return {link: fragment.removeprefix("sha256=") for link, fragment in links}


def changes(state: ControllerState, turn: int) -> Iterator[Callable[[], object]]:
    """Something new, something taken away, a project that goes and comes back."""
    yield lambda: state.wheel(f"project-{turn % 5}", f"1.{turn}")
    yield lambda: state.wheel("evergreen", f"1.{turn}", "cp311-cp311-linux_aarch64")
    if turn > 3:
        yield lambda: state.upstream_removes("evergreen", f"1.{turn - 3}")
    yield lambda: state.execute(
        "UPDATE project SET state = iif(state = 'present', ?, 'present'), pages_stale = 1 WHERE name = ?",
        ("deleted", "quarantined")[turn % 2],
        f"project-{turn % 3}",
    )


def test_no_reader_meets_a_broken_link_a_half_page_or_other_bytes(tmp_path: Path) -> None:
    with ControllerState(tmp_path / "var") as state:
        state.wheel("evergreen", "1.0")
        state.publish()
        with nginx_site(state.site) as nginx:
            readers = [Reader(f"{nginx.url}/simple/", seed) for seed in range(READERS)]
            for reader in readers:
                reader.start()
            try:
                for turn in range(1, 200):
                    for change in changes(state, turn):
                        change()
                        state.publish()
                    if turn >= ROUNDS and all(reader.satisfied.is_set() for reader in readers):
                        break
            finally:
                for reader in readers:
                    reader.stop.set()
                for reader in readers:
                    reader.join()
    assert [reader.wrong for reader in readers] == [[]] * READERS
    assert all(reader.files >= FILES for reader in readers)
