"""Checks words in variables that would have no effect if misspelt: names in controller_retry, targets to skip."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Sequence

from packaging.utils import canonicalize_name

from ..catalog.projects import known_names
from ..failure_classes import FAILURE_CLASSES
from ..nearest import do_you_mean, nearest
from .scope import BadScope, Skip

#: Machines in names of targets (platform tags of Linux ports that Debian and PyPA know).
_MACHINES = ("aarch64", "armv6l", "armv7l", "i686", "loongarch64", "ppc64le", "riscv64", "s390x", "x86_64")

# By Debian's names of architectures.
_DEBIANS = {"amd64": "x86_64", "arm64": "aarch64", "armhf": "armv7l", "i386": "i686", "ppc64el": "ppc64le"}

# Parts of a target's name, accepted even if no builder offers such a target yet.
_PART_OF_A_TARGET = re.compile(rf"(cp|pp)\d|linux|glibc|musl|{'|'.join(_MACHINES)}")


def check_retry(db: sqlite3.Connection, words: Iterable[str], asked_for: Iterable[str]) -> None:
    """Raise BadScope unless each word of `controller_retry` is a failure class, `all`, or a known or wanted project."""
    wished = set(asked_for)
    for word in words:
        name = canonicalize_name(word)
        if name == "all" or name in FAILURE_CLASSES or name in wished:
            continue
        if db.execute("SELECT 1 FROM project WHERE name = ?", (name,)).fetchone() is None:
            near = nearest(name, [*FAILURE_CLASSES, *wished, *known_names(db, name), "all"])
            raise BadScope(
                f"controller_retry names {word}, which is neither a failure class nor a project that is known"
                + (f"; do you mean {near}?" if near else ".")
            )


def check_skipped_targets(targets: Sequence[str], skips: Iterable[Skip]) -> None:
    """Raise BadScope unless the target of each entry is part of the name of a target that exists or could exist."""
    parts = {part for target in targets for part in (target, *target.split("-"))}
    for skip in skips:
        if skip.target and not _PART_OF_A_TARGET.search(skip.target) and not any(skip.target in t for t in targets):
            word = _DEBIANS.get(skip.target, skip.target)
            raise BadScope(
                f"controller_skip, or a recipe, names the target {skip.target} for {skip.name}, which is part of no "
                f"target's name{do_you_mean(word, [*_MACHINES, *parts])}"
            )
