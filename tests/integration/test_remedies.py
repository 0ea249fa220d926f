"""What the fleet tries by itself in a run, with the tests' own upstream and all else real."""

from __future__ import annotations

import json

from tests.support import sdists, wheels
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


def test_what_uses_a_removed_feature_or_declares_too_little_is_built_in_the_same_run(
    operator: Operator, upstream: Upstream
):
    upstream.add_release(wheels.installed_wheel("setuptools"))
    upstream.add_release(wheels.installed_wheel("setuptools", "57.5.0", permits_2to3))
    upstream.add_release(wheels.wheel_file("helping", "1.0"))
    upstream.add_release(sdists.pure_sdist("old", "1.0", backend="legacy", script=USES_2TO3))
    upstream.add_release(sdists.pure_sdist("needy", "1.0", script="import helping"))
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
