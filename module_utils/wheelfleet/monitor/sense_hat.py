"""The fleet on a Sense HAT: 8×8 lights, one for each builder, with a colour for its state."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from .snapshot import Host, Reader, Snapshot

SIDE = 8
LIGHTS = SIDE * SIDE
#: Seconds between two frames.
BEAT = 2.0
#: Red, green and blue, from 0 to 255. Dim, because the lights are very bright.
Colour = tuple[int, int, int]
DARK: Colour = (0, 0, 0)
BUILDING: Colour = (0, 90, 0)
BUSY_HOT: Colour = (110, 40, 0)
IDLE: Colour = (0, 0, 60)
WAITS: Colour = (70, 60, 0)
HELD: Colour = (60, 0, 80)
BAD: Colour = (120, 0, 0)
OFF: Colour = (12, 12, 12)
#: The worst first: where builders share a light, it shows the worst of them.
WORST_FIRST = (BAD, BUSY_HOT, HELD, WAITS, BUILDING, IDLE, OFF, DARK)
_COLOURS = {
    "building": BUILDING,
    "idle": IDLE,
    "paused": HELD,
    "draining": HELD,
    "drained": HELD,
    "silent": BAD,
    "suspended": BAD,
    "unreachable": BAD,
    "failed": BAD,
    "left alone": BAD,
    "off duty": OFF,
    "not seen": OFF,
}
#: °C from which on a builder's light warns.
HOT = 80.0


class Lights(Protocol):
    """What is used of the library sense_hat."""

    def set_pixels(self, pixels: Sequence[Sequence[int]]) -> None: ...
    def clear(self) -> None: ...


class NoSenseHat(Exception):
    """There are no lights; the message is a sentence with the cure."""


def sense_hat_frame(snapshot: Snapshot) -> list[Colour]:
    """The 64 colours, row by row: builders by name. More than 64 share lights, neighbours the same one."""
    share = -(-len(snapshot.hosts) // LIGHTS) or 1
    colours = [_colour(host) for host in snapshot.hosts]
    lights = [min(colours[first : first + share], key=WORST_FIRST.index) for first in range(0, len(colours), share)]
    return lights + [DARK] * (LIGHTS - len(lights))


def _colour(host: Host) -> Colour:
    colour = _COLOURS.get(host.state, WAITS)
    if colour in (BUILDING, IDLE) and host.status.metrics.get("temperature", 0.0) >= HOT:
        return BUSY_HOT
    return colour


def lights() -> Lights:
    """The lights of this machine. Raises NoSenseHat."""
    try:
        from sense_hat import SenseHat  # type: ignore[import-not-found]  # of Debian, where a Sense HAT is
    except ImportError as error:
        raise NoSenseHat(
            "This Python has no package sense_hat; on Raspberry Pi OS: sudo apt install sense-hat python3-packaging, "
            "then PYTHONPATH=module_utils python3 -m wheelfleet.monitor --sense-hat."
        ) from error
    try:
        hat: Lights = SenseHat()
    except Exception as error:
        # The library raises OSError for missing hardware, and others for missing rights.
        raise NoSenseHat(
            f"No Sense HAT answers ({error}); see that it sits on this machine, and that you are in the groups i2c, "
            "input and video."
        ) from error
    return hat


def shine(reader: Reader, hat: Lights, beats: int | None = None) -> None:
    """Show the fleet until the process is ended, or for some beats; the lights go out at the end."""
    shown: list[Colour] = []
    try:
        while beats is None or beats > 0:
            frame = sense_hat_frame(reader.read())
            if frame != shown:
                hat.set_pixels(frame)
                shown = frame
            if beats is not None:
                beats -= 1
            time.sleep(BEAT if beats is None or beats else 0)
    except KeyboardInterrupt:
        return
    finally:
        hat.clear()
