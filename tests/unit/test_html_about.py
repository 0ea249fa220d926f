"""What a project's page takes from METADATA: the words of the authors, bounded, and no link that could do harm."""

from __future__ import annotations

import pytest
from wheelfleet.site.html.about import About, Dependency, read_about

from tests.support.artifacts import core_metadata


def about(*dependencies: str, requires_python: str | None = None, **fields: str | list[str]) -> About:
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return read_about(
        core_metadata("spam", "1.0", requires_dist=dependencies, requires_python=requires_python, fields=named), "1.0"
    )


def test_links_have_the_words_of_pep_753_in_one_order() -> None:
    said = about(
        Home_page="https://spam.invalid",
        Project_URL=["Bug Tracker, https://spam.invalid/bugs", "Source Code, https://spam.invalid/code",
                     "Chat, https://spam.invalid/chat", "docs, http://spam.invalid/docs"],
    )  # fmt: skip
    assert [(link.known, link.url) for link in said.known_links] == [
        ("Home page", "https://spam.invalid"),
        ("Documentation", "http://spam.invalid/docs"),
        ("Source", "https://spam.invalid/code"),
        ("Issues", "https://spam.invalid/bugs"),
    ]
    assert [link.label for link in said.links if link.known is None] == ["Chat"]


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "ftp://spam.invalid", "//spam.invalid", "https://a\u202eb.invalid",
     "https://spam.invalid/" + "x" * 500, "https://spam.invalid/a b", "UNKNOWN"],
)  # fmt: skip
def test_an_address_that_is_not_plainly_http_is_no_link(url: str) -> None:
    assert about(Home_page=url, Project_URL=f"Source, {url}").links == ()


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License_Expression": "MIT OR Apache-2.0", "License": "MIT"}, "MIT OR Apache-2.0"),
        ({"License": "BSD 3-Clause", "Classifier": "License :: OSI Approved :: MIT License"}, "BSD 3-Clause"),
        ({"License": "Permission is\n        hereby granted", "Classifier": "License :: OSI Approved :: MIT License"},
         "MIT License"),
        ({"License": "x" * 500}, ""),
        ({"License": "UNKNOWN"}, ""),
    ],
)  # fmt: skip
def test_the_licence_is_the_shortest_true_statement(fields: dict[str, str], licence: str) -> None:
    assert about(**fields).license == licence


def test_people_are_named_without_their_addresses() -> None:
    said = about(
        Author="Ana", Author_email='"Ana" <ana@x.invalid>, Bo Li <bo@x.invalid>, c@x.invalid', Maintainer="d@x.invalid"
    )
    assert said.people == ("Ana", "Bo Li")


def test_dependencies_of_extras_are_told_apart() -> None:
    said = about("Some_Name>=2,<3", "tomli; python_version < '3.11'", "pytest; extra == 'test'")
    assert said.dependencies == (
        Dependency("some-name", "<3,>=2", "", False),
        Dependency("tomli", "", 'python_version < "3.11"', False),
        Dependency("pytest", "", 'extra == "test"', True, on_linux=False),
    )
    assert [each.name for each in said.needed] == ["some-name", "tomli"]


@pytest.mark.parametrize("line", ["<script>", "", "a" * 600, "a; nonsense", "../../x"])
def test_what_is_no_requirement_is_no_dependency(line: str) -> None:
    assert about(line, "spam-core").dependencies == (Dependency("spam-core", "", "", False),)


def test_metadata_without_end_is_read_up_to_a_limit() -> None:
    lines = [f"x-{number}" for number in range(5000)]
    said = about(*lines, Project_URL=[f"l{number}, https://x.invalid" for number in range(999)], Summary="s" * 9999)
    assert len(said.dependencies) == 200
    assert len(said.links) == 20
    assert len(said.summary) == 512


def test_the_description_is_not_read() -> None:
    metadata = core_metadata("spam", "1.0", fields={"License": "MIT"}) + b"\nHome-page: https://x.invalid\n"
    assert read_about(metadata, "1.0") == About("1.0", license="MIT")
    assert read_about(metadata.replace(b"\n", b"\r\n"), "1.0") == About("1.0", license="MIT")


@pytest.mark.parametrize("metadata", [b"", b"\xff\xfe", b"no header at all", "Summary: a\x1b[2J\u202eb\n".encode()])
def test_damaged_metadata_says_nothing_that_harms(metadata: bytes) -> None:
    said = read_about(metadata, "1.0")
    assert not said.says_anything
    assert said.summary.isprintable()


def test_a_dependency_of_other_systems_is_none_here() -> None:
    lines = ("colorama; sys_platform == 'win32'", "old; python_version < '3'", "cffi; platform_machine != 'x86'",
             "odd; os_name ~= 'x'", "pi; platform_machine == 'armv6l'")  # fmt: skip
    said = about(*lines)
    assert [each.name for each in said.needed] == ["cffi", "odd", "pi"]
    assert [each.name for each in said.dependencies] == ["colorama", "old", "cffi", "odd", "pi"]
