"""The shards behind the search: a function of what there is to find, each word found on its way, little to write."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest
from wheelfleet.site.glossary import STATUSES
from wheelfleet.site.html.search import pages, status_words
from wheelfleet.site.html.search_shards import STATUS_ORDER, shard_path, shards, words
from wheelfleet.site.renderer import Renderer, SiteFacts

from tests.support.catalogs import TEMPLATES, ControllerState, insert


class Listed:
    """Projects that have pages, as a publication leaves them, and a folder with shards."""

    def __init__(self, controller: ControllerState, most_words: int = 1000, most_best: int = 50) -> None:
        self.controller = controller
        self.bounds = {"most_words": most_words, "most_best": most_best}
        self.projects: dict[str, tuple[str, str]] = {}
        self.files: dict[str, bytes] = {}

    def put(self, name: str, status: str = "built", summary: str = "", display_name: str | None = None) -> None:
        with self.controller.catalog.writing() as db:
            db.execute("INSERT OR IGNORE INTO project (name, display_name) VALUES (?, ?)", (name, name))
            (project,) = db.execute("SELECT id FROM project WHERE name = ?", (name,)).fetchone()
            if name in self.projects:
                db.execute("UPDATE site_project SET status = ?, summary = ? WHERE name = ?", (status, summary, name))
            else:
                insert(
                    db,
                    "site_project",
                    project_id=project,
                    name=name,
                    display_name=display_name or name,
                    summary=summary,
                    status=status,
                    listed=1,
                )
            db.executemany(
                "INSERT OR IGNORE INTO search_word (word, project_id) VALUES (?, ?)",
                [(word, project) for word in words(name)],
            )
        self.projects[name] = (status, summary)

    def remove(self, name: str) -> None:
        self.controller.execute("DELETE FROM site_project WHERE name = ?", name)
        del self.projects[name]

    def render(self, changed: Collection[str] | None) -> list[tuple[str, bytes | None]]:
        return list(shards(self.controller.catalog.db, changed, **self.bounds))

    def update(self, changed: Collection[str]) -> set[str]:
        """Bring the folder up to date; returns what was touched."""
        rendered = self.render(changed)
        for path, data in rendered:
            if data is None:
                self.files.pop(path, None)
            else:
                self.files[path] = data
        return {path for path, _ in rendered}

    def everything(self) -> dict[str, bytes]:
        rendered = self.render(None)
        files = {path: data for path, data in rendered if data is not None}
        assert len(files) == len(rendered)
        return files

    def shard(self, prefix: str) -> dict[str, object]:
        return dict(json.loads(self.files[shard_path(prefix)]))


@pytest.fixture
def controller(tmp_path: Path) -> Iterator[ControllerState]:
    with ControllerState(tmp_path / "state") as state:
        yield state


def reference(projects: dict[str, tuple[str, str]], most_words: int, most_best: int) -> dict[str, bytes]:
    """All shards, as simply as can be: by looking at everything for each."""
    pairs = sorted((word, name) for name in projects for word in words(name))

    def row(name: str) -> list[str]:
        status, summary = projects[name]
        return [name, status[0], summary] if summary else [name, status[0]]

    def order(name: str) -> tuple[int, int, str]:
        return STATUS_ORDER.index(projects[name][0]), len(name), name

    def below(prefix: str) -> Iterator[tuple[str, bytes]]:
        here = [(word, name) for word, name in pairs if word.startswith(prefix)]
        data: dict[str, object] = {}
        found = {name for _, name in here}
        if len(here) > most_words:
            letters = sorted({word[len(prefix)] for word, _ in here if len(word) > len(prefix)})
            for letter in letters:
                yield from below(prefix + letter)
            data["next"] = "".join(letters)
            named = sorted((name for name in found if name.startswith(prefix)), key=order)
            best = {prefix} & found
            for name in [*named, *(name for _, name in here)]:
                if len(best) < most_best:
                    best.add(name)
            found = best
        data["rows"] = [row(name) for name in sorted(found, key=order)]
        yield shard_path(prefix), (json.dumps(data, separators=(",", ":")) + "\n").encode()

    return dict(below(""))


def walk(listed: Listed, word: str) -> dict[str, object]:
    """The shard the page's script ends at for a word."""
    prefix = ""
    while "next" in (shard := listed.shard(prefix)) and prefix != word:
        if word[len(prefix)] not in str(shard["next"]):
            return {"rows": []}
        prefix += word[len(prefix)]
    return shard


