"""A wheel is admitted only if file name, contents and metadata all say what was asked for."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest
from wheelfleet.admission.wheel_check import CheckedWheel, Refused, check_wheel

from tests.support.raw_wheels import (
    ANSWER,
    METADATA,
    NATIVE,
    TARGET,
    WHEEL,
    check,
    contents,
    entries_of,
    packed,
    record_line,
    refusal,
)
from tests.support.raw_zips import raw_zip
from tests.support.wheels import Flaw, installed_wheel, wheel_file

#: A message in a message in a message, and lines that an email parser compares with the end of each.
NESTED = (
    b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(300)) + b"\n" * 900_000
)


# What a good wheel is


def test_a_wheel_that_agrees_with_what_was_asked_is_described(tmp_path: Path) -> None:
    wheel = wheel_file("Demo", "1.0", build="3", requires_python=">=3.9")
    checked = check(tmp_path, wheel)
    assert checked == CheckedWheel(
        filename="demo-1.0-3-py3-none-any.whl",
        name="demo",
        version="1.0",
        build="3",
        tags=["py3-none-any"],
        sha256=wheel.sha256,
        size=wheel.size,
        requires_python=">=3.9",
        metadata=wheel.metadata or b"",
        metadata_sha256=hashlib.sha256(wheel.metadata or b"").hexdigest(),
        pure=True,
        has_native=False,
    )


def test_the_tags_are_all_that_the_file_name_stands_for(tmp_path: Path) -> None:
    wheel = wheel_file("demo", "1.0", "py2.py3-none-any")
    assert check(tmp_path, wheel).tags == ["py2-none-any", "py3-none-any"]


@pytest.mark.parametrize("name", ["packaging", "pytest"])
def test_real_wheels_are_admitted(tmp_path: Path, name: str) -> None:
    wheel = installed_wheel(name)
    assert check(tmp_path, wheel, name=name, version=wheel.version).sha256 == wheel.sha256


@pytest.mark.parametrize(
    ("filename", "asked"),
    [
        ("demo-1.0-py3-none-any.whl", {"version": "1.0.0"}),
        ("Demo-1.0.0-py3-none-any.whl", {"name": "DEMO"}),
        ("demo-1.0-1-py3-none-any.whl", {}),
    ],
)
def test_names_and_versions_are_compared_normalised(tmp_path: Path, filename: str, asked: dict[str, str]) -> None:
    build = "1" if "-1-py3" in filename else None
    assert check(tmp_path, wheel_file("demo", "1.0", build=build, filename=filename), **asked).filename == filename


@pytest.mark.parametrize(
    "changes",
    [
        {"wheel": b"Wheel-Version: 1.9\r\nRoot-Is-Purelib: TRUE\r\nTag: py3-none-any\r\n"},
        {
            "metadata": METADATA
            + b"Description-Content-Type: nonsense\nRequires-Dist: old (>=1.*)\n\n\xff\xfe description"
        },
        {"metadata": b"Metadata-Version: 1.0\nName: DEMO\nVersion: 1.0.0\n"},
        {"more": {"demo/": b"", "demo/größe.py": b"", "Demo.h": b"1", "demo.h": b"2"}},
        {"more": {"demo-1.0.data/": b"", "demo-1.0.data/scripts/": b"", "demo-1.0.data/scripts/demo": b"#!python\n"}},
        {"metadata": METADATA + NESTED},
        {"more": {"vendored/other-2.0.dist-info/METADATA": b"", "demo_data/my.data": b""}},
    ],
    ids=["WHEEL", "sloppy-METADATA", "other-spelling", "directories-and-case", "data", "parts", "vendored"],
)
def test_what_real_wheels_do_is_taken(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert check(tmp_path, packed(**changes)).name == "demo"


def test_signatures_of_record_are_not_recorded(tmp_path: Path) -> None:
    files = contents()
    files["demo-1.0.dist-info/RECORD.jws"] = b"signature"
    assert check(tmp_path, raw_zip(entries_of(files))).name == "demo"


@pytest.mark.parametrize("algorithm", ["sha384", "sha512"])
def test_better_hashes_than_sha256_and_unstated_sizes_are_taken(tmp_path: Path, algorithm: str) -> None:
    files = contents()
    record = "".join(record_line(path, data, algorithm, "") for path, data in files.items() if "RECORD" not in path)
    assert check(tmp_path, packed(record=record)).name == "demo"


# The file name and the target


def test_a_wheel_of_another_project_or_version_is_a_mismatch(tmp_path: Path) -> None:
    assert "other" in str(refusal(tmp_path, wheel_file("other", "1.0")))
    assert refusal(tmp_path, wheel_file("other", "1.0")).failure_class == "metadata-mismatch"
    assert refusal(tmp_path, wheel_file("demo", "1.1")).failure_class == "metadata-mismatch"
    assert refusal(tmp_path, wheel_file("demo", "1.1+rpi1")).failure_class == "metadata-mismatch"
    assert refusal(tmp_path, wheel_file("demo", "1.0"), version="1.0+rpi1").failure_class == "metadata-mismatch"


def test_a_local_version_added_by_the_build_stands_for_the_requested_one(tmp_path: Path) -> None:
    assert check(tmp_path, wheel_file("demo", "1.0+cpu")).version == "1.0+cpu"


def test_a_wheel_that_the_target_cannot_install_is_refused(tmp_path: Path) -> None:
    wheel = wheel_file("demo", "1.0", "cp312-cp312-linux_aarch64")
    assert "none of its tags" in str(refusal(tmp_path, wheel))


@pytest.mark.parametrize(
    "filename",
    [
        "demo-1.0-py3-none-any.zip",
        "demo-1.0.whl",
        "demo-x-py3-none-any.whl",
        "demo-1.0-py3-none-any\n.whl",
        "démo-1.0-py3-none-any.whl",
        "demo-1.0-py3-none- any.whl",
        "-1.0-py3-none-any.whl",
        "demo__-1.0-py3-none-any.whl",
        "demo-1.0_1-py3-none-any.whl",
        f"demo-1.0-{'p.' * 45}p-{'a.' * 45}a-x.whl",
    ],
)
def test_a_file_name_that_is_no_wheels_name_is_refused(tmp_path: Path, filename: str) -> None:
    refusal(tmp_path, packed(), filename)


def test_only_a_regular_file_is_opened(tmp_path: Path) -> None:
    good = tmp_path / "elsewhere" / "demo-1.0-py3-none-any.whl"
    good.parent.mkdir()
    good.write_bytes(packed())
    path = tmp_path / good.name
    asked: dict[str, Any] = {"name": "demo", "version": "1.0", "target_tags": TARGET}
    path.symlink_to(good)
    with pytest.raises(Refused, match="regular file"):
        check_wheel(path, **asked)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(Refused, match="regular file"):
        check_wheel(path, **asked)
    path.unlink()
    path.mkdir()
    with pytest.raises(Refused, match="regular file"):
        check_wheel(path, **asked)


# The contents


@pytest.mark.parametrize(
    ("flaw", "named"),
    [
        ("wrong-record-hash", "another content"),
        ("wrong-record-size", "another size"),
        ("missing-record-entry", "does not list"),
        ("recorded-but-absent", "does not contain"),
        ("no-record", "RECORD"),
        ("no-metadata", "METADATA"),
        ("no-wheel-file", "WHEEL"),
        ("two-dist-infos", "2 .dist-info"),
        ("path-traversal", "path"),
        ("absolute-path", "path"),
        ("symlink", "link"),
        ("duplicate-entry", "twice"),
        ("zip-bomb", "Zip64"),
        ("wrong-crc", "does not list"),
        ("truncated", "zip archive"),
        ("not-a-zip", "zip archive"),
    ],
)
def test_a_flawed_wheel_is_refused_with_the_reason(tmp_path: Path, flaw: Flaw, named: str) -> None:
    assert named in str(refusal(tmp_path, wheel_file("demo", "1.0", flaws=[flaw], bomb_bytes=1 << 20)))


# .dist-info and .data


@pytest.mark.parametrize(
    "directory", ["other-1.0.dist-info", "demo-2.0.dist-info", "demo.dist-info", "demo-1.0-x.dist-info", ".dist-info"]
)
def test_a_dist_info_of_another_name_is_refused(tmp_path: Path, directory: str) -> None:
    files = {path.replace("demo-1.0.dist-info", directory): data for path, data in contents().items()}
    assert "another wheel" in str(refusal(tmp_path, raw_zip(entries_of(files))))


@pytest.mark.parametrize("spelling", ["Demo-1.0.dist-info", "demo-1.0.0.dist-info"])
def test_a_dist_info_of_another_spelling_is_taken(tmp_path: Path, spelling: str) -> None:
    renamed = {path.replace("demo-1.0.dist-info", spelling): data for path, data in contents().items()}
    record = renamed[f"{spelling}/RECORD"].replace(b"demo-1.0.dist-info", spelling.encode())
    renamed[f"{spelling}/RECORD"] = record
    assert check(tmp_path, raw_zip(entries_of(renamed))).name == "demo"


@pytest.mark.parametrize(
    "path",
    [
        "demo-1.0.data/etc/passwd",
        "demo-1.0.data/scripts",
        "demo-1.0.data/README",
        "other-1.0.data/scripts/x",
        "demo.data/x",
        "x.data",
    ],
)
def test_a_data_directory_that_no_installer_knows_is_refused(tmp_path: Path, path: str) -> None:
    assert "no installer has a place" in str(refusal(tmp_path, packed(more={path: b""})))


@pytest.mark.parametrize(
    ("wheel", "named"),
    [
        (WHEEL.replace(b"1.0", b"2.0"), "Wheel-Version"),
        (WHEEL.replace(b"1.0", b"1"), "Wheel-Version"),
        (WHEEL.replace(b"Wheel-Version: 1.0\n", b""), "Wheel-Version"),
        (WHEEL.replace(b"py3-none-any", b"cp311-none-any"), "other tags"),
        (WHEEL + b"Tag: cp39-none-any\n", "other tags"),
        (WHEEL.replace(b"Tag: py3-none-any\n", b""), "other tags"),
        (WHEEL.replace(b"py3-none-any", b"py3-none"), "other tags"),
        (WHEEL.replace(b"py3-none-any", b"py3.py3" * 500 + b"-none-any"), "other tags"),
        (WHEEL + b"Build: 2\n", "build tag"),
        (WHEEL.replace(b"true", b"maybe"), "Root-Is-Purelib"),
        (WHEEL.replace(b"Root-Is-Purelib: true\n", b""), "Root-Is-Purelib"),
        (b"\xff\xfe\x00", "Wheel-Version"),
        (b"x" * (65 << 10), "65536 are allowed"),
    ],
)
def test_a_wheel_file_that_contradicts_the_file_name_is_refused(tmp_path: Path, wheel: bytes, named: str) -> None:
    assert named in str(refusal(tmp_path, packed(wheel=wheel)))


def test_compressed_tags_in_wheel_are_taken_as_what_they_stand_for(tmp_path: Path) -> None:
    wheel = WHEEL.replace(b"py3-none-any", b"py2.py3-none-any")
    assert check(tmp_path, packed(wheel=wheel), "demo-1.0-py2.py3-none-any.whl").tags == [
        "py2-none-any",
        "py3-none-any",
    ]


def test_a_build_tag_has_to_be_stated_in_wheel_too(tmp_path: Path) -> None:
    assert "build tag" in str(refusal(tmp_path, packed(), "demo-1.0-1-py3-none-any.whl"))


def test_an_extension_cannot_lie_among_pure_files(tmp_path: Path) -> None:
    wheel = WHEEL.replace(b"py3-none-any", NATIVE.encode())
    assert "Root-Is-Purelib" in str(refusal(tmp_path, packed(wheel=wheel), f"demo-1.0-{NATIVE}.whl"))


@pytest.mark.parametrize(("stated", "read"), [(b">=3.8", ">=3.8"), (b">=3.6.*", None), (b">='3.6'", None), (b"", None)])
def test_a_requires_python_that_both_installers_take_is_admitted(
    tmp_path: Path, stated: bytes, read: str | None
) -> None:
    wheel = packed(metadata=METADATA + b"Requires-Python: " + stated + b"\n")
    assert check(tmp_path, wheel).requires_python == read


def test_of_two_requires_python_none_is_taken(tmp_path: Path) -> None:
    stated = b"Requires-Python: >=3.8\nRequires-Python: >=3.9\n"
    assert check(tmp_path, packed(metadata=METADATA + stated)).requires_python is None


@pytest.mark.parametrize("version", [b"2.5", b"3.0", b"new"])
def test_metadata_of_future_versions_is_taken_as_installers_take_it(tmp_path: Path, version: bytes) -> None:
    assert check(tmp_path, packed(metadata=METADATA.replace(b"2.1", version))).name == "demo"


@pytest.mark.parametrize(
    ("metadata", "failure", "named"),
    [
        (METADATA.replace(b"demo", b"other"), "metadata-mismatch", "other"),
        (METADATA.replace(b"1.0", b"1.1"), "metadata-mismatch", "1.1"),
        (METADATA.replace(b"1.0", b"soon"), "metadata-mismatch", "soon"),
        (METADATA + b"Name: other\n", "metadata-mismatch", "''"),
        (METADATA.replace(b"1.0", b"1" * 5000), "metadata-mismatch", "111"),
        (b"", "metadata-mismatch", "''"),
        (METADATA + b"Requires-Python: three\n", "refused", "Requires-Python"),
        (METADATA + b"Requires-Python: >=" + b"3" * 5000 + b"\n", "refused", "Requires-Python"),
        (METADATA + b"\n" + b"x" * (4 << 20), "refused", "4194304 are allowed"),
    ],
    ids=lambda value: value[-30:].decode() if isinstance(value, bytes) else None,
)
def test_metadata_that_does_not_agree_is_refused(tmp_path: Path, metadata: bytes, failure: str, named: str) -> None:
    refused = refusal(tmp_path, packed(metadata=metadata))
    assert refused.failure_class == failure
    assert named in str(refused)


# RECORD

RIGHT = contents()["demo-1.0.dist-info/RECORD"].decode()


@pytest.mark.parametrize(
    ("record", "named"),
    [
        (RIGHT + RIGHT.splitlines()[0] + "\n", "twice"),
        (RIGHT.replace("demo.py,", "./demo.py,"), "does not contain"),
        (RIGHT.replace("sha256=", "sha224="), "SHA-256 or better"),
        (RIGHT.replace("sha256=", "md5="), "SHA-256 or better"),
        (RIGHT.replace(record_line("demo.py", ANSWER), "demo.py,,\n"), "SHA-256 or better"),
        (RIGHT.replace("sha256=", "sha256=!"), "base64"),
        (RIGHT.replace("sha256=", "sha512="), "another content"),
        (RIGHT.replace("RECORD,,", "RECORD,sha256=x,1"), "cannot have one"),
        (RIGHT + "demo.py\n", "path, a hash and a size"),
        (RIGHT + "\n", "path, a hash and a size"),
        (RIGHT + '"demo.py', "cannot be read"),
        (RIGHT.encode() + b"\xff,,\n", "cannot be read"),
        ("x" * 200_000, "cannot be read"),
        ("", "does not list"),
    ],
)
def test_a_record_that_is_not_exact_is_refused(tmp_path: Path, record: str | bytes, named: str) -> None:
    assert named in str(refusal(tmp_path, packed(record=record)))


def test_a_path_is_quoted_in_record_as_in_csv(tmp_path: Path) -> None:
    files = contents(more={'a,"b".py': b""})
    record = files["demo-1.0.dist-info/RECORD"].replace(b'a,"b".py', b'"a,""b"".py"')
    assert check(tmp_path, packed(more={'a,"b".py': b""}, record=record)).name == "demo"
