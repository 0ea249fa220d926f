"""The monitor's command: `python -m wheelfleet.monitor [--state DIR] [--once | --sense-hat]`, or `make monitor`."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence

try:
    from .cells import ASCII, UNICODE
    from .place import Place, View
    from .sense_hat import NoSenseHat, lights, shine
    from .snapshot import Reader
    from .state_folder import NoStateFolder, state_folder
    from .views import frame
except ModuleNotFoundError as error:
    sys.exit(
        f"This Python has no package {error.name}; start the monitor by make monitor, or for a Sense HAT: "
        f"sudo apt install python3-{error.name}."
    )


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="wheelfleet.monitor", description="Watch a run of wheelfleet, and hold its reins."
    )
    parser.add_argument("--state", default="", help="the controller's folder; by default the inventory's")
    parser.add_argument("--once", action="store_true", help="print the screen once, and end")
    parser.add_argument(
        "--view", default="fleet", choices=[view.value.lower() for view in View], help="with --once: which screen"
    )
    parser.add_argument("--sense-hat", action="store_true", help="show the builders on a Sense HAT's lights")
    options = parser.parse_args(arguments)
    try:
        reader = Reader(state_folder(options.state))
        if options.sense_hat:
            shine(reader, lights())
        elif options.once:
            _print_once(reader, View[options.view.upper()])
        else:
            _show(reader)
    except (NoSenseHat, NoStateFolder, _NotHere) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


class _NotHere(Exception):
    """The screen cannot be shown; the message is a sentence with the cure."""


def _show(reader: Reader) -> None:
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise _NotHere("The monitor needs a terminal; over SSH: ssh -t HOST …, or print the screen with --once.")
    try:
        from .terminal import NoTerminal, show
    except ImportError as error:
        raise _NotHere(f"This Python has no curses ({error}); take Debian's python3.") from error
    try:
        show(reader)
    except NoTerminal as error:
        raise _NotHere(str(error)) from error


def _print_once(reader: Reader, view: View) -> None:
    width, height = shutil.get_terminal_size((100, 40))
    characters = UNICODE if "utf" in (sys.stdout.encoding or "").lower() else ASCII
    lines = frame(reader.read(), Place(view), max(width, 60), max(height, 12), characters)
    # Without the last line, which names keys, and the empty ones above it.
    text = "\n".join("".join(text for text, _ in line).rstrip() for line in lines[:-1]).rstrip()
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
