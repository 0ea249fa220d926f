"""The command `python -m wheelfleet.monitor.log_shapes`, or `make shapes`: what the logs of unexplained failures say.

It reads the catalog and the logs beside it, and writes nothing.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from ..admission.failed_logs import class_counts, failed_logs, known_logs
from ..admission.log_shapes import Shape, common_shapes
from ..failure_classes import FAILURE_CLASSES
from ..text import plain
from .catalog_part import other_version
from .state_folder import NoStateFolder, state_folder

#: The classes of failures that no rule explains.
UNEXPLAINED = ("unknown", "build-script-error")
#: Projects that are named for each shape, and characters of its example.
_MOST_NAMED, _LONGEST = 8, 200


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="wheelfleet.monitor.log_shapes",
        description="Print the lines that the logs of unexplained failures have in common, the commonest first.",
    )
    parser.add_argument("--state", default="", help="the controller's folder; by default the inventory's")
    parser.add_argument("--classes", nargs="+", default=UNEXPLAINED, metavar="CLASS", help="default: %(default)s")
    parser.add_argument("--most", type=int, default=20, help="shapes that are printed (default: %(default)s)")
    parser.add_argument("--logs", type=int, default=1000, help="newest logs that are read (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.classes if name not in FAILURE_CLASSES]
    if unknown:
        parser.error(f"{unknown[0]!r} is no failure class; docs/reference/failure-classes.md lists them.")
    try:
        state = state_folder(options.state)
        catalog = state / "catalog.sqlite"
        if not catalog.exists():
            raise NoStateFolder(f"There is no catalog {catalog}; name the controller's folder: --state DIR.")
        with closing(sqlite3.connect(f"{catalog.resolve().as_uri()}?mode=ro", uri=True)) as db:
            db.row_factory = sqlite3.Row
            if trouble := other_version(db):
                raise NoStateFolder(trouble)
            failed = failed_logs(db, state / "logs", options.classes, options.logs)
            shapes = common_shapes(failed, known_logs(db, state / "logs", options.classes))
            counts = class_counts(db, options.classes)
    except NoStateFolder as error:
        print(error, file=sys.stderr)
        return 1
    except (sqlite3.Error, OSError) as error:
        print(f"The catalog {catalog} cannot be read ({error}).", file=sys.stderr)
        return 1
    shown = shapes[: options.most]
    if options.json:
        print(json.dumps([_as_data(each) for each in shown], indent=1, ensure_ascii=False))
    else:
        print("\n".join(_in_words(shown, counts, len(failed), len(shapes), state / "logs")))
    return 0


def _as_data(found: Shape) -> dict[str, object]:
    of = found.of
    return {
        "shape": found.text,
        "projects": list(found.projects),
        "logs": found.logs,
        "example": {
            "line": plain(found.example, _LONGEST),
            "project": of.project,
            "version": of.version,
            "host": of.host,
            "class": of.failure_class,
            "log": of.log,
        },
    }


def _in_words(shapes: Sequence[Shape], counts: Counter[str], read: int, known: int, logs: Path) -> Iterator[str]:
    if not counts:
        yield "No failure of these classes stands in the catalog."
        return
    yield ", ".join(f"{many} {name}" for name, many in counts.most_common()) + f"; {read} read, {known} shapes"
    for found in shapes:
        projects, of = found.projects, found.of
        yield ""
        yield f"{_number(len(projects), 'project')}, {_number(found.logs, 'log')}: {found.text}"
        more = f" and {len(projects) - _MOST_NAMED} more" if len(projects) > _MOST_NAMED else ""
        yield f"    of       {', '.join(projects[:_MOST_NAMED])}{more}"
        yield f"    example  {plain(found.example.strip(), _LONGEST)}"
        where = logs / of.log if of.log else "its log is lost"
        yield f"             {of.project} {of.version} on {of.host}, {of.failure_class}: {where}"


def _number(many: int, what: str) -> str:
    return f"{many} {what}" if many == 1 else f"{many} {what}s"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
