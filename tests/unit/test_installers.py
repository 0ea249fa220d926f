"""Both installers are asked: uv always, pip wherever a wheel has something that it may refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from wheelfleet.builder.installers import check_installers, pip_takes, sentence

from tests.support.raw_wheels import METADATA, packed
from tests.support.wheels import installed_wheel

INFO = "demo-1.0.dist-info"


def points(text: bytes) -> dict[str, bytes]:
    return {f"{INFO}/entry_points.txt": text}


def put(folder: Path, wheel: bytes, name: str = "demo-1.0-py3-none-any.whl") -> Path:
    path = folder / name
    path.write_bytes(wheel)
    return path


#: uv installs them.
REFUSED_BY_PIP = {
    "metadata-in-latin-1": packed(metadata=METADATA + b"Author: M\xfcller\n"),
    "description-in-latin-1": packed(metadata=METADATA + b"\nM\xfcller\n"),
    "requirement": packed(metadata=METADATA + b"Requires-Dist: pytz>dev\n"),
    "requirement-of-an-extra": packed(metadata=METADATA + b"Requires-Dist: pytz>dev; extra == 'x'\n"),
    "requirement-without-comma": packed(metadata=METADATA + b"Requires-Dist: pytz>=1<2\n"),
    "script": packed(more=points(b"[console_scripts]\ndemo = my-demo:main\n")),
    "data": packed(more={"strange.data/a": b"x"}),
}
REFUSED_BY_UV = {
    "script-without-callable": packed(more=points(b"[console_scripts]\ndemo = demo\n")),
    "no-section": packed(more=points(b"no section\n")),
}


@pytest.mark.parametrize("kind", REFUSED_BY_PIP)
def test_pip_is_asked_about_what_it_refuses_and_uv_takes(tmp_path: Path, kind: str) -> None:
    wheel = put(tmp_path, REFUSED_BY_PIP[kind])
    assert not pip_takes(wheel)
    said = check_installers(wheel, tmp_path / "installed", tmp_path)
    assert (said.refused or "").startswith("pip does not install the wheel: "), said


@pytest.mark.parametrize("kind", REFUSED_BY_UV)
def test_what_uv_refuses_is_refused(tmp_path: Path, kind: str) -> None:
    said = check_installers(put(tmp_path, REFUSED_BY_UV[kind]), tmp_path / "installed", tmp_path)
    assert (said.refused or "").startswith("uv does not install the wheel: The wheel is invalid: "), said


@pytest.mark.parametrize("name", ["packaging", "pytest"])
def test_pip_takes_ordinary_wheels_and_is_not_asked(tmp_path: Path, name: str) -> None:
    wheel = installed_wheel(name)
    assert pip_takes(put(tmp_path, wheel.data, wheel.filename))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"# a comment\n\n[console_scripts]\r\ndemo=demo:main\r\nother = demo.part:Class.method [extra]\n",
        b"  [gui_scripts]\n  demo = demo:main\n\n[pytest11]\nplugin = demo\n[a.b]\nx y = demo.z:q\n",
    ],
)
def test_entry_points_in_the_usual_forms_are_no_reason_to_ask_pip(tmp_path: Path, text: bytes) -> None:
    wheel = put(tmp_path, packed(more=points(text)))
    assert pip_takes(wheel)
    assert check_installers(wheel, tmp_path / "installed", tmp_path) == (None, None)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            "error: Failed to install: demo-1.0.whl (demo==1.0 (from file:///build/wheels/demo-1.0.whl))\n"
            "  cause: The wheel is invalid: invalid console script: 'demo'\n",
            "The wheel is invalid: invalid console script: 'demo'",
        ),
        (
            "ERROR: Requested demo==1.0 from file:///build/wheels/demo-1.0.whl has invalid metadata: Expected end\n"
            "    pytz>dev\n        ^\n",
            "Requested demo==1.0 from demo-1.0.whl has invalid metadata: Expected end: pytz>dev",
        ),
        (
            "ERROR: Exception:\nTraceback (most recent call last):\nTypeError: missing 'value'\n",
            "TypeError: missing 'value'",
        ),
        ("", "it says nothing"),
    ],
)
def test_the_installers_own_words_are_one_sentence(output: str, said: str) -> None:
    assert sentence(output) == said


def test_a_wheel_for_other_pythons_is_not_refused_but_unknown_here(tmp_path: Path) -> None:
    said = check_installers(
        put(tmp_path, packed(metadata=METADATA + b"Requires-Python: >=3.99\n")), tmp_path / "x", tmp_path
    )
    assert said == (None, "The wheel needs Python >=3.99, so nobody could import it here.")


def test_what_an_installer_says_of_the_machine_is_not_blamed_on_the_wheel(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = check_installers(put(tmp_path, packed()), tmp_path / "file" / "below", tmp_path)
    assert said.refused is None
