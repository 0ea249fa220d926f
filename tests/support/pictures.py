"""The README's pictures: a terminal with a real run, and the first page of the sample site.

    ANSIBLE_FORCE_COLOR=1 make build > run.log
    PYTHONPATH=module_utils python -m tests.support.pictures run.log

The path of the checkout is left out.
"""

from __future__ import annotations

import html
import re
import sys
import tempfile
from pathlib import Path

from tests.support.chromium import chromium
from tests.support.sample_site import sample_site

REPOSITORY = Path(__file__).resolve().parents[2]
IMAGES = REPOSITORY / "docs/images"
#: The first line shown of a run.
FIRST = "PLAY [Find what changed upstream]"
COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "35": "#d2a8ff", "36": "#79c0ff"}


def terminal(log: str) -> str:
    """A page with the end of a run, as on a terminal."""
    log = log[max(log.find(FIRST), 0) :].replace(str(REPOSITORY), "/…").rstrip()
    log = re.sub(r"\n{2,}", "\n\n", re.sub(r"\*{9,}", "*" * 9, log))
    text = html.escape(log)
    for code, colour in COLOURS.items():
        text = re.sub(rf"\x1b\[[01];{code}m(.*?)\x1b\[0m", rf'<span style="color:{colour}">\1</span>', text)
    text = re.sub(r"\x1b\[[\d;]*m", "", text)
    style = "margin:0;padding:20px;background:#0d1117;color:#e6edf3;font:13px/1.35 monospace;white-space:pre-wrap"
    return f"<meta charset=utf-8><body style='margin:0'><pre style='{style}'>$ ansible-playbook build.yml\n{text}</pre>"


def main(log: Path) -> None:
    IMAGES.mkdir(exist_ok=True)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1030, "height": 200})
        page.set_content(terminal(log.read_text()))
        page.screenshot(path=IMAGES / "run.png", full_page=True)
        page.set_viewport_size({"width": 1100, "height": 760})
        with tempfile.TemporaryDirectory() as scratch:
            sample_site(Path(scratch))
            page.goto((Path(scratch) / "site" / "index.html").as_uri())
            page.screenshot(path=IMAGES / "site.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
