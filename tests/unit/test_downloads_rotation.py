"""Each line of a web node's log is counted once, whatever happens to the log."""

from __future__ import annotations

import gzip
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from wheelfleet.downloads.access_log import Reading, read_log
from wheelfleet.downloads.log_rotation import LONGEST_LINE, Unreadable

from tests.support.access_logs import NOON, Counting, line

NOBODY = 65534


@pytest.fixture
def counting(tmp_path: Path) -> Counting:
    return Counting(tmp_path / "wheelfleet-access.log")


def test_no_log_is_nothing_to_count(counting: Counting):
    assert counting.read() == Reading()


def test_a_log_that_may_not_be_read_is_named():
    with somebody(), tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "wheelfleet-access.log"
        Path(folder).chmod(0o755)
        log.write_bytes(line())
        log.chmod(0)
        with pytest.raises(Unreadable, match=str(log)):
            read_log(log, [], most_bytes=1, now=NOON)
        Path(folder).chmod(0)
        with pytest.raises(Unreadable, match=folder):
            read_log(log, [], most_bytes=1, now=NOON)
        Path(folder).chmod(0o755)


@contextmanager
def somebody() -> Iterator[None]:
    """Not root, who may read everything."""
    before = os.geteuid()
    os.seteuid(before or NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


def test_an_empty_log_and_a_line_that_is_being_written_wait(counting: Counting):
    counting.log.touch()
    assert counting.read() == Reading()
    whole = line("/simple/a/")
    counting.log.write_bytes(whole[:40])
    assert not counting.count()
    counting.log.write_bytes(whole + whole[:-1])
    assert counting.count() == {"a": 1}
    counting.log.write_bytes(whole + whole)
    assert counting.count() == {"a": 2}


def test_nothing_new_changes_no_position(counting: Counting):
    counting.append("a", "b")
    counting.count()
    before = list(counting.positions)
    assert counting.read().lines == 0
    assert counting.count() == {"a": 1, "b": 1}
    assert counting.positions == before


def test_a_reading_that_was_not_recorded_is_done_again(counting: Counting):
    counting.append("a")
    counting.read()
    assert counting.count() == {"a": 1}


def test_a_line_of_many_megabytes_is_passed_over_in_little_memory(counting: Counting):
    counting.append("a")
    with counting.log.open("ab") as log:
        log.write(b'{"' + b"x" * (10 << 20))
    assert counting.count(most_bytes=1000) == {"a": 1}
    with counting.log.open("ab") as log:
        log.write(b"\n")
    counting.append("b")
    assert counting.count(most_bytes=1000) == {"a": 1, "b": 1}
    assert counting.count() == {"a": 1, "b": 1}


@pytest.mark.parametrize("first", [b"\n", b"x" * (LONGEST_LINE + 9) + b"\n", b"same\n"], ids=["empty", "long", "same"])
def test_two_files_with_the_same_first_line_are_two(counting: Counting, first: bytes):
    counting.log.write_bytes(first)
    counting.append("a")
    counting.count()
    counting.log.rename(counting.rotated(".1"))
    counting.log.write_bytes(first)
    counting.append("b")
    assert counting.count() == {"a": 1, "b": 1}
    counting.append("c")
    assert counting.count() == {"a": 1, "b": 1, "c": 1}


def test_a_copy_that_is_being_made_is_not_a_second_log(counting: Counting):
    counting.append("a", "b", "c")
    whole = counting.log.read_bytes()
    counting.rotated(".1").write_bytes(whole[:-100])
    assert counting.count() == {"a": 1, "b": 1, "c": 1}
    counting.rotated(".1").write_bytes(whole)
    counting.append("d")
    assert counting.count() == {"a": 1, "b": 1, "c": 1, "d": 1}


def test_what_is_being_compressed_is_not_a_second_log(counting: Counting):
    lines = [line(f"/simple/p{number}/") for number in range(2000)]
    packed = gzip.compress(b"".join(lines))
    counting.rotated(".1").write_bytes(b"".join(lines))
    for so_far in (packed[: len(packed) // 2], packed):
        counting.rotated(".1.gz").write_bytes(so_far)
        assert counting.count().total() == 2000
    counting.rotated(".1").unlink()
    assert counting.count().total() == 2000


def test_compressed_logs_of_equal_size_with_an_empty_first_line_are_two(counting: Counting):
    counting.log.write_bytes(b"\n")
    counting.append("a", at=NOON - 1)
    counting.count()
    counting.log.unlink()
    counting.rotated(".1.gz").write_bytes(gzip.compress(b"\n" + line("/simple/b/")))
    assert counting.count() == {"a": 1, "b": 1}


def test_a_log_that_one_visit_does_not_reach_is_known_when_another_is_gone(counting: Counting):
    counting.rotated(".1").write_bytes(line("/simple/a/") * 2)
    counting.append("b", "b")
    counting.commit(counting.read(most_bytes=1))
    counting.rotated(".1").unlink()
    assert counting.count() == {"a": 1, "b": 2}


def test_a_log_first_seen_compressed_is_counted_a_damaged_one_in_part(counting: Counting):
    lines = [line(f"/simple/p{number}/") for number in range(2000)]
    counting.rotated(".2.gz").write_bytes(gzip.compress(b"".join(lines)))
    assert len(counting.count(most_bytes=100_000)) == 2000
    counting.rotated(".3.gz").write_bytes(gzip.compress(line("/simple/q/") * 9 + os.urandom(1 << 20))[: 1 << 19])
    assert counting.count()["q"] == 9
    assert counting.count().total() == 2009


@pytest.mark.parametrize("suffix", [".1", "-20261122", "-20261122.gz", ".1.gz"])
def test_a_rotated_log_is_known_again_by_any_name_logrotate_gives(counting: Counting, suffix: str):
    counting.append("a")
    counting.count()
    content = counting.log.read_bytes() + line("/simple/late/")
    counting.log.unlink()
    counting.rotated(suffix).write_bytes(gzip.compress(content) if suffix.endswith("gz") else content)
    counting.append("b")
    assert counting.count() == {"a": 1, "late": 1, "b": 1}


def test_files_that_are_no_part_of_the_log_are_left_alone(counting: Counting):
    counting.append("a")
    for name in (".bak", ".1~", "er.log", ".1.xz"):
        counting.rotated(name).write_bytes(line("/simple/other/"))
    os.mkfifo(counting.rotated(".7"))
    counting.rotated(".8").mkdir()
    assert counting.count() == {"a": 1}


@pytest.mark.parametrize("edit", ["begun anew", "cut to its beginning", "cut to its end", "without its middle"])
def test_a_log_edited_by_hand_is_not_counted_again(counting: Counting, edit: str):
    names = [f"p{number}" for number in range(100)]
    for number, name in enumerate(names):
        counting.append(name, at=NOON + number)
    counting.count(now=NOON + 100)
    lines = counting.log.read_bytes().splitlines(keepends=True)
    kept = {
        "begun anew": [],
        "cut to its beginning": lines[:50],
        "cut to its end": lines[50:],
        "without its middle": lines[:20] + lines[60:],
    }[edit]
    counting.log.write_bytes(b"".join(kept))
    counting.count(most_bytes=900, now=NOON + 100)
    for number in range(100, 300):
        counting.append(f"p{number}", at=NOON + number)
    counted = counting.count(now=NOON + 300)
    assert set(counted.values()) == {1}
    assert len(counted) == 300


# ------------------------------------------------------------- everything


@dataclass
class WebNode:
    """A web server that writes, and a logrotate, in random order; each line asks for a project of its own."""

    counting: Counting
    dice: random.Random
    clock: float = NOON
    written: int = 0
    #: Names in files that were removed, which may have been counted before.
    removed: set[str] = field(default_factory=set)
    unfinished: bytes = b""
    pending: Iterator[None] | None = None

    def write(self, to: Path | None = None) -> None:
        self.finish()
        with (to or self.counting.log).open("ab") as log:
            for _ in range(self.dice.randrange(4)):
                self.clock += self.dice.choice([0, 0, 1])
                log.write(line(f"/simple/p{self.written}/", at=self.clock))
                self.written += 1

    def write_half(self) -> None:
        self.finish()
        whole = line(f"/simple/p{self.written}/", at=self.clock)
        cut = self.dice.randrange(1, len(whole))
        with self.counting.log.open("ab") as log:
            log.write(whole[:cut])
        self.unfinished = whole[cut:]
        self.written += 1

    def finish(self) -> None:
        with self.counting.log.open("ab") as log:
            log.write(self.unfinished)
        self.unfinished = b""

    def write_garbage(self) -> None:
        self.finish()
        with self.counting.log.open("ab") as log:
            log.write(self.dice.choice([b"\n", b"garbage\n", b"\xff\n"]))

    def shift(self) -> None:
        """Each rotated file one further, the last one gone; it was kept long enough for a run to come by."""
        self.clock += 1
        self.counting.count(most_bytes=700, now=self.clock)
        for number in range(3, 0, -1):
            for end in ("", ".gz"):
                old = self.counting.rotated(f".{number}{end}")
                if old.exists() and number == 3:
                    self.remove(old)
                elif old.exists():
                    old.rename(self.counting.rotated(f".{number + 1}{end}"))

    def rotate(self) -> Iterator[None]:
        """As Debian has it: renamed, written to by the old worker for a while, the one before compressed."""
        first = self.counting.rotated(".1")
        if first.exists():
            with gzip.open(self.counting.rotated(".1.gz"), "wb") as packed:
                packed.write(first.read_bytes())
            yield
            first.unlink()
        self.shift()
        yield
        self.finish()
        self.counting.log.rename(first)
        yield
        self.write(first)
        self.write()
        yield
        self.write(first)

    def copy_and_truncate(self) -> Iterator[None]:
        self.shift()
        self.finish()
        content = self.counting.log.read_bytes()
        self.counting.rotated(".1").write_bytes(content[: len(content) // 2])
        yield
        self.finish()
        shutil.copyfile(self.counting.log, self.counting.rotated(".1"))
        yield
        self.finish()
        shutil.copyfile(self.counting.log, self.counting.rotated(".1"))
        os.truncate(self.counting.log, 0)

    def truncate(self) -> None:
        self.finish()
        self.remove(self.counting.log)
        self.clock += 1

    def remove(self, path: Path) -> None:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        names = (part.partition(b"/")[0].decode() for part in content.split(b"/simple/")[1:])
        self.removed.update(names)
        path.unlink()

    def step(self) -> None:
        """One of the things that happen, or the next part of one that takes a while."""
        if self.pending is not None and self.dice.random() < 0.7:
            if next(self.pending, self) is self:
                self.pending = None
            return
        slow = [self.rotate, self.copy_and_truncate]
        quick = [self.write, self.write, self.write, self.write_half, self.write_garbage]
        quick += [self.read, self.read, self.read_in_vain]
        if self.pending is None and self.dice.random() < 0.2:
            self.write()
            self.pending = iter(self.dice.choice(slow)())
        elif self.pending is None and self.dice.random() < 0.02:
            self.truncate()
        else:
            self.dice.choice(quick)()

    def read(self) -> None:
        """One visit, of which many do not get far."""
        self.counting.commit(self.counting.read(most_bytes=self.dice.choice([1, 700, 1 << 20]), now=self.clock))

    def read_in_vain(self) -> None:
        """One that was killed before its answer was recorded."""
        self.counting.read(most_bytes=700, now=self.clock)


@pytest.mark.parametrize("seed", range(25))
def test_every_line_is_counted_once_in_whatever_order_things_happen(counting: Counting, seed: int):
    node = WebNode(counting, random.Random(seed))
    for _ in range(250):
        node.step()
    for _ in node.pending or ():
        pass
    node.write()
    counted = counting.count(now=node.clock)
    names = {f"p{number}" for number in range(node.written)}
    assert node.written > 50
    assert set(counted.values()) == {1}
    assert counted.keys() <= names
    assert names - counted.keys() <= node.removed
