"""Style, scripts and pictures: what a name stands for never changes, and is there as long as a page names it."""

from __future__ import annotations

import hashlib
import re
import struct
from pathlib import Path

from tests.support.catalogs import TEMPLATES, ControllerState

LOADED = re.compile(r'(?:href|src)="(?:\.\./)*(assets/[^"]+)"')


def loaded(state: ControllerState) -> set[str]:
    """The paths of the assets that the pages of the site load."""
    pages = [path.read_text() for path in state.site.rglob("*.html") if "simple" not in path.parts]
    assert len(pages) > 9
    return {path for page in pages for path in LOADED.findall(page)}


def own_assets(tmp_path: Path, **files: str) -> Path:
    """A folder of the operator's with assets."""
    folder = tmp_path / "mine"
    (folder / "assets").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / "assets" / name.replace("_", ".")).write_text(text)
    return folder


def a_site(state: ControllerState) -> None:
    state.wheel("spam", "1.0")
    state.attempt("ham", "1.0")
    state.want("ham", "1.0")


def test_styles_and_scripts_are_loaded_by_the_hash_of_their_bytes(state: ControllerState) -> None:
    a_site(state)
    state.publish()
    hashed = [path for path in loaded(state) if path.endswith((".css", ".js"))]
    assert len(hashed) >= 4
    for path in hashed:
        name = re.fullmatch(r"assets/([a-z]+)\.([0-9a-f]{12})\.(css|js)", path)
        assert name is not None, path
        data = (state.site / path).read_bytes()
        assert hashlib.sha256(data).hexdigest().startswith(name[2])
        assert data == (TEMPLATES / "assets" / f"{name[1]}.{name[3]}").read_bytes()


def test_what_an_operators_own_templates_load_is_there_by_its_plain_name(state: ControllerState) -> None:
    a_site(state)
    state.publish()
    for asset in (TEMPLATES / "assets").iterdir():
        assert (state.site / "assets" / asset.name).read_bytes() == asset.read_bytes()


def test_another_style_reaches_all_pages_and_the_earlier_one_stays(state: ControllerState, tmp_path: Path) -> None:
    a_site(state)
    state.publish()
    (before,) = [path for path in loaded(state) if path.endswith(".css")]
    mine = own_assets(tmp_path, style_css="body { color: red }")
    state.publish(overrides=[mine])
    (now,) = [path for path in loaded(state) if path.endswith(".css")]
    assert now != before
    assert (state.site / now).read_text() == "body { color: red }"
    # A page that a browser keeps, or that is on its way, still finds its own.
    assert (state.site / before).is_file()
    state.publish(overrides=[mine])
    assert (state.site / before).is_file()
    state.publish(overrides=[mine], full=True)
    assert not (state.site / before).exists()
    assert (state.site / now).is_file()


def test_the_touch_icon_is_a_picture_of_the_size_that_phones_want(state: ControllerState) -> None:
    a_site(state)
    state.publish()
    data = (state.site / "assets/touch-icon.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (180, 180)
    assert "assets/touch-icon.png" in loaded(state)
