"""The documentation: links lead somewhere, and a page can be skimmed."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted((REPOSITORY / "docs").rglob("*.md"))
#: Beside them, pages whose links are checked.
MORE = [
    *sorted(REPOSITORY.glob("*.md")),
    *sorted(REPOSITORY.glob("*/README.md")),
    *sorted(REPOSITORY.glob("roles/*/README.md")),
]


def prose(text: str) -> str:
    """Without blocks and spans of code, in which nothing is a link."""
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "``", text)


def anchors(page: Path) -> set[str]:
    """The anchors of the headings, as GitHub makes them: lower case, dashes for spaces, a number for a repeated one."""
    found: set[str] = set()
    times: Counter[str] = Counter()
    for heading in re.findall(r"^#+ +(.*?) *$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M), re.M):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(f"{slug}-{times[slug]}" if times[slug] else slug)
        times[slug] += 1
    return found


def paragraphs(text: str) -> Iterator[str]:
    """Paragraphs and items of lists, without headings, tables and code."""
    text = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    for block in re.split(r"\n\s*\n", text):
        for item in re.split(r"^(?= *(?:[-*]|\d+\.) )", block, flags=re.MULTILINE):
            if item.strip() and not re.match(r" *[|#]|     ?\S", item):
                yield item


@pytest.mark.parametrize("page", PAGES + MORE, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_leads_somewhere(page: Path):
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_that_a_file_names_is_there():
    """Code, messages and comments name pages by their path."""
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True)
    gone = []
    for name in filter(None, tracked.stdout.split("\0")):
        path = REPOSITORY / name
        if path.is_file() and path.suffix != ".md":
            for named in re.findall(r"\bdocs/[\w./-]+\.md\b", path.read_text(errors="replace")):
                if not (REPOSITORY / named).exists():
                    gone.append(f"{name}: {named}")
    assert gone == []


def test_every_file_that_a_page_names_is_there():
    """Pages name files by their paths below the repository, the package, or the folder of tests."""
    roots = [REPOSITORY, REPOSITORY / "module_utils/wheelfleet", REPOSITORY / "tests/unit"]
    gone = []
    for page in PAGES:
        if page.parent.name == "decisions":  # Says what was true on its date.
            continue
        for named in re.findall(r"`([a-z_]+/[\w/]+\.(?:py|j2|sql))(?:::\w+)?`", page.read_text()):
            if "NAME" not in named and not any((root / named).exists() for root in roots):
                gone.append(f"{page.name}: {named}")
    assert gone == []


def test_the_architecture_shows_every_room():
    page = (REPOSITORY / "docs/architecture.md").read_text()
    rooms = [path.parent.name for path in (REPOSITORY / "module_utils/wheelfleet").glob("*/__init__.py")]
    assert [room for room in rooms if f'{room}["{room}:' not in page] == []


def test_the_how_tos_name_variables_that_there_are():
    variables = {
        name for path in REPOSITORY.glob("roles/*/defaults/main.yml") for name in yaml.safe_load(path.read_text())
    }
    prefixes = {name.split("_")[0] for name in variables}
    for page in [REPOSITORY / "README.md", *(REPOSITORY / "docs/how-to").glob("*.md")]:
        named = re.findall(rf"(?<![\w/.])(?:{'|'.join(prefixes)})_[a-z_]+\b(?![/.])", page.read_text())
        assert [name for name in named if name not in variables] == [], page.name


def test_pictures_are_small():
    pictures = list((REPOSITORY / "docs/images").iterdir())
    assert pictures and all(path.stat().st_size < 200_000 for path in pictures)


def test_the_index_names_every_page():
    index = (REPOSITORY / "docs/README.md").read_text()
    pages = [path.relative_to(REPOSITORY / "docs").as_posix() for path in PAGES]
    assert [
        page for page in pages if page != "README.md" and f"({page}" not in index and "decisions/0" not in page
    ] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_a_page_can_be_skimmed(page: Path):
    """No paragraph above 90 words, one sentence a line, the project's old dialect only as names in code."""
    text = page.read_text()
    long = [f"{len(each.split())} words: {each.strip()[:60]}" for each in paragraphs(text) if len(each.split()) > 90]
    prose_only = re.sub(r"^    .*$", "", prose(text), flags=re.MULTILINE)
    old = r"\b(?:shifts?|hungry|hunger|forg[ai]v\w+|lack(?:s|ed|ing)?|witness\w*|vouched|besides|afresh|anew)\b"
    # A term or a title in bold may stand before its sentence.
    lines = [re.sub(r"^ *(?:[-*] |\d+\. )?(?:\*\*.+?\*\*)?", "", line) for line in prose_only.splitlines()]
    two = [line for line in lines if line[:1] not in "|#" and re.search(r"\w[)\"]?[.?!][)\"]? +[A-Z*`\[]", line)]
    assert long == []
    assert two == []
    assert re.findall(rf".*{old}.*", prose_only, re.IGNORECASE) == []


def test_every_word_of_the_glossary_is_in_use():
    glossary = REPOSITORY / "docs/glossary.md"
    terms = re.findall(r"\*\*(.+?)\*\*", glossary.read_text())
    text = "".join(page.read_text() for page in PAGES if page != glossary)
    for folder in ("module_utils", "playbooks", "roles", "library", "templates"):
        for path in (REPOSITORY / folder).rglob("*.*"):
            if path.suffix in {".py", ".yml", ".j2", ".sql"} and not path.is_symlink():
                text += path.read_text()
    text = re.sub(r"[\s_-]+", " ", text.lower())
    assert len(terms) == len(set(terms))
    assert [term for term in terms if re.sub(r"[\s-]+", " ", term.lower()) not in text] == []


def test_the_list_of_decisions_says_what_the_decisions_say():
    folder = REPOSITORY / "docs/decisions"
    rows = []
    for path in sorted(folder.glob("0*.md")):
        text = path.read_text()
        number, title = re.findall(r"^# (\d+)\. (.+)", text)[0]
        date, status = re.findall(r"^(?:Date|Status): (.+)", text, re.MULTILINE)
        assert path.name.startswith(f"{int(number):04}-")
        assert re.findall(r"^## (.+)", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
        rows.append(f"| {number} | {date} | [{title}]({path.name}) | {status} |")
    assert re.findall(r"^\| \d.*", (folder / "README.md").read_text(), re.MULTILINE) == rows
    assert [row.split(" ")[1] for row in rows] == [str(number) for number in range(1, len(rows) + 1)]
