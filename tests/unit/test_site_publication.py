"""Publishing: in the right order, only what changed, the same bytes each time, whole or not at all."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest
from markupsafe import Markup, escape
from wheelfleet.catalog.database import Catalog
from wheelfleet.site.journal import Journal, Position
from wheelfleet.site.renderer import PublishError, Renderer
from wheelfleet.site.tree import STAGING, WORTH_COMPRESSION

from tests.support.catalogs import TARGET, ControllerState, site_bytes
from tests.support.site_pages import broken_links, links, listed


def a_published_site(state: ControllerState) -> None:
    state.wheel("leaver", "1.0")
    state.wheel("stayer", "1.0", serves=[TARGET])
    state.wheel("stayer", "1.1")
    state.want("stayer", "1.0")
    state.wheel("bystander", "1.0")
    state.publish()


@pytest.mark.slow
def test_a_held_site_is_waited_for_and_given_up_with_a_sentence(
    state: ControllerState, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_published_site(state)
    monkeypatch.setattr("wheelfleet.site.tree.LONGEST_WAIT", 0.2)
    holder = os.open(state.site, os.O_RDONLY)
    fcntl.flock(holder, fcntl.LOCK_SH)
    with pytest.raises(PublishError, match=r"in use by another publication or mirror.*fuser -v"):
        state.publish()
    os.close(holder)
    state.publish()


def of_the_index(changed: list[str]) -> list[str]:
    """Those of the paths that installers read."""
    return [path for path in changed if path.startswith(("files/", "simple/"))]


def many_changes(state: ControllerState) -> None:
    """A project comes and one goes; a release comes, one is yanked, one's wheel is thrown away; a build fails."""
    state.wheel("newcomer", "1.0")
    state.wheel("stayer", "2.0", "cp311-cp311-linux_aarch64")
    state.execute("UPDATE upstream_file SET yanked = 'bad' WHERE filename = 'stayer-1.0.tar.gz'")
    state.execute("DELETE FROM wheel WHERE filename LIKE 'stayer-1.1-%'")
    state.execute("UPDATE project SET state = 'quarantined', pages_stale = 1 WHERE name = 'leaver'")
    state.attempt("failer", "1.0", failure_class="timeout", blocks="target", sentence="It took too long.")
    state.want("failer", "1.0")


def test_publishing_again_changes_nothing(state: ControllerState) -> None:
    a_published_site(state)
    before = {path: path.stat().st_mtime_ns for path in state.site.rglob("*")}
    assert state.publish().changed == []
    assert {path: path.stat().st_mtime_ns for path in state.site.rglob("*")} == before


def test_publishing_everything_again_writes_nothing_that_has_its_bytes(state: ControllerState) -> None:
    a_published_site(state)
    published = state.publish(full=True)
    assert (published.changed, published.projects) == ([], 3)


def test_publishing_everything_again_in_a_later_hour_gives_the_same_bytes(
    state: ControllerState, tmp_path: Path
) -> None:
    a_published_site(state)
    state.execute("UPDATE queue_hour SET hour = hour - 50")
    state.publish(full=True)
    before = site_bytes(state.site)
    assert state.publish(full=True).changed == []
    state.publish(full=True, site=tmp_path / "fresh")
    assert site_bytes(tmp_path / "fresh") == before
    assert state.one("SELECT count(*) FROM queue_hour") == 1


def test_a_site_that_grew_by_changes_equals_one_made_from_nothing(state: ControllerState, tmp_path: Path) -> None:
    a_published_site(state)
    many_changes(state)
    state.publish()
    state.upstream_removes("bystander", "1.0")
    state.publish()
    state.publish(full=True, site=tmp_path / "fresh")
    assert site_bytes(state.site) == site_bytes(tmp_path / "fresh")


def test_an_empty_catalog_gives_an_empty_index(state: ControllerState) -> None:
    state.publish()
    assert links(state.site / "simple/index.html") == {}
    assert json.loads((state.site / "simple/index.json").read_text())["projects"] == []
    assert broken_links(state.site) == []


