"""What others serve is an upstream too: pypiserver, and a folder."""

from __future__ import annotations

import shutil
import wsgiref.simple_server
from pathlib import Path

import pytest
from wheelfleet.upstream.client import Absent, ProjectRequest, Root, Unchanged, UpstreamUnreachable
from wheelfleet.upstream.client import Upstream as Client

from tests.support.asking import as_known, page_of, serving
from tests.support.sdists import pure_sdist
from tests.support.wheels import wheel_file


@pytest.mark.filterwarnings("ignore:'cgi' is deprecated")
def test_pypiserver_is_an_upstream_too(tmp_path: Path) -> None:
    """HTML only, no serials, no tags."""
    import pypiserver  # type: ignore[import-untyped]

    for artifact in (pure_sdist("RPi.Fake", "1.0"), pure_sdist("RPi.Fake", "1.1"), wheel_file("RPi.Fake", "1.1")):
        (tmp_path / artifact.filename).write_bytes(artifact.data)

    class Quiet(wsgiref.simple_server.WSGIRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    application = pypiserver.app(roots=[tmp_path], disable_fallback=True)
    server = wsgiref.simple_server.make_server("127.0.0.1", 0, application, handler_class=Quiet)
    with serving(server) as port, Client(f"http://127.0.0.1:{port}/simple/") as asking:
        answer = asking.project(ProjectRequest("RPi.Fake"))
        assert sorted((file.kind, file.version) for file in page_of(answer).page.files) == [
            ("sdist", "1.0"),
            ("sdist", "1.1"),
            ("wheel", "1.1"),
        ]
        assert all(file.sha256 for file in page_of(answer).page.files)
        assert isinstance(asking.project(as_known(answer, "rpi-fake")), Unchanged)
        assert asking.project(ProjectRequest("nothing")) == Absent()
        root = asking.root()
        assert isinstance(root, Root)
        assert set(root.root.projects) == {"rpi-fake"}


def test_a_folder_is_an_upstream_too(tmp_path: Path) -> None:
    folder = tmp_path / "a mirror" / "simple"
    (folder / "spam").mkdir(parents=True)
    (folder / "index.html").write_text('<a href="spam/">spam</a>')
    (folder / "spam" / "index.html").write_text('<a href="../../files/spam-1.0.tar.gz">spam-1.0.tar.gz</a>')
    with Client(folder.as_uri()) as asking:
        answer = asking.project(ProjectRequest("Spam"))
        assert page_of(answer).page.files[0].url == f"{(tmp_path / 'a mirror').as_uri()}/files/spam-1.0.tar.gz"
        assert isinstance(asking.project(as_known(answer)), Unchanged)
        assert asking.project(ProjectRequest("nothing")) == Absent()
        root = asking.root()
        assert isinstance(root, Root)
        assert set(root.root.projects) == {"spam"}
    shutil.rmtree(folder)
    with pytest.raises(UpstreamUnreachable, match="no folder"):
        Client(folder.as_uri())
