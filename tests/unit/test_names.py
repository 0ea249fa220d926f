"""Names are read by the standards and against the project's name, never guessed."""

from __future__ import annotations

import pytest
from packaging.tags import Tag
from packaging.version import Version
from wheelfleet.names import (
    LONGEST_FILE_NAME,
    BadFileName,
    NotAnSdist,
    NotAWheel,
    WheelName,
    is_project_name,
    normalize,
    read_file_name,
    read_sdist_name,
    read_wheel_name,
)
from wheelfleet.sdist_endings import SDIST_ENDINGS


@pytest.mark.parametrize(
    ("name", "normalised"), [("RPi.GPIO", "rpi-gpio"), ("zope.interface", "zope-interface"), ("a__-.b", "a-b")]
)
def test_names_are_normalised_as_pep_503_says(name: str, normalised: str) -> None:
    assert normalize(name) == normalised


@pytest.mark.parametrize("name", ["a", "RPi.GPIO", "0", "a-b_c.d"])
def test_a_project_name_is_one(name: str) -> None:
    assert is_project_name(name)


@pytest.mark.parametrize("name", ["", "..", "-a", "a-", "a/b", "a b", "ä", "a\n", "a\x00b", "a" * 256])
def test_anything_else_is_no_project_name(name: str) -> None:
    assert not is_project_name(name)


@pytest.mark.parametrize(
    ("filename", "project", "version", "extension"),
    [
        ("RPi.GPIO-0.7.1.tar.gz", "rpi-gpio", "0.7.1", ".tar.gz"),
        ("rpi_gpio-0.7.1.tar.gz", "RPi.GPIO", "0.7.1", ".tar.gz"),
        ("my-pkg-1.0-1.tar.gz", "my-pkg", "1.0.post1", ".tar.gz"),
        ("python-foo-bar-2.0.zip", "python-foo-bar", "2.0", ".zip"),
        ("foo-1.0.post1.tar.gz", "foo", "1.0.post1", ".tar.gz"),
        ("foo-1.0-rc-1.tgz", "foo", "1.0rc1", ".tgz"),
        ("foo-2-1.0.tar.bz2", "foo-2", "1.0", ".tar.bz2"),
        ("foo-2-1.tar.bz2", "foo", "2.post1", ".tar.bz2"),
        ("foo-1!2.0+local.1.tar.xz", "foo", "1!2.0+local.1", ".tar.xz"),
        ("foo-v1.0.tar", "foo", "1.0", ".tar"),
        ("Foo__Bar-1.0.tbz", "foo-bar", "1.0", ".tbz"),
    ],
)
def test_an_sdist_name_is_split_where_the_left_part_is_the_project(
    filename: str, project: str, version: str, extension: str
) -> None:
    name = read_sdist_name(filename, project)
    assert (name.version, name.extension) == (Version(version), extension)


def test_every_archive_that_pip_unpacks_is_an_sdist() -> None:
    assert {read_sdist_name(f"foo-1.0{extension}", "foo").extension for extension in SDIST_ENDINGS} == set(
        SDIST_ENDINGS
    )


@pytest.mark.parametrize(
    ("filename", "project"),
    [
        ("foo-bar-1.0.tar.gz", "foo"),
        ("foo-1.0.tar.gz", "foo-bar"),
        ("foobar-1.0.tar.gz", "foo"),
        ("foo.tar.gz", "foo"),
        ("foo-.tar.gz", "foo"),
        ("foo-1.0", "foo"),
        ("foo-1.0.tar.gz.asc", "foo"),
        ("foo-1.0.TAR.GZ", "foo"),
        ("foo-1.0.tar.lz", "foo"),
        ("foo-1.0-py3.11.egg", "foo"),
        ("foo-1.0.win32.exe", "foo"),
        ("foo-1.0.linux-x86_64.tar.gz", "foo"),
        ("foo-1.0.win-amd64.zip", "foo"),
        ("foo-latest.tar.gz", "foo"),
        ("foo-1.0-py3-none-any.whl", "foo"),
    ],
)
def test_what_is_not_an_sdist_of_the_project_is_refused_with_a_sentence(filename: str, project: str) -> None:
    with pytest.raises(NotAnSdist, match=r"^foo.*\.$"):
        read_sdist_name(filename, project)


