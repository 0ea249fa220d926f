"""Unpacking sdists, good and hostile, with every Python found: some have tarfile's data filter and some have not."""

from __future__ import annotations

import io
import json
import lzma
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.builder import LIBRARY
from tests.support.interpreters import interpreters
from tests.support.sdists import Flaw, hostile_sdist, pure_sdist

#: Unpacks the archives in the folder `argv[1]`, each beside itself; prints what came of each.
UNPACK_ALL = """
import json, pathlib, sys
from wheelfleet.builder.unpack import UnpackError, unpack
outcomes = {}
for archive in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    folder = pathlib.Path(sys.argv[2], archive.name, "into")
    folder.mkdir(parents=True)
    try:
        outcomes[archive.name] = unpack(archive, folder).name
    except UnpackError as error:
        outcomes[archive.name] = f"refused: {error}"
print(json.dumps(outcomes))
"""


@pytest.fixture(params=interpreters(), ids=lambda path: path.name)
def python(request: pytest.FixtureRequest) -> Path:
    interpreter: Path = request.param
    return interpreter


def unpack_all(python: Path, archives: dict[str, bytes], folder: Path) -> dict[str, str]:
    for part in ("archives", "unpacked"):
        (folder / part).mkdir()
    for name, data in archives.items():
        (folder / "archives" / name).write_bytes(data)
    command = [str(python), "-c", UNPACK_ALL, str(folder / "archives"), str(folder / "unpacked")]
    # Builds have that umask, whatever their user's is (builder/runner.py).
    done = subprocess.run(command, cwd=LIBRARY, umask=0o022, capture_output=True, text=True, check=True)
    outcomes: dict[str, str] = json.loads(done.stdout)
    return outcomes


