"""The closed sets of values of the catalog's columns; schema.sql has the same in its CHECKs."""

from __future__ import annotations

from typing import Literal

from ..failure_classes import Blocks

#: `project.state`
ProjectState = Literal["new", "present", "absent", "deleted", "quarantined"]
#: `upstream_file.kind`
FileKind = Literal["sdist", "wheel"]
#: `release_target.verdict`
Verdict = Literal["build", "upstream", "skip", "passed"]
#: `release_target.need`
Need = Literal["now", "later", "none"]
#: `release_target.recency`
Recency = Literal["new", "newest", "older"]
#: `batch.state` and `attempt.state`
BuildState = Literal["open", "done", "lost"]
#: `attempt.outcome`
Outcome = Literal["built", "failed", "refused"]
#: `attempt.retry_on`
RetryOn = Literal["alone", "elsewhere"]
#: `attempt.missing_kind`: a header as it is included, a library as the linker names it, a program, a Python module, or
#: a name that pkg-config knows.
MissingKind = Literal["header", "library", "tool", "module", "pkg-config"]
#: `wheel.imports`
ImportVerdict = Literal["imported", "failed", "unchecked"]
#: `rebuild.verdict`
RebuildVerdict = Literal["agrees", "differs", "failed"]
#: `apt_package.state`
PackageState = Literal["installed", "refused"]

#: The set of each (table, column).
OF_COLUMNS = {
    ("project", "state"): ProjectState,
    ("upstream_file", "kind"): FileKind,
    ("release_target", "verdict"): Verdict,
    ("release_target", "need"): Need,
    ("release_target", "recency"): Recency,
    ("batch", "state"): BuildState,
    ("attempt", "state"): BuildState,
    ("attempt", "outcome"): Outcome,
    ("attempt", "blocks"): Blocks,
    ("attempt", "retry_on"): RetryOn,
    ("attempt", "missing_kind"): MissingKind,
    ("wheel", "imports"): ImportVerdict,
    ("rebuild", "verdict"): RebuildVerdict,
    ("apt_package", "state"): PackageState,
}
