"""What the fleet tries by itself in a run, with the tests' own upstream and all else real."""

from __future__ import annotations

import io
import json
import tarfile

from tests.support import sdists, wheels
from tests.support.artifacts import Artifact
from tests.support.operator import Operator
from tests.support.upstream import Upstream

#: What setup.py of old passed to setuptools; 58 and later refuse it.
USES_2TO3 = (
    "import setuptools\nreal = setuptools.setup\nsetuptools.setup = lambda **given: real(use_2to3=True, **given)\n"
)


def permits_2to3(path: str, data: bytes) -> bytes:
    """The installed setuptools, but for one line that was another one before 58."""
    if not path.endswith("entry_points.txt") or "_vendor" in path:
        return data
    assert b"use_2to3 = setuptools.dist:invalid_unless_false" in data
    return data.replace(b"use_2to3 = setuptools.dist:invalid_unless_false", b"use_2to3 = setuptools.dist:assert_bool")


def test_removed_features_and_undeclared_needs_are_cured_in_the_same_run(operator: Operator, upstream: Upstream):
    upstream.add_release(wheels.installed_wheel("setuptools"))
    upstream.add_release(wheels.installed_wheel("setuptools", "57.5.0", permits_2to3))
    upstream.add_release(wheels.wheel_file("helping", "1.0"))
    upstream.add_release(sdists.pure_sdist("old", "1.0", backend="legacy", script=USES_2TO3))
    upstream.add_release(sdists.pure_sdist("needy", "1.0", script="import helping", requires_dist=["helping"]))
    operator.variables["controller_packages"] = ["old", "needy"]
    operator.build()
    assert [name.split("-")[0] for name in operator.wheels()] == ["needy", "old"]
    assert sorted(operator.attempts()) == [("needy", "built"), ("needy", "failed"), ("old", "built"), ("old", "failed")]
    tried = {}
    for name in ("old", "needy"):
        document = json.loads((operator.site / "project" / name / "json").read_text())
        last, first = document["attempts"]
        assert "tried_with" not in first
        assert first["next_try"] == f"It was tried again with {last['tried_with'][0]['name']}."
        tried[name] = [each["change"] for each in last["tried_with"]]
    assert tried == {"old": ["setuptools<58"], "needy": ["also helping"]}


def test_a_name_in_an_error_message_is_never_asked_for_upstream(operator: Operator, upstream: Upstream):
    """Somebody registered each of these names; what they have there would run in the build and end in the wheel."""
    upstream.add_release(wheels.installed_wheel("setuptools"))
    for stranger in ("its_own", "unheard_of", "the_backend"):
        upstream.add_release(wheels.wheel_file(stranger, "6.6.6", files={f"{stranger}.py": "print('A STRANGER')\n"}))
    beside = {"its_own.py": b"version = '1.0'\n"}
    upstream.add_release(
        sdists.pure_sdist("owner", "1.0", backend="setuptools", script="from its_own import version", files=beside)
    )
    upstream.add_release(sdists.pure_sdist("naive", "1.0", script="import unheard_of"))
    upstream.add_release(
        archive_of(
            "headless",
            "[build-system]\nrequires = []\nbuild-backend = 'the_backend'\nbackend-path = ['gone']\n",
        )
    )
    operator.variables["controller_packages"] = ["owner", "naive", "headless"]
    run = operator.build()
    assert run.lines(r"naive 1\.0.*: undeclared-build-requirement: .* adopt it .*: \[unheard-of\]")
    assert [name.split("-")[0] for name in operator.wheels()] == ["owner"]
    rows = operator.query(
        "SELECT p.name, a.failure_class, a.remedies FROM attempt a JOIN release r ON r.id = a.release_id "
        "JOIN project p ON p.id = r.project_id ORDER BY p.name, a.finished_at"
    )
    tried = [
        (row["name"], row["failure_class"], [each["name"] for each in json.loads(row["remedies"] or "[]")])
        for row in rows
    ]
    assert tried == [
        ("headless", "sdist-broken", []),
        ("naive", "undeclared-build-requirement", []),
        ("owner", "own-module-missing", []),
        ("owner", None, ["source on path"]),
    ]
    asked = {request.path for request in upstream.requests}
    assert not [path for path in asked if any(name in path for name in ("its-own", "unheard-of", "the-backend"))]

    operator.variables["controller_adopt_requirements"] = ["unheard_of"]
    operator.build()
    assert [name.split("-")[0] for name in operator.wheels()] == ["naive", "owner"]
    (naive,) = operator.query("SELECT remedies FROM project WHERE name = 'naive'")
    assert [each["name"] for each in json.loads(naive["remedies"])] == ["adopted requirement unheard-of"]


def archive_of(name: str, pyproject: str) -> Artifact:
    """An sdist that is its pyproject.toml, and a module."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for path, text in (("pyproject.toml", pyproject), (f"{name}.py", "")):
            member = tarfile.TarInfo(f"{name}-1.0/{path}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    return Artifact(f"{name}-1.0.tar.gz", buffer.getvalue(), name, "1.0", "sdist")
