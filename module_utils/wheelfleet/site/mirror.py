"""Brings a web node up to date: rsync over the node's own connection, in the order its readers need.

Files and logs go before the project pages that name them, pages before the lists that name those. Removals go the other
way round. So no link is ever broken, wherever a transfer ends.

A hidden marker on the node records its state of the site. If the journal knows the changes since that state, only those
are sent, and the marker is written last: a transfer that broke off left the node between two states, and the next one
sends all that changed since the earlier. Otherwise rsync compares everything, and what differs is sent in the same
order, without a marker meanwhile.

What is sent is linked aside first (linked_copy.py), while no publication is at work. So a slow node holds up no
publication, and a page of the next one never comes before its files. Comparing needs no such links: what publications
change meanwhile is in the journal, and is sent as well.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Protocol

from .journal import Journal, Position
from .layout import FILES, LISTS, METRICS, PAGES, STATUS
from .linked_copy import link_paths
from .publication import MARKER as SITE_MARKER

#: On the node, below the site.
MARKER = ".wheelfleet-mirror.json"
#: On the node, in a file's folder: the part that arrived before the connection broke.
PARTIAL = ".wheelfleet-partial"
#: On the node, below the site: the files that are being received. A killed rsync leaves some there.
RECEIVED = ".wheelfleet-received"
#: Below the site, on the controller: a lock file for each node.
LOCKS = ".wheelfleet-mirrors"
#: Below the site, on the controller: a folder for each node, with links to what is being sent.
LINKS = ".wheelfleet-links"
#: Seconds between two questions whether to go on while rsync works.
ASK = 0.3


class NodeLost(Exception):
    """The node does not answer; the message is the connection's."""


class MirrorError(Exception):
    """The node cannot be brought up to date; the message has the cause and the cure."""


class Abandoned(Exception):
    """The caller wanted the mirror to stop."""


class Node(Protocol):
    """A web node, reached by its connection."""

    name: str
    #: The site's folder on the node.
    root: str

    @property
    def destination(self) -> str:
        """The site's folder for rsync: `host:folder`, or the folder alone where the node is this machine."""
        ...

    @property
    def remote_shell(self) -> Sequence[str] | None:
        """The command by which rsync reaches the node; None where the node is this machine."""
        ...

    def run(self, command: str) -> tuple[int, str]:
        """Run a shell command on the node; returns its exit status and output. Raises NodeLost."""
        ...


@dataclass
class Mirrored:
    """The paths sent and removed (with `dry_run`: that would be), relative to the site, in order.

    `compared` is `changes`, `everything`, or `nothing` where the node had this state already. `position` is the state
    that the node has now; None if it is unknown.
    """

    compared: str = "nothing"
    sent: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    position: Position | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Stage:
    """One rsync of either `paths` or every file that passes `filters`.

    `settle`: the node syncs its disk before the next stage. `checksum`: bytes are compared, because a page that was
    rendered again may have the size, and the time in seconds, of the page before.
    """

    paths: tuple[str, ...] | None = None
    filters: tuple[str, ...] = ()
    removes: bool = False
    settle: bool = False
    checksum: bool = False


#: rsync's line for a file sent or a path deleted. Folders that are made are left out.
_CHANGE = re.compile(r"^(?:[<>ch.]f\S{9}|\*deleting  ) (.+)$", re.MULTILINE)


def _only(folders: Sequence[str]) -> tuple[str, ...]:
    return (*(f"--include=/{name}/***" for name in folders), "--exclude=*")


#: The comparison of everything, except status and metrics, which M(wheelfleet_status) writes during a run. Removals
#: stay inside the site's own folders: files beside them may belong to the operator.
EVERYTHING = (
    Stage(filters=_only(FILES), settle=True),
    Stage(
        filters=(*(f"--include=/{name}/{each}" for name in PAGES for each in ("", "*/***")), "--exclude=*"),
    ),
    Stage(
        filters=(
            "--exclude=/.*",
            *(f"--exclude=/{name}" for name in (*FILES, STATUS, METRICS)),
            *(f"--exclude=/{name}/*/" for name in PAGES),
        ),
        checksum=True,
    ),
    Stage(filters=_only(LISTS), removes=True),
    Stage(filters=_only(PAGES), removes=True),
    Stage(filters=_only(FILES), removes=True),
)