def test_only_stale_projects_are_rendered(state: ControllerState) -> None:
    a_published_site(state)
    state.execute("UPDATE upstream_file SET yanked = 'bad' WHERE filename LIKE 'stayer-%'")
    published = state.publish()
    assert of_the_index(published.changed) == ["simple/stayer/index.html", "simple/stayer/index.json"]
    assert {path.split("/")[1] for path in published.changed if path.startswith("project/")} == {"stayer"}
    assert published.projects == 1


def test_the_list_of_projects_is_written_only_when_a_project_comes_or_goes(state: ControllerState) -> None:
    a_published_site(state)
    state.wheel("stayer", "3.0")
    assert "simple/index.html" not in state.publish().changed
    state.wheel("newcomer", "1.0")
    assert {"simple/index.html", "simple/index.json"} <= set(state.publish().changed)


def test_files_come_before_pages_and_pages_before_the_list(
    state: ControllerState,
) -> None:
    a_published_site(state)
    many_changes(state)
    changed = state.publish().changed
    order = [
        "files/newcomer/newcomer-1.0-py3-none-any.whl.metadata",
        "files/newcomer/newcomer-1.0-py3-none-any.whl",
        "simple/newcomer/index.html",
        "simple/index.html",
        "simple/leaver",
        "files/leaver/leaver-1.0-py3-none-any.whl",
    ]
    assert [path for path in changed if path in order] == order


def work_for_nothing_to_do(state: ControllerState) -> tuple[int, list[str]]:
    """SQLite's own count of the instructions it executes, and the statements."""
    instructions = 0
    statements: list[str] = []

    def count() -> int:
        nonlocal instructions
        instructions += 1
        return 0

    state.catalog.db.set_progress_handler(count, 1)
    state.catalog.db.set_trace_callback(statements.append)
    assert state.publish().changed == []
    state.catalog.db.set_progress_handler(None, 0)
    state.catalog.db.set_trace_callback(None)
    return instructions, statements


@pytest.mark.slow
def test_nothing_to_do_costs_the_same_for_a_small_and_a_large_catalog(state: ControllerState) -> None:
    a_published_site(state)
    small = work_for_nothing_to_do(state)
    with state.catalog.writing() as db:
        counting = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
        for table, columns in (
            ("project (name, display_name, state, in_scope, judged)", "'p' || i, 'P' || i, 'present', 1, 1"),
            ("release (project_id, version)", "(SELECT id FROM project WHERE name = 'p' || i), '1.0'"),
        ):
            db.execute(f"INSERT INTO {table} {counting} SELECT {columns} FROM n")
        db.execute(
            """
            INSERT INTO release_target (release_id, target_id, verdict, reason)
            SELECT r.id, (SELECT id FROM target), 'upstream', 'upstream serves it' FROM release r
            JOIN project p ON p.id = r.project_id WHERE p.name GLOB 'p[0-9]*'
            """
        )
    state.publish(html_pages=False)
    state.publish()
    assert work_for_nothing_to_do(state) == small
    assert small[0] < 300


@pytest.mark.slow
def test_what_pages_show_is_noticed_whoever_changes_it(state: ControllerState) -> None:
    a_published_site(state)
    state.attempt("failer", "1.0", failure_class="timeout", sentence="It took too long.")
    state.want("failer", "1.0")
    changed = state.publish().changed
    assert changed[0].startswith("logs/failer/")
    assert "failures/timeout/index.html" in changed
    for statement in (
        "UPDATE attempt SET advice = 'wait' WHERE failure_class = 'timeout'",
        "UPDATE release_target SET verdict = 'skip', reason = 'too slow' WHERE need = 'none'",
        "UPDATE project SET problem = 'Upstream answered 503.'",
        "INSERT INTO project (name, display_name, state, in_scope) VALUES ('lost', 'lost', 'absent', 1)",
        "DELETE FROM release_target",
    ):
        state.execute(statement)
        assert {"report/index.html", "report/report.json"} <= set(state.publish().changed), statement
        assert state.publish().changed == []
    state.execute("UPDATE attempt SET predicted_seconds = 7, peak_memory = 1")
    assert state.publish().changed == []


def test_check_mode_says_what_would_change_and_changes_nothing(state: ControllerState) -> None:
    a_published_site(state)
    many_changes(state)
    before = site_bytes(state.site)
    would = state.publish(dry_run=True)
    assert site_bytes(state.site) == before
    assert state.one("SELECT count(*) FROM project WHERE pages_stale = 1") == 4
    assert state.publish().changed == would.changed