def names(shard: dict[str, object]) -> list[str]:
    rows = shard["rows"]
    assert isinstance(rows, list)
    return [row[0] for row in rows]


def some_name(chance: random.Random) -> str:
    """Few letters and many parts, so that small catalogs have deep shards and words shared by many."""
    return "-".join("".join(chance.choices("abz0", k=chance.randint(1, 3))) for _ in range(chance.randint(1, 3)))


def test_a_project_is_found_by_its_name_and_from_each_part_of_it_on() -> None:
    assert words("python-dateutil") == {"python-dateutil", "dateutil"}
    assert words("numpy") == {"numpy"}


def test_shards_have_names_that_every_file_system_takes() -> None:
    assert shard_path("") == "search/p/_.json"
    assert shard_path("n") == "search/p/n/n_.json"
    assert shard_path("con") == "search/p/co/con_.json"


def test_a_small_catalog_is_one_shard_with_the_best_first(controller: ControllerState) -> None:
    listed = Listed(controller)
    listed.put("later", "waiting", "Not yet.")
    listed.put("python-dateutil", "built")
    listed.put("rpi-gpio", "built", "Pins.", display_name="RPi.GPIO")
    assert listed.update(["later", "python-dateutil", "rpi-gpio"]) == {"search/p/_.json"}
    assert listed.shard("") == {
        "rows": [["rpi-gpio", "b", "Pins.", "RPi.GPIO"], ["python-dateutil", "b"], ["later", "w", "Not yet."]]
    }


def test_summaries_are_one_short_line_that_reorders_nothing(controller: ControllerState) -> None:
    listed = Listed(controller)
    listed.put("long", summary="many " * 40)
    listed.put("sly", summary="one\n\ttwo\u202ethree")
    listed.update(["long", "sly"])
    assert listed.shard("")["rows"] == [["sly", "b", "one two\ufffdthree"], ["long", "b", "many " * 15 + "many…"]]


def test_an_empty_catalog_has_a_shard_that_says_so(controller: ControllerState) -> None:
    listed = Listed(controller)
    assert listed.everything() == {"search/p/_.json": b'{"rows":[]}\n'}
    assert listed.render([]) == []


@pytest.mark.parametrize("seed", range(4))
def test_changes_lead_to_the_same_shards_as_rendering_everything(controller: ControllerState, seed: int) -> None:
    chance = random.Random(seed)
    most_words, most_best = chance.choice([(6, 4), (10, 3), (3, 3), (25, 5)])
    listed = Listed(controller, most_words, most_best)
    for _ in range(30):
        changed = set()
        for _ in range(chance.choice((1, 1, 2, 12))):
            known = chance.random() < 0.55 and sorted(listed.projects)
            name = chance.choice(known) if known else some_name(chance)
            changed.add(name)
            if known and chance.random() < 0.8:
                listed.remove(name)
            else:
                listed.put(name, chance.choice(STATUS_ORDER), chance.choice(("", "Useful.")))
        if chance.random() < 0.1:
            leaving = chance.sample(sorted(listed.projects), len(listed.projects) * 4 // 5)
            for name in leaving:
                listed.remove(name)
            changed.update(leaving)
        listed.update(changed)
        assert listed.files == reference(listed.projects, most_words, most_best)
    assert listed.everything() == listed.files


def test_a_shard_that_grows_is_split_and_one_that_shrinks_is_whole_again(controller: ControllerState) -> None:
    listed = Listed(controller, most_words=3, most_best=2)
    for name in ("aa", "ab", "ac"):
        listed.put(name)
    assert listed.update(listed.projects) == {"search/p/_.json"}
    listed.put("b")
    listed.update(["b"])
    assert listed.shard("") == {"next": "ab", "rows": [["b", "b"], ["aa", "b"]]}
    assert names(listed.shard("a")) == ["aa", "ab", "ac"]
    listed.remove("ac")
    listed.update(["ac"])
    assert list(listed.files) == ["search/p/_.json"]
    assert names(listed.shard("")) == ["b", "aa", "ab"]


def test_the_best_matches_begin_with_the_word_then_others_contain_it(
    controller: ControllerState,
) -> None:
    listed = Listed(controller, most_words=4, most_best=3)
    for name in ("a-kit", "b-kit", "c-kit", "d-kit", "e-kit", "kitten"):
        listed.put(name)
    listed.put("kit", "not-found")
    listed.update(listed.projects)
    assert names(listed.shard("kit")) == ["a-kit", "kitten", "kit"]
    listed.put("kitchen", "waiting")
    listed.update(["kitchen"])
    assert names(listed.shard("kit")) == ["kitten", "kitchen", "kit"]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listed]:
    """Hundreds of projects in small shards, to look at only."""
    chance = random.Random(7)
    with ControllerState(tmp_path_factory.mktemp("crowd")) as controller:
        listed = Listed(controller, most_words=20, most_best=5)
        for _ in range(400):
            listed.put(some_name(chance), chance.choice(STATUS_ORDER))
        listed.update(listed.projects)
        yield listed