def tar(mode: str, *members: tuple[str, Any]) -> bytes:
    """A tar archive; a member is a name and its content, or the fields of its header."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            header = tarfile.TarInfo(name)
            data = content if isinstance(content, bytes) else b""
            header.size = len(data)
            for field, value in content.items() if isinstance(content, dict) else ():
                setattr(header, field, value)
            archive.addfile(header, io.BytesIO(data))
    return buffer.getvalue()


def link(target: str) -> dict[str, Any]:
    return {"type": tarfile.SYMTYPE, "linkname": target}


def test_every_common_format_unpacks_to_its_one_top_level_directory(python: Path, tmp_path: Path) -> None:
    setup = ("demo-1.0/setup.py", b"print('hello')\n")
    archives = {
        "a.tar.gz": tar("w:gz", setup),
        "b.tgz": tar("w:gz", setup),
        "c.tar.bz2": tar("w:bz2", setup),
        "d.tar.xz": tar("w:xz", setup),
        "e.tar": tar("w", setup),
        "h.tbz": tar("w:bz2", setup),
        "i.txz": tar("w:xz", setup),
        "j.tar.lzma": lzma.compress(tar("w", setup), lzma.FORMAT_ALONE),
        "f.zip": pure_sdist("demo", "1.0", filename="demo-1.0.zip").data,
        "g.tar.gz": pure_sdist("demo", "1.0").data,
    }
    assert unpack_all(python, archives, tmp_path) == dict.fromkeys(archives, "demo-1.0")
    for name in "abcdehij":
        (file,) = (tmp_path / "unpacked").glob(f"{name}.*/into/demo-1.0/setup.py")
        assert file.read_bytes() == setup[1]


def zipped(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, b"")
    return buffer.getvalue()


def test_what_pip_unpacks_is_unpacked_however_its_paths_are_written(python: Path, tmp_path: Path) -> None:
    archives = {
        "flat-1.0.tar.gz": tar("w:gz", ("setup.py", b""), ("pkg/mod.py", b"")),
        "one-folder-1.0.zip": zipped("pkg/mod.py", "pyproject.toml"),
        "same-name-1.0.zip": zipped("same-name-1.0/mod.py", "setup.py"),
        "windows-1.0.zip": zipped("windows-1.0\\", "windows-1.0\\pkg\\mod.py", "windows-1.0\\setup.py"),
        "windows-1.0.tar": tar("w", ("windows-1.0\\setup.py", b""), ("windows-1.0\\pkg\\mod.py", b"")),
        "dots-1.0.tar": tar("w", ("./dots-1.0/a/../setup.py", b""), ("dots-1.0/pkg/../pkg/mod.py", b"")),
        "dots-1.0.zip": zipped("dots-1.0/a/../setup.py", "./dots-1.0/pkg/mod.py"),
        "hard-1.0.tar": tar(
            "w", ("d/setup.py", b""), ("d/mod.py", {"type": tarfile.LNKTYPE, "linkname": "d/x/../setup.py"})
        ),
    }
    assert unpack_all(python, archives, tmp_path) == {
        "flat-1.0.tar.gz": "flat-1.0",
        "one-folder-1.0.zip": "one-folder-1.0",
        "same-name-1.0.zip": "same-name-1.0",
        "windows-1.0.zip": "windows-1.0",
        "windows-1.0.tar": "windows-1.0",
        "dots-1.0.tar": "dots-1.0",
        "dots-1.0.zip": "dots-1.0",
        "hard-1.0.tar": "d",
    }
    for name in archives:
        (project,) = (tmp_path / "unpacked" / name / "into").iterdir()
        found = {str(path.relative_to(project)) for path in project.rglob("*") if path.is_file()}
        assert {"setup.py", "pyproject.toml"} & found, name
        assert any(path.endswith("mod.py") for path in found), name
        assert not any("\\" in path for path in found), name
    assert_nothing_escaped(tmp_path, archives)


def test_hostile_and_broken_archives_are_refused_and_write_nothing_outside(python: Path, tmp_path: Path) -> None:
    reasons: dict[Flaw, str] = {
        "path-traversal": "'evil-1.0/../../escaped-by-evil' leads out of it",
        "absolute-path": "'/tmp/escaped-by-evil' leads out of it",
        "symlink-out": "the link 'evil-1.0/out' leads out of it",
        "hardlink-out": "the link 'evil-1.0/passwd' leads out of it",
        "device": "'evil-1.0/null' is a device",
        "two-roots": "has 2 top-level directories and not one",
        "truncated": "cannot be unpacked",
        "not-an-archive": "cannot be unpacked",
    }
    archives = {f"{flaw}.tar.gz": hostile_sdist("evil", "1.0", flaw).data for flaw in reasons}
    outcomes = unpack_all(python, archives, tmp_path)
    for flaw, reason in reasons.items():
        assert outcomes[f"{flaw}.tar.gz"].startswith("refused: ")
        assert reason in outcomes[f"{flaw}.tar.gz"]
    assert_nothing_escaped(tmp_path, archives)
    assert not Path("/tmp/escaped-by-evil").exists()


def test_links_are_no_way_out_however_they_are_combined(python: Path, tmp_path: Path) -> None:
    archives = {
        # A file written through a link that stays inside.
        "through-parent.tar": tar("w", ("d/in/x", b""), ("d/link", link("in")), ("d/link/file", b"!")),
        # A file written over a link of its own name.
        "through-itself.tar": tar("w", ("d/a", b"a"), ("d/link", link("a")), ("d/link", b"!")),
        # Each link alone stays inside; together they climb.
        "by-another.tar": tar(
            "w", ("d/a/b/c/x", b""), ("d/a/b/c/up", link("../../..")), ("d/l", link("a/b/c/up/../.."))
        ),
        "absolute.tar": tar("w", ("d/x", b""), ("d/link", link("/etc/passwd"))),
        "hard-through.tar": tar(
            "w", ("d/a", link("b")), ("d/hard", {"type": tarfile.LNKTYPE, "linkname": "d/a/passwd"})
        ),
        "fifo.tar": tar("w", ("d/pipe", {"type": tarfile.FIFOTYPE})),
    }
    outcomes = unpack_all(python, archives, tmp_path)
    unpacked = {name for name, outcome in outcomes.items() if not outcome.startswith("refused: ")}
    # Since 3.13.4 Python itself shortens the target of the link that climbs by another, so that it stays inside.
    assert unpacked <= {"by-another.tar"}
    for name in unpacked:
        top = tmp_path / "unpacked" / name / "into"
        assert [path for path in top.rglob("*") if not path.resolve().is_relative_to(top)] == []
    assert_nothing_escaped(tmp_path, archives)


def test_sparse_files_are_refused_whichever_way_tar_writes_them(python: Path, tmp_path: Path) -> None:
    large = tmp_path / "d" / "large"
    large.parent.mkdir()
    (large.parent / "setup.py").touch()
    with large.open("wb") as file:
        file.truncate(1 << 26)
    formats = {"gnu": ["--format=gnu"], "pax": ["--format=pax", "--sparse-version=1.0"]}
    archives = {}
    for name, options in formats.items():
        command = ["tar", "--create", "--sparse", *options, "--directory", str(tmp_path), "d"]
        archives[f"{name}.tar"] = subprocess.run(command, capture_output=True, check=True).stdout
    assert max(map(len, archives.values())) < 1 << 20
    for outcome in unpack_all(python, archives, tmp_path).values():
        assert outcome.startswith("refused: ")
        assert "'d/large' is a sparse file" in outcome


def test_links_that_stay_inside_are_kept(python: Path, tmp_path: Path) -> None:
    archive = tar(
        "w",
        ("d/docs/readme", b"text"),
        ("d/link", link("docs/readme")),
        ("d/docs/up", link("../link")),
        ("d/dangling", link("not/there")),
        ("d/hard", {"type": tarfile.LNKTYPE, "linkname": "d/docs/readme"}),
    )
    assert unpack_all(python, {"a.tar": archive}, tmp_path) == {"a.tar": "d"}
    top = tmp_path / "unpacked" / "a.tar" / "into" / "d"
    assert (top / "docs" / "up").resolve().read_text() == "text"
    assert (top / "hard").read_text() == "text"


def test_members_become_the_builders_own_writable_and_keep_executable_bits(python: Path, tmp_path: Path) -> None:
    owner = {"uid": 12345, "gid": 12345, "uname": "nobody", "gname": "nogroup"}
    archive = tar(
        "w",
        ("d", {"type": tarfile.DIRTYPE, "mode": 0o555, **owner}),
        ("d/configure", {"mode": 0o6777, **owner}),
        ("d/data", {"mode": 0o000, **owner}),
    )
    unpack_all(python, {"a.tar": archive}, tmp_path)
    top = tmp_path / "unpacked" / "a.tar" / "into" / "d"
    modes = {path.name: oct(path.stat().st_mode & 0o7777) for path in (top, *top.iterdir())}
    assert modes == {"d": "0o755", "configure": "0o755", "data": "0o600"}
    assert {path.stat().st_uid for path in (top, *top.iterdir())} == {os.getuid()}


def test_a_zip_keeps_what_makes_a_file_executable(python: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        configure = zipfile.ZipInfo("d/configure")
        configure.external_attr = 0o100755 << 16
        archive.writestr(configure, b"#!/bin/sh\n")
        archive.writestr("d/data", b"")
    assert unpack_all(python, {"a.zip": buffer.getvalue()}, tmp_path) == {"a.zip": "d"}
    top = tmp_path / "unpacked" / "a.zip" / "into" / "d"
    assert os.access(top / "configure", os.X_OK)
    assert (top / "data").stat().st_mode & 0o111 == 0


def test_zips_that_climb_or_are_no_zips_are_refused(python: Path, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("d/setup.py", b"")
        archive.writestr("../escaped", b"")
    archives = {"climbs.zip": buffer.getvalue(), "no.zip": b"not a zip", "no.exe": b"", "empty.tar": tar("w")}
    outcomes = unpack_all(python, archives, tmp_path)
    assert "'../escaped' leads out of it" in outcomes["climbs.zip"]
    assert "cannot be unpacked: File is not a zip file" in outcomes["no.zip"]
    assert "its name ends neither in .zip nor in .tar.gz" in outcomes["no.exe"]
    assert "has 0 top-level directories" in outcomes["empty.tar"]
    assert_nothing_escaped(tmp_path, archives)


def assert_nothing_escaped(folder: Path, archives: dict[str, bytes]) -> None:
    """Beside `into` there is nothing, and nothing beside the folders of the archives."""
    assert sorted(path.name for path in folder.iterdir()) == ["archives", "unpacked"]
    assert {path.name for path in (folder / "unpacked").iterdir()} == set(archives)
    for unpacked in (folder / "unpacked").iterdir():
        assert [path.name for path in unpacked.iterdir()] == ["into"]
