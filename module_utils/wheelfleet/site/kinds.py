"""The kinds of machines that the index has wheels for, in the words of those who own one.

A kind is a target together with what its builders are: the wheels of a target fit every machine of its processor, libc
and Python, not only the models that the fleet has.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from ..os_release import release_in_words, release_name
from ..text import printable
from .commands import interpreter_tags, python_command
from .filters import explain_tag

_PI = "Raspberry Pi"
#: The models that run code for a processor: the 1 and Zero are ARMv6, the 2 is ARMv7, newer ones have 64 bits.
_PIS = {
    "aarch64": f"{_PI} 3 and later, Zero 2 W",
    "armv7l": f"{_PI} 2 and later, Zero 2 W",
    "armv6l": f"{_PI} 1, Zero, Zero W",
}
_MACHINES = {
    "aarch64": "64-bit ARM boards",
    "armv7l": "32-bit ARM boards (ARMv7)",
    "armv6l": "32-bit ARM boards (ARMv6)",
    "x86_64": "64-bit PCs",
    "i686": "32-bit PCs",
    "riscv64": "64-bit RISC-V boards",
}
#: Processors of boards, whose model says something.
_BOARDS = ("aarch64", "armv7l", "armv6l", "riscv64")
_64_BIT = frozenset({"aarch64", "x86_64", "riscv64", "ppc64le", "s390x", "loongarch64"})
#: The minor version of `python3` on a release.
_OWN_PYTHON = {
    "debian 11": 9, "debian 12": 11, "debian 13": 13, "ubuntu 22.04": 10, "ubuntu 24.04": 12,
}  # fmt: skip
#: Models of other boards that a kind names, at most, and the characters of each.
_MOST_MODELS, _LONGEST_MODEL = 2, 40


class Kind(NamedTuple):
    """A target in words: which `boards` it fits, which `system` and `python` they run."""

    target: str
    boards: str
    system: str
    python: str
    #: The release whose packages its system has (`debian 12`); empty: not known.
    release: str
    #: The command of its Python.
    interpreter: str
    #: Whether its Python is apt's, which makes virtual environments only with a package of its own.
    python_of_apt: bool
    #: Whether a builder offers the target.
    offered: bool


class _Builder(NamedTuple):
    """What a builder says of itself; it may be wrong, because builders run packages' code. Empty: not known."""

    model: str
    release: str


def read_kinds(db: sqlite3.Connection) -> tuple[Kind, ...]:
    """The kinds of all targets: 64 bits first, then newer systems, then the Python that a system has."""
    rows = db.execute(
        """
        SELECT t.name, t.platform, b.facts FROM target t
        LEFT JOIN builder_target o ON o.target_id = t.id LEFT JOIN builder b ON b.host = o.host
        ORDER BY t.preference, t.id, o.host
        """
    )
    kinds = [
        _kind(name, platform, [_builder(facts) for _, _, facts in group if facts is not None])
        for (name, platform), group in groupby(map(tuple, rows), key=itemgetter(0, 1))
    ]
    return tuple(sorted(kinds, key=lambda kind: (not kind.offered, "64-bit" not in kind.system, _newest_first(kind))))


def _newest_first(kind: Kind) -> tuple[object, ...]:
    return (*(-number for number in _numbers(kind.release)), not kind.python_of_apt)


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in release.partition(" ")[2].split(".") if part.isdigit())


def _kind(name: str, platform: str, builders: Sequence[_Builder]) -> Kind:
    python, abi = interpreter_tags(name)
    machine = platform.partition("_")[2] or platform
    models = sorted({builder.model for builder in builders if builder.model})
    is_pi = any(model.startswith(_PI) for model in models)
    # A target's libc belongs to one release, so builders of several differ in their distribution alone.
    release = min((builder.release for builder in builders if builder.release), default="")
    is_own = abi == python == f"cp3{_OWN_PYTHON.get(release)}"
    return Kind(
        target=name,
        boards=_boards(machine, [model for model in models if not model.startswith(_PI)], is_pi),
        system=f"{_system(name, release, is_pi)}, {64 if machine in _64_BIT else 32}-bit",
        python=explain_tag(f"{python}-{abi}-any").partition(", ")[0].replace("CPython", "Python"),
        release=release,
        interpreter="python3" if is_own else python_command(python, abi),
        python_of_apt=is_own,
        offered=bool(builders),
    )


def _boards(machine: str, others: Sequence[str], is_pi: bool) -> str:
    """`others` are the models that are no Raspberry Pis."""
    known = ([_PIS.get(machine, _PI)] if is_pi else []) + [model[:_LONGEST_MODEL] for model in others[:_MOST_MODELS]]
    if is_pi:
        return "; ".join(known)
    # Builders of PCs' processors are mostly virtual machines, whose models tell nothing.
    kind = _MACHINES.get(machine, machine)
    return f"{', '.join(known)} and other {kind}" if known and machine in _BOARDS else kind


def _system(name: str, release: str, is_pi: bool) -> str:
    if release:
        distribution, _, version = release.partition(" ")
        return f"{_PI} OS {version}" if is_pi and distribution == "debian" else release_in_words(release)
    libc = "-".join(name.split("-")[3:])
    for family in ("glibc", "musl"):
        if libc.startswith(family):
            return f"Linux with {family} {libc.removeprefix(family)}"
    return "Linux"


def _builder(text: str) -> _Builder:
    try:
        facts = json.loads(text)
    except ValueError:
        facts = None
    facts = facts if isinstance(facts, dict) else {}
    model, system = facts.get("board"), facts.get("os")
    system = {key: value for key, value in system.items() if isinstance(value, str)} if isinstance(system, dict) else {}
    return _Builder(
        printable(model) if isinstance(model, str) else "", printable(release_name(system))[:_LONGEST_MODEL]
    )
