"""The worker's code on its way to a builder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from wheelfleet.builder import worker_code


def test_a_builder_gets_exactly_the_workers_code(tmp_path: Path) -> None:
    files = worker_code.worker_code()
    assert worker_code.installed(tmp_path) == {}
    assert worker_code.install(tmp_path, worker_code.pack(files)) == sorted(files)
    assert worker_code.digest(worker_code.installed(tmp_path)) == worker_code.digest(files)
    assert worker_code.install(tmp_path, worker_code.pack(files)) == []


def test_changed_added_or_removed_code_there_is_put_right(tmp_path: Path) -> None:
    files = worker_code.worker_code()
    worker_code.install(tmp_path, worker_code.pack(files))
    folder = tmp_path / "lib" / "wheelfleet" / "builder"
    (folder / "worker.py").write_text("raise SystemExit\n")
    (folder / "of_an_older_release.py").touch()
    (folder / "runner.py").unlink()
    assert worker_code.digest(worker_code.installed(tmp_path)) != worker_code.digest(files)
    changed = worker_code.install(tmp_path, worker_code.pack(files))
    assert [Path(path).name for path in changed] == ["of_an_older_release.py", "runner.py", "worker.py"]
    assert worker_code.installed(tmp_path) == files


def test_it_runs_there_without_anything_else_of_ours(tmp_path: Path) -> None:
    worker_code.install(tmp_path, worker_code.pack(worker_code.worker_code()))
    programs = [
        "import_check",
        "cythonize",
        "proxy_client",
        "proxy",
        "hooks",
        "make_builder",
        "modernize",
        "prepare",
        "probe",
        "repair",
        "runner",
        "sandbox",
        "worker",
    ]
    imports = "; ".join(f"import wheelfleet.builder.{program}" for program in programs)
    subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.append({str(tmp_path / 'lib')!r}); {imports}"], check=True
    )
