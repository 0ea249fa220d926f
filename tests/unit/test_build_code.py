"""The worker's code on its way to a builder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from wheelfleet.build import code


def test_a_builder_gets_exactly_the_workers_code(tmp_path: Path) -> None:
    files = code.worker_code()
    assert code.installed(tmp_path) == {}
    assert code.install(tmp_path, code.pack(files)) == sorted(files)
    assert code.digest(code.installed(tmp_path)) == code.digest(files)
    assert code.install(tmp_path, code.pack(files)) == []


def test_what_was_changed_or_added_or_removed_there_is_other_code_and_is_put_right(tmp_path: Path) -> None:
    files = code.worker_code()
    code.install(tmp_path, code.pack(files))
    folder = tmp_path / "lib" / "wheelfleet" / "build"
    (folder / "worker.py").write_text("raise SystemExit\n")
    (folder / "of_an_older_release.py").touch()
    (folder / "runner.py").unlink()
    assert code.digest(code.installed(tmp_path)) != code.digest(files)
    changed = code.install(tmp_path, code.pack(files))
    assert [Path(path).name for path in changed] == ["of_an_older_release.py", "runner.py", "worker.py"]
    assert code.installed(tmp_path) == files


def test_it_runs_there_without_anything_else_of_ours(tmp_path: Path) -> None:
    code.install(tmp_path, code.pack(code.worker_code()))
    programs = [
        "check",
        "cythonize",
        "door",
        "gate",
        "hooks",
        "modernize",
        "prepare",
        "probe",
        "repair",
        "runner",
        "sandbox",
        "worker",
    ]
    imports = "; ".join(f"import wheelfleet.build.{program}" for program in programs)
    subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.append({str(tmp_path / 'lib')!r}); {imports}"], check=True
    )