def stages_for(site: Path, changed: Sequence[str]) -> list[Stage]:
    """The stages for the paths in `changed`, in the same order; a path that is not on the site is removed."""
    files: list[str] = []
    pages: list[str] = []
    lists: list[str] = []
    to_remove: dict[str, set[str]] = {"lists": set(), "pages": set(), "files": set()}
    for path in changed:
        first, *rest = path.split("/")
        if not (site / path).exists():
            kind = "files" if first in FILES else "pages" if first in PAGES else "lists"
            to_remove[kind].add(_topmost_missing(site, path))
        elif first in FILES:
            files.append(path)
        elif first in PAGES and len(rest) > 1:
            pages.append(path)
        else:
            lists.append(path)
    stages = [
        Stage(paths=tuple(files), settle=True),
        Stage(paths=tuple(pages), checksum=True),
        Stage(paths=tuple(lists), checksum=True),
        *(Stage(paths=tuple(sorted(paths)), removes=True) for paths in to_remove.values()),
    ]
    return [stage for stage in stages if stage.paths]


def _topmost_missing(site: Path, path: str) -> str:
    """The highest missing folder above a missing path: a folder goes with its last file."""
    parent = path.rpartition("/")[0]
    return path if not parent or (site / parent).exists() else _topmost_missing(site, parent)


def bring_up_to_date(
    site: Path,
    node: Node,
    *,
    full: bool = False,
    dry_run: bool = False,
    timeout: int = 60,
    go_on: Callable[[], bool] = lambda: True,
) -> Mirrored:
    """Make the node's site equal to `site` as it is now. A second mirror to the same node waits meanwhile.

    `full` compares all files, whatever the marker's value. A connection without a byte for `timeout` seconds is lost.
    `go_on` is asked several times a second while rsync works or another process is waited for. Raises NodeLost (the
    next try reuses what was sent so far), MirrorError, and Abandoned once `go_on` is false.
    """
    if not (site / SITE_MARKER).is_file():
        if dry_run:
            return Mirrored()
        raise MirrorError(f"There is no published site in {site}; build.yml publishes one.")
    if shutil.which("rsync") is None:
        raise MirrorError("The controller has no rsync, which brings the site to web nodes; apt-get install rsync.")
    if dry_run:
        return _Mirror(site, node, True, timeout, go_on, None).run(full)
    locks = site / LOCKS
    locks.mkdir(exist_ok=True)
    with _locked(locks / node.name.replace("/", "_"), fcntl.LOCK_EX, go_on) as lock:
        return _Mirror(site, node, False, timeout, go_on, lock).run(full)


def fetch_wheels(node: Node, files_dir: Path, *, dry_run: bool = False) -> list[str]:
    """Fetch the wheels of a node that `files_dir` does not have; returns their paths. Raises NodeLost, MirrorError."""
    status, _ = node.run(f"test -d {shlex.quote(node.root)}/files")
    if status != 0:
        return []
    command = ["rsync", "--recursive", "--times", "--ignore-existing", "--protect-args", "--out-format=%n"]
    # Hidden are parts of wheels that did not arrive whole.
    command += ["--timeout=60", "--exclude=.*", "--include=*/", "--include=*.whl", "--exclude=*", "--prune-empty-dirs"]
    if dry_run:
        command.append("--dry-run")
    else:
        files_dir.mkdir(parents=True, exist_ok=True)
    if node.remote_shell:
        command.append(f"--rsh={rsync_words(node.remote_shell)}")
    command += [f"{node.destination}/files/", f"{files_dir}/"]
    # As in _Mirror: an ssh that persists would keep a pipe open.
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=stdout, stderr=stderr)
        if done.returncode != 0:
            raise MirrorError(f"rsync could not fetch the wheels of {node.name} ({_text(stderr).strip()}); try again.")
        return [line for line in _text(stdout).splitlines() if line.endswith(".whl")]