def test_check_mode_works_before_there_is_a_site(state: ControllerState) -> None:
    state.wheel("spidev", "3.8")
    would = state.publish(dry_run=True)
    assert not state.site.exists()
    assert state.publish().changed == would.changed


def test_a_page_written_again_is_newer_by_a_second(state: ControllerState) -> None:
    a_published_site(state)
    page = state.site / "simple/stayer/index.html"
    os.utime(page, (page.stat().st_mtime + 100,) * 2)
    before = int(page.stat().st_mtime)
    state.execute("UPDATE upstream_file SET yanked = 'bad'")
    state.outdate("stayer")
    state.publish()
    assert int(page.stat().st_mtime) == before + 1


@pytest.fixture
def twins(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the least bytes of a page that has a compressed twin."""

    def set_least(least: int) -> None:
        monkeypatch.setattr("wheelfleet.site.tree.WORTH_COMPRESSION", least)

    return set_least


def twins_of(state: ControllerState) -> list[str]:
    """The pages of projects that have a compressed twin; each twin is its page's."""
    beside = sorted((state.site / "simple").glob("*/*.gz"))
    for path in beside:
        assert gzip.decompress(path.read_bytes()) == path.with_suffix("").read_bytes()
    return [str(path.with_suffix("").relative_to(state.site / "simple")) for path in beside]


def test_only_a_long_page_has_a_compressed_twin(state: ControllerState) -> None:
    for number in range(39):
        state.wheel("stayer", f"1.{number}")
    state.wheel("bystander", "1.0")
    state.publish()
    json_bytes, html_bytes = ((state.site / f"simple/stayer/index.{kind}").stat().st_size for kind in ("json", "html"))
    assert html_bytes < WORTH_COMPRESSION < json_bytes
    assert twins_of(state) == ["stayer/index.json"]


def test_a_twin_comes_and_goes_with_the_length_of_its_page(
    state: ControllerState, twins: Callable[[int], None]
) -> None:
    state.wheel("stayer", "1.0")
    state.publish()
    assert twins_of(state) == []
    page = state.site / "simple/stayer/index.html"
    twins(page.stat().st_size + 1)
    os.utime(page, (page.stat().st_mtime + 100,) * 2)
    before = int(page.stat().st_mtime)

    state.wheel("stayer", "1.1")
    state.publish()
    assert twins_of(state) == ["stayer/index.html", "stayer/index.json"]
    # Newer than the page that the web server sent so far: it would answer 304 to who asks by time.
    assert int(page.with_name("index.html.gz").stat().st_mtime) == before + 1

    state.execute("DELETE FROM wheel WHERE filename LIKE 'stayer-1.1-%'")
    state.outdate("stayer")
    assert "simple/stayer/index.html" in state.publish().changed
    assert "stayer/index.html" not in twins_of(state)


def test_a_site_with_needless_twins_loses_them_and_keeps_its_pages(
    state: ControllerState, twins: Callable[[int], None], tmp_path: Path
) -> None:
    twins(0)
    a_published_site(state)
    assert len(twins_of(state)) == 6
    twins(WORTH_COMPRESSION)
    assert of_the_index(state.publish(full=True).changed) == []
    assert twins_of(state) == []
    state.publish(full=True, site=tmp_path / "fresh")
    assert site_bytes(state.site) == site_bytes(tmp_path / "fresh")
    position = Journal(state.site).position()
    assert position
    changed = Journal(state.site).changed_since(Position(position.journal, position.number - 1))
    assert changed
    assert "simple/stayer/index.html.gz" in changed


@pytest.mark.slow
def test_killed_while_a_twin_comes_or_goes_it_is_never_another_pages(
    state: ControllerState, twins: Callable[[int], None], tmp_path: Path
) -> None:
    state.wheel("grows", "1.0")
    for version in ("1.0", "1.1"):
        state.wheel("fades", version)
    twins(750)
    state.publish(html_pages=False)
    assert twins_of(state) == ["fades/index.json"]
    state.wheel("grows", "1.1")
    state.execute("DELETE FROM wheel WHERE filename LIKE 'fades-1.1-%'")
    state.outdate("fades")
    state.catalog.close()
    before = {path.name: path.read_bytes() for path in (state.site / "simple/fades").iterdir()}
    step, killed = 0, True
    while killed:
        step += 1
        copy = tmp_path / f"step-{step}"
        shutil.copytree(state.root, copy)
        with ControllerState(copy) as again:
            killed = publish_and_die_at_step(again, step, html_pages=False)
            left = again.site / "simple/fades/index.json.gz"
            assert not left.exists() or left.read_bytes() == before["index.json.gz"]
            again.publish(html_pages=False)
            assert twins_of(again) == ["grows/index.json"]
        shutil.rmtree(copy)
    assert step > 10


def test_a_wheel_takes_no_second_copy_of_the_disk(state: ControllerState) -> None:
    filename = state.wheel("spidev", "3.8")
    state.publish()
    assert (state.site / "files/spidev" / filename).samefile(state.files_dir / "spidev" / filename)


def test_a_site_on_another_file_system_gets_copies(state: ControllerState) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == state.root.stat().st_dev:
        pytest.skip("needs a second file system at /dev/shm")
    site = memory / f"wheelfleet-test-{os.getpid()}"
    try:
        state.wheel("spidev", "3.8")
        state.publish(site=site)
        assert broken_links(site) == []
        assert [path.name for path in site.glob("files/*/*.whl")] == ["spidev-3.8-py3-none-any.whl"]
    finally:
        shutil.rmtree(site, ignore_errors=True)


def test_a_site_is_readable_for_the_web_server_whatever_the_umask(state: ControllerState) -> None:
    umask = os.umask(0o077)
    try:
        a_published_site(state)
    finally:
        os.umask(umask)
    for path in (state.site, *state.site.rglob("*")):
        assert path.stat().st_mode & (0o555 if path.is_dir() else 0o444) == (0o555 if path.is_dir() else 0o444), path


def test_a_missing_wheel_is_reported_not_linked_and_appears_once_back(state: ControllerState) -> None:
    lost = state.wheel("spidev", "3.8", serves=[TARGET])
    state.want("spidev", "3.8")
    kept = state.wheel("spidev", "3.7")
    (state.files_dir / "spidev" / lost).rename(state.root / lost)
    published = state.publish()
    assert listed(state.site, "spidev") == [kept]
    assert broken_links(state.site) == []
    assert len(published.problems) == 1
    assert lost in published.problems[0]
    assert "put it back" in published.problems[0]
    assert published.left == 1

    (state.root / lost).rename(state.files_dir / "spidev" / lost)
    published = state.publish()
    assert listed(state.site, "spidev") == [kept, lost]
    assert broken_links(state.site) == []
    assert (published.problems, published.left) == ([], 0)


def test_a_damaged_row_of_one_project_keeps_no_other_from_being_published(state: ControllerState) -> None:
    a_published_site(state)
    before = (state.site / "project/leaver/index.html").read_bytes()
    state.attempt("leaver", "1.1", failure_class="time-out", blocks="target", sentence="It took too long.")
    state.execute("UPDATE attempt SET remedies = '[' WHERE failure_class = 'time-out'")
    kept = state.wheel("bystander", "1.1")
    published = state.publish()
    assert kept in listed(state.site, "bystander")
    assert (state.site / "project/leaver/index.html").read_bytes() == before
    assert len(published.problems) == 1
    assert published.problems[0].startswith("The pages of leaver stay as they were, because of a fault")

    state.execute("UPDATE attempt SET remedies = NULL WHERE failure_class = 'time-out'")
    assert state.publish().problems == []
    assert "It took too long" in (state.site / "project/leaver/index.html").read_text()


@pytest.mark.parametrize("damage", [b"", b"not a wheel"])
def test_a_wheel_with_other_bytes_than_the_catalog_knows_is_not_published(
    state: ControllerState, damage: bytes
) -> None:
    filename = state.wheel("spidev", "3.8")
    (state.files_dir / "spidev" / filename).write_bytes(damage)
    published = state.publish()
    assert listed(state.site, "spidev") == []
    assert len(published.problems) == 1
    assert published.files == 0


def test_a_wheel_whose_code_was_exchanged_is_not_published(state: ControllerState, tmp_path: Path) -> None:
    filename = state.wheel("spidev", "3.8")
    with ControllerState(tmp_path / "other") as other:
        other.wheel("spidev", "3.8", source="import os  # the same METADATA, but not the same code\n")
        shutil.copy(other.files_dir / "spidev" / filename, state.files_dir / "spidev" / filename)
    published = state.publish()
    assert listed(state.site, "spidev") == []
    assert "not those the catalog knows" in published.problems[0]


def test_an_operators_template_replaces_the_shipped_one(state: ControllerState, tmp_path: Path) -> None:
    a_published_site(state)
    override = tmp_path / "templates" / "simple_root.html.j2"
    override.parent.mkdir()
    for greeting in ("Hello", "Good day"):
        override.write_text(f"<!DOCTYPE html><title>{greeting}</title>{{{{ names|join(' ') }}}}\n")
        assert state.publish(overrides=[override.parent]).changed == ["simple/index.html"]
        text = (state.site / "simple/index.html").read_text()
        assert text == f"<!DOCTYPE html><title>{greeting}</title>bystander leaver stayer\n"
        assert state.publish(overrides=[override.parent]).changed == []
    assert state.publish().changed == ["simple/index.html"]


def test_what_a_template_prints_is_escaped_unless_it_is_markup(tmp_path: Path) -> None:
    (tmp_path / "page.j2").write_text("{% macro m(x) %}<i>{{ x }}</i>{% endmacro %}{{ a }}|{{ b }}|{{ c }}|{{ m(a) }}")
    odd = """<a href='x'>"&amp;</a>"""
    page = Renderer([tmp_path]).text("page.j2", a=odd, b=Markup("<b>"), c=7)
    assert page.decode() == f"{escape(odd)}|<b>|7|<i>{escape(odd)}</i>"
    assert Renderer([tmp_path]).text("page.j2", a="plain", b="", c=None) == b"plain||None|<i>plain</i>"


def test_a_process_compiles_a_template_once(state: ControllerState, monkeypatch: pytest.MonkeyPatch) -> None:
    a_published_site(state)
    compiled: list[object] = []
    compile_template = jinja2.Environment.compile
    monkeypatch.setattr(
        jinja2.Environment,
        "compile",
        lambda *given, **named: compiled.append(given) or compile_template(*given, **named),
    )
    assert state.publish(full=True).projects == 3
    assert compiled == []


@pytest.mark.parametrize(
    "text", ["{% for name in names %}", "{{ nmaes }}", "{{ names|human_size }}", "{% extends 'no-such.j2' %}"]
)
def test_a_template_with_a_mistake_is_named_and_the_site_stays_as_it_is(
    state: ControllerState, tmp_path: Path, text: str
) -> None:
    a_published_site(state)
    before = site_bytes(state.site)
    override = tmp_path / "templates" / "simple_root.html.j2"
    override.parent.mkdir()
    override.write_text(text)
    with pytest.raises(PublishError, match=r"The template simple_root\.html\.j2.*remove your own copy"):
        state.publish(overrides=[override.parent])
    assert site_bytes(state.site) == before


def test_a_disk_that_cannot_be_written_is_one_clear_sentence(state: ControllerState) -> None:
    state.root.joinpath("site").write_text("a file where the folder should be")
    with pytest.raises(PublishError, match=r"The site .*/site cannot be written .*publish again"):
        state.publish()


def test_foreign_files_stay_until_the_site_is_ours_and_then_go(state: ControllerState) -> None:
    foreign = state.site / "files" / "holiday" / "photo.jpg"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"photo")
    a_published_site(state)
    assert foreign.exists()
    state.publish(full=True)
    assert not foreign.exists()
    assert broken_links(state.site) == []


