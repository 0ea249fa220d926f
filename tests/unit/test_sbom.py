"""The SBOM of a repaired wheel: the wheel's name in it, and the packages that auditwheel did not find."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest
from wheelfleet import sbom
from wheelfleet.repack import with_build_tag

from tests.support.wheels import wheel_file

NAME = "demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"


def components(content: bytes) -> dict[str, str]:
    return {each["name"]: each["purl"] for each in json.loads(content)["components"]}


def test_packages_that_auditwheel_missed_are_added_once() -> None:
    made = sbom.with_packages(None, NAME, "auditwheel 6.4.2", "debian", {"liblzma5": "5.4.1-1"})
    assert components(made) == {
        "demo": f"pkg:pypi/demo@1.0?file_name={NAME}",
        "liblzma5": "pkg:deb/debian/liblzma5@5.4.1-1",
    }
    more = sbom.with_packages(made, NAME, "auditwheel 6.8.2", "debian", {"libtiff6": "4:5+b1", "liblzma5": "6"})
    assert components(more) == {**components(made), "libtiff6": "pkg:deb/debian/libtiff6@4%3A5%2Bb1"}
    assert json.loads(more)["dependencies"][0]["dependsOn"] == [
        "pkg:deb/debian/liblzma5@5.4.1-1",
        "pkg:deb/debian/libtiff6@4%3A5%2Bb1",
    ]
    assert sbom.with_packages(more, NAME, "auditwheel 6.8.2", "debian", {"liblzma5": "5.4.1-1"}) == more


@pytest.mark.parametrize("content", [b"[]", b"{}", b"no JSON", b'{"components": 1, "dependencies": [{}]}'])
def test_an_sbom_of_another_form_is_told_and_never_crashes(content: bytes) -> None:
    with pytest.raises(ValueError):
        sbom.with_packages(content, NAME, "auditwheel 6.8.2", "debian", {"liblzma5": "5.4.1-1"})


def test_a_build_tag_changes_the_name_in_the_sbom_too(tmp_path: Path) -> None:
    bill = sbom.with_packages(None, NAME, "auditwheel 6.8.2", "debian", {"liblzma5": "5.4.1-1"})
    wheel = wheel_file(
        "demo",
        "1.0",
        "cp311-cp311-manylinux_2_17_x86_64",
        files={"demo.py": b"", f"demo-1.0.dist-info/{sbom.PATH}": bill},
    )
    (tmp_path / "out").mkdir()
    (tmp_path / wheel.filename).write_bytes(wheel.data)
    tagged = with_build_tag(tmp_path / wheel.filename, tmp_path / "out", "2")
    with zipfile.ZipFile(tagged) as archive:
        said = archive.read(f"demo-1.0.dist-info/{sbom.PATH}")
    assert components(said)["demo"] == f"pkg:pypi/demo@1.0?file_name={tagged.name}"
