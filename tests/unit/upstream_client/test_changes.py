"""A project's page since it was last read: news, no news, gone, or older than what is known already."""

from __future__ import annotations

from dataclasses import replace

import pytest
from wheelfleet.upstream.client import Absent, Problem, ProjectRequest, Stale, Unchanged
from wheelfleet.upstream.client import Upstream as Client
from wheelfleet.upstream.pages import JSON_TYPE

from tests.support.asking import Canned, as_known, page_of, versions
from tests.support.loopback import Answer as HttpAnswer
from tests.support.sdists import pure_sdist
from tests.support.upstream import Upstream
from tests.support.wheels import wheel_file

# News and no news


@pytest.mark.parametrize("form", ["json", "html"])
def test_a_page_is_read_in_either_form(upstream: Upstream, asking: Client, form: str) -> None:
    setattr(upstream, "html" if form == "json" else "json", False)
    upstream.absolute_urls = False
    upstream.yank("spam", "1.0", "broken")
    page = page_of(asking.project(ProjectRequest("Spam"))).page
    assert [(file.version, file.yanked) for file in page.files] == [("1.0", "broken"), ("2.0", None)]
    assert page.serial == upstream.serial
    assert all(file.url.startswith(upstream.url) and file.sha256 for file in page.files)


def test_json_is_preferred_and_the_client_says_who_it_is(upstream: Upstream) -> None:
    with Client(upstream.index_url.rstrip("/"), user_agent="wheelfleet/7") as asking:
        assert page_of(asking.project(ProjectRequest("spam"))).page.files[0].size
    (request,) = upstream.requests
    assert (request.path, request.headers["user-agent"]) == ("/simple/spam/", "wheelfleet/7")
    assert request.headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("tag", ["etags", "last_modified"])
def test_an_unchanged_page_is_not_sent_again(upstream: Upstream, asking: Client, tag: str) -> None:
    upstream.etags = upstream.last_modified = False
    setattr(upstream, tag, True)
    first = asking.project(ProjectRequest("spam"))
    again = asking.project(as_known(first))
    assert isinstance(again, Unchanged)
    assert again.serial == upstream.serial
    assert (again.etag, again.last_modified) == (page_of(first).etag, page_of(first).last_modified)
    assert upstream.requests.count("/simple/spam/", status=304) == 1


@pytest.mark.parametrize("form", ["json", "html"])
def test_an_upstream_without_serials_and_tags_is_compared_by_content(
    upstream: Upstream, asking: Client, form: str
) -> None:
    setattr(upstream, "html" if form == "json" else "json", False)
    upstream.serials = upstream.etags = False
    first = asking.project(ProjectRequest("spam"))
    assert page_of(first).page.serial is None
    assert asking.project(as_known(first)) == Unchanged(None, None, None)
    upstream.delete_release("spam", "1.0")
    assert versions(asking.project(as_known(first))) == ["2.0"]


def test_a_new_serial_without_news_is_no_news_but_moves_serial_and_tag_on(upstream: Upstream, asking: Client) -> None:
    first = page_of(asking.project(ProjectRequest("spam")))
    upstream.touch("spam")
    again = asking.project(as_known(first, want_serial=upstream.serial))
    assert isinstance(again, Unchanged)
    assert again.serial == upstream.serial
    assert again.etag not in (None, first.etag)


def test_news_of_every_kind_arrive(upstream: Upstream, asking: Client) -> None:
    upstream.serial_as_string = True
    answer = asking.project(ProjectRequest("spam"))
    upstream.yank("spam", "1.0")
    answer = asking.project(as_known(answer))
    assert [file.yanked for file in page_of(answer).page.files] == ["", None]
    upstream.unyank("spam", "1.0")
    upstream.add_file(wheel_file("spam", "2.0"))
    answer = asking.project(as_known(answer))
    assert [file.kind for file in page_of(answer).page.files] == ["sdist", "sdist", "wheel"]
    upstream.quarantine("spam", "malware")
    page = page_of(asking.project(as_known(answer))).page
    assert (page.status, page.status_reason, page.files) == ("quarantined", "malware", ())


# Absent


def test_a_project_nobody_knows_is_absent_at_once(upstream: Upstream, asking: Client) -> None:
    assert asking.project(ProjectRequest("nothing")) == Absent()
    assert upstream.requests.count("/simple/nothing/") == 1


