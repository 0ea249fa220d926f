"""Requirements files resolved on a builder, in the sandbox, against an index whose files are elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from wheelfleet.builder import sandbox
from wheelfleet.builder.resolver import Resolved, resolve

from tests.support import toolenv, upstream_pages
from tests.support.builder import GENEROUS
from tests.support.catalogs import ControllerState
from tests.support.loopback import Answer, LoopbackServer
from tests.support.sdists import pure_sdist
from tests.support.upstream import Upstream
from tests.support.wheels import wheel_file

pytestmark = pytest.mark.skipif(sandbox.probe() is not None, reason=str(sandbox.probe()))

LIBRARY = Path(__file__).resolve().parents[2] / "module_utils"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A builder's folder with the worker's code."""
    home = tmp_path / "builder"
    home.mkdir()
    (home / "lib").symlink_to(LIBRARY)
    return home


def ask(home: Path, upstream: Upstream, *lines: str, url: str | None = None, **more: Any) -> Resolved:
    """What the resolver says of these lines."""
    question: Any = {"lines": list(lines), "constraints": [], "options": [], "suspects": []}
    options = {"index_url": url or upstream.index_url, "own_index_url": None, "pip_options": {}}
    options |= {key: more.pop(key) for key in list(more) if key in options}
    resolved = resolve(
        home, str(toolenv.tools()), {**question, **more}, **options, limits={**GENEROUS, "seconds": 300}, sandboxed=True
    )
    assert list(home.iterdir()) == [home / "lib"], "nothing of it stays"
    return resolved


def names(resolved: Resolved) -> list[str]:
    """The lines that could not be resolved."""
    return [each["line"] for each in resolved["unresolved"]]


def test_servers_are_open_that_pages_of_the_closure_name_or_redirect_to(home: Path, upstream: Upstream) -> None:
    with Upstream() as third, Upstream() as fourth:
        leaf, moved = wheel_file("leaf", "1.5"), wheel_file("moved", "3.0")
        third.add_release(leaf, moved)
        upstream.add_release(wheel_file("app", "1.0", requires_dist=["middle", "moved"]))
        upstream.add_release(pure_sdist("middle", "1.0", requires_dist=["leaf"]))
        upstream.add_release(leaf)
        upstream.add_release(moved)
        # One file by a redirect, one project's page.
        upstream.fault(leaf.filename, "redirect", location=third.file_url(leaf))
        upstream.fault("/simple/moved/", "redirect", location=f"{fourth.url}/simple/moved/")
        fourth.add_release(moved)
        resolved = ask(home, upstream, "app")
    assert (resolved["unresolved"], resolved["problem"]) == ([], None), resolved["log"]
    assert resolved["pins"] == [["app", "1.0"], ["leaf", "1.5"], ["middle", "1.0"], ["moved", "3.0"]]


def test_a_page_that_could_not_be_read_is_read_again(home: Path, upstream: Upstream) -> None:
    upstream.add_release(wheel_file("app", "1.0"))
    # pip asks five times more for one page.
    fault = upstream.fault("/simple/app/", "502", times=6)
    resolved = ask(home, upstream, "app")
    assert fault.times == 0
    assert (resolved["unresolved"], resolved["pins"]) == ([], [["app", "1.0"]]), resolved["log"]


def test_a_server_that_no_page_names_stays_closed_and_is_named(home: Path, upstream: Upstream) -> None:
    with Upstream() as other:
        stray = wheel_file("stray", "1.0")
        other.add_release(stray)
        upstream.add_release(wheel_file("app", "1.0", requires_dist=[f"stray @ {other.file_url(stray)}"]))
        upstream.add_release(wheel_file("good", "1.0"))
        resolved = ask(home, upstream, "app", "good")
        assert not other.requests.matching() and not other._files.requests.matching()
        server = other.file_url(stray).split("/")[2]
    assert resolved["pins"] == [["good", "1.0"]]
    ((line, reason),) = [each.values() for each in resolved["unresolved"]]
    assert line == "app" and f"pip was led to {server}, which no page of the index names" in reason


def test_lines_that_cannot_be_resolved_are_named_the_others_resolved(home: Path, upstream: Upstream) -> None:
    upstream.add_release(wheel_file("app", "1.0", requires_dist=["leaf<2"]))
    for version in ("1.5", "2.0"):
        upstream.add_release(wheel_file("leaf", version))
    upstream.add_release(pure_sdist("broken", "1.0", dynamic_requires=["what-nobody-has"]))
    upstream.add_release(wheel_file("good", "1.0"))
    lines = ["nosuchthing>=1", "app", "leaf>=2", "broken", "good"]
    resolved = ask(home, upstream, *lines, constraints=["good<9"], options=["--pre"])
    assert names(resolved) == ["nosuchthing>=1", "leaf>=2", "broken"], resolved["log"]
    assert resolved["pins"] == [["app", "1.0"], ["good", "1.0"], ["leaf", "1.5"]]
    reasons = {each["line"]: each["reason"] for each in resolved["unresolved"]}
    assert "Could not find a version that satisfies the requirement nosuchthing>=1" in reasons["nosuchthing>=1"]
    assert "conflicting dependencies" in reasons["leaf>=2"]
    assert "what-nobody-has" in resolved["log"] and "::wheelfleet pip resolves 5 lines" in resolved["log"]


def test_wheels_of_the_fleets_site_on_this_host_are_found_with_metadata(
    home: Path, upstream: Upstream, tmp_path: Path
) -> None:
    with ControllerState(tmp_path / "var") as state:
        state.wheel("app", "1.0")
        state.publish()
        upstream.add_release(pure_sdist("app", "1.0", script="raise SystemExit('it need not be built')"))
        resolved = ask(home, upstream, "app", own_index_url=f"{state.site.as_uri()}/simple")
    assert (resolved["pins"], resolved["unresolved"]) == ([["app", "1.0"]], []), resolved["log"]


def test_an_index_that_cannot_be_asked_is_no_lines_fault(home: Path, upstream: Upstream) -> None:
    upstream.add_release(wheel_file("app", "1.0"))
    upstream.basic_auth = ("user", "secret")
    assert ask(home, upstream, "app", url=upstream.index_url_with_password)["pins"] == [["app", "1.0"]]
    resolved = ask(home, upstream, "app")
    assert (resolved["pins"], resolved["unresolved"]) == ([], [])
    assert resolved["problem"] == f"The index could not be asked: {upstream.index_url}app/ answers 401 Unauthorized."


def test_pip_reaches_the_index_by_the_proxy_of_its_configuration(home: Path, upstream: Upstream) -> None:
    class Proxy(LoopbackServer):
        def answer(self, method: str, target: str, headers: Any, body: bytes) -> Answer:
            return upstream.answer(method, target.removeprefix(upstream.url), headers, body)

    upstream.files_elsewhere = False
    app = wheel_file("app", "1.0")
    upstream.add_release(app)
    with Proxy() as proxy:
        resolved = ask(home, upstream, "app", pip_options={"proxy": proxy.url})
        assert proxy.requests.matching(upstream.url + upstream_pages.file_path(app)), proxy.requests
    assert resolved["pins"] == [["app", "1.0"]], resolved["log"]
    assert not upstream.requests.matching()


def test_a_host_without_its_tools_says_so(home: Path, upstream: Upstream) -> None:
    (home / "lib").unlink()
    (home / "lib").mkdir()
    resolved = ask(home, upstream, "app")
    assert resolved["problem"] and "not ready" in resolved["problem"]
