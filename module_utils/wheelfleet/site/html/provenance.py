"""The provenance of each of our wheels, as a JSON document: `provenance/NAME/FILE.whl.json`.

It is the operator's statement, with a signature beside it if the operator has a signing key (site/signing.py). It is no
attestation of PEP 740, so our files on the index have no key `provenance`; project pages and their JSON link to it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ...contract.report import interpreter_facts
from ...text import printable
from ..listing import timestamp
from ..renderer import as_json

SCHEMA = 1
#: The path of the allowed-signers file, by which signatures are verified.
SIGNERS = "provenance/allowed_signers"


def path(name: str, filename: str) -> str:
    """The path of a wheel's document, below the site."""
    return f"provenance/{name}/{filename}.json"


def signature_path(name: str, filename: str) -> str:
    """The path of the signature of a wheel's document, below the site."""
    return f"{path(name, filename)}.sig"


def document(db: sqlite3.Connection, wheel_id: int) -> bytes:
    """The document of one wheel (`wheel.id`)."""
    return documents(db, [wheel_id])[wheel_id]


def documents(db: sqlite3.Connection, wheel_ids: Sequence[int], files: str = "../../files") -> dict[int, bytes]:
    """The documents of some wheels by `wheel.id`. `files`: where the folder of files is.

    The facts of the build never change; `rebuild` is added by a rebuild check. Times are UTC, durations seconds, sizes
    and memory bytes, addresses of this site relative to the document. Unknown facts are null.
    """
    rows = db.execute(
        """
        SELECT w.id AS wheel_id, w.filename, w.sha256, w.size, w.tags, p.name, r.version, t.name AS target, a.id,
               a.host, a.built_with, a.interpreter, a.build_requires, a.sdist_filename, a.sdist_sha256, a.log,
               a.claimed_at, a.begun_at,
               a.finished_at, a.seconds, a.cpu_seconds, a.peak_memory, w.built_as, w.repaired, w.apt_packages,
               w.imports, w.import_facts, w.imported,
               x.host AS rebuilder, x.verdict, x.finished_at AS rebuilt_at, x.sha256 AS rebuild_sha256, x.sentence,
               x.differences
        FROM wheel w
        LEFT JOIN attempt a ON a.id = w.attempt_id
        JOIN release r ON r.id = w.release_id
        JOIN project p ON p.id = r.project_id
        LEFT JOIN target t ON t.id = a.target_id
        LEFT JOIN rebuild x ON x.wheel_id = w.id AND x.verdict IS NOT NULL
        WHERE w.id IN (SELECT value FROM json_each(?))
        """,
        (json.dumps(list(wheel_ids)),),
    )
    return {row["wheel_id"]: _document(row, files) for row in rows}


def _document(row: sqlite3.Row, files: str) -> bytes:
    if row["imported"]:
        return _document_of_import(row, files)
    built_with = _known(row["built_with"], {})
    builder = dict(built_with.get("builder") or {})
    interpreter = interpreter_facts(builder, row["target"])
    builder.pop("interpreters", None)
    return as_json(
        {
            "schema": SCHEMA,
            "project": row["name"],
            "release": row["version"],
            "target": row["target"],
            "file": _file(row, files),
            "built_as": _known(row["built_as"], None),
            "sdist": {
                "filename": row["sdist_filename"],
                "sha256": row["sdist_sha256"],
                "url": built_with.get("sdist_url"),
            },
            "builder": {"host": row["host"], **builder},
            "interpreter": row["interpreter"],
            "cflags": interpreter.get("cflags"),
            "tools": interpreter.get("tools"),
            "build_requires": _known(row["build_requires"], None),
            "repair": _known(row["repaired"], None),
            "apt": _read(row["apt_packages"]),
            "check": {"verdict": row["imports"], **_known(row["import_facts"], {})} if row["imports"] else None,
            "attempt": row["id"],
            "log": f"../../logs/{row['log']}" if row["log"] else None,
            "began": timestamp(row["begun_at"] or row["claimed_at"]),
            "ended": timestamp(row["finished_at"]) if row["finished_at"] is not None else None,
            "seconds": row["seconds"],
            "cpu_seconds": row["cpu_seconds"],
            "peak_memory": row["peak_memory"],
            "rebuild": _rebuild(row) if row["verdict"] else None,
        }
    )


def _document_of_import(row: sqlite3.Row, files: str) -> bytes:
    """The document of a wheel that an operator imported: nothing is known of its build."""
    imported = json.loads(row["imported"])
    return as_json(
        {
            "schema": SCHEMA,
            "project": row["name"],
            "release": row["version"],
            "file": _file(row, files),
            "imported": {
                "who": printable(imported["who"]),
                "at": timestamp(imported["at"]),
                "reason": printable(imported["reason"]),
                "sha256": row["sha256"],
            },
        }
    )


def _file(row: sqlite3.Row, files: str) -> dict[str, Any]:
    return {
        "filename": row["filename"],
        "size": row["size"],
        "sha256": row["sha256"],
        "tags": _read(row["tags"]),
        "url": f"{files}/{row['name']}/{row['filename']}",
    }


def rebuilt(db: sqlite3.Connection, project_ids: Sequence[int]) -> set[int]:
    """The wheels of these projects (`wheel.id`) that have a rebuild check, so that their documents may have changed."""
    rows = db.execute(
        """
        SELECT w.id FROM release r JOIN wheel w ON w.release_id = r.id JOIN rebuild x ON x.wheel_id = w.id
        WHERE r.project_id IN (SELECT value FROM json_each(?)) AND x.verdict IS NOT NULL
        """,
        (json.dumps(list(project_ids)),),
    )
    return {row["id"] for row in rows}


def _rebuild(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "host": row["rebuilder"],
        "verdict": row["verdict"],
        "at": timestamp(row["rebuilt_at"]),
        "sha256": row["rebuild_sha256"],
        "sentence": printable(row["sentence"]) if row["sentence"] else None,
        "differences": [printable(name) for name in json.loads(row["differences"])],
    }


def _known(text: str | None, otherwise: Any) -> Any:
    return _read(text) if text else otherwise


#: Many wheels have the same builder, tags and build requirements. What it returns is shared: nobody may change it.
_read = lru_cache(maxsize=256)(json.loads)