def test_a_known_project_is_absent_only_when_confirmed_around_caches(upstream: Upstream, asking: Client) -> None:
    known = as_known(asking.project(ProjectRequest("spam")))
    upstream.delete_project("spam")
    upstream.requests.clear()
    assert asking.project(known) == Absent()
    assert [request.headers["accept-encoding"] for request in upstream.requests] == ["gzip", "identity"]


def test_a_known_project_that_is_missing_only_for_a_moment_is_not_absent(upstream: Upstream, asking: Client) -> None:
    known = as_known(asking.project(ProjectRequest("spam")))
    upstream.fault("spam", "404", times=1)
    assert isinstance(asking.project(known), Unchanged)


def test_a_new_announced_project_is_not_absent_because_of_an_old_cache(upstream: Upstream, asking: Client) -> None:
    upstream.fault("spam", "404", times=1)
    assert versions(asking.project(ProjectRequest("spam", want_serial=upstream.serial))) == ["1.0", "2.0"]


def test_an_absence_that_cannot_be_confirmed_is_not_believed(upstream: Upstream, asking: Client) -> None:
    known = as_known(asking.project(ProjectRequest("spam")))
    upstream.fault("spam", "500")
    upstream.fault("spam", "404", times=1)
    assert isinstance(asking.project(known), Problem)


# Stale


def test_a_stale_page_is_asked_for_again_around_caches_and_then_given_up(upstream: Upstream, asking: Client) -> None:
    upstream.fault("spam", "stale")
    answer = asking.project(ProjectRequest("spam", want_serial=upstream.serial))
    assert isinstance(answer, Stale)
    assert answer.serial < upstream.serial
    assert f"behind {upstream.serial}" in answer.sentence
    assert [request.headers["accept-encoding"] for request in upstream.requests] == ["gzip", "identity"]


def test_a_page_that_is_stale_in_one_cache_only_is_read_around_it(upstream: Upstream, asking: Client) -> None:
    upstream.fault("spam", "stale", times=1)
    assert versions(asking.project(ProjectRequest("spam", want_serial=upstream.serial))) == ["1.0", "2.0"]


def test_a_page_older_than_ours_is_stale_though_nobody_announced_news(upstream: Upstream, asking: Client) -> None:
    known = as_known(asking.project(ProjectRequest("spam")))
    upstream.fault("spam", "stale")
    assert isinstance(asking.project(known), Stale)


def test_an_index_that_went_back_is_believed_when_no_cache_answers_for_it(upstream: Upstream, asking: Client) -> None:
    """A mirror that was restored, or another server behind the same URL."""
    known = as_known(asking.project(ProjectRequest("spam")))
    upstream.restore(1)
    upstream.add_release(pure_sdist("spam", "1.5"))
    upstream.requests.clear()
    answer = page_of(asking.project(known))
    assert answer.page.serial is not None and answer.page.serial < (known.have_serial or 0)
    assert "2.0" not in versions(answer)
    assert [request.headers["accept-encoding"] for request in upstream.requests] == ["gzip", "identity"]
    announced = replace(known, want_serial=known.have_serial)
    assert isinstance(asking.project(announced), Stale), "what the list of all projects has announced is newer"


@pytest.mark.parametrize("header", ["Age: 7", "X-Cache: HIT", "CF-Cache-Status: HIT", "Cache-Status: ours; hit"])
def test_a_cache_is_never_taken_for_an_index_that_went_back(upstream: Upstream, asking: Client, header: str) -> None:
    known = as_known(asking.project(ProjectRequest("spam")))
    page = asking.transport.request("GET", f"{upstream.index_url}spam/", {"Accept": JSON_TYPE}, 1 << 20)
    name, _, value = header.partition(": ")
    answer = HttpAnswer(200, page.body, {"Content-Type": JSON_TYPE, name: value})
    with Canned(answer) as cache, Client(f"{cache.url}/simple/") as behind_it:
        assert isinstance(behind_it.project(replace(known, have_serial=10_000)), Stale)


def test_not_modified_from_an_outdated_cache_is_not_believed(upstream: Upstream, asking: Client) -> None:
    known = asking.project(ProjectRequest("spam"))
    news = upstream.add_release(pure_sdist("spam", "3.0"))
    fault = upstream.fault("spam", "stale")
    assert isinstance(asking.project(as_known(known, want_serial=news)), Stale)
    assert [request.status for request in upstream.requests][-2:] == [304, 200]
    upstream.heal(fault)
    upstream.fault("spam", "stale", times=1)
    assert versions(asking.project(as_known(known, want_serial=news))) == ["1.0", "2.0", "3.0"]
