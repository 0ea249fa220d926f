"""What a build differs in from the usual one: the same for recipes, remedies and the assignment they end in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Patch:
    """A unified diff, applied with -p1 in the unpacked sdist."""

    name: str
    text: str


@dataclass(frozen=True)
class Adjustments:
    """Each field adds to the usual build; the assignment's keys of these names are in docs/contract.md."""

    #: PEP 508 lines that hold for everything in the build environment.
    constraints: tuple[str, ...] = ()
    #: Build requirements besides the declared ones.
    requires: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    #: Words added to what a variable has: CFLAGS.
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    patches: tuple[Patch, ...] = ()
    config_settings: Mapping[str, str] = field(default_factory=dict)
    #: What an old Cython generated is generated anew.
    regenerate: bool = False
    #: C code is rewritten for the C API of newer Pythons.
    modernize: bool = False
    #: The backend finds what lies beside setup.py.
    source_on_path: bool = False
    #: Build requirements as of the time of the release.
    date_matched: bool = False
    #: 0: as many as usual.
    jobs: int = 0
    #: Nothing else on the host meanwhile.
    alone: bool = False
    #: Limits: seconds, and bytes of memory; None: as usual.
    seconds: int | None = None
    memory: int | None = None

    def __or__(self, other: Adjustments) -> Adjustments:
        """Both; where they contradict each other, `other` counts."""
        flags = {name: (*self.flags.get(name, ()), *words) for name, words in other.flags.items()}
        return Adjustments(
            constraints=_unique(self.constraints, other.constraints),
            requires=_unique(self.requires, other.requires),
            environment={**self.environment, **other.environment},
            flags={name: _unique(words) for name, words in {**self.flags, **flags}.items()},
            patches=(*self.patches, *other.patches),
            config_settings={**self.config_settings, **other.config_settings},
            regenerate=self.regenerate or other.regenerate,
            modernize=self.modernize or other.modernize,
            source_on_path=self.source_on_path or other.source_on_path,
            date_matched=self.date_matched or other.date_matched,
            jobs=other.jobs or self.jobs,
            alone=self.alone or other.alone,
            seconds=other.seconds if other.seconds is not None else self.seconds,
            memory=other.memory if other.memory is not None else self.memory,
        )

    def with_flags(self, environment: Mapping[str, str]) -> dict[str, str]:
        """An environment changed by this: variables replaced, and then flags added to what is there."""
        changed = {**environment, **self.environment}
        for name, words in self.flags.items():
            changed[name] = " ".join([*changed.get(name, "").split(), *words])
        return changed

    def as_data(self) -> dict[str, Any]:
        """For JSON: what is as usual is left out."""
        data: dict[str, Any] = {}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "patches":
                value = [{"name": patch.name, "text": patch.text} for patch in value]
            if value not in ((), [], {}, 0, None, False):
                data[each.name] = value
        return data

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Adjustments:
        """What `as_data` gave, after JSON."""
        return cls(
            constraints=tuple(data.get("constraints", ())),
            requires=tuple(data.get("requires", ())),
            environment=dict(data.get("environment", {})),
            flags={name: tuple(words) for name, words in data.get("flags", {}).items()},
            patches=tuple(Patch(each["name"], each["text"]) for each in data.get("patches", ())),
            config_settings=dict(data.get("config_settings", {})),
            regenerate=bool(data.get("regenerate", False)),
            modernize=bool(data.get("modernize", False)),
            source_on_path=bool(data.get("source_on_path", False)),
            date_matched=bool(data.get("date_matched", False)),
            jobs=int(data.get("jobs", 0)),
            alone=bool(data.get("alone", False)),
            seconds=data.get("seconds"),
            memory=data.get("memory"),
        )

    def in_words(self) -> str:
        """What is different, for people: "setuptools<58; CFLAGS -fcommon"."""
        said = [*self.constraints, *(f"also {name}" for name in self.requires)]
        said += [f"{name}={value}" for name, value in self.environment.items()]
        said += [f"{name} {' '.join(words)}" for name, words in self.flags.items()]
        said += [patch.name for patch in self.patches]
        said += [f"{key}={value}" for key, value in self.config_settings.items()]
        said += ["Cython's C code generated anew"] if self.regenerate else []
        said += ["C code rewritten for newer Pythons"] if self.modernize else []
        said += ["source on path"] if self.source_on_path else []
        said += ["build requirements as of the release"] if self.date_matched else []
        said += ["one job at a time" if self.jobs == 1 else f"{self.jobs} jobs"] if self.jobs else []
        said += ["alone on its builder"] if self.alone else []
        said += [f"{self.seconds} s"] if self.seconds is not None else []
        said += [f"{self.memory >> 20} MiB of memory"] if self.memory is not None else []
        return "; ".join(said)


#: A build like any other.
NO_ADJUSTMENTS = Adjustments()


def _unique(*parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for part in parts for each in part))
