"""The report of a builder when a run begins: made by M(wheelfleet_builder) on it, read by the planner."""

# The types are read at run time (see `shape`).

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Optional, TypedDict, cast

from .shape import check_shape

#: Begins the line that has a report from code that the builder has already; a login shell may print other lines.
ANSWER = "wheelfleet-builder "


class Libc(TypedDict):
    name: Optional[str]
    version: Optional[str]


class System(TypedDict):
    #: `ID` and `VERSION_ID` of /etc/os-release; Debian testing has a `VERSION_CODENAME` alone, a rolling release none.
    id: Optional[str]
    version: Optional[str]


class Host(TypedDict):
    #: The kernel's name of the machine (uname); a 32-bit system may run on a 64-bit kernel.
    machine: str
    os: System
    #: Cores that this process may use.
    cores: int
    #: Bytes of the machine's memory.
    memory: int


class Facts(Host):
    #: "Raspberry Pi 4 Model B Rev 1.4"
    board: Optional[str]
    #: The first line of each tool's `--version`, by command; missing tools are left out.
    toolchain: dict[str, str]


class InterpreterFacts(TypedDict):
    """What a wheel's bytes depend on beside the target's name."""

    #: The compiler flags that extensions inherit (sysconfig); None: not known.
    cflags: Optional[str]
    #: The versions in its tool environment, by normalised name: pip, uv, auditwheel and more.
    tools: dict[str, str]


class BuilderFacts(Facts):
    #: Builds at once.
    slots: int
    #: The sandbox of builds, with its version; None: no sandbox.
    sandbox: Optional[str]
    #: By which builds can be watched, with its version ("strace -- version 6.1"); None: they cannot.
    tracer: Optional[str]
    #: By the name of the target.
    interpreters: dict[str, InterpreterFacts]


class TargetNames(TypedDict):
    """The name of a target, and its tags."""

    #: "cp311-cp311-linux_x86_64-glibc2.36": best interpreter and ABI tag, platform, libc.
    name: str
    #: "CPython"
    implementation: str
    #: "3.11.2"
    python_version: str
    #: Every tag that this interpreter accepts, best first (PEP 425).
    tags: list[str]
    #: "linux_x86_64"
    platform: str


class Target(TargetNames, Host):
    """The target of an interpreter."""

    libc: Libc
    #: As in `InterpreterFacts`.
    cflags: Optional[str]


class OfferedTarget(TargetNames):
    """The part of a report's target that the planner reads; the rest of `Target` is there too."""

    #: The interpreter of the tool environment, by its path on the builder.
    tools: str
    #: The interpreter that it was made from.
    interpreter: str


def interpreter_facts(facts: Mapping[str, Any], target: str) -> dict[str, Any]:
    """What a builder's facts say of the interpreter of a target; empty if they say nothing."""
    known = facts.get("interpreters")
    found = known.get(target) if isinstance(known, Mapping) else None
    return dict(found) if isinstance(found, Mapping) else {}


@dataclass(frozen=True)
class Report:
    facts: BuilderFacts
    #: One for each interpreter.
    targets: list[OfferedTarget]
    #: Names of the distribution's packages that builds may use; None: it has neither dpkg, rpm nor apk.
    packages: Optional[list[str]] = None
    #: The versions of the distribution's packages of libraries, by name; None: it has no dpkg.
    libraries: Optional[dict[str, str]] = None

    def as_data(self) -> dict[str, Any]:
        """The fields by name. Their values are not copied, because Ansible's containers refuse that in a filter."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Report":
        """The report in a module's result; other keys are ignored. Raises KeyError without targets."""
        return cls(
            cast(BuilderFacts, data.get("facts", {})), data["targets"], data.get("packages"), data.get("libraries")
        )

    def check(self) -> None:
        """Raise ContractError unless the planner can read it."""
        check_shape(self.facts, dict[str, Any], "the report's facts")
        check_shape(self.targets, list[OfferedTarget], "the report's targets")
        check_shape(self.packages, Optional[list[str]], "the report's packages")
        check_shape(self.libraries, Optional[dict[str, str]], "the report's libraries")
