"""Decides which packages may be installed for builds, by the effects of installing each.

Builds are untrusted code and can claim to need any package. They can only cause the installation of a distribution's
package for compiling: nothing that runs by itself, nothing that removes others, nothing huge. `apt-get` simulates the
installation, and the contents index shows the packages with services.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..apt_packages import DENIED, PACKAGE, Cost
from ..text import human_size
from .apt_contents import matching_lines

#: Packages that one installation may add, and bytes, if the operator sets no budget. On a bare Debian 13 libgdal-dev
#: brings 244 packages and 663 MiB.
MOST_PACKAGES, MOST_BYTES = 400, 1 << 30
#: Packages whose cost is computed at a time, because each takes apt seconds on a Pi.
MOST_COSTS = 40
#: Bytes that must stay free on the system's disk.
FREE_AFTERWARDS = 1 << 30

#: Files by which a package runs code without being called: as a service, at boot, on a timer, over D-Bus.
_BY_ITSELF = re.compile(
    r"(?:usr/)?lib/systemd/(?:system|user)/[^/]+\.(?:service|socket|timer|path)|etc/init\.d/.+|etc/cron\..+"
    r"|usr/share/dbus-1/(?:system-)?services/.+|etc/(?:sudoers|polkit-1|pam)\.d/.+|usr/share/polkit-1/rules\.d/.+"
)
#: Packages of which nothing runs all the same: systemd masks x11-common's script, which only makes folders. Nearly all
#: development files of graphics libraries depend on it (cairo, SDL, Tk), and a Pi without a desktop lacks it.
_HARMLESS = frozenset({"x11-common"})
_NEEDLES = (
    *("lib/systemd/", "etc/init.d/", "etc/cron.", "usr/share/dbus-1/", "etc/sudoers.d/", "etc/polkit-1/"),
    *("etc/pam.d/", "usr/share/polkit-1/rules.d/"),
)


@dataclass(frozen=True)
class Simulation:
    """The effects of `apt-get install`, or the reason why it fails (`problem`)."""

    installs: tuple[str, ...] = ()
    upgrades: tuple[str, ...] = ()
    removes: tuple[str, ...] = ()
    problem: str | None = None


@dataclass(frozen=True)
class SimulatedInstall:
    """The packages that may be installed, and a reason for each of the others.

    `over_budget` has the bytes that those would take which the budget alone refuses.
    """

    install: list[str]
    refused: dict[str, str]
    over_budget: dict[str, int] = field(default_factory=dict)
    #: What all of `install` add: how much, and which packages, with those that they depend on.
    cost: Cost = field(default_factory=lambda: Cost(0, 0))
    new: tuple[str, ...] = ()


def costs(packages: Iterable[str]) -> dict[str, Cost]:
    """What each of the first MOST_COSTS packages would add to this host, without those that apt would not install."""
    found = {}
    for package in [name for name in dict.fromkeys(packages) if PACKAGE.fullmatch(name)][:MOST_COSTS]:
        simulation = simulate([package])
        if simulation.problem is None:
            found[package] = _cost(simulation)
    return found


def _cost(simulation: Simulation) -> Cost:
    return Cost(len(simulation.installs), sum(installed_sizes(simulation.installs).values()))


def simulate_install(index: Path, packages: Iterable[str], budget: int = MOST_BYTES) -> SimulatedInstall:
    """Judge which of `packages` may be installed on this host, the most wanted first.

    `index` is the folder of apt's lists of contents, `budget` the bytes that all of them may take.
    """
    wanted = [name for name in dict.fromkeys(packages) if PACKAGE.fullmatch(name)]
    if not wanted:
        return SimulatedInstall([], {})
    services = run_by_themselves(index)
    free = shutil.disk_usage("/usr").free
    # Try all at once first, because each simulation takes seconds on a Pi.
    together = simulate(wanted)
    if _objection(together, Simulation(), services, free, budget) is None:
        return SimulatedInstall(wanted, {}, cost=_cost(together), new=together.installs)
    chosen: list[str] = []
    before = Simulation()
    refused: dict[str, str] = {}
    over_budget: dict[str, int] = {}
    for name in wanted:
        after = simulate([*chosen, name])
        why = _objection(after, before, services, free, budget)
        if why is None:
            chosen.append(name)
            before = after
        else:
            refused[name] = why
            if _objection(after, before, services, free, sys.maxsize) is None:
                over_budget[name] = _cost(after).bytes - _cost(before).bytes
    return SimulatedInstall(chosen, refused, over_budget, _cost(before), before.installs)


def _objection(after: Simulation, before: Simulation, services: Collection[str], free: int, budget: int) -> str | None:
    """The objection to the step from one simulated installation to a larger one; None if there is none."""
    added = replace(
        after,
        installs=tuple(name for name in after.installs if name not in before.installs),
        upgrades=tuple(name for name in after.upgrades if name not in before.upgrades),
    )
    taken = sum(installed_sizes(before.installs).values())
    return why_not(added, services, installed_sizes(added.installs), free - taken, budget - taken)


def why_not(
    simulation: Simulation, services: Collection[str], sizes: Mapping[str, int], free: int, budget: int = MOST_BYTES
) -> str | None:
    """The objection to an installation, in one sentence; None if there is none. `sizes` and others are bytes."""
    if simulation.problem is not None:
        return f"apt would not install it: {simulation.problem}"
    if simulation.removes:
        return f"It would remove {listed(simulation.removes)}."
    changed = (*simulation.installs, *simulation.upgrades)
    denied = [name for name in changed if DENIED.fullmatch(name) and name not in simulation.upgrades]
    if denied:
        return f"It would install {listed(denied)}."
    running = [name for name in changed if name in services]
    if running:
        return f"It would install or replace what runs by itself: {listed(running)}."
    if len(changed) > MOST_PACKAGES:
        return f"It would install {len(changed)} packages, more than {MOST_PACKAGES}."
    size = _bytes(simulation, sizes)
    if size > budget:
        return (
            f"It would bring {Cost(len(changed), size)}, more than the {human_size(max(0, budget))} that are left of "
            "builder_apt_budget."
        )
    if free - size < FREE_AFTERWARDS:
        return f"It would take {human_size(size)} and leave less than {human_size(FREE_AFTERWARDS)} free."
    return None


def simulate(packages: Sequence[str]) -> Simulation:
    """Simulate the installation of the packages."""
    command = ["apt-get", "-q", "-s", "-o", "Debug::NoLocking=1", "install", "--no-install-recommends", "--", *packages]
    try:
        answer = run_apt(command)
    except (OSError, subprocess.SubprocessError) as error:
        return Simulation(problem=str(error)[:300])
    said = answer.stdout.decode("utf-8", "replace").splitlines()
    if answer.returncode:
        errors = [line for line in answer.stderr.decode("utf-8", "replace").splitlines() if line.startswith("E: ")]
        return Simulation(problem=(errors[0][3:303] if errors else f"exit code {answer.returncode}"))
    return parse_simulation(said)


def parse_simulation(lines: Iterable[str]) -> Simulation:
    """Parse the output of `apt-get -s install`."""
    installs: list[str] = []
    upgrades: list[str] = []
    removes: list[str] = []
    for line in lines:
        match = re.match(r"(Inst|Remv|Purg) ([a-z0-9][a-z0-9+.-]*)(?::\S+)?( \[)?", line)
        if match is None:
            continue
        kind, name, has_version = match.groups()
        (removes if kind != "Inst" else upgrades if has_version else installs).append(name)
    return Simulation(tuple(installs), tuple(upgrades), tuple(removes))


def run_by_themselves(index: Path) -> set[str]:
    """The packages with a service, a timer or rules that grant rights."""
    found = {
        package for path, owners in matching_lines(index, _NEEDLES) if _BY_ITSELF.fullmatch(path) for package in owners
    }
    return found - _HARMLESS


def installed_sizes(packages: Collection[str]) -> dict[str, int]:
    """Bytes of each package on disk; packages of unknown size are left out."""
    if not packages:
        return {}
    try:
        said = run_apt(["apt-cache", "show", "--no-all-versions", "--", *sorted(packages)]).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    sizes = {}
    for record in said.decode("utf-8", "replace").split("\n\n"):
        name = re.search(r"^Package: (\S+)", record, re.MULTILINE)
        size = re.search(r"^Installed-Size: ([0-9]{1,12})", record, re.MULTILINE)
        if name and size:
            sizes[name[1]] = int(size[1]) << 10
    return sizes


def _bytes(simulation: Simulation, sizes: Mapping[str, int]) -> int:
    return sum(sizes.get(name, 0) for name in simulation.installs)


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def run_apt(command: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    """Run a command of apt or dpkg in English. Raises OSError or SubprocessError."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=300,
        env={**os.environ, "LC_ALL": "C"},
        check=False,
    )
