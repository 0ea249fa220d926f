"""Releases of distributions, by what `/etc/os-release` says of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from .time64_packages import TIME64_PACKAGES

#: By ID, the distribution whose packages have the same names.
_SAME_PACKAGES = {"raspbian": "debian"}
#: By ID: the first release whose packages are named for a 64-bit time_t.
_TIME64_SINCE = {"debian": 13.0, "ubuntu": 24.04}
_WORDS = {"debian": "Debian", "ubuntu": "Ubuntu"}


def release_name(system: Mapping[str, str | None]) -> str:
    """The release whose packages a system has, from `id` and `version` of os-release: `debian 12`. Empty if they are
    not known. Raspberry Pi OS has Debian's packages, under its own name on 32 bits.
    """
    ident, version = system.get("id"), system.get("version")
    if not ident or not version:
        return ""
    return f"{_SAME_PACKAGES.get(ident, ident)} {version}"


def packages_on(release: str, packages: Collection[str]) -> tuple[str, ...] | None:
    """The names on a release (`debian 13`) of packages of libraries, as another release of the same distribution calls
    them; None if that is not known. A library's package is named after its file, so only the time_t makes a difference.
    """
    ident, _, version = release.partition(" ")
    since = _TIME64_SINCE.get(ident)
    if since is None or not version:
        return None
    bases = {name: name.replace("t64", "", 1) for name in packages}
    if _is_numbered(version) and float(version) < since:
        return tuple(base if base in TIME64_PACKAGES else name for name, base in bases.items())
    return tuple(TIME64_PACKAGES.get(base, name) for name, base in bases.items())


def release_in_words(release: str) -> str:
    """`debian 12` as people say it: Debian 12."""
    ident, _, version = release.partition(" ")
    return f"{_WORDS.get(ident, ident)} {version}"


def newest_known(release: str, known: Collection[str]) -> str:
    """The release itself if it is `known`; for a release of the same distribution without a number, which is not
    released yet, the newest known one; else the release itself."""
    ident, _, version = release.partition(" ")
    if release in known or not version or _is_numbered(version):
        return release
    same = [each for each in known if each.partition(" ")[0] == ident]
    return max(same, key=lambda each: float(each.partition(" ")[2]), default=release)


def _is_numbered(version: str) -> bool:
    return re.fullmatch(r"\d+(?:\.\d+)?", version) is not None
