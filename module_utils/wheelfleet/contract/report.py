"""What a builder says of itself when a run begins: made by the module on it, read by the planner."""

# The types are read at run time (see `shape`).

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Optional, TypedDict, cast

from .shape import check_shape


class Libc(TypedDict):
    name: Optional[str]
    version: Optional[str]


class System(TypedDict):
    #: `ID` and `VERSION_ID` of /etc/os-release; a rolling release has no version.
    id: Optional[str]
    version: Optional[str]


class Host(TypedDict):
    #: What the kernel calls the machine; a 32-bit system may run on a 64-bit kernel.
    machine: str
    os: System
    #: Cores that this process may use.
    cores: int
    #: Bytes of the machine's memory.
    memory: int


class Facts(Host):
    #: What the machine calls itself: "Raspberry Pi 4 Model B Rev 1.4".
    board: Optional[str]
    #: The first line of each tool's `--version`, by command; tools that are not here are left out.
    toolchain: dict[str, str]


class BuilderFacts(Facts):
    #: Builds at once.
    slots: int
    #: What builds are kept apart by, with its version; None: by nothing.
    sandbox: Optional[str]


class TargetNames(TypedDict):
    """How a target is named, and what it installs."""

    #: "cp311-cp311-linux_x86_64-glibc2.36": best interpreter and ABI tag, platform, libc.
    name: str
    #: "CPython"
    implementation: str
    #: "3.11.2"
    python_version: str
    #: Every tag that this interpreter installs, the best first (PEP 425).
    tags: list[str]
    #: "linux-x86_64"
    platform: str


class Target(TargetNames, Host):
    """What an interpreter builds for."""

    libc: Libc


class OfferedTarget(TargetNames):
    """What the planner reads of a target in a report; the rest of `Target` is there too."""

    #: The interpreter of the tool environment, by its path on the builder.
    tools: str
    #: The interpreter that it was made from.
    interpreter: str


@dataclass(frozen=True)
class Report:
    facts: BuilderFacts
    #: One for each interpreter.
    targets: list[OfferedTarget]
    #: The distribution's packages that builds may use, by name; None where the host has no dpkg.
    packages: Optional[list[str]] = None

    def as_data(self) -> dict[str, Any]:
        """As Ansible carries it. What is inside is not copied: Ansible's own containers refuse that in a filter."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Report":
        """What `as_data` gave, out of a module's result, which has more than that. Raises KeyError."""
        return cls(cast(BuilderFacts, data.get("facts", {})), data["targets"], data.get("packages"))

    def check(self) -> None:
        """See that the planner can read it. Raises ContractError."""
        check_shape(self.facts, dict[str, Any], "the report's facts")
        check_shape(self.targets, list[OfferedTarget], "the report's targets")
        check_shape(self.packages, Optional[list[str]], "the report's packages")
