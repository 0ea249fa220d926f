"""The kinds of machines that pages answer for: their words, their Python, and which come first."""

from __future__ import annotations

import pytest
from wheelfleet.site.kinds import Kind, read_kinds

from tests.support.catalogs import TARGET, ControllerState

TRIXIE = "cp313-cp313-linux_aarch64-glibc2.41"
ARMV7 = "cp311-cp311-linux_armv7l-glibc2.36"
HOSTILE = "<b>\u202e\x1b[2J" + "x" * 500
PI4, PI5 = "Raspberry Pi 4 Model B Rev 1.4", "Raspberry Pi 5 Model B Rev 1.0"


def facts(board: str | None = None, ident: str = "debian", version: str = "12") -> dict[str, object]:
    return {"board": board, "os": {"id": ident, "version": version}}


def kind_of(state: ControllerState, target: str = TARGET) -> Kind:
    (kind,) = [kind for kind in read_kinds(state.catalog.db) if kind.target == target]
    return kind


def test_a_raspberry_pi_stands_for_all_models_of_its_processor(state: ControllerState) -> None:
    state.target(TRIXIE)
    state.builder("pi4", TRIXIE, facts=facts(PI4, version="13"))
    state.builder("pi5", TRIXIE, facts=facts(PI5, version="13"))
    kind = kind_of(state, TRIXIE)
    assert (kind.boards, kind.system, kind.python) == (
        "Raspberry Pi 3 and later, Zero 2 W", "Raspberry Pi OS 13, 64-bit", "Python 3.13",
    )  # fmt: skip
    assert kind.release == "debian 13"


@pytest.mark.parametrize(
    ("platform", "board", "ident", "words"),
    [
        ("linux_armv7l", PI4, "raspbian", ("Raspberry Pi 2 and later, Zero 2 W", "Raspberry Pi OS 12, 32-bit")),
        ("linux_armv6l", PI4, "raspbian", ("Raspberry Pi 1, Zero, Zero W", "Raspberry Pi OS 12, 32-bit")),
        (
            "linux_aarch64",
            "Radxa ROCK 5B",
            "debian",
            ("Radxa ROCK 5B and other 64-bit ARM boards", "Debian 12, 64-bit"),
        ),
        ("linux_aarch64", None, "debian", ("64-bit ARM boards", "Debian 12, 64-bit")),
        ("linux_x86_64", "KVM Virtual Machine", "debian", ("64-bit PCs", "Debian 12, 64-bit")),
        ("linux_mips", None, "debian", ("mips", "Debian 12, 32-bit")),
    ],
)
def test_a_kind_is_told_in_the_words_of_who_owns_one(
    state: ControllerState, platform: str, board: str | None, ident: str, words: tuple[str, str]
) -> None:
    state.target(platform=platform)
    state.builder("host", TARGET, facts=facts(board, ident))
    kind = kind_of(state)
    assert (kind.boards, kind.system) == words


@pytest.mark.parametrize(
    ("target", "version", "interpreter", "of_apt"),
    [
        (TARGET, "12", "python3", True),
        (TRIXIE, "13", "python3", True),
        (TRIXIE, "12", "python3.13", False),
        ("cp313-cp313t-linux_aarch64-glibc2.41", "13", "python3.13t", False),
        ("pp311-pypy311_pp73-linux_aarch64-glibc2.41", "13", "pypy3", False),
    ],
)
def test_the_command_is_the_systems_own_python_where_it_is_the_targets(
    state: ControllerState, target: str, version: str, interpreter: str, of_apt: bool
) -> None:
    state.target(target)
    state.builder("pi4", target, facts=facts(PI4, version=version))
    kind = kind_of(state, target)
    assert (kind.interpreter, kind.python_of_apt) == (interpreter, of_apt)


def test_a_target_without_builders_is_told_by_its_libc(state: ControllerState) -> None:
    state.target()
    kind = kind_of(state)
    assert (kind.boards, kind.system) == ("64-bit ARM boards", "Linux with glibc 2.36, 64-bit")
    assert (kind.interpreter, kind.offered) == ("python3.11", False)


def test_64_bits_and_newer_systems_come_first_and_what_nobody_offers_last(state: ControllerState) -> None:
    for target in (ARMV7, TARGET, TRIXIE, "cp39-cp39-linux_aarch64-glibc2.31"):
        state.target(target, platform=target.split("-")[2])
    state.builder("old", TARGET, facts=facts(PI4))
    state.builder("new", TRIXIE, facts=facts(PI4, version="13"))
    state.builder("small", ARMV7, facts=facts(PI4, "raspbian"))
    assert [kind.target for kind in read_kinds(state.catalog.db)][:3] == [TRIXIE, TARGET, ARMV7]


@pytest.mark.parametrize("text", ["", "[]", "null", '{"board": 7, "os": "x"}', '{"os": {"id": 5, "version": []}}'])
def test_facts_that_are_no_facts_are_not_known(state: ControllerState, text: str) -> None:
    state.target()
    state.builder("odd", TARGET, facts=text)
    assert kind_of(state).boards == "64-bit ARM boards"


def test_what_a_builder_says_of_itself_is_short_and_printable(state: ControllerState) -> None:
    state.target()
    state.builder("odd", TARGET, facts=facts(HOSTILE, "os\u202e" + "y" * 500, "1\x1b"))
    kind = kind_of(state)
    assert len(kind.boards) < 80
    assert len(kind.system) < 80
    assert "".join(kind[:5]).isprintable()


@pytest.mark.parametrize("name", ["x", "pypy", "cp-", "-"])
def test_a_target_that_is_not_named_by_tags_is_a_kind_too(state: ControllerState, name: str) -> None:
    state.target(name)
    assert (kind_of(state, name).target, kind_of(state, name).interpreter) == (name, "python3")
