"""A controller with one claimed build, and results for it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from wheelfleet.admission.admit import Admitted, Storage, admit
from wheelfleet.catalog.release_targets import settle
from wheelfleet.planner import batches

from tests.support.artifacts import Artifact
from tests.support.catalogs import ControllerState

NOW = 1_800_000_000.0
TAGS = ["cp311-cp311-linux_x86_64", "cp311-none-any", "py3-none-any"]


def result_files(attempt: str, wheel: Artifact | None = None, /, **changes: Any) -> dict[str, bytes]:
    """The files of a result by name: of a build that gave the wheel, or of a failed one."""
    result = {
        "schema": 1,
        "attempt": attempt,
        "outcome": "built" if wheel else "failed",
        "stopped_by": None,
        "phase": "collect" if wheel else "build",
        "exit_code": 0 if wheel else 1,
        "seconds": 12.5,
        "cpu_seconds": 10.0,
        "peak_memory": 1000,
        "interpreter": "CPython 3.11.2",
        "build_requires": [{"name": "setuptools", "version": "80.0"}],
        "sdist_sha256": "aa",
        "message": None,
        "wheels": [{"filename": wheel.filename, "size": wheel.size, "sha256": "lies"}] if wheel else [],
        "log": {"filename": "log.gz", "size": 1},
    }
    files = {"result.json": json.dumps({**result, **changes}).encode(), "log.gz": gzip.compress(b"the log\n")}
    return files | ({wheel.filename: wheel.data} if wheel else {})


class Controller:
    """A catalog in which pi1 has claimed demo 1.0, and a staging folder for its results."""

    def __init__(self, root: Path) -> None:
        self.state = ControllerState(root)
        self.catalog = self.state.catalog
        self.storage = Storage(root / "files", root / "logs")
        self.staging = root / "incoming"
        #: As the operator's variable says it.
        self.preinstalled: list[str] = []
        self.state.target("cp311", python_version="3.11.2", platform="linux", tags=TAGS)
        for host in ("pi1", "pi2"):
            self.state.builder(host, "cp311")
        release = self.state.release("demo", "1.0", sdist=False)
        sdist = self.state.upstream_file(release, "demo-1.0.tar.gz", url="/", sha256="aa")
        self.state.want("demo", "1.0", target="cp311", reason="", sdist_id=sdist)
        with self.catalog.writing() as db:
            settle(db, release, 5)
        self.attempt = self.claim("pi1")

    def claim(self, host: str, run: str = "run1") -> str:
        held = batches.claim(self.catalog, host=host, run=run, now=NOW)
        assert held is not None
        return held.builds[0].attempt

    def lose(self) -> None:
        """Expire the lease of the claimed build."""
        batches.expire_leases(self.catalog, NOW + 24 * 3600, 5)

    def send(
        self, wheel: Artifact | None = None, *, host: str = "pi1", answering: str = "", **changes: Any
    ) -> Admitted:
        """Admit a result of a builder; `changes` replace fields of its result.json."""
        attempt = answering or self.attempt
        self.staging.mkdir(exist_ok=True)
        for name, data in result_files(attempt, wheel, **changes).items():
            (self.staging / name).write_bytes(data)
        return admit(
            self.catalog,
            self.storage,
            self.staging,
            attempt,
            host=host,
            now=NOW,
            max_attempts=5,
            preinstalled=self.preinstalled,
        )

    def one(self, sql: str) -> Any:
        return self.catalog.db.execute(sql).fetchone()[0]