@pytest.mark.parametrize(
    "filename",
    [
        "../foo-1.0.tar.gz",
        "foo-1.0/../../x.tar.gz",
        "foo- 1.0.tar.gz",
        "foo-1.0\n.tar.gz",
        "foo-1.0\x00.tar.gz",
        "foo-1.0ſ.tar.gz",
        "foo-١.٠.tar.gz",
        "<b>-1.0.tar.gz",
        ".foo-1.0.tar.gz",
        "",
        f"foo-{'1' * LONGEST_FILE_NAME}.tar.gz",
    ],
)
def test_a_name_that_is_unsafe_as_a_path_or_in_a_page_is_no_file_name(filename: str) -> None:
    with pytest.raises(NotAnSdist):
        read_sdist_name(filename, "foo")
    with pytest.raises(NotAWheel):
        read_wheel_name(filename.replace(".tar.gz", "-py3-none-any.whl"))


def test_a_wheel_name_tells_name_version_build_and_tags() -> None:
    name = read_wheel_name("RPi.GPIO-0.7.1-2b-cp311.cp312-abi3.none-linux_armv7l.whl")
    assert (name.name, name.version, name.build) == ("rpi-gpio", Version("0.7.1"), (2, "b"))
    assert name.tags == {
        Tag(interpreter, abi, "linux_armv7l") for interpreter in ("cp311", "cp312") for abi in ("abi3", "none")
    }
    assert read_wheel_name("foo-1.0-py3-none-any.whl").build == ()


@pytest.mark.parametrize(
    ("filename", "version"),
    [("foo-1.0_1-py3-none-any.whl", "1.0.post1"), ("foo__bar-1.0-py3-none-any.whl", "1.0")],
)
def test_the_old_spellings_that_pip_has_long_taken_are_wheels_too(filename: str, version: str) -> None:
    assert read_wheel_name(filename).version == Version(version)


@pytest.mark.parametrize(
    "filename",
    [
        "foo-1.0.tar.gz",
        "foo-1.0.whl",
        "foo-1.0-none-any.whl",
        "foo-1.0-b-py3-none-any.whl",
        "foo-1.0-1-2-py3-none-any.whl",
        "foo-one-py3-none-any.whl",
        "foo-1.0-py3-none-any.whl.asc",
        "foo-1.0_x_y-py3-none-any.whl",
    ],
)
def test_what_is_not_a_wheel_is_refused_with_a_sentence(filename: str) -> None:
    with pytest.raises(NotAWheel, match=r"^foo.*\.$"):
        read_wheel_name(filename)


def test_a_wheel_that_names_tens_of_thousands_of_tags_is_none() -> None:
    letters = ".".join("abcdefghijklmnopqrstuvwxyz")
    with pytest.raises(NotAWheel, match="17576 tags"):
        read_wheel_name(f"foo-1.0-{letters}-{letters}-{letters}.whl")


def test_a_wheel_of_another_project_is_not_this_ones() -> None:
    assert read_file_name("foo_bar-1.0-py3-none-any.whl", "Foo.Bar").version == Version("1.0")
    with pytest.raises(BadFileName, match="belongs to foo-bar"):
        read_file_name("foo_bar-1.0-py3-none-any.whl", "foo")


@pytest.mark.parametrize(
    ("filename", "kind"),
    [
        ("foo-1.0.tar.gz", "sdist"),
        ("foo-1.0-py3-none-any.whl", "wheel"),
        ("foo-1.0-py2.7.egg", None),
        ("bar-1.0.tar.gz", None),
        ("bar-1.0-py3-none-any.whl", None),
    ],
)
def test_the_kind_of_a_file(filename: str, kind: str | None) -> None:
    try:
        found = "wheel" if isinstance(read_file_name(filename, "foo"), WheelName) else "sdist"
    except BadFileName:
        found = None
    assert found == kind