@pytest.mark.parametrize("lost", ["simple/index.json", ".wheelfleet-site.json", "simple", ""])
def test_a_site_that_lost_something_is_made_whole_again(state: ControllerState, lost: str) -> None:
    a_published_site(state)
    before = site_bytes(state.site)
    path = state.site / lost
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    state.publish()
    assert site_bytes(state.site) == before


def test_a_project_that_changes_while_it_is_published_is_published_again(state: ControllerState) -> None:
    a_published_site(state)
    state.outdate("stayer")
    interfered = False

    def interfere(statement: str) -> None:
        nonlocal interfered
        if not interfered and statement.lstrip().startswith("SELECT f.release_id"):
            interfered = True
            with Catalog(state.root / "catalog.sqlite") as other, other.writing() as db:
                db.execute("UPDATE upstream_file SET yanked = 'bad'")
                db.execute("UPDATE project SET pages_stale = 1 WHERE name = 'stayer'")

    state.catalog.db.set_trace_callback(interfere)
    state.publish()
    state.catalog.db.set_trace_callback(None)
    assert interfered
    state.publish()
    assert "data-yanked" in (state.site / "simple/stayer/index.html").read_text()
    assert state.one("SELECT count(*) FROM project WHERE pages_stale") == 0


@pytest.mark.slow
def test_two_publications_at_once_take_turns(state: ControllerState) -> None:
    a_published_site(state)
    many_changes(state)

    def publish() -> None:
        with ControllerState(state.root) as same:
            same.publish(full=True)

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken_links(state.site) == []
    assert state.publish(full=True).changed == []
    assert not (state.site / STAGING).exists()


