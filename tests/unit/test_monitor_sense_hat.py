"""The fleet on a Sense HAT's 64 lights, compared with frames that were recorded and looked at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from wheelfleet.engine.host_status import HostStatus
from wheelfleet.monitor import sense_hat
from wheelfleet.monitor.__main__ import main
from wheelfleet.monitor.sense_hat import SIDE, Colour, NoSenseHat, lights, sense_hat_frame, shine
from wheelfleet.monitor.snapshot import Host, Reader, Snapshot

from tests.support.monitored import monitored_run

#: Frames as letters, one for each light; a recorded frame has a name, then its lines.
RECORDED = Path(__file__).parent / "data" / "sense_hat_frames.txt"
LETTERS = {
    sense_hat.DARK: ".", sense_hat.BUILDING: "G", sense_hat.BUSY_HOT: "O", sense_hat.IDLE: "B",
    sense_hat.WAITS: "Y", sense_hat.HELD: "P", sense_hat.BAD: "R", sense_hat.OFF: "-",
}  # fmt: skip
STATES = (
    *("building", "idle", "waiting", "starting", "canary", "silent", "suspended", "unreachable", "failed"),
    *("paused", "draining", "drained", "left alone", "off duty", "not seen"),
)


def recorded(name: str) -> str:
    return dict(part.split("\n", 1) for part in RECORDED.read_text().strip().split("\n\n"))[name].strip()


def drawn(frame: Sequence[Colour]) -> str:
    letters = "".join(LETTERS[colour] for colour in frame)
    return "\n".join(letters[start : start + SIDE] for start in range(0, len(letters), SIDE))


def fleet(states: Sequence[str], degrees: float = 50.0) -> Snapshot:
    hosts = []
    for number, state in enumerate(states):
        status = HostStatus(f"pi{number}", "run")
        status.metrics = {"temperature": degrees}
        hosts.append(Host(status.host, state, status))
    return Snapshot(now=0.0, hosts=hosts)


@pytest.mark.parametrize(
    ("name", "snapshot"),
    [
        ("nobody", fleet([])),
        ("every state", fleet(STATES)),
        ("hot", fleet(STATES, degrees=81.0)),
        ("64 builders", fleet(["building"] * 63 + ["failed"])),
        ("100 builders", fleet([*["building", "building", "idle", "building", "paused"] * 20, "silent"])),
    ],
)
def test_each_frame_is_as_recorded(name: str, snapshot: Snapshot) -> None:
    assert drawn(sense_hat_frame(snapshot)) == recorded(name)


class Hat:
    """Lights that remember what they showed."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def set_pixels(self, pixels: Sequence[Sequence[int]]) -> None:
        assert len(pixels) == SIDE * SIDE
        assert all(0 <= part <= 255 for pixel in pixels for part in pixel)
        self.shown.append(drawn([(red, green, blue) for red, green, blue in pixels]))

    def clear(self) -> None:
        self.shown.append("dark")


def test_a_run_is_shown_once_while_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sense_hat, "BEAT", 0.01)
    monitored_run(tmp_path, 5)
    hat = Hat()
    shine(Reader(tmp_path), hat, beats=3)
    assert hat.shown == [recorded("five builders"), "dark"]


def test_a_python_without_packaging_is_told_what_to_install(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": str(Path(sense_hat.__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-S", "-m", "wheelfleet.monitor", "--sense-hat", "--state", str(tmp_path)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "sudo apt install python3-packaging" in done.stderr


def test_without_the_library_a_sentence_says_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sense_hat", None)
    with pytest.raises(NoSenseHat, match="apt install sense-hat"):
        lights()
    assert main(["--state", str(tmp_path), "--sense-hat"]) == 1
    assert "apt install sense-hat" in capsys.readouterr().err
