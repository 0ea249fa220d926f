"""What auditwheel copied into a wheel, by the names of the files it came from."""

from __future__ import annotations

import pytest
from wheelfleet.builder.repair import original_of_copy


@pytest.mark.parametrize(
    ("path", "original"),
    [
        ("pillow.libs/libjpeg-0a1b2c3d.so.62.3.0", "libjpeg.so.62.3.0"),
        ("numpy.libs/libopenblasp-r0-234bd196.3.21.so", "libopenblasp-r0.3.21.so"),
        ("demo.libs/libown-00112233.so", "libown.so"),
        ("demo/libown.so.1", None),
        ("demo/data-00112233.json", None),
        ("demo-00112233.so.d/readme", None),
    ],
)
def test_a_copy_is_called_what_its_original_was(path: str, original: str | None) -> None:
    assert original_of_copy(path) == original
