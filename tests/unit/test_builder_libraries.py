"""Which packages a wheel needs of the system, on any release, as `ldconfig` and `dpkg-query` tell it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from wheelfleet.builder import libraries, repair
from wheelfleet.builder.libraries import packages_of, without_time64
from wheelfleet.elf import Elf, read_elf
from wheelfleet.libc import TIME64_LIBC

Says = Callable[..., None]


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Says]:
    """A folder in which /usr is merged, and what ldconfig and dpkg say of its files."""
    root = tmp_path / "root"
    (root / "usr/lib").mkdir(parents=True)
    (root / "lib").symlink_to("usr/lib")

    def says(cached: dict[str, str], owned: dict[str, str]) -> None:
        lines = "".join(f"\t{name} (libc6) => {path}\n" for name, path in cached.items())
        known = {path: f"{package}: {path}\n" for path, package in owned.items()}

        def answer(*command: str) -> str:
            if command[0] == "/sbin/ldconfig":
                return lines
            return "".join(known.get(path, "") for path in command[2:])

        monkeypatch.setattr(libraries, "_print", answer)

    return root, says


def library(path: Path, soname: str) -> Elf:
    """A library, made here, and code that needs it."""
    source = path.with_suffix(".c")
    source.write_text("int answer(void) { return 1; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", f"-Wl,-soname,{soname}", "-o", path, source], check=True)
    source.unlink()
    with path.open("rb") as file:
        return read_elf(file)._replace(needed=(soname,), soname=None)


@pytest.mark.parametrize("cached", ["lib", "usr/lib"])
@pytest.mark.parametrize("owned", ["lib", "usr/lib"])
def test_an_owner_is_found_on_whatever_side_of_merged_usr(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cached: str, owned: str
) -> None:
    """Debian 12's dpkg knows /lib/…, Debian 13's /usr/lib/…; ldconfig names /lib/… on both."""
    here, there = Path("/lib/of/libfoo.so.1"), Path("/usr/lib/of/libfoo.so.1")
    file = {"lib": here, "usr/lib": there}[cached]
    known = str({"lib": here, "usr/lib": there}[owned])
    user = library(tmp_path / "libfoo.so.1", "libfoo.so.1")

    def answer(*command: str) -> str:
        if command[0] == "/sbin/ldconfig":
            return f"\tlibfoo.so.1 (libc6) => {file}\n"
        return f"libfoo1t64:armhf: {known}\n" if known in command else ""

    monkeypatch.setattr(libraries, "_print", answer)
    monkeypatch.setattr(libraries, "_library", lambda files, *_: files[0])
    assert packages_of({"libfoo.so.1": [user]}) == (["libfoo1t64"], [])


def test_a_library_that_no_package_owns_is_named_as_that(system: tuple[Path, Says]) -> None:
    root, says = system
    own, packaged = root / "usr/lib/libown.so.1", root / "usr/lib/libfoo.so.1"
    users = {"libown.so.1": [library(own, "libown.so.1")], "libfoo.so.1": [library(packaged, "libfoo.so.1")]}
    says({"libown.so.1": str(own), "libfoo.so.1": str(packaged)}, {str(packaged): "libfoo1"})
    assert packages_of(users) == (["libfoo1"], ["libown.so.1"])
    says({"libown.so.1": str(own), "libfoo.so.1": str(packaged)}, {})
    assert packages_of(users) == ([], []), "where there is no dpkg, that says nothing"


def test_what_changes_its_abi_under_the_same_name_is_no_exclusion(system: tuple[Path, Says]) -> None:
    root, says = system
    ssl, yaml = root / "usr/lib/libssl.so.3", root / "usr/lib/libyaml-0.so.2"
    cached = {"libssl.so.3": str(ssl), "libyaml-0.so.2": str(yaml)}
    says(cached, {str(ssl): "libssl3", str(yaml): "libyaml-0-2"})
    assert without_time64(["libssl.so.*", "libyaml-0.so.2", "libnone.so"]) == ["libyaml-0.so.2", "libnone.so"]
    says(cached, {str(ssl): "libssl3t64", str(yaml): "libyaml-0-2"})
    assert without_time64(["libssl.so.3"]) == ["libssl.so.3"], "the new library stays what it is"


def test_only_32_bit_arm_of_before_takes_such_libraries_along(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = library(tmp_path / "libfoo.so.1", "libfoo.so.1")
    asked = []

    def run(*command: str) -> None:
        asked.append([each for each in command if each.startswith("--exclude")])
        raise repair._Unrepaired("Enough.")

    monkeypatch.setattr(repair, "_run", run)
    monkeypatch.setattr(repair, "without_time64", lambda _: [])
    for machine, bits, version in (
        ("EM_ARM", 32, (2, 36)),
        ("EM_ARM", 32, TIME64_LIBC),
        ("EM_AARCH64", 64, (2, 36)),
        ("EM_386", 32, (2, 36)),
    ):
        monkeypatch.setattr(repair, "_libc_here", lambda version=version: version)
        elf = code._replace(machine=machine, bits=bits)
        with pytest.raises(repair._Unrepaired):
            repair._repaired(
                tmp_path / "demo-1-cp311-cp311-linux_x.whl", {"demo.so": elf}, tmp_path, ["libssl.so.3"], []
            )
    assert asked == [[], ["--exclude=libssl.so.3"], ["--exclude=libssl.so.3"], ["--exclude=libssl.so.3"]]
