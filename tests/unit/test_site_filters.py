"""Sizes, durations and wheel tags in words, in templates and in playbooks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from wheelfleet.site.filters import explain_tag
from wheelfleet.text import human_duration, human_size

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (873, "873 bytes"),
        (1024, "1.0 KiB"),
        (1258291, "1.2 MiB"),
        (10 * 1024, "10 KiB"),
        (1024**2 - 1, "1.0 MiB"),
        (23 * 1024**3, "23 GiB"),
        (5000 * 1024**4, "5000 TiB"),
    ],
)
def test_a_size_reads_as_people_say_it(size: int, words: str) -> None:
    assert human_size(size) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.42, "0.4 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
        (97200, "1 d 3 h"),
    ],
)
def test_a_duration_reads_as_people_say_it(seconds: float, words: str) -> None:
    assert human_duration(seconds) == words


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("py3-none-any", "any Python 3, any system"),
        ("py311-none-any", "any Python 3.11 or newer, any system"),
        ("cp311-cp311-linux_armv7l", "CPython 3.11, Linux on 32-bit ARM (ARMv7)"),
        ("cp311-cp311-manylinux_2_31_aarch64", "CPython 3.11, Linux on 64-bit ARM, glibc 2.31 or newer"),
        ("cp315-abi3t-linux_armv7l", "CPython 3.15 or newer, also free-threaded, Linux on 32-bit ARM (ARMv7)"),
        ("cp315-abi3.abi3t-linux_armv7l", "CPython 3.15 or newer, also free-threaded, Linux on 32-bit ARM (ARMv7)"),
        ("cp39-abi3-manylinux2014_x86_64", "CPython 3.9 or newer, Linux on 64-bit x86, glibc 2.17 or newer"),
        ("cp313-cp313t-musllinux_1_2_x86_64", "CPython 3.13 (free-threaded), Linux on 64-bit x86, musl 1.2 or newer"),
        ("cp311-none-linux_x86_64", "CPython 3.11, Linux on 64-bit x86"),
        ("pp310-pypy310_pp73-linux_aarch64", "PyPy 3.10, Linux on 64-bit ARM"),
        ("py3-none-win_amd64", "any Python 3, win_amd64"),
        ("graalpy311-graalpy230-linux_s390x", "graalpy311, Linux on s390x"),
        ("not a tag", "not a tag"),
    ],
)
def test_a_tag_is_put_into_words_and_what_is_unknown_stays_as_it_is(tag: str, words: str) -> None:
    assert explain_tag(tag) == words


def test_playbooks_have_the_same_filters() -> None:
    expression = "{{ 1258291 | human_size }}; {{ 200 | human_duration }}; {{ 'py3-none-any' | explain_tag }}"
    finished = subprocess.run(
        [
            Path(sys.executable).with_name("ansible"), "localhost", "-i", "localhost,", "-c", "local",
            "-m", "ansible.builtin.debug", "-a", f"msg='{expression}'",
        ],
        env={**os.environ, "ANSIBLE_FILTER_PLUGINS": str(CHECKOUT / "filter_plugins"), "ANSIBLE_NOCOLOR": "1"},
        cwd="/",
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert "1.2 MiB; 3 min 20 s; any Python 3, any system" in finished.stdout, finished.stdout + finished.stderr