class _Mirror:
    def __init__(
        self, site: Path, node: Node, dry_run: bool, timeout: int, go_on: Callable[[], bool], lock: int | None
    ) -> None:
        self.site = site
        self.node = node
        self.dry_run = dry_run
        self.timeout = timeout
        self.go_on = go_on
        #: rsync inherits the node's lock, so that it outlives this process if it is killed.
        self.lock = lock
        #: The folder that is sent.
        self.source = site
        self.result = Mirrored()

    def run(self, full: bool) -> Mirrored:
        there = self._look()
        journal = Journal(self.site)
        by_journal = None if full else journal.changed_since(there)
        # It takes long on a large site, so publications go on meanwhile, and the journal knows what they change.
        compared = self._compare_beside(journal) if by_journal is None else None
        with self._undisturbed():
            here = journal.position()
            by_journal = None if full or compared else journal.changed_since(there)
            if by_journal is None:
                self.result.compared = "everything"
                changed = self._all_changes(journal, compared)
            elif here == there:
                self.result.position = here
                return self.result
            else:
                self.result.compared = "changes"
                changed = by_journal
            stages = stages_for(self.site, changed)
            links = self._link(stages)
        try:
            self._make_ready(keep_marker=self.result.compared == "changes")
            for stage in stages:
                self._send(stage)
            self._settle()
            self._set_marker(here)
            self.result.position = here
            return self.result
        finally:
            if links:
                shutil.rmtree(links, ignore_errors=True)

    def _compare_beside(self, journal: Journal) -> tuple[Position, list[str]] | None:
        """Compare beside publications: a state of the site, and the paths in which it or a later one differs from the
        node. None after a publication that was killed, or if one took a file away while rsync read the site."""
        with self._undisturbed():
            since = journal.position()
        if since is not None:
            with contextlib.suppress(MirrorError):
                return since, self._compare()
        return None

    def _all_changes(self, journal: Journal, compared: tuple[Position, list[str]] | None) -> list[str]:
        """The paths in which site and node differ now, in order, while no publication is at work."""
        if compared:
            since, differing = compared
            later = journal.changed_since(since)
            if later is not None:
                return sorted({*differing, *later})
        # No journal knows what changed meanwhile.
        return sorted({*self._compare()})

    def _compare(self) -> list[str]:
        """The paths in which site and node differ, whose changes no journal knows."""
        return [path for stage in EVERYTHING for path in self._rsync(stage, dry_run=True)]

    def _undisturbed(self) -> contextlib.AbstractContextManager[int | None]:
        """No publication is at work inside this context."""
        return contextlib.nullcontext() if self.dry_run else _locked(self.site, fcntl.LOCK_SH, self.go_on)

    def _link(self, stages: Sequence[Stage]) -> Path | None:
        """Link what the stages send aside; returns the folder, which is sent from now on. In check mode, None."""
        if self.dry_run:
            return None
        links = self.site / LINKS / self.node.name.replace("/", "_")
        # A killed mirror left it.
        shutil.rmtree(links, ignore_errors=True)
        links.mkdir(parents=True)
        self.source = links
        for stage in stages:
            if stage.paths:
                link_paths(self.site, links, *([(), stage.paths] if stage.removes else [stage.paths]))
        return links

    def _look(self) -> Position | None:
        """The node's state of the site; None if unknown. Raises MirrorError if the node cannot take a site."""
        _, answer = self.node.run(
            f"cd {shlex.quote(self.node.root)} 2>/dev/null || {{ echo missing; exit 0; }}; "
            "test -w . || { echo readonly; exit 0; }; command -v rsync >/dev/null || { echo no-rsync; exit 0; }; "
            # A folder with neither marker nor index, but with paths that a mirror could remove, is not ours.
            f"test -e {MARKER} || test -e simple/index.json || for each in {' '.join((*PAGES, *FILES, *LISTS))}; do "
            'test -e "$each" && { echo foreign; exit 0; }; done; '
            f"echo ready; cat {MARKER} 2>/dev/null || true"
        )
        state, _, marker = answer.partition("\n")
        if state == "ready":
            return _position(marker)
        name, root = self.node.name, self.node.root
        problems = {
            "missing": f"{name} has no folder {root}; playbooks/provision.yml makes it.",
            "readonly": f"The user Ansible connects as on {name} may not write to {root}; run playbooks/provision.yml.",
            "no-rsync": f"{name} has no rsync; playbooks/provision.yml installs it.",
            "foreign": f"{root} on {name} holds files that are no site of wheelfleet's; name an empty folder in "
            f"webnode_root or, if they may be overwritten, make an empty file {MARKER} there.",
            "": f"{name} did not answer as a shell does.",
        }
        raise MirrorError(
            problems.get(state, f"A login script on {name} prints {state[:80]!r}, which breaks rsync; silence it.")
        )

    def _make_ready(self, *, keep_marker: bool) -> None:
        if not self.dry_run:
            self._write(f"rm -rf {RECEIVED} && mkdir {RECEIVED}")
        if not keep_marker:
            self._set_marker(None)

    def _send(self, stage: Stage) -> None:
        if not self.go_on():
            raise Abandoned
        changes = self._rsync(stage)
        (self.result.removed if stage.removes else self.result.sent).extend(changes)
        if changes and stage.settle:
            self._settle()

    def _settle(self) -> None:
        """Sync the node's disk: after a power cut a page must not name an empty file."""
        if not self.dry_run:
            self.node.run("sync")

    def _set_marker(self, position: Position | None) -> None:
        if self.dry_run:
            return
        marker = json.dumps({"schema": 1, **({} if position is None else vars(position))})
        self._write(f"printf '%s\\n' {shlex.quote(marker)} >{MARKER}.new && mv {MARKER}.new {MARKER}")

    def _write(self, command: str) -> None:
        """Run a command in the site's folder on the node. Raises MirrorError if it fails."""
        status, answer = self.node.run(f"cd {shlex.quote(self.node.root)} && {command}")
        if status != 0:
            raise MirrorError(
                f"{self.node.root} on {self.node.name} cannot be written ({answer.strip()}); free space there, "
                "then run build.yml again."
            )

    def _rsync(self, stage: Stage, *, dry_run: bool = False) -> list[str]:
        """Run one rsync; returns the paths that it changed, or would change with `dry_run`."""
        dry_run = dry_run or self.dry_run
        command = [
            *("rsync", "--times", "--omit-dir-times", "--perms", "--chmod=D755,F644", "--protect-args"),
            *(f"--timeout={self.timeout}", "--out-format=%i %n", *stage.filters),
        ]
        if stage.checksum:
            command.append("--checksum")
        if stage.paths is None:
            command.append("--recursive")
        else:
            command += ["--files-from=-", "--from0"]
        if stage.removes:
            listed = ["--delete-missing-args", "--force"]
            command += listed if stage.paths else ["--delete", "--existing", "--ignore-existing"]
        elif not dry_run:
            command += [f"--partial-dir={PARTIAL}", f"--temp-dir={RECEIVED}"]
        if dry_run:
            command.append("--dry-run")
        if self.node.remote_shell:
            command.append(f"--rsh={rsync_words(self.node.remote_shell)}")
        command += [f"{self.source}/", f"{self.node.destination}/"]
        # Files, not pipes: an ssh that persists for the next connection would keep a pipe open.
        with (
            tempfile.TemporaryFile() as stdin,
            tempfile.TemporaryFile() as stdout,
            tempfile.TemporaryFile() as stderr,
        ):
            stdin.write(b"".join(os.fsencode(path) + b"\0" for path in stage.paths or ()))
            stdin.seek(0)
            locks = () if self.lock is None else (self.lock,)
            with subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, pass_fds=locks) as process:
                self._wait(process)
            if process.returncode != 0:
                self._explain(process.returncode, _text(stderr))
            return _CHANGE.findall(_text(stdout))

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=ASK)
                return
            if not self.go_on():
                process.terminate()
                raise Abandoned

    def _explain(self, status: int, complaint: str) -> None:
        """Raise NodeLost or MirrorError for a failed rsync. Its status does not distinguish them, so the node is
        contacted first."""
        lines = [line for line in complaint.splitlines() if line.strip()]
        sentence = "; ".join(lines[-3:]) or f"exit status {status}"
        self.node.run("true")
        if status in (10, 12, 30, 35):
            raise NodeLost(sentence)
        raise MirrorError(
            f"rsync could not bring the site to {self.node.name} ({sentence}); the next run carries on from there."
        )


def _position(marker: str) -> Position | None:
    try:
        data = json.loads(marker)
        return Position(str(data["journal"]), int(data["number"]))
    except (ValueError, KeyError, TypeError):
        return None


def rsync_words(words: Sequence[str]) -> str:
    """Quote a command for `rsync --rsh`: a quote is doubled inside quotes, and a backslash is an ordinary character."""
    return " ".join("'" + word.replace("'", "''") + "'" for word in words)


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


@contextlib.contextmanager
def _locked(path: Path, kind: int, go_on: Callable[[], bool]) -> Iterator[int]:
    """Hold a lock of this kind (flock(2)) on a file, which is made, or a folder; yields its descriptor."""
    lock = os.open(path, os.O_RDONLY | (0 if path.is_dir() else os.O_CREAT), 0o644)
    try:
        while True:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(lock, kind | fcntl.LOCK_NB)
                break
            if not go_on():
                raise Abandoned
            time.sleep(0.1)
        yield lock
    finally:
        os.close(lock)
