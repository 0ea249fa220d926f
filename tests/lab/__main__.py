"""The lab's command line, and the entry points of its helper processes."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.lab import gateway, relay
from tests.lab.base import BaseTrees
from tests.lab.lab import Lab
from tests.lab.machine import missing
from tests.lab.namespaces import enter_network
from tests.lab.node import Node
from tests.lab.processes import Helpers, LabError
from tests.lab.settings import Settings
from tests.lab.switch import Switch

#: Commands with their arguments and help.
COMMANDS = {
    "up": ("NAME[:ARCH[:SUITE[:OPTIONS]]] ...", "boot nodes and wait for SSH"),
    "down": ("", "remove everything but the base trees"),
    "status": ("", "one line of JSON per node"),
    "base": ("ARCH[:SUITE] ...", "make base trees"),
    "exec": ("COMMAND ...", "run a command in the lab's network, with the lab as Ansible's inventory"),
    "ssh": ("NODE [COMMAND ...]", "log in"),
    "console": ("NODE", "what it printed while booting"),
    "kill": ("NODE", "pull the plug: unsynced writes are lost"),
    "start": ("NODE", "plug it in again"),
    "stop": ("NODE", "shut down in good order"),
    "reboot": ("NODE", "reboot in good order"),
    "fresh": ("NODE ...", "give nodes blank disks"),
    "remove": ("NODE ...", "remove nodes with their disks"),
    "cut": ("NODE", "unplug the network cable"),
    "mend": ("NODE", "plug it in again"),
    "slow": ("NODE RATE [DELAY_MS [LOSS_PERCENT]]", "such as 1mbit 200 5; off ends it"),
    "fill": ("NODE [LEAVE_BYTES]", "fill the disk"),
    "unfill": ("NODE", "give the space back"),
    "mem": ("NODE SIZE|max", "limit the whole node's memory"),
    "cpu": ("NODE PERCENT|max", "limit the whole node's processor time; 100 is one core"),
    "hold_apt": ("NODE", "hold the locks of apt and dpkg"),
    "release_apt": ("NODE", "release them"),
    "internet": ("on|off", "whether registries can be reached"),
}


def make_base(settings: Settings, spec: str) -> Path:
    """Make the base tree of ARCH or ARCH:SUITE."""
    arch, _, suite = spec.partition(":")
    return BaseTrees(settings).tree(arch, suite or settings.suite)


def by_hand(lab: Lab, command: str, words: list[str]) -> None:
    """Run one of COMMANDS."""
    special: dict[str, Callable[..., Any]] = {
        "status": lambda: print(*map(json.dumps, lab.status()), sep="\n"),
        "base": lambda *specs: [print(make_base(lab.settings, spec)) for spec in specs],
        "exec": lambda *line: _become(lab.enter(line), ANSIBLE_INVENTORY=str(lab.inventory)),
        "ssh": lambda node, *line: _become(lab.enter(lab.ssh_command(node, *line))),
        "console": lambda node: print(lab.console(node), end=""),
        "slow": lambda node, rate, delay="0", loss="0": lab.slow(node, rate, float(delay), float(loss)),
        "fill": lambda node, leave="0": lab.fill(node, int(leave)),
        "internet": lambda state: lab.internet(state != "off"),
    }
    (special.get(command) or getattr(lab, command))(*words)


def helper(lab: Lab, command: str, words: list[str]) -> None:
    """Run one of the lab's helper processes."""
    helpers = Helpers(lab.settings)
    if command == "_gateway":
        hosts = Switch(lab.settings, helpers).hosts
        gateway.serve(lab.gateway, lab.settings.namespace, hosts, lab.state / "internet-off")
    elif command == "_node":
        Node.find(lab.settings, helpers, words[0]).supervise()
    elif command == "_relay":
        enter_network(lab.settings.namespace)
        relay.relay(words[0], words[1], float(words[2]), float(words[3]))
    elif command == "_down-after-me":
        sys.stdin.read()  # until the process at the other end of the pipe ends
        lab.down()


def _become(command: list[str], **environment: str) -> None:
    os.execvpe(command[0], command, {**os.environ, **environment})


def main() -> None:
    if len(sys.argv) > 1 and sys.argv[1].startswith("_"):
        return helper(Lab(), sys.argv[1], sys.argv[2:])
    listed = "\n".join(f"  {f'{name} {words}':45} {does}" for name, (words, does) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.lab",
        usage="%(prog)s COMMAND ...",
        description=f"A private lab of booted Debian hosts.\n\n{listed}",
        epilog="Environment: see settings.py.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("words", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="lab: %(message)s")
    lacking = missing()
    if lacking:
        sys.exit(f"lab: {lacking}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that clean-up runs
    try:
        by_hand(Lab(), options.command, options.words)
    except LabError as error:
        sys.exit(f"lab: {error}")


if __name__ == "__main__":
    main()
