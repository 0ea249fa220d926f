"""Step 1, the delta: read upstream's changes to the projects in scope, then update verdicts and queue.

Pages stream in from the client's threads and are written in short transactions. A kill loses at most one chunk of
pages, and the next run requests them again.
"""

from __future__ import annotations

import datetime
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from packaging.utils import canonicalize_name

from ..catalog import projects
from ..catalog.database import Catalog
from ..catalog.meta import get_meta, set_meta
from ..catalog.outdated_copies import mark_ordered
from ..control.orders import end_overdue, order
from ..control.published import project_of, read_words
from ..control.rule import BadOrder
from ..upstream.client import Absent, Answer, Page, ProjectRequest, Stale, Unchanged, Upstream
from ..upstream.pages import ProjectPage
from ..watchdog import note_progress
from .batches import expire_leases, reclaim_absent
from .builders import offered_targets, record_builders, targets_fingerprint
from .carry_out import carry_out
from .everything import LIST, forget_list, forget_serials, read_everything
from .judge import Target
from .known_words import check_retry, check_skipped_targets
from .outdated_copies import read_unread, record_outdated, to_rebuild
from .preview import MOST_PREVIEWED, Preview, preview
from .queue import Progress, progress, retry_failures
from .reading_order import ReadingOrder
from .recipes import Recipe, record_recipes
from .record_page import record_absence, record_page, record_problem, record_unchanged, suspect_absences
from .rejudge import judge_changed
from .requeue import requeue_for_adopted, requeue_for_changes, requeue_for_recipes, requeue_for_remedies
from .requirements_files import (
    Resolve,
    confirm_resolutions,
    forget_other_files,
    pinned_rules,
    record_resolution,
    to_resolve,
    unconsidered_requirements,
)
from .scope import Policy, Scope, ScopeRule, digest
from .unconsidered import Unconsidered, read_unconsidered, replace_unconsidered
from .unknown_projects import unknown_projects, unread_projects
from .verdicts import CHUNK, cooling_since_seen, deciding_releases, judge_project, rules_by_name, unjudged

T = TypeVar("T")


#: Most names in one sentence.
_MOST_NAMED = 5


@dataclass
class Delta:
    """The findings of a delta: names of projects that changed or are absent, sentences about troubles by project.

    `asked` and `verdicts_changed` count projects, `resolved` resolutions, `retried` and `returned` attempts.
    """

    asked: int = 0
    #: Whether upstream was asked for its list of all projects.
    everything: bool = False
    #: Projects whose pages are still to be read, because the time for reading was over.
    unread: int = 0
    changed: list[str] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    troubles: dict[str, str] = field(default_factory=dict)
    resolve: list[Resolve] = field(default_factory=list)
    verdicts_changed: int = 0
    resolved: int = 0
    retried: int = 0
    #: Failures that went back to the queue because a builder, a recipe or a remedy changed.
    returned: int = 0
    queue: Progress = field(default_factory=lambda: Progress(0, 0.0, 0))
    preview: Preview = field(default_factory=Preview)
    #: By builder that takes no part in the run, the number of its builds that went back to the queue.
    taken_back: dict[str, int] = field(default_factory=dict)
    #: Requested things that could not be considered.
    unconsidered: list[Unconsidered] = field(default_factory=list)

    @property
    def anything_changed(self) -> bool:
        """Whether projects, verdicts, resolutions or failures in the catalog changed."""
        return bool(self.changed or self.verdicts_changed or self.resolved or self.retried or self.returned)


@dataclass(frozen=True)
class Options:
    """How a delta runs.

    - `changelog_url`: upstream's XML-RPC changelog, or None.
    - `retry`: failure classes, projects or `all`: the operator wants these tried again.
    - `resolutions`: pip's answers from the builders. They make this the second delta of a run, which requests only
      projects that were never read.
    - `rehearsal`: check mode. The first delta kept nothing, so the second requests all projects.
    - `join`: the builders come in addition to those at work.
    - `inventory`: all builders of the inventory. `coming` join later; `silent` failed or did not answer. Builds of
      hosts that take no part go back to the queue. None: no host is checked.
    - `recipes`: all recipes; None keeps those of the catalog.
    - `read_seconds`: for so long pages are requested, the most wanted first; `Delta.unread` counts the rest, which the
      next delta reads. None: all are requested.
    - `show`: called with the number of projects read and the number of all.
    - `files`: the folder of admitted wheels; None: those of older catalogs are not read.
    - `most_previewed`: the number of builds listed; None: all.
    """

    run: str
    changelog_url: str | None = None
    retry: tuple[str, ...] = ()
    resolutions: Sequence[Mapping[str, Any]] | None = None
    rehearsal: bool = False
    join: bool = False
    inventory: tuple[str, ...] | None = None
    coming: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    recipes: Mapping[str, Recipe] | None = None
    read_seconds: float | None = None
    show: Callable[[int, int], None] = lambda done, total: None
    files: Path | None = None
    most_previewed: int | None = MOST_PREVIEWED


