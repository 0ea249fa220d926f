"""Imports wheels that were built elsewhere: through the same checks as a builder's, and with a provenance that says so.

The order of writes is that of `admit`, so that a kill leaves nothing half there: the name is given in the catalog, the
bytes get their place, and one transaction adds wheel, order and event. A name is never given to other bytes, and an
imported wheel is not renamed, because the operator may have announced it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from .. import requires_python
from ..atomic_files import sync
from ..catalog import controls, events, release_targets, wheels
from ..catalog.database import Catalog
from ..catalog.given_names import give_name
from ..catalog.projects import known_names
from ..control.rule import CONTROLLER, BadOrder
from ..names import NotAWheel, WheelName, read_wheel_name
from ..nearest import do_you_mean
from ..planner.builders import offered_targets
from ..planner.inputs import PlanInputs
from ..planner.judge import installable
from ..planner.verdicts import serve_targets
from ..repack import with_build_tag
from ..text import plain
from .admit import Storage
from .wheel_archive import Refused
from .wheel_check import CheckedWheel, check_wheel

_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Imported:
    """An import; `changed` is False if the same bytes were published before."""

    filename: str
    sentence: str
    changed: bool


@dataclass(frozen=True)
class Terms:
    """Who imports, when (epoch seconds) and why, in which run, and what is allowed that is otherwise refused.

    `beside_upstream`: a wheel for targets for which upstream has one. `without_target`: one that no known target can
    install. `exclude` are the libraries that wheels leave to the system (`builder_repair_exclude`).
    """

    who: str
    reason: str
    now: float
    run: str = ""
    beside_upstream: bool = False
    without_target: bool = False
    exclude: Collection[str] = ()


@dataclass(frozen=True)
class _Place:
    """The release that a wheel belongs to, and the names of the targets that can install it."""

    name: WheelName
    project_id: int
    project: str
    release_id: int
    version: str
    targets: tuple[str, ...]


def check_terms(terms: Terms, target: str = "") -> None:
    """Raise BadOrder for an import without a reason, or for one target."""
    if not terms.reason.strip():
        raise BadOrder("Say why, with reason='…': people read on the site why a wheel was imported.")
    if target:
        raise BadOrder("An imported wheel serves what its tags say; leave the target out.")


def wheels_in(paths: Sequence[Path]) -> list[Path]:
    """The wheels that paths of files and folders mean. Raises BadOrder for a folder without wheels."""
    found: dict[Path, None] = {}
    for path in paths:
        inside = sorted(path.glob("*.whl")) if path.is_dir() else [path]
        if not inside:
            raise BadOrder(f"There is no wheel in the folder {path}.")
        found |= dict.fromkeys(inside)
    return list(found)


def import_wheel(catalog: Catalog, storage: Storage, path: Path, terms: Terms, *, dry_run: bool = False) -> Imported:
    """Import the wheel in the file `path`. With `dry_run` nothing is kept.

    Raises BadOrder with a sentence if it is refused, and OSError if the controller's disk fails.
    """
    if not path.is_file():
        raise BadOrder(f"There is no file {path}; name wheels on the controller, or a folder with wheels.")
    place = _placed(catalog.db, path.name)
    with tempfile.TemporaryDirectory(prefix="wheelfleet-import-") as scratch:
        # A copy, because the file may change while it is checked.
        copy = Path(scratch, path.name)
        shutil.copyfile(path, copy)
        with copy.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        known = catalog.db.execute("SELECT * FROM wheel WHERE filename = ?", (path.name,)).fetchone()
        if known and known["sha256"] == sha256 and known["removed_at"] is None:
            if known["withdrawn_at"] is not None:
                raise BadOrder(f"{path.name} is published and withdrawn ({known['withdrawn']}); restore it.")
            return Imported(path.name, f"{path.name} is published already, with these bytes.", changed=False)
        _check_name(catalog.db, place, path.name, sha256, storage)
        wheel = _checked(copy, place, terms)
        place = _with_targets(catalog.db, place, wheel)
        _check_upstream(catalog.db, place, wheel, terms)
        _check_installation(copy, wheel, Path(scratch))
        sentence = f"Imported by {terms.who}: {terms.reason.rstrip('.')}. On the index: {wheel.filename}."
        if not dry_run:
            with catalog.writing() as db:
                if not give_name(db, wheel.filename, wheel.name, place.version, wheel.sha256):
                    raise BadOrder(_other_bytes(db, place, wheel.filename))
            _put(copy, storage.files / place.project / wheel.filename)
            with catalog.writing() as db:
                _record(db, place, wheel, terms, sentence)
        return Imported(wheel.filename, sentence, changed=True)


def _placed(db: sqlite3.Connection, filename: str) -> _Place:
    """The release of a wheel's file name. Raises BadOrder if upstream has no such release."""
    try:
        name = read_wheel_name(filename)
        # New files may not have the spellings that only old installers accept.
        parse_wheel_filename(filename)
    except NotAWheel as error:
        raise BadOrder(str(error)) from error
    except (InvalidWheelFilename, InvalidVersion) as error:
        raise BadOrder(f"{filename} is not a wheel's name (PEP 427): {error}.") from error
    project = db.execute("SELECT id, name, state FROM project WHERE name = ?", (name.name,)).fetchone()
    if project is None or project["state"] != "present":
        near = do_you_mean(name.name, known_names(db, name.name)) or "."
        raise BadOrder(
            f"The fleet knows no project {name.name} of upstream{near}"
            + ("" if near.endswith("?") else " Put it into controller_packages and run build.yml first.")
        )
    rows = db.execute(
        """
        SELECT r.id, r.version FROM release r WHERE r.project_id = ?
          AND EXISTS (SELECT 1 FROM upstream_file f WHERE f.release_id = r.id)
        """,
        (project["id"],),
    ).fetchall()
    for version in (name.version, Version(name.version.public)):
        for row in rows:
            if Version(row["version"]) == version:
                return _Place(name, project["id"], project["name"], row["id"], row["version"], ())
    newest = max((Version(row["version"]) for row in rows), default=None)
    hint = f"; its newest is {newest}." if newest else "."
    raise BadOrder(f"Upstream has no release {name.version} of {name.name}{hint}")


