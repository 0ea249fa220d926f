"""The pictures in docs/: a terminal with a real run, and two pages of the sample site.

    ANSIBLE_FORCE_COLOR=1 make build > run.log
    PYTHONPATH=module_utils python -m tests.support.pictures run.log

Without a log the picture of the run stays as it is. The path of the checkout is left out.
"""

from __future__ import annotations

import html
import re
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from tests.support.chromium import chromium
from tests.support.sample_site import BIG, sample_site

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


def of_run(browser: Browser, log: Path) -> None:
    """The end of a run."""
    page = browser.new_page(viewport={"width": 1030, "height": 200})
    page.set_content(terminal(log.read_text()))
    page.screenshot(path=IMAGES / "run.png", full_page=True)


def of_site(browser: Browser) -> None:
    """The first page of the sample site, and the page of a project with many releases."""
    page = browser.new_page(viewport={"width": 1100, "height": 760})
    with tempfile.TemporaryDirectory() as scratch:
        sample = sample_site(Path(scratch))
        for name, path in (("site", "index.html"), ("project", f"project/{BIG}/index.html")):
            page.goto((sample.root / path).as_uri())
            page.screenshot(path=IMAGES / f"{name}.png")


def main(*logs: str) -> None:
    IMAGES.mkdir(exist_ok=True)
    with chromium() as browser:
        for log in logs:
            of_run(browser, Path(log))
        of_site(browser)


if __name__ == "__main__":
    main(*sys.argv[1:])
