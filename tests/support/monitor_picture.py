"""The picture of the monitor in docs/how-to/watch-a-run.md: a real screen of a made-up run.

PYTHONPATH=module_utils:. .venv/bin/python -m tests.support.monitor_picture
"""

from __future__ import annotations

import html
import os
import sys
import tempfile
from pathlib import Path

from pyte.screens import Char

from tests.support.chromium import chromium
from tests.support.monitored import monitored_run
from tests.support.pictures import IMAGES, REPOSITORY
from tests.support.terminal import Terminal

SIZE = (110, 24)
COLOURS = {"red": "#ff7b72", "green": "#7ee787", "brown": "#e3b341", "yellow": "#e3b341"}


def cell(char: Char) -> str:
    """A cell of the screen as HTML."""
    style = f"color:{COLOURS.get(char.fg, '#e6edf3')};"
    if char.reverse:
        style = "color:#0d1117;background:#9aa4b0;"
    if char.bold:
        style += "font-weight:bold;"
    return f'<span style="{style}">{html.escape(char.data)}</span>'


def main() -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(REPOSITORY / "module_utils"),
    }
    with tempfile.TemporaryDirectory() as folder:
        monitored_run(Path(folder), 12)
        command = [sys.executable, "-m", "wheelfleet.monitor", "--state", folder]
        with Terminal(command, size=SIZE, environment=environment) as terminal:
            terminal.until(lambda text: "events" in text)
            lines = [
                "".join(cell(terminal.screen.buffer[row][column]) for column in range(SIZE[0]))
                for row in range(SIZE[1])
            ]
    style = "margin:0;padding:16px;background:#0d1117;font:14px/1.25 'DejaVu Sans Mono',monospace;display:inline-block"
    body = "\n".join(lines)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 900, "height": 200})
        page.set_content(f"<meta charset=utf-8><body style='margin:0'><pre id=screen style=\"{style}\">{body}</pre>")
        page.locator("#screen").screenshot(path=IMAGES / "monitor.png")


if __name__ == "__main__":
    main()