def _check_name(db: sqlite3.Connection, place: _Place, filename: str, sha256: str, storage: Storage) -> None:
    """Raise BadOrder if the name stands for other bytes, of ours or of upstream's, or is another spelling of one."""
    upstream = db.execute(
        "SELECT 1 FROM upstream_file WHERE release_id = ? AND filename = ?", (place.release_id, filename)
    ).fetchone()
    if upstream:
        raise BadOrder(f"Upstream has a file {filename}, so installers could not tell them apart; {_cure(db, place)}")
    for row in db.execute(
        "SELECT filename FROM wheel WHERE release_id = ? AND filename <> ? AND removed_at IS NULL ORDER BY filename",
        (place.release_id, filename),
    ):
        # Such as Demo-1.0 and demo-1.0.0: one wheel in two spellings.
        ours, new = read_wheel_name(row["filename"]), place.name
        if (ours.version, ours.build) == (new.version, new.build) and ours.tags & new.tags:
            raise BadOrder(
                f"The fleet has published {row['filename']}, and installers could not tell {filename} from it; "
                f"{_cure(db, place)}"
            )
    given = db.execute("SELECT sha256 FROM given_name WHERE filename = ?", (filename,)).fetchone()
    there = storage.files / place.project / filename
    if (given and given["sha256"] != sha256) or (not given and there.is_file() and _sha256(there) != sha256):
        raise BadOrder(_other_bytes(db, place, filename))


def _other_bytes(db: sqlite3.Connection, place: _Place, filename: str) -> str:
    return (
        f"The name {filename} was given to other bytes before, and a name never changes its bytes; {_cure(db, place)}"
    )


def _cure(db: sqlite3.Connection, place: _Place) -> str:
    """How the operator gives the wheel a name that is free."""
    numbers = [place.name.build[0] if place.name.build else 0]
    for question in (
        "SELECT filename FROM given_name WHERE project = :project AND version = :version",
        "SELECT filename FROM upstream_file WHERE release_id = :release AND kind = 'wheel'",
    ):
        values = {"project": place.project, "version": place.version, "release": place.release_id}
        for row in db.execute(question, values):
            with contextlib.suppress(NotAWheel):
                read = read_wheel_name(row["filename"])
                numbers.append(read.build[0] if read.build else 0)
    return f"give it a build tag: python -m wheel tags --build {max(numbers) + 1} FILE (PEP 427)."


def _checked(copy: Path, place: _Place, terms: Terms) -> CheckedWheel:
    """The checks of admission. Raises BadOrder."""
    try:
        return check_wheel(
            copy,
            name=place.project,
            version=place.version,
            # Which targets take it is looked at later.
            target_tags=[str(tag) for tag in place.name.tags],
            exclude=terms.exclude,
        )
    except Refused as error:
        raise BadOrder(str(error)) from error


def _with_targets(db: sqlite3.Connection, place: _Place, wheel: CheckedWheel) -> _Place:
    names = tuple(
        row["name"]
        for row in db.execute("SELECT name, python_version, tags FROM target ORDER BY preference, id")
        if not set(wheel.tags).isdisjoint(json.loads(row["tags"]))
        and requires_python.allows(wheel.requires_python, Version(row["python_version"]))
        and (wheel.libc is None or wheel.libc.works_on(row["name"]))
    )
    return _Place(place.name, place.project_id, place.project, place.release_id, place.version, names)


