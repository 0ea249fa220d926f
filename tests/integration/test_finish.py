"""A run of build.yml with repair and check as they are by default: what is offered, and what is withheld or flagged."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from wheelfleet.builder import sandbox

from tests.support import sdists
from tests.support.operator import Operator
from tests.support.upstream import Upstream

pytestmark = pytest.mark.skipif(sandbox.probe() is not None, reason=str(sandbox.probe()))


def test_what_is_offered_imports_and_the_rest_is_withheld(operator: Operator, upstream: Upstream):
    upstream.add_release(sdists.c_sdist("native", "1.0"))
    upstream.add_release(sdists.pure_sdist("forgetful", "1.0", source="import _uncompiled\n"))
    operator.variables |= {
        "controller_packages": ["native", "forgetful"],
        "builder_repair": True,
        "builder_check_imports": True,
    }
    operator.build()
    assert sorted(operator.attempts()) == [("forgetful", "failed"), ("native", "built")]
    (filename,) = operator.wheels()
    assert "-manylinux" in filename
    page = json.loads((operator.site / "project" / "native" / "json").read_text())
    (file,) = page["releases"]["1.0"]["files"]
    assert file["check"] == {"verdict": "imported", "modules": ["native"]}
    (failed,) = operator.query("SELECT failure_class, sentence, evidence FROM attempt WHERE outcome = 'failed'")
    assert failed["failure_class"] == "import-failed"
    assert "_uncompiled" in failed["sentence"] + failed["evidence"]
    pip = [sys.executable, "-m", "pip", "--isolated", "install", "--quiet", "--no-index", "--find-links"]
    folder = operator.root / "installed"
    subprocess.run([*pip, str(operator.site / "files" / "native"), "--target", str(folder), "native"], check=True)
    answer = subprocess.run(
        [sys.executable, "-c", "import native; print(native.answer())"], cwd=folder, capture_output=True, check=True
    )
    assert answer.stdout.strip() == b"42"

    operator.variables |= {"controller_failed_imports": "flag", "controller_retry": ["import-failed"]}
    operator.build()
    assert len(operator.wheels()) == 2
    assert "_uncompiled" in (operator.site / "project" / "forgetful" / "index.html").read_text()
    page = json.loads((operator.site / "project" / "forgetful" / "json").read_text())
    assert page["releases"]["1.0"]["files"][0]["check"]["verdict"] == "failed"