STEPS = ("os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir")


def publish_and_die_at_step(state: ControllerState, step: int, *, html_pages: bool = True) -> bool:
    """Publish in a process that kills itself before its step-th change of a folder; whether it came that far."""
    child = os.fork()
    if child == 0:
        taken = 0

        def die(event: str, _: tuple[object, ...]) -> None:
            nonlocal taken
            if event in STEPS:
                taken += 1
                if taken == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            with ControllerState(state.root) as same:
                sys.addaudithook(die)
                same.publish(html_pages=html_pages)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


@pytest.mark.slow
def test_killed_anywhere_no_link_is_broken_and_the_next_one_carries_on(
    state: ControllerState, twins: Callable[[int], None], tmp_path: Path
) -> None:
    twins(0)
    a_published_site(state)
    many_changes(state)
    state.catalog.close()
    fresh: dict[str, bytes] = {}
    step = 0
    killed = True
    while killed:
        step += 1
        copy = tmp_path / f"step-{step}"
        shutil.copytree(state.root, copy)
        with ControllerState(copy) as again:
            killed = publish_and_die_at_step(again, step)
            assert broken_links(again.site) == [], f"after a kill at step {step}"
            again.publish()
            assert not (again.site / STAGING).exists()
            fresh = fresh or made_from_nothing(again, tmp_path / "fresh")
            assert site_bytes(again.site) == fresh, f"after a kill at step {step}"
        shutil.rmtree(copy)
    assert step > 30