def _check_upstream(db: sqlite3.Connection, place: _Place, wheel: CheckedWheel, terms: Terms) -> None:
    """Raise BadOrder if no target takes the wheel, or if upstream serves all its targets."""
    if not place.targets and not terms.without_target:
        known = ", ".join(row["name"] for row in db.execute("SELECT name FROM target ORDER BY name")) or "none"
        raise BadOrder(
            f"No target of the fleet can install {wheel.filename} (targets: {known}); to import it all the same: "
            "without_target=true."
        )
    theirs = db.execute(
        """
        SELECT filename, requires_python FROM upstream_file
        WHERE release_id = ? AND kind = 'wheel' AND yanked IS NULL ORDER BY filename
        """,
        (place.release_id,),
    ).fetchall()
    for row in theirs:
        with contextlib.suppress(NotAWheel):
            pure = wheel.pure and row["filename"].endswith("-none-any.whl")
            if pure and read_wheel_name(row["filename"]).tags & place.name.tags:
                raise BadOrder(f"Upstream has the pure wheel {row['filename']}, which is never shadowed.")
    served = {name: _upstreams_for(db, name, theirs) for name in place.targets}
    if served and all(served.values()) and not terms.beside_upstream:
        name, file = next(iter(served.items()))
        raise BadOrder(
            f"Upstream serves {name} by {file}, so {wheel.filename} is not needed; to import it all the same: "
            "beside_upstream=true."
        )


def _upstreams_for(db: sqlite3.Connection, target: str, theirs: Sequence[sqlite3.Row]) -> str | None:
    """Upstream's wheel that a target can install; None if there is none."""
    row = db.execute("SELECT python_version, tags FROM target WHERE name = ?", (target,)).fetchone()
    tags, python = frozenset(json.loads(row["tags"])), Version(row["python_version"])
    for file in theirs:
        if installable(file["filename"], tags) and requires_python.allows(file["requires_python"], python):
            return str(file["filename"])
    return None


def _check_installation(copy: Path, wheel: CheckedWheel, scratch: Path) -> None:
    """Have pip, and uv where it is there, install the wheel, which runs no code of it. Raises BadOrder.

    They would refuse a wheel for another machine, so they get a copy with tags of any machine.
    """
    folder = scratch / "any"
    folder.mkdir()
    try:
        with_build_tag(copy, folder, wheel.build or "0", "py3-none-any")
    except ValueError as error:
        raise BadOrder(f"{wheel.filename} cannot be read: {error}") from error
    answer = scratch / "answer.json"
    program = [sys.executable, "-m", f"{_PACKAGE.name}.builder.installers"]
    ran = subprocess.run(
        [*program, str(folder), str(scratch), str(answer), str(scratch / "installed")],
        env={**os.environ, "PYTHONPATH": str(_PACKAGE.parent)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if ran.returncode:
        last = (ran.stdout.strip().splitlines() or ["it says nothing"])[-1]
        raise BadOrder(f"pip and uv could not be asked to install {wheel.filename}: {plain(last, 200)}")
    refused = json.loads(answer.read_bytes())["refused"]
    if refused:
        raise BadOrder(f"{wheel.filename} is refused: {plain(refused, 400)}")


def _put(copy: Path, destination: Path) -> None:
    """Give the bytes their place by one rename; they are on disk before the catalog names them."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    new = destination.with_name(f".{destination.name}.new")
    shutil.copyfile(copy, new)
    new.chmod(0o644)
    sync(new)
    new.replace(destination)
    sync(destination.parent)


def _record(db: sqlite3.Connection, place: _Place, wheel: CheckedWheel, terms: Terms, sentence: str) -> None:
    imported = {"who": terms.who, "at": terms.now, "reason": terms.reason, "beside_upstream": terms.beside_upstream}
    wheels.put(
        db,
        {
            "release_id": place.release_id,
            "attempt_id": None,
            "filename": wheel.filename,
            "sha256": wheel.sha256,
            "size": wheel.size,
            "metadata_sha256": wheel.metadata_sha256,
            "requires_python": wheel.requires_python,
            "tags": json.dumps(wheel.tags),
            "libc": str(wheel.libc) if wheel.libc else None,
            "copied": json.dumps(dict(wheel.copied)),
            "added_at": terms.now,
            "imported": json.dumps(imported),
        },
    )
    serve_targets(db, place.project_id, offered_targets(db))
    wheels.end_rebuild_requests(db, place.release_id)
    inputs = PlanInputs.remembered(db)
    release_targets.settle(db, place.release_id, inputs.as_policy().max_attempts if inputs else 5)
    controls.add(
        db,
        at=terms.now,
        who=terms.who,
        verb="import",
        noun="wheel",
        subject=wheel.filename,
        reason=terms.reason,
        done_at=terms.now,
        answer=sentence,
    )
    events.note(db, run=terms.run, host=CONTROLLER, sentence=sentence, now=terms.now, who=terms.who, why=terms.reason)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