def test_every_project_is_found_by_its_name_and_by_rare_words(crowd: Listed) -> None:
    for name in crowd.projects:
        assert name in names(walk(crowd, name))
        for word in words(name):
            shard = walk(crowd, word)
            assert name in names(shard) or "next" in shard


def test_no_shard_holds_more_than_its_bound(crowd: Listed) -> None:
    for data in crowd.files.values():
        shard = json.loads(data)
        assert len(shard["rows"]) <= (5 if "next" in shard else 20)


def test_a_shard_comes_after_those_it_leads_to(crowd: Listed) -> None:
    """So a reader never follows a letter to a shard that is not there yet."""
    seen = set()
    for path, data in crowd.render(None):
        assert data is not None
        prefix = path.rpartition("/")[2].removesuffix("_.json")
        assert {shard_path(prefix + letter) for letter in json.loads(data).get("next", "")} <= seen
        seen.add(path)


def test_a_change_touches_only_the_shards_on_its_words_ways(crowd: Listed) -> None:
    name = max(crowd.projects, key=len)
    ways = {shard_path(word[:length]) for word in words(name) for length in range(len(word) + 1)}
    before = len(crowd.files)
    assert crowd.update([name]) <= ways
    assert before > 5 * len(ways)


def test_a_change_reads_by_index_alone(crowd: Listed) -> None:
    db = crowd.controller.catalog.db
    asked: list[str] = []
    db.set_trace_callback(asked.append)
    crowd.update(["zzz-new-name", min(crowd.projects)])
    db.set_trace_callback(None)
    plans = {row["detail"] for each in set(asked) for row in db.execute(f"EXPLAIN QUERY PLAN {each}")}
    looks = {plan for plan in plans if re.search("search_word|page| [wp] ", plan)}
    assert looks
    assert not [plan for plan in looks if not plan.startswith("SEARCH")]
    # The best of those that begin so: one look for each status and length, however many they are.
    assert any("status=? AND <expr>=? AND name>? AND name<?" in plan for plan in looks), looks


def test_what_is_installed_most_is_found_by_any_part_of_its_name(controller: ControllerState) -> None:
    listed = Listed(controller)
    for name in ("lgpio", "rpi-gpio", "numpy", "zict"):
        listed.put(name)
    with controller.catalog.writing() as db:
        for name, downloads in (("rpi-gpio", 20), ("numpy", 300), ("elsewhere", 9000), ("lgpio", 0)):
            insert(db, "use_total", name=name, downloads=downloads, lookups=0, saved_seconds=0)
        db.execute("UPDATE site_project SET listed = name <> 'zict'")
    written = dict(pages(controller.catalog.db, Renderer([TEMPLATES]), []))
    popular = json.loads(written["search/popular.json"] or b"")
    assert [row[0] for row in popular["rows"]] == ["numpy", "rpi-gpio", "lgpio"]


def test_the_page_works_from_anywhere_and_says_what_needs_a_script(controller: ControllerState) -> None:
    listed = Listed(controller)
    listed.put("numpy")
    written = dict(pages(controller.catalog.db, Renderer([TEMPLATES]), ["numpy"]))
    assert set(written) == {"search/p/_.json", "search/popular.json", "search/index.html"}
    page = (written["search/index.html"] or b"").decode()
    assert "Searching needs JavaScript" in page
    assert 'href="../browse/index.html"' in page
    assert '<form class="find" action="index.html" method="get"' in page
    assert "1 project. Results appear" in page


def test_the_script_gets_every_status_by_its_letter_and_order() -> None:
    words = json.loads(status_words(Renderer([TEMPLATES], SiteFacts(upstream_name="Acme Index"))))
    assert list(words) == [status[0] for status in STATUS_ORDER]
    assert [status for status, _ in words.values()] == list(STATUS_ORDER)
    assert words["u"] == ["upstream", "On Acme Index"]
    assert set(STATUS_ORDER) == set(STATUSES)
