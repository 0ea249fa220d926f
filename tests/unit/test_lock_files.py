"""Lock files as scope (PEP 751): written by pip and uv, and what stands in them as lines for pip on the target."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from wheelfleet.planner.requirements_files import RequirementsFile
from wheelfleet.planner.requirements_reader import read_requirements_files
from wheelfleet.planner.scope import BadScope

from tests.support import sdists, wheels
from tests.support.upstream import Upstream

HEAD = 'lock-version = "1.0"\ncreated-by = "a test"\n'


def locked(tmp_path: Path, content: str, name: str = "pylock.toml") -> RequirementsFile:
    """A lock file with this content, as the controller reads it."""
    (tmp_path / name).write_text(content)
    return read_requirements_files([str(tmp_path / name)])[0]


def package(name: str, more: str = "", version: str = "1.0") -> str:
    """An entry with one sdist."""
    sdist = f'sdist = {{name = "{name}-{version}.tar.gz", url = "u", hashes = {{sha256 = "00"}}}}'
    return f'[[packages]]\nname = "{name}"\nversion = "{version}"\n{more}\n{sdist}\n'


def texts(file: RequirementsFile) -> list[str]:
    return [line.text for line in file.lines]


@pytest.fixture
def index() -> Iterator[str]:
    with Upstream() as upstream:
        upstream.add_release(sdists.pure_sdist("app", "1.0", requires_dist=["leaf<2", "old; python_version < '3.10'"]))
        upstream.add_release(wheels.wheel_file("leaf", "1.5"))
        upstream.add_release(wheels.wheel_file("leaf", "2.0"))
        upstream.add_release(wheels.wheel_file("old", "0.1"))
        yield upstream.index_url


@pytest.mark.parametrize("tool", ["pip", "uv"])
def test_a_lock_file_of_pip_or_uv_is_in_scope_with_its_versions(tmp_path: Path, index: str, tool: str) -> None:
    file = tmp_path / "pylock.app.toml"
    (tmp_path / "app.in").write_text("app\n")
    command = {
        "pip": [sys.executable, "-m", "pip", "lock", "-r", "app.in", "--output", str(file)],
        "uv": ["uv", "pip", "compile", "app.in", "--format", "pylock.toml", "--output-file", str(file)],
    }[tool]
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    more = ["--quiet", "--index-url", index, f"--no-cache{'-dir' if tool == 'pip' else ''}"]
    subprocess.run([*command, *more], cwd=tmp_path, env=environment, check=True)
    (read,) = read_requirements_files([str(file)])
    assert sorted(texts(read)) == ["app==1.0", "leaf==1.5"]
    assert (read.problems, read.ignored) == ((), ())
    leaf = next(line for line in read.lines if line.text.startswith("leaf"))
    assert file.read_text().splitlines()[leaf.number - 1 : leaf.number + 1] == ["[[packages]]", 'name = "leaf"']


def test_markers_stay_for_pip_on_the_target(tmp_path: Path) -> None:
    marker = "python_version < '3.12' and platform_machine == 'armv7l'"
    file = locked(tmp_path, HEAD + package("leaf", f'marker = "{marker}"') + package("app"))
    assert texts(file) == [f"leaf==1.0 ; {marker}".replace("'", '"'), "app==1.0"]
    assert file.lines[1].where == f"{tmp_path}/pylock.toml:{HEAD.count(chr(10)) + 6}"


@pytest.mark.parametrize(
    ("marker", "text"),
    [
        ("'default' in dependency_groups", "leaf==1.0"),
        ("'test' in dependency_groups", None),
        ("'test' not in dependency_groups", "leaf==1.0"),
        ("'docs' in extras", None),
        ("'docs' in extras or 'default' in dependency_groups", "leaf==1.0"),
        (
            "'default' in dependency_groups and python_version < '3.12'",
            'leaf==1.0 ; python_version >= "0" and python_version < "3.12"',
        ),
    ],
)
def test_a_plain_installation_decides_about_extras_and_groups(tmp_path: Path, marker: str, text: str | None) -> None:
    groups = 'extras = ["docs"]\ndependency-groups = ["default", "test"]\ndefault-groups = ["default"]\n'
    file = locked(tmp_path, HEAD + groups + package("leaf", f'marker = "{marker}"'))
    assert texts(file) == ([text] if text else [])
    assert [line.text for line in file.ignored] == ([] if text else ["leaf==1.0"])


def test_what_is_no_release_of_an_index_is_named(tmp_path: Path) -> None:
    repository = '[[packages]]\nname = "mine"\nvcs = {type = "git", url = "u", commit-id = "0"}\n'
    archive = '[[packages]]\nname = "other"\narchive = {url = "u", hashes = {sha256 = "00"}}\n'
    file = locked(tmp_path, HEAD + repository + archive)
    assert [(line.text, line.number, line.why.split(",")[0]) for line in file.problems] == [
        ("mine", 3, "it is a folder or a repository"),
        ("other", 6, "it is a URL or a file"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "cure"),
    [
        ("pylock.toml", "x = [\n", "correct the name, or lock again"),
        ("pylock.toml", 'lock-version = "1.0"\n', "created-by"),
        ("pylock.toml", HEAD.replace("1.0", "2.0") + "packages = []\n", "lock again as version 1.0"),
        ("uv.lock", "version = 1\n", "uv export --format pylock.toml"),
        ("poetry.lock", "", "poetry export"),
    ],
)
def test_what_is_no_lock_file_is_one_sentence_with_a_cure(tmp_path: Path, name: str, content: str, cure: str) -> None:
    with pytest.raises(BadScope, match=cure) as error:
        locked(tmp_path, content, name)
    assert str(tmp_path / name) in str(error.value)
    assert str(error.value).endswith(".")


def test_files_of_both_kinds_keep_their_order(tmp_path: Path) -> None:
    (tmp_path / "pylock.toml").write_text(HEAD + package("leaf"))
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("spidev\n")
    paths = [str(tmp_path / name) for name in ("a.txt", "pylock.toml", "b.txt")]
    assert [file.path for file in read_requirements_files(paths)] == paths
