"""Who runs the site: what the operator may say, and where pages then send a reader who asks or reports."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from wheelfleet.site.checked_values import problems
from wheelfleet.site.contact import Contact, in_one_line
from wheelfleet.site.publication import MARKER

from tests.support.catalogs import TARGET, ControllerState
from tests.support.site_pages import elements

TRACKER = "https://tracker.example/new?title={project}+{version}&body={class}%20{target}%20{log}%20{page}"
NOTHING = {"about": "", "contact": "", "issues": "", "announcement": "", "files_url": ""}
HOSTILE = '<script>alert(1)</script>" onclick="x'
#: Words that make sense only where somebody can be asked.
ASKING = (
    "report this",
    "report a problem",
    "write to the operator",
    "ask for a project",
    "please tell",
    "tell the operator",
)


def failed_site(state: ControllerState, contact: Contact | None = None, announcement: str = "") -> None:
    state.builder("pi1", TARGET)
    state.want("spam", "1.0")
    told = {"failure_class": "missing-header", "blocks": "target", "sentence": "The header png.h is missing."}
    state.attempt("spam", "1.0", log="no png.h\n", **told)
    state.publish(url="https://wheels.example.org", contact=contact, announcement=announcement)


def page(state: ControllerState, path: str) -> str:
    return (state.site / path).read_text()


def links(html: str, text: str) -> list[str]:
    """The addresses of the links with this text."""
    return [attributes["href"] or "" for tag, attributes, said in elements(html) if tag == "a" and said.strip() == text]


def pages_of(state: ControllerState) -> dict[str, str]:
    return {str(path.relative_to(state.site)): path.read_text() for path in sorted(state.site.rglob("*.html"))}


@pytest.mark.parametrize(
    "settings",
    [
        {"contact": "wheels@example.org"},
        {"contact": "https://example.org/contact", "about": "For the school in Bern."},
        {"issues": TRACKER, "announcement": "Down on Saturday."},
        {"issues": "http://[2001:db8::1]:3000/issues"},
        {"files_url": "https://files.example.org:8443/our/wheels/"},
    ],
)
def test_what_can_be_asked_at_is_accepted(settings: dict[str, str]) -> None:
    assert problems(NOTHING | settings) == []


@pytest.mark.parametrize(
    ("settings", "variable", "cure"),
    [
        ({"contact": "javascript:alert(1)"}, "site_contact", "mail address"),
        ({"contact": "ask Ana"}, "site_contact", "mail address"),
        ({"contact": "a@b?cc=c@d"}, "site_contact", "mail address"),
        ({"contact": "https://"}, "site_contact", "mail address"),
        ({"contact": 'https://example.org/" onclick="x'}, "site_contact", "mail address"),
        ({"issues": "JavaScript:alert({project})"}, "site_issues", "http:// or https://"),
        ({"issues": "wheels@example.org"}, "site_issues", "belongs into site_contact"),
        ({"issues": "https://{project}.example.org{"}, "site_issues", "http:// or https://"),
        ({"issues": "https://tracker.example/{Projekt}"}, "site_issues", "there are {project}, {version}"),
        ({"about": "x" * 501}, "site_about", "at most 500"),
        ({"files_url": "https://files.example.org/?of="}, "site_files_url", "without a query"),
        ({"files_url": "files/"}, "site_files_url", "https://files.example.org/wheels"),
        ({"files_url": 'https://x/"><script>'}, "site_files_url", "without a query"),
        ({"announcement": "x" * 501}, "site_announcement", "at most 500"),
    ],
)
def test_a_wrong_value_is_refused_by_name_and_with_a_cure(settings: dict[str, str], variable: str, cure: str) -> None:
    (sentence,) = problems(NOTHING | settings)
    assert sentence.startswith(f"{variable} ")
    assert cure in sentence


def test_a_placeholder_cannot_leave_its_place_in_the_address() -> None:
    report = Contact(issues=TRACKER).report({"project": 'a&body=b#"<>', "version": "1.0+local", "class": None})
    assert parse_qs(urlsplit(report).query)["title"] == ['a&body=b#"<> 1.0+local']
    assert not set('"<> #') & set(report)


def test_a_mail_says_what_it_reports() -> None:
    report = urlsplit(
        Contact(address="w@example.org").report({"project": "spam", "version": "1.0", "log": "http://x/?a&b"})
    )
    told = parse_qs(report.query)
    assert (report.scheme, report.path) == ("mailto", "w@example.org")
    assert told == {"subject": ["spam 1.0"], "body": ["project: spam\nversion: 1.0\nlog: http://x/?a&b\n"]}


def test_an_operators_text_is_one_line_that_reorders_nothing() -> None:
    assert in_one_line("For\n  the \u202eschool ") == "For the \ufffdschool"


def test_a_failed_build_leads_to_a_report_that_names_it(state: ControllerState) -> None:
    failed_site(state, Contact(issues=TRACKER))
    log = next(path for path in pages_of(state) if path.startswith("logs/"))
    told = {"title": ["spam 1.0"]}
    for path in ("project/spam/index.html", log):
        (report,) = links(page(state, path), "Report this")
        query = parse_qs(urlsplit(report).query)
        assert query == told | {
            "body": [
                f"missing-header {TARGET} https://wheels.example.org/{log} "
                "https://wheels.example.org/project/spam/index.html"
            ]
        }


def test_every_page_says_who_runs_it_and_where_to_ask(state: ControllerState) -> None:
    failed_site(state, Contact("Run by the school in Bern.", "wheels@example.org"))
    for path, html in pages_of(state).items():
        if not path.startswith("simple/"):
            assert "Run by the school in Bern." in html, path
            assert links(html, "Contact") == ["mailto:wheels@example.org"], path
    assert links(page(state, "faq/index.html"), "Write to the operator") == ["mailto:wheels@example.org"]
    assert links(page(state, "404.html"), "please tell us") == ["mailto:wheels@example.org"]
    assert links(page(state, "search/index.html"), "Ask for a project") == ["mailto:wheels@example.org"]


def test_where_nobody_can_be_asked_no_page_speaks_of_it(state: ControllerState) -> None:
    failed_site(state)
    for path, html in pages_of(state).items():
        text = " ".join(said for _, _, said in elements(html)).lower()
        assert [words for words in ASKING if words in text] == [], path
        assert links(html, "Contact") == [], path


def test_an_announcement_renders_no_project_and_no_log_again(state: ControllerState) -> None:
    failed_site(state)
    published = state.publish(
        url="https://wheels.example.org", announcement="Down on Saturday, see https://x.example/a."
    )
    assert published.projects == 0
    assert {path.partition("/")[0] for path in published.changed} <= {
        "404.html", "failures", "faq", "fleet", "index.html", "report", "search", "statistics", "use",
    }  # fmt: skip
    home = page(state, "index.html")
    assert links(home, "https://x.example/a") == ["https://x.example/a"]
    assert "Down on Saturday" not in page(state, "project/spam/index.html")
    assert json.loads((state.site / MARKER).read_text())["announcement"].startswith("Down on")
    assert state.publish(url="https://wheels.example.org").changed
    assert "Down on Saturday" not in page(state, "index.html")
    assert state.publish(url="https://wheels.example.org").changed == []


def test_an_operators_text_is_text(state: ControllerState) -> None:
    failed_site(state, Contact(HOSTILE, "wheels@example.org"), HOSTILE)
    for path, html in pages_of(state).items():
        assert not any(tag == "script" and "src" not in attributes for tag, attributes, _ in elements(html)), path
        assert not any("onclick" in attributes for _, attributes, _ in elements(html)), path
