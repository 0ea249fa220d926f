"""Many projects at once: each gets its answer, nobody is asked more than helps, and little is ahead."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer

import pytest
from wheelfleet.upstream.client import Absent, Page, Problem, ProjectRequest
from wheelfleet.upstream.client import Upstream as Client

from tests.support.asking import trouble_of
from tests.support.sdists import pure_sdist
from tests.support.upstream import Upstream


def test_one_projects_trouble_never_stops_the_others(upstream: Upstream) -> None:
    faulty = ("404", "403", "429", "500", "garbage", "truncated", "hang", "close", "stale", "empty")
    for kind in faulty:
        upstream.add_release(pure_sdist(f"bad-{kind}", "1.0"))
        upstream.fault(f"bad-{kind}", kind, retry_after=600)  # type: ignore[arg-type]
    upstream.touch("bad-stale")
    upstream.populate(40)
    names = [f"bad-{kind}" for kind in faulty] + [f"project-{number:06}" for number in range(40)]
    with Client(upstream.index_url, timeout=1, workers=4) as asking:
        answers = dict(asking.projects(ProjectRequest(name, want_serial=upstream.serial_of(name)) for name in names))
    assert set(answers) == set(names)
    kinds = {name: type(answer).__name__ for name, answer in answers.items()}
    assert {kinds[name] for name in names[len(faulty) :]} == {"Page"}
    assert kinds["bad-404"] == kinds["bad-403"] == "Absent"
    assert kinds["bad-stale"] == "Stale"
    assert {kinds[f"bad-{kind}"] for kind in faulty if kind not in ("404", "403", "stale")} == {"Problem"}


def test_few_requests_are_ahead_of_the_answers_taken(upstream: Upstream) -> None:
    upstream.populate(300)
    drawn = 0

    def requests() -> Iterator[ProjectRequest]:
        nonlocal drawn
        for number in range(300):
            drawn += 1
            yield ProjectRequest(f"project-{number:06}")

    with Client(upstream.index_url, workers=4) as asking:
        answers = asking.projects(requests())
        for taken in range(1, 101):
            next(answers)
            assert drawn <= taken + 8
        before = len(upstream.requests)
        answers.close()
        assert len(upstream.requests) <= before + 8
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("upstream")]


def test_connections_are_kept(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.populate(60)
    accepted = []
    accept = ThreadingHTTPServer.process_request

    def count(server: ThreadingHTTPServer, request: socket.socket, address: tuple[str, int]) -> None:
        accepted.append(address)
        accept(server, request, address)

    monkeypatch.setattr(ThreadingHTTPServer, "process_request", count)
    with Client(upstream.index_url, workers=3) as asking:
        answers = list(asking.projects(ProjectRequest(f"project-{number:06}") for number in range(60)))
    assert len(answers) == 60
    assert 1 <= len(accepted) <= 3


def test_an_upstream_that_refuses_everything_is_left_alone_soon(upstream: Upstream) -> None:
    upstream.fault("*", "429")
    names = [f"project-{number}" for number in range(2000)]
    with Client(upstream.index_url, workers=8) as asking:
        answers = dict(asking.projects(ProjectRequest(name) for name in names))
    assert set(answers) == set(names)
    assert all(isinstance(answer, Problem) for answer in answers.values())
    assert len(upstream.requests) <= 8 * 5
    assert "was not asked any more" in trouble_of(answers["project-1999"]).sentence


def test_an_upstream_that_breaks_down_is_not_asked_100_000_times(upstream: Upstream) -> None:
    with Client(upstream.index_url, workers=4) as asking:
        answers = asking.projects(ProjectRequest(f"project-{number}") for number in range(3000))
        assert next(answers)[1] == Absent()
        upstream.fault("*", "500")
        rest = [answer for _, answer in answers]
    assert len(rest) == 2999
    assert "was not asked any more" in trouble_of(rest[-1]).sentence
    assert len(upstream.requests) < 100


def test_403_means_not_there_where_other_pages_can_be_read(upstream: Upstream) -> None:
    """A static index in an object store says so of whatever it does not have."""
    upstream.missing_page = 403
    upstream.add_release(pure_sdist("there", "1.0"))
    names = [f"missing-{number}" for number in range(200)]
    with Client(upstream.index_url, workers=2) as asking:
        answers = dict(asking.projects(ProjectRequest(name) for name in [*names, "there"]))
        assert isinstance(answers.pop("there"), Page)
        assert set(answers.values()) == {Absent(forbidden=True)}
        upstream.requests.clear()
        known = ProjectRequest("missing-1", known=True)
        assert dict(asking.projects([known], readable=True)) == {"missing-1": Absent(forbidden=True)}
        assert len(upstream.requests) == 2, "that a known one is gone is asked for around caches"
        (alone,) = asking.projects([known])
        assert "credentials" in trouble_of(alone[1]).sentence


def test_an_index_that_forbids_everything_is_left_alone_in_the_end(upstream: Upstream) -> None:
    upstream.missing_page = 403
    with Client(upstream.index_url, workers=2) as asking:
        answers = dict(asking.projects(ProjectRequest(f"missing-{number}") for number in range(1000)))
    assert all(isinstance(answer, Problem) for answer in answers.values())
    assert len(upstream.requests) < 500


def test_refusals_that_pass_cost_no_project(upstream: Upstream) -> None:
    upstream.populate(50)
    # Each project has three tries: even if one of them meets both refusals, its last one is answered.
    upstream.fault("*", "429", times=2)
    with Client(upstream.index_url, workers=4) as asking:
        answers = list(asking.projects(ProjectRequest(f"project-{number:06}") for number in range(50)))
    assert {type(answer) for _, answer in answers} == {Page}


def test_nothing_to_ask_is_no_failure(asking: Client, upstream: Upstream) -> None:
    assert list(asking.projects([])) == []
    upstream.stop()
    assert list(asking.projects([])) == []
