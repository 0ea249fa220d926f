"""A web node gets what the controller published: in order, whole, at a cost that follows the change.

Here the node is a folder of this machine: the real rsync, without SSH. tests/fleet/test_mirror.py has real hosts.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from wheelfleet.catalog.database import Catalog
from wheelfleet.site.journal import JOURNAL, Journal
from wheelfleet.site.layout import FILES, PAGES
from wheelfleet.site.linked_copy import link_paths
from wheelfleet.site.mirror import (
    LINKS,
    LOCKS,
    MARKER,
    PARTIAL,
    Abandoned,
    Mirrored,
    MirrorError,
    NodeLost,
    _Mirror,
    bring_up_to_date,
    fetch_wheels,
)

from tests.support.catalogs import ControllerState
from tests.support.site_pages import broken_links

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("rsync") is None, reason="needs rsync; apt-get install rsync"),
]


class Folder:
    """A web node that is a folder here; `lost` says before which command the link breaks."""

    remote_shell = None

    def __init__(self, root: Path, *, name: str = "web1", lost: Callable[[str], bool] = lambda command: False) -> None:
        self.root = self.destination = str(root)
        self.path = root
        self.name = name
        self.lost = lost

    def run(self, command: str) -> tuple[int, str]:
        if self.lost(command):
            raise NodeLost("the cable is cut")
        done = subprocess.run(["sh", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout


@pytest.fixture
def node(tmp_path: Path) -> Folder:
    (tmp_path / "node").mkdir()
    return Folder(tmp_path / "node")


def a_published_site(state: ControllerState) -> None:
    state.wheel("leaver", "1.0")
    state.wheel("stayer", "1.0")
    state.wheel("stayer", "1.1")
    state.wheel("bystander", "1.0")
    state.attempt("failer", "1.0", failure_class="timeout", sentence="It took too long.")
    state.publish()


def many_changes(state: ControllerState) -> None:
    """A project comes and one goes; a release comes, one is yanked, one's wheel is thrown away; a build fails."""
    state.wheel("newcomer", "1.0")
    state.wheel("stayer", "2.0", "cp311-cp311-linux_aarch64")
    state.execute("UPDATE upstream_file SET yanked = 'bad' WHERE filename = 'stayer-1.0.tar.gz'")
    state.execute("DELETE FROM wheel WHERE filename LIKE 'stayer-1.1-%'")
    state.execute("UPDATE project SET state = 'quarantined', pages_stale = 1 WHERE name = 'leaver'")
    state.attempt("failer", "1.0", failure_class="timeout", sentence="It took too long again.")


def served(root: Path) -> dict[str, tuple[bytes, int]]:
    """What visitors can see, with the times that the server's ETags are made of."""
    return {
        str(path.relative_to(root)): (path.read_bytes() if path.is_file() else b"/", int(path.stat().st_mtime))
        for path in sorted(root.rglob("*"))
        if not path.relative_to(root).parts[0].startswith(".") and path.is_file()
    }


def folders(root: Path) -> set[str]:
    found = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_dir()}
    return {path for path in found if not path.startswith(".")}


def mirror(state: ControllerState, node: Folder, **options: object) -> Mirrored:
    return bring_up_to_date(state.site, node, **options)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ what arrives


def test_a_new_node_gets_everything_readable_and_with_its_times(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    done = mirror(state, node)
    assert (done.compared, done.removed) == ("everything", [])
    assert set(done.sent) == set(served(state.site))
    assert served(node.path) == served(state.site)
    for path in node.path.rglob("[!.]*"):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644), path