def run_delta(
    catalog: Catalog,
    upstream: Upstream,
    scope: Scope,
    policy: Policy,
    builders: Mapping[str, Mapping[str, Any]],
    options: Options,
    now: Callable[[], float] = time.time,
) -> Delta:
    """Bring the catalog up to date with upstream, scope, policy and builders; returns changes and queue.

    Raises UpstreamUnreachable if upstream answered nothing, BadScope for a mistake in the inventory.
    """
    return _Run(catalog, upstream, scope, policy, builders, options, now).run()


class _Run:
    """One delta, with the state that its steps share."""

    def __init__(
        self,
        catalog: Catalog,
        upstream: Upstream,
        scope: Scope,
        policy: Policy,
        builders: Mapping[str, Mapping[str, Any]],
        options: Options,
        now: Callable[[], float],
    ) -> None:
        self.catalog = catalog
        self.upstream = upstream
        self.scope = scope
        self.policy = policy
        self.builders = builders
        self.options = options
        self.now = now
        self.delta = Delta()
        #: The rules by project, and the targets that the fleet offers.
        self.rules: dict[str, list[ScopeRule]] = {}
        self.targets: list[Target] = []
        self.root_has_serials = True
        #: Whether upstream gave its list of all projects; None if it was not requested.
        self.list_is_readable: bool | None = None
        #: Projects that left the list.
        self.left: frozenset[str] = frozenset()
        #: The reason by project to doubt that it is gone: upstream reports too many at once.
        self.doubted: dict[str, str] = {}
        #: Projects for which upstream answered 403.
        self.forbidden: list[str] = []

    def write(self, change: Callable[[sqlite3.Connection], T]) -> T:
        """Make a change in a short transaction of its own."""
        note_progress()
        with self.catalog.writing() as db:
            return change(db)

    def run(self) -> Delta:
        db = self.catalog.db
        expire_leases(self.catalog, self.now(), self.policy.max_attempts)
        end_overdue(self.catalog, self.now())
        carry_out(self.catalog, self.now())
        if self.options.inventory is not None:
            self.delta.taken_back = reclaim_absent(
                self.catalog,
                inventory=self.options.inventory,
                here={*self.builders, *self.options.coming},
                silent=self.options.silent,
                now=self.now(),
                max_attempts=self.policy.max_attempts,
            )
        self.write(self._notice_another_upstream)
        self.delta.returned = self.write(self._notice_changes)
        targets = offered_targets(db)
        check_skipped_targets([target.name for target in targets], self.policy.skip)
        check_retry(db, self.options.retry, [rule.name for rule in self.scope.rules])
        self.write(lambda db: forget_other_files(db, self.scope.requirements))
        for answer in self.options.resolutions or ():
            self.delta.resolved += self.write(partial(record_resolution, answer=answer, now=self.now()))
        rules = [*self.scope.rules, *pinned_rules(db, self.scope.requirements, targets)]
        self.write(lambda db: self._put_in_scope(db, {rule.name: rule.spelled or rule.name for rule in rules}))
        if self.scope.everything and not self._looked_before:
            everything = read_everything(self.upstream, self.write, {w.name for w in rules}, self.options.changelog_url)
            self.delta.everything = True
            self.root_has_serials = everything.has_serials
            self.list_is_readable = everything.readable
            self.left = everything.left
            self.delta.troubles |= everything.troubles
        self.rules, self.targets = rules_by_name(rules), targets
        self._request_pages()
        self._judge(rules)
        if self.scope.everything and not self._looked_before and projects.any_to_read_again(db):
            # Another policy or target needs releases that were not kept.
            self._request_pages()
            self._judge(rules)
        self._order_rebuilds()
        self._report_unstated_times()
        # Failure classes look like normalised names, so one form serves classes and projects.
        retry = [canonicalize_name(word) for word in self.options.retry]
        self.delta.retried = self.write(lambda db: retry_failures(db, retry, self.policy.max_attempts))
        if retry and not self.delta.retried and not self._looked_before:
            self.delta.troubles["controller_retry"] = (
                f"nothing of {', '.join(self.options.retry)} has failed or is built, so nothing is tried again."
            )
        if self.options.resolutions is not None:
            self.write(confirm_resolutions)
        self.delta.resolve = to_resolve(db, self.scope.requirements, targets)
        self.delta.queue = progress(self.catalog, self.options.run)
        self.delta.preview = preview(db, self.options.most_previewed)
        self.write(lambda db: replace_unconsidered(db, "packages", unknown_projects(db, self.scope.rules)))
        if not self._looked_before:
            self.write(lambda db: replace_unconsidered(db, "upstream", self._unread(db)))
        left_over = unconsidered_requirements(db, self.scope.requirements, targets, self.delta.resolve)
        self.write(lambda db: replace_unconsidered(db, "requirements", left_over))
        self.delta.unconsidered = read_unconsidered(db)
        return self.delta

    def _unread(self, db: sqlite3.Connection) -> list[Unconsidered]:
        """Requested projects, or the list of all projects, that could not be read."""
        found = unread_projects(db, self.scope.rules, self.doubted)
        if self.scope.everything and LIST in self.delta.troubles:
            variable, cure = (
                "controller_everything",
                "Check controller_upstream_url: it has to be the folder of the list.",
            )
            found.append(Unconsidered("everything", variable, "unread", self.delta.troubles[LIST], cure))
        return found

    @property
    def _looked_before(self) -> bool:
        """Whether this is the second delta of the run, and the first one was kept."""
        return self.options.resolutions is not None and not self.options.rehearsal

    def _notice_changes(self, db: sqlite3.Connection) -> int:
        """Record builders, recipes and remedies; returns how many failures their news put back into the queue."""
        terms: dict[str, Any] = {"run": self.options.run, "now": self.now(), "max_attempts": self.policy.max_attempts}
        news = record_builders(db, self.builders, self.now(), join=self.options.join)
        if self.options.files is not None:
            read_unread(db, self.options.files)
        record_outdated(db, run=self.options.run, now=self.now())
        returned = requeue_for_changes(db, news, **terms)
        if self.options.recipes is not None:
            returned += requeue_for_recipes(db, record_recipes(db, self.options.recipes), **terms)
        returned += requeue_for_adopted(db, self.policy.adopt_requirements, **terms)
        return returned + requeue_for_remedies(db, **terms)

    def _order_rebuilds(self) -> None:
        """Have wheels with an old copy of a library built again, where the operator allows it."""
        if not self.policy.rebuild_outdated:
            return
        for filename, why in to_rebuild(self.catalog.db).items():
            with suppress(BadOrder):  # It is not in scope any more, so it is only named.
                given = order(
                    self.catalog,
                    who="controller_rebuild_outdated",
                    verb="rebuild",
                    noun="wheel",
                    subject=filename,
                    reason=why,
                    run=self.options.run,
                    now=self.now(),
                )
                judge_changed(self.catalog, [project_of(self.catalog.db, read_words(given.subject))], self.now())
            self.write(partial(mark_ordered, filename=filename))

    # ------------------------------------------------------------------ scope

    def _notice_another_upstream(self, db: sqlite3.Connection) -> None:
        """Forget serials and ETags if the upstream is another index, because they mean nothing there."""
        if get_meta(db, "index_url") == self.upstream.index_url:
            return
        forget_serials(db)
        set_meta(db, "index_url", self.upstream.index_url)

    def _put_in_scope(self, db: sqlite3.Connection, names: Mapping[str, str]) -> None:
        """Put named projects in scope, whether or not upstream lists them; others leave it unless everything is wanted.

        `names` maps a normalised name to the operator's spelling; upstream's page may correct that.
        """
        for name, spelled in names.items():
            projects.put_named(db, name, spelled)
        if not self.scope.everything:
            forget_list(db)
            for row in db.execute("SELECT id, name FROM project WHERE in_scope").fetchall():
                if row["name"] not in names:
                    projects.leave_scope(db, row["id"])

    # ------------------------------------------------------------------ pages

    def _request_pages(self) -> None:
        order = ReadingOrder(self.catalog.db, self._question(), self.rules, self.now())
        until = None if self.options.read_seconds is None else time.monotonic() + self.options.read_seconds
        (known,) = self.catalog.db.execute(
            "SELECT count(*) FROM project WHERE in_scope AND state = 'present'"
        ).fetchone()
        with order:
            requests = map(self._request, order.rows(until))
            answered = self.upstream.projects(requests, readable=bool(self.list_is_readable))
            for answers in _chunks(answered, CHUNK):
                self.write(partial(self._record_answers, answers=answers, order=order))
                self.options.show(order.taken, order.total)
            self.delta.asked += order.taken
            self.delta.unread = order.total - order.taken
            self.write(partial(self._record_absences, order=order, known=max(known, order.known)))

    def _request(self, row: sqlite3.Row) -> ProjectRequest:
        return ProjectRequest(
            name=row["name"],
            etag=row["etag"],
            last_modified=row["last_modified"],
            # Without the list no serial is announced: the catalog's may be from before upstream was restored.
            want_serial=row["want_serial"] if self.list_is_readable else None,
            have_serial=row["have_serial"],
            have_digest=row["page_digest"],
            known=row["state"] in ("present", "quarantined"),
            delisted=row["name"] in self.left,
        )

    def _question(self) -> str:
        """The condition, in SQL, of the projects to request; `named` has those that a rule names."""
        if self._looked_before:
            return "in_scope AND state = 'new' AND name IN (SELECT name FROM named)"
        if self.scope.everything and self.root_has_serials:
            return """in_scope AND (have_serial IS NULL OR want_serial IS NULL OR have_serial < want_serial
                OR problem IS NOT NULL)"""
        # Also projects that left the scope and have published wheels: their yanks and deletions must arrive.
        return """(in_scope OR EXISTS (
            SELECT 1 FROM release r JOIN wheel w ON w.release_id = r.id WHERE r.project_id = project.id))"""

    def _record_answers(self, db: sqlite3.Connection, answers: list[tuple[str, Answer]], order: ReadingOrder) -> None:
        for name, answer in answers:
            project_id = order.ids[name] if isinstance(answer, Absent) else order.ids.pop(name)
            if isinstance(answer, Page):
                changed = record_page(
                    db,
                    project_id,
                    answer.page,
                    etag=answer.etag,
                    last_modified=answer.last_modified,
                    now=self.now(),
                    deciding=self._deciding(answer.page),
                    run=self.options.run,
                )
                if changed:
                    self.delta.changed.append(name)
            elif isinstance(answer, Unchanged):
                record_unchanged(
                    db, project_id, serial=answer.serial, etag=answer.etag, last_modified=answer.last_modified
                )
            elif isinstance(answer, Absent):
                self.delta.absent.append(name)
                self.forbidden += [name] if answer.forbidden else []
            elif isinstance(answer, Stale):
                self.delta.troubles[name] = answer.sentence
                record_problem(db, project_id, answer.sentence, None)
            else:
                self.delta.troubles[name] = answer.sentence
                wait = answer.retry_after
                record_problem(db, project_id, answer.sentence, self.now() + wait if wait else None)

    def _deciding(self, page: ProjectPage) -> frozenset[str] | None:
        """Of a project that nobody names, the releases that decide its verdicts."""
        if not self.scope.everything or page.name in self.rules:
            return None
        return deciding_releases(page, self.scope.everything_rules, self.targets, self.policy, self.now())

    def _record_absences(self, db: sqlite3.Connection, order: ReadingOrder, known: int) -> None:
        present = order.present(self.delta.absent)
        doubt = suspect_absences(db, len(present), known, self.now(), no_list=self.list_is_readable is False)
        if self.forbidden:
            names = ", ".join(sorted(self.forbidden)[:_MOST_NAMED])
            more = "" if len(self.forbidden) <= _MOST_NAMED else f" and {len(self.forbidden) - _MOST_NAMED} more"
            self.delta.troubles["(403)"] = (
                f"Upstream answers 403 for {names}{more}, and gives the pages of others: those count as not there."
            )
        for name in self.delta.absent:
            if doubt and name in present:
                self.delta.troubles[name] = self.doubted[name] = doubt
                record_problem(db, order.ids[name], doubt, None)
            elif record_absence(db, order.ids[name]):
                self.delta.changed.append(name)

    # ------------------------------------------------------------------ judge

    def _report_unstated_times(self) -> None:
        waiting, until = cooling_since_seen(self.catalog.db, self.policy, self.now())
        if waiting:
            moment = datetime.datetime.fromtimestamp(until, datetime.timezone.utc)
            self.delta.troubles["(cooldown)"] = (
                f"Upstream states no upload time for {waiting} releases in scope, so controller_cooldown_hours counts "
                f"from when this fleet first saw them: the last of them waits until {moment:%Y-%m-%d %H:%M} UTC. "
                "If you trust this upstream at once, set controller_cooldown_hours to 0."
            )

    def _judge(self, rules: list[ScopeRule]) -> None:
        targets = self.targets
        judged_under = digest(
            self.scope.fingerprint(self.policy), targets_fingerprint(targets), [asdict(rule) for rule in rules]
        )
        if get_meta(self.catalog.db, "judged_under") != judged_under:
            self.write(projects.rejudge_all)
            self.write(lambda db: set_meta(db, "judged_under", judged_under))
        everything = self.scope.everything_rules

        def judge_chunk(db: sqlite3.Connection, chunk: list[int]) -> None:
            for project_id in chunk:
                row = db.execute("SELECT name, in_scope FROM project WHERE id = ?", (project_id,)).fetchone()
                mine = [*self.rules.get(row["name"], []), *everything] if row["in_scope"] else []
                self.delta.verdicts_changed += judge_project(db, project_id, mine, targets, self.policy, self.now())

        for chunk in _chunks(iter(unjudged(self.catalog.db, self.now())), CHUNK):
            self.write(partial(judge_chunk, chunk=chunk))


def _chunks(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while chunk := list(islice(items, size)):
        yield chunk
