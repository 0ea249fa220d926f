"""What became of each package after apt failed to install them all.

dpkg sets up the others where one package's script fails. That one, and what depends on it, stays half installed, and
each later call of apt would try it again and fail.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from .apt_guard import listed, run_apt

#: The second letter of dpkg-query's `db:Status-Abbrev`: installed; and unpacked, half configured, half installed, or
#: waiting for a trigger.
_INSTALLED, _HALF = "i", "UFHWt"
#: Whose own script failed, not that of a package it depends on.
_FAILED = "FH"


@dataclass(frozen=True)
class InstallOutcome:
    """The wanted packages that are installed, that cannot be, and that are to be tried again (by package, why)."""

    install: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    later: dict[str, str] = field(default_factory=dict)
    #: The packages to remove, so that apt works again.
    half_installed: list[str] = field(default_factory=list)


def after_failure(wanted: Sequence[str], new: Collection[str], said: str) -> InstallOutcome:
    """Ask dpkg about the packages that apt was to install. `new` are all that the host did not have before, `said` is
    what apt said.

    Where no package is half installed, apt failed for another reason, such as a mirror that does not answer.
    """
    states = _states()
    failed = sorted(name for name in new if states.get(name, "n") in _FAILED)
    half = sorted(name for name in new if states.get(name, "n") in _HALF)
    missing = [name for name in wanted if states.get(name) != _INSTALLED]
    if half:
        sentence = f"apt could not set up {listed(failed or half)}."
        refused, later = dict.fromkeys(missing, sentence), {}
    else:
        refused, later = {}, dict.fromkeys(missing, f"apt failed: {_reason(said)}")
    return InstallOutcome([name for name in wanted if name not in missing], refused, later, half)


def _states() -> dict[str, str]:
    """The second letter of dpkg's state by package."""
    said = run_apt(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n"]).stdout
    lines = (line.split() for line in said.decode("utf-8", "replace").splitlines())
    return {line[0]: line[1][1] for line in lines if len(line) >= 2 and len(line[1]) >= 2}


def _reason(said: str) -> str:
    """The first error of apt in one line."""
    match = re.search(r"\bE: ([^\n]+)", said)
    text = " ".join((match[1] if match else said).split())[:200] or "it did not say why"
    return text if text.endswith(".") else f"{text}."