def test_a_node_that_is_up_to_date_is_left_alone(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    mirror(state, node)
    assert mirror(state, node) == Mirrored("nothing")
    assert state.publish().changed == []
    assert mirror(state, node) == Mirrored("nothing")


def test_only_what_changed_is_compared_and_the_node_is_equal_again(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    mirror(state, node)
    untouched = node.path / "simple/bystander/index.html"
    untouched.write_text("not looked at")
    many_changes(state)
    published = state.publish()
    done = mirror(state, node)
    assert done.compared == "changes"
    beside = {f"{path}.gz" for path in published.changed}
    assert {*done.sent} - beside == {path for path in published.changed if (state.site / path).is_file()}
    assert "simple/leaver/" in done.removed
    assert untouched.read_text() == "not looked at"
    shutil.copy2(state.site / "simple/bystander/index.html", untouched)
    assert served(node.path) == served(state.site)
    assert folders(node.path) == folders(state.site) - {LOCKS}


def test_a_compressed_twin_comes_and_goes_with_its_page_on_the_node(state: ControllerState, node: Folder) -> None:
    """A twin that stayed would be served in place of its page by a web server that prefers it."""
    for number in range(60):
        state.wheel("stayer", f"1.{number}")
    state.publish()
    mirror(state, node)
    twin = node.path / "simple/stayer/index.json.gz"
    assert twin.is_file()

    state.execute("DELETE FROM wheel WHERE filename NOT LIKE 'stayer-1.0-%'")
    state.outdate("stayer")
    state.publish()
    done = mirror(state, node)
    assert done.compared == "changes"
    assert not twin.exists()
    assert served(node.path) == served(state.site)


def test_a_node_that_missed_several_publications_gets_them_all_at_once(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    mirror(state, node)
    state.wheel("comer", "1.0")
    state.publish()
    many_changes(state)
    state.publish()
    state.execute("UPDATE project SET state = 'quarantined', pages_stale = 1 WHERE name = 'comer'")
    state.publish()
    assert mirror(state, node).compared == "changes"
    assert served(node.path) == served(state.site)


def test_several_nodes_each_carry_on_from_where_they_are(state: ControllerState, node: Folder, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    second = Folder(tmp_path / "second", name="web2")
    a_published_site(state)
    mirror(state, node)
    many_changes(state)
    state.publish()
    assert mirror(state, second).compared == "everything"
    assert mirror(state, node).compared == "changes"
    assert served(node.path) == served(second.path) == served(state.site)


def test_the_order_is_files_pages_lists_then_removals(state: ControllerState, node: Folder) -> None:
    a_published_site(state)

    def rank(path: str) -> int:
        first, *rest = path.strip("/").split("/")
        return 0 if first in FILES else 1 if first in PAGES and len(rest) > 1 else 2

    for prepare in (lambda: None, lambda: (many_changes(state), state.publish())):
        prepare()
        done = mirror(state, node)
        ranks = [rank(path) for path in done.sent]
        assert ranks == sorted(ranks)
        assert set(ranks) == {0, 1, 2}
    removed = [path.split("/")[0] in FILES for path in done.removed]
    assert removed == sorted(removed)
    assert set(removed) == {True, False}


def test_check_mode_says_what_would_be_sent_and_sends_nothing(state: ControllerState, node: Folder) -> None:
    assert mirror(state, node, dry_run=True) == Mirrored()  # nothing was ever published
    a_published_site(state)
    would = mirror(state, node, dry_run=True)
    assert list(node.path.iterdir()) == []
    assert mirror(state, node) == would
    many_changes(state)
    state.publish()
    before = served(node.path)
    would = mirror(state, node, dry_run=True)
    assert served(node.path) == before
    assert mirror(state, node) == would


def test_signatures_come_before_pages_change_with_the_key_and_go_with_it(
    state: ControllerState, node: Folder, tmp_path: Path
) -> None:
    for name in ("mine", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    state.wheel("demo", "1.0")
    signers, signature = "provenance/allowed_signers", "provenance/demo/demo-1.0-py3-none-any.whl.json.sig"
    state.publish(signing_key=tmp_path / "mine")
    sent = mirror(state, node).sent
    assert max(sent.index(signers), sent.index(signature)) < sent.index("project/demo/index.html")
    state.publish(signing_key=tmp_path / "other")
    done = mirror(state, node)
    assert (done.compared, set(done.sent) >= {signers, signature}) == ("changes", True)
    assert served(node.path) == served(state.site)
    state.publish()
    assert {signers, signature} <= set(mirror(state, node).removed)
    assert served(node.path) == served(state.site)


# ---------------------------------------------------------------------------------------- when everything is compared


def test_everything_is_compared_after_a_marker_was_lost_or_damaged(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    mirror(state, node)
    marker = node.path / MARKER
    ahead = marker.read_text().replace('"number": 1', '"number": 7')
    for text in (None, "", "[]", '{"journal": "of another site", "number": 1}', ahead):
        stray = node.path / "simple/stray/index.html"
        stray.parent.mkdir()
        stray.touch()
        (node.path / "simple/stayer/index.html").unlink()
        marker.unlink() if text is None else marker.write_text(text)
        done = mirror(state, node)
        assert (done.compared, done.sent) == ("everything", ["simple/stayer/index.html"]), text
        assert done.removed == ["simple/stray/index.html", "simple/stray/"], text
        assert served(node.path) == served(state.site)
        assert mirror(state, node).compared == "nothing"


def test_everything_is_compared_when_asked_for(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    mirror(state, node)
    (node.path / "index.html").write_text("damaged")
    assert mirror(state, node, full=True) == Mirrored("everything", ["index.html"])
    assert mirror(state, node).compared == "nothing"


def test_everything_is_compared_until_a_killed_publication_is_carried_on(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    mirror(state, node)
    many_changes(state)
    publish_and_die(state, before_change=12)
    assert Journal(state.site).position() is None
    for _ in range(2):
        assert mirror(state, node).compared == "everything"
        assert broken_links(node.path) == []
        assert served(node.path) == served(state.site)
    state.publish()
    assert mirror(state, node).compared == "everything"
    state.wheel("another", "1.0")
    state.publish()
    assert mirror(state, node).compared == "changes"
    assert served(node.path) == served(state.site)


def test_a_killed_publication_that_has_nothing_left_to_do_is_settled_too(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    Journal(state.site).begin()
    assert state.publish().changed == []
    assert mirror(state, node).compared == "everything"
    assert mirror(state, node).compared == "nothing"


def test_a_new_site_or_a_damaged_journal_is_not_taken_for_an_older_state(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    mirror(state, node)
    for harm in (lambda: shutil.rmtree(state.site), lambda: (state.site / JOURNAL).write_bytes(b"no database")):
        harm()
        state.wheel("newcomer", "1.0") if not (state.files_dir / "newcomer").exists() else state.outdate("newcomer")
        state.publish()
        assert mirror(state, node).compared == "everything"
        assert served(node.path) == served(state.site)


def publish_and_die(state: ControllerState, before_change: int) -> None:
    """Publish in a process that kills itself before that rename."""
    state.catalog.close()  # SQLite must not be taken through a fork
    child = os.fork()
    if child == 0:
        renames = 0

        def die(event: str, _: tuple[object, ...]) -> None:
            nonlocal renames
            if event == "os.rename":
                renames += 1
                if renames == before_change:
                    os.kill(os.getpid(), signal.SIGKILL)

        try:
            with ControllerState(state.root) as same:
                sys.addaudithook(die)
                same.publish()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    state.catalog = Catalog(state.root / "catalog.sqlite")


# ------------------------------------------------------------------------------------------------ broken off, killed


@pytest.mark.parametrize("compared", ["changes", "everything"])
def test_killed_in_any_stage_no_link_is_broken_and_the_next_carries_on(
    state: ControllerState, node: Folder, compared: str, tmp_path: Path
) -> None:
    a_published_site(state)
    mirror(state, node)
    many_changes(state)
    state.wheel("large", "1.0", source=f"# {os.urandom(2_000_000).hex()}\n")
    state.publish()
    if compared == "everything":
        (node.path / MARKER).unlink()
    for stage in range(6):
        again = Folder(tmp_path / f"killed-in-{stage}")
        shutil.copytree(node.path, again.path)
        mirror_and_die(state.site, again, stage)
        assert broken_links(again.path) == [], f"killed in stage {stage}"
        if stage > 2 and served(again.path) == served(state.site):
            break  # the removals of the last stage were over before the kill
        # What the kill left lying about has to be found.
        assert mirror(state, again).compared == compared
        assert broken_links(again.path) == [], f"killed in stage {stage}"
        assert served(again.path) == served(state.site)


def mirror_and_die(site: Path, node: Folder, stage: int) -> None:
    """Mirror in a process that kills itself, and its rsync with it, as soon as the rsync of that stage was seen to
    change something on the node; at the latest when the next stage begins."""
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        begun = -1

        def watch(event: str, arguments: tuple[object, ...]) -> None:
            nonlocal begun
            if event == "subprocess.Popen" and arguments[0] == "rsync" and "--dry-run" not in str(arguments[1]):
                begun += 1
                if begun == stage:
                    threading.Thread(target=die_when_something_moves, args=(names(node),), daemon=True).start()
                elif begun > stage:
                    os.killpg(0, signal.SIGKILL)

        def die_when_something_moves(before: set[Path]) -> None:
            while names(node) == before:
                pass
            os.killpg(0, signal.SIGKILL)

        try:
            sys.addaudithook(watch)
            bring_up_to_date(site, node)
            os.killpg(0, signal.SIGKILL)  # removed the last file, and was quicker than the watcher
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)


def names(node: Folder) -> set[Path]:
    return set(node.path.rglob("*"))


def test_a_reader_who_follows_links_never_meets_a_broken_one(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    mirror(state, node)
    stop = threading.Event()
    met: list[str] = []
    rounds = 0

    def read() -> None:
        nonlocal rounds
        while not stop.is_set():
            try:
                met.extend(broken_links(node.path))
            except FileNotFoundError:
                continue  # a page that went between being found and being opened: the reader of a list sees a 404
            rounds += 1

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(3):
            state.wheel("grower", f"{number}.0")
            state.wheel(f"comer{number}", "1.0")
            state.publish()
            assert mirror(state, node, full=number == 1).compared != "nothing"
    finally:
        stop.set()
        reader.join()
    assert rounds > 3
    assert met == []


def test_a_slow_node_holds_up_no_publication_and_gets_one_state(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    mirror(state, node)
    many_changes(state)
    state.publish()
    here = Journal(state.site).position()
    before = served(state.site)
    begun, go_on = threading.Event(), threading.Event()

    def slow(command: str) -> bool:
        if command == "sync" and not begun.is_set():
            begun.set()
            assert go_on.wait(60)
        return False

    node.lost = slow
    done: list[Mirrored] = []
    thread = threading.Thread(target=lambda: done.append(mirror(state, node)))
    thread.start()
    assert begun.wait(60)
    # Its files are there and its pages are not: now the next publication adds, changes and removes pages.
    state.wheel("late", "1.0")
    state.wheel("stayer", "3.0")
    state.execute("UPDATE project SET state = 'quarantined', pages_stale = 1 WHERE name = 'bystander'")
    assert state.publish().changed
    go_on.set()
    thread.join()
    assert done[0].position == here
    assert served(node.path) == before
    assert not any((state.site / LINKS).iterdir())
    assert mirror(state, node).compared == "changes"
    assert served(node.path) == served(state.site)


def test_a_comparison_holds_up_no_publication_and_sends_it_too(
    state: ControllerState, node: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_published_site(state)
    mirror(state, node)
    (node.path / "project/stayer/index.html").write_text("damaged")
    linked: list[str] = []

    def compare(mirror: _Mirror) -> list[str]:
        found = original(mirror)
        many_changes(state)
        # It would wait for ever if the comparison held the site.
        assert state.publish().changed
        return found

    def link(site: Path, place: Path, present: Sequence[str], missing: Sequence[str] = ()) -> None:
        linked.extend(present)
        link_paths(site, place, present, missing)

    original = _Mirror._compare
    monkeypatch.setattr(_Mirror, "_compare", compare)
    monkeypatch.setattr("wheelfleet.site.mirror.link_paths", link)
    done = mirror(state, node, full=True)
    assert (done.compared, done.position) == ("everything", Journal(state.site).position())
    assert served(node.path) == served(state.site)
    assert "project/stayer/index.html" in linked
    assert not any("bystander" in path for path in linked), "what did not change costs no link"


def test_a_page_of_the_same_size_and_second_is_sent_too(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    mirror(state, node)
    for path in ("simple/stayer/index.html", "index.html"):
        page = state.site / path
        about = page.stat()
        journal = Journal(state.site)
        journal.begin()
        page.write_bytes(page.read_bytes()[::-1])
        os.utime(page, ns=(about.st_atime_ns, about.st_mtime_ns))
        journal.end([path])
        assert mirror(state, node) == Mirrored("changes", [path])
    assert served(node.path) == served(state.site)


def test_publications_that_go_on_meanwhile_break_no_link_on_the_node(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    mirror(state, node)
    stop = threading.Event()
    met: list[str] = []
    mirrored: list[Mirrored] = []

    def bring() -> None:
        while not stop.is_set():
            mirrored.append(mirror(state, node, full=len(mirrored) % 5 == 4))

    def read() -> None:
        while not stop.is_set():
            try:
                met.extend(broken_links(node.path))
            except FileNotFoundError:
                continue  # a page that went between being found and being opened: the reader of a list sees a 404

    threads = [threading.Thread(target=each) for each in (bring, read)]
    for thread in threads:
        thread.start()
    try:
        for number in range(8):
            state.wheel("grower", f"{number}.0")
            state.wheel(f"comer{number}", "1.0")
            if number:
                state.execute(f"UPDATE project SET state = 'deleted', pages_stale = 1 WHERE name = 'comer{number - 1}'")
            state.publish()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert met == []
    assert len({each.position for each in mirrored}) > 1, "no mirror met the publications"
    mirror(state, node)
    assert served(node.path) == served(state.site)


def test_a_mirror_that_is_told_to_stop_goes_on_from_the_state_before(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    mirror(state, node)
    many_changes(state)
    state.publish()
    with pytest.raises(Abandoned):
        # When the first files have arrived.
        mirror(state, node, go_on=lambda: not (node.path / "files/newcomer").exists())
    assert broken_links(node.path) == []
    assert not any((state.site / LINKS).iterdir())
    state.wheel("late", "1.0")
    state.publish()
    assert mirror(state, node).compared == "changes"
    assert served(node.path) == served(state.site)


def test_a_large_wheel_that_broke_off_is_resumed_and_not_sent_again(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    filename = state.wheel("large", "1.0", source=f"# {os.urandom(1_000_000).hex()}\n")
    state.publish()
    wheel = state.site / "files/large" / filename
    # What rsync keeps when the link breaks.
    part = node.path / "files/large" / PARTIAL / filename
    part.parent.mkdir(parents=True)
    part.write_bytes(wheel.read_bytes()[:-1000])
    (node.path / MARKER).touch()
    mirror(state, node)
    assert served(node.path) == served(state.site)
    assert not part.parent.exists()


def test_a_link_that_breaks_between_stages_is_told_and_nothing_is_claimed(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    node.lost = lambda command: command == "sync"
    with pytest.raises(NodeLost, match="the cable is cut"):
        mirror(state, node)
    assert not (node.path / "simple").exists()
    node.lost = lambda command: False
    assert mirror(state, node).compared == "everything"
    assert served(node.path) == served(state.site)


def test_it_leaves_when_its_run_is_gone(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    with pytest.raises(Abandoned):
        bring_up_to_date(state.site, node, go_on=lambda: False)
    assert not (node.path / "files").exists()


def test_one_mirror_to_a_node_at_a_time_and_none_during_a_publication(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    mirror(state, node)
    many_changes(state)
    state.publish()
    for taken in (state.site / LOCKS / node.name, state.site):
        waits = threading.Event()
        with taken.open() if taken.is_file() else Directory(taken) as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            done: list[Mirrored] = []
            thread = threading.Thread(
                target=lambda waits=waits, done=done: done.append(
                    bring_up_to_date(state.site, node, go_on=lambda: waits.set() or True)
                )
            )
            thread.start()
            assert waits.wait(20)
            assert done == []
        thread.join()
        assert done[0].compared in ("changes", "nothing")


class Directory:
    """An open folder."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY)

    def __enter__(self) -> int:
        return self._descriptor

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def test_whole_wheels_come_back_from_a_node_and_replace_nothing(state: ControllerState, node: Folder) -> None:
    assert fetch_wheels(node, state.files_dir) == []
    a_published_site(state)
    newer = state.wheel("newer", "1.0")
    state.publish()
    mirror(state, node)
    part = node.path / "files/newer" / PARTIAL / "newer-2.0-py3-none-any.whl"
    part.parent.mkdir()
    part.write_bytes(b"the half of it")
    (state.files_dir / "newer" / newer).unlink()
    (kept,) = (state.files_dir / "leaver").iterdir()
    kept.write_bytes(b"other bytes")
    assert fetch_wheels(node, state.files_dir, dry_run=True) == [f"newer/{newer}"]
    assert fetch_wheels(node, state.files_dir) == [f"newer/{newer}"]
    assert kept.read_bytes() == b"other bytes"
    assert [path.name for path in (state.files_dir / "newer").iterdir()] == [newer]


# ------------------------------------------------------------------------------------------------ what is refused


def test_a_controller_without_a_published_site_does_not_empty_the_nodes(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    mirror(state, node)
    before = served(node.path)
    shutil.rmtree(state.site)
    state.site.mkdir()
    with pytest.raises(MirrorError, match=r"There is no published site in .*; build\.yml publishes one"):
        mirror(state, node)
    assert served(node.path) == before


def test_a_folder_with_foreign_files_is_left_alone_until_the_owner_agrees(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    photo = node.path / "files" / "holiday" / "photo.jpg"
    photo.parent.mkdir(parents=True)
    photo.write_bytes(b"photo")
    with pytest.raises(MirrorError, match=r"holds files that are no site of wheelfleet's; .* empty file "):
        mirror(state, node)
    assert photo.exists()
    (node.path / MARKER).touch()
    mirror(state, node)
    assert served(node.path) == served(state.site)


def test_what_lies_beside_the_sites_folders_stays(state: ControllerState, node: Folder) -> None:
    for name in ("humans.txt", "status.json", "metrics.prom", ".well-known"):
        (node.path / name).write_text("the operator's own")
    a_published_site(state)
    for name in ("status.json", "metrics.prom"):
        (state.site / name).write_text("written live, by another way")
    mirror(state, node)
    for name in ("humans.txt", "status.json", "metrics.prom", ".well-known"):
        assert (node.path / name).read_text() == "the operator's own"


def test_a_folder_that_is_missing_is_one_clear_sentence(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    node.path.rmdir()
    with pytest.raises(MirrorError, match=r"web1 has no folder .*/node; playbooks/provision\.yml makes it"):
        mirror(state, node)


def test_a_node_or_a_controller_without_rsync_is_one_clear_sentence(
    state: ControllerState, node: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_published_site(state)

    class Bare(Folder):
        def run(self, command: str) -> tuple[int, str]:
            return super().run(f"PATH=/nonexistent; {command}")

    with pytest.raises(MirrorError, match=r"web1 has no rsync; playbooks/provision\.yml installs it"):
        mirror(state, Bare(node.path))
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(MirrorError, match=r"The controller has no rsync.*apt-get install rsync"):
        mirror(state, node)


def test_a_login_script_that_prints_is_named(state: ControllerState, node: Folder) -> None:
    a_published_site(state)

    class Chatty(Folder):
        def run(self, command: str) -> tuple[int, str]:
            return super().run(f"echo Welcome; {command}")

    with pytest.raises(MirrorError, match="A login script on web1 prints 'Welcome', which breaks rsync; silence it"):
        mirror(state, Chatty(node.path))


def test_what_rsync_complains_about_is_passed_on(state: ControllerState, node: Folder) -> None:
    a_published_site(state)
    (node.path / MARKER).touch()
    (node.path / "simple").write_text("a file where the folder should be")
    node.destination = f"{node.root}/simple"
    with pytest.raises(MirrorError, match=r"rsync could not bring the site to web1 \(.*simple.*\); the next run"):
        mirror(state, node)


@pytest.mark.parametrize("word", ["plain", "two words", "it's", "''", 'say "hello"', "back\\slash", "%h-%p"])
def test_words_reach_the_remote_shell_as_they_are(state: ControllerState, node: Folder, tmp_path: Path, word: str):
    """rsync itself takes them apart: what it starts says what it was given."""
    a_published_site(state)
    given = tmp_path / "given"
    program = tmp_path / "remote shell"
    program.write_text(f'#!/bin/sh\nprintf %s "$1" >"{given}"\nexit 255\n')
    program.chmod(0o755)
    node.remote_shell = [str(program), word]
    node.destination = f"web1:{node.root}"
    with pytest.raises((MirrorError, NodeLost)):
        mirror(state, node)
    assert given.read_text() == word