def made_from_nothing(state: ControllerState, site: Path) -> dict[str, bytes]:
    state.publish(full=True, site=site)
    return site_bytes(site)


def test_the_bytes_of_a_page_are_these_until_format_is_raised(state: ControllerState) -> None:
    """When this fails since the code changed on purpose, raise FORMAT (site/renderer.py): old sites must follow."""
    state.release("spidev", "3.8", yanked="bad")
    state.wheel("spidev", "3.8", requires_python=">=3.9")
    state.publish()
    (project,) = [json.loads((state.site / "simple/spidev/index.json").read_text())]
    file = project["files"][0]
    assert (state.site / "simple/spidev/index.json").read_text() == (
        '{"meta":{"api-version":"1.4"},"name":"spidev","versions":["3.8"],"files":[{"filename":"spidev-3.8-py3-none-any.whl",'
        '"url":"../../files/spidev/spidev-3.8-py3-none-any.whl","hashes":{"sha256":"' + file["hashes"]["sha256"] + '"},'
        f'"size":{file["size"]},"yanked":"bad","upload-time":"2023-11-14T22:13:20.250000Z",'
        '"core-metadata":{"sha256":"' + file["core-metadata"]["sha256"] + '"},"requires-python":">=3.9"}]}\n'
    )


def test_a_site_without_html_pages_is_the_index_alone(state: ControllerState) -> None:
    a_published_site(state)
    index = {path: data for path, data in site_bytes(state.site).items() if path.startswith(("files/", "simple/"))}
    state.publish(html_pages=False)
    assert site_bytes(state.site) == index
    state.want("stayer", "1.1")
    assert of_the_index(state.publish(html_pages=False).changed) == []
    assert site_bytes(state.site) == index
