"""An index of files that pip and uv read from disk, without a server."""

from __future__ import annotations

from pathlib import Path

from tests.support.wheels import wheel_file


class FileIndex:
    """Wheels of pure Python in a folder; `url` is its address for pip."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def url(self) -> str:
        return self.folder.as_uri()

    def add(self, name: str, version: str, requires_python: str | None = None) -> None:
        """Add a wheel without code."""
        wheel = wheel_file(name, version, requires_python=requires_python)
        page = self.folder / name / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        (page.parent / wheel.filename).write_bytes(wheel.data)
        needs = f' data-requires-python="{requires_python}"'.replace(">", "&gt;") if requires_python else ""
        with page.open("a") as file:
            file.write(f'<a href="{wheel.filename}"{needs}>{wheel.filename}</a>\n')
