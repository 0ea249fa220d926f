"""The facts of a node that its buyer chooses: processor, Debian's release, and what differs from a plain PC."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from tests.lab.processes import LabError

#: What a Pi's kernel says while its memory controller is off.
_CONTROLLERS = "cpuset cpu io pids\n"
_CGROUPS = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t0\t1\t1\nmemory\t0\t1\t0\n"
#: What one says that swaps to compressed memory, as Raspberry Pi OS 13 does.
_SWAPS = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n/dev/zram0 partition\t524272\t\t0\t\t100\n"

#: The folder of these files on a node.
PLACE = "/etc/fleet-hardware"
_UNIT = f"""[Unit]
Description=What this host's kernel says of its hardware
Before=ssh.service
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh {PLACE}/start
[Install]
WantedBy=multi-user.target
"""


@dataclass(frozen=True)
class Hardware:
    """The facts of a node, which never change.

    `uname` is the machine that its kernel states, if it is not its programs': aarch64 for a 32-bit system on a 64-bit
    kernel. `board` is the model in its device tree. `memory_controller` says whether its kernel can limit memory, and
    `zram` that it swaps to compressed memory.
    """

    arch: str
    suite: str
    address: str
    disk: str
    memory: str
    uname: str = ""
    board: str = ""
    memory_controller: bool = True
    zram: bool = False

    def having(self, options: str) -> Hardware:
        """The same with options such as `uname=aarch64,board=Raspberry Pi 4 Model B,memory_controller=off,zram=on`.

        Raises LabError.
        """
        known = {field.name for field in fields(self) if field.default in ("", True, False)}
        chosen = dict(option.partition("=")[::2] for option in options.split(",") if option)
        if wrong := chosen.keys() - known:
            raise LabError(f"a node has no option {min(wrong)}; it may have {', '.join(sorted(known))}")
        values: dict[str, Any] = {name: {"on": True, "off": False}.get(value, value) for name, value in chosen.items()}
        return replace(self, **values)

    def show(self, root: Path) -> None:
        """Have the node's kernel say so from its next boot on."""
        script = ""
        folder = root / PLACE.lstrip("/")
        folder.mkdir(exist_ok=True)
        if self.board:
            (folder / "model").write_text(f"{self.board}\0")
            script += (
                "mount -o remount,rw /sys; mkdir -p /sys/firmware/devicetree\n"
                "mount -t tmpfs devicetree /sys/firmware/devicetree; mkdir /sys/firmware/devicetree/base\n"
                f"cp {PLACE}/model /sys/firmware/devicetree/base/\n"
            )
        if not self.memory_controller:
            (folder / "cgroups").write_text(_CGROUPS)
            (folder / "cgroup.controllers").write_text(_CONTROLLERS)
            script += f"mount --bind {PLACE}/cgroups /proc/cgroups\n"
            script += f"mount -o remount,rw /sys/fs/cgroup; cp {PLACE}/cgroup.controllers /sys/fs/cgroup/\n"
        if self.zram:
            (folder / "swaps").write_text(_SWAPS)
            script += f"mount --bind {PLACE}/swaps /proc/swaps\n"
        if script:
            (folder / "start").write_text(script)
            units = root / "etc/systemd/system"
            (units / "fleet-hardware.service").write_text(_UNIT)
            wanted = units / "multi-user.target.wants"
            wanted.mkdir(exist_ok=True)
            (wanted / "fleet-hardware.service").symlink_to("../fleet-hardware.service")
