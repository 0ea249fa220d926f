"""Scope (which releases the operator wants) and policy (on which conditions), as types.

Both are read from the inventory's variables; a mistake in them raises BadScope.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import InvalidName, NormalizedName, canonicalize_name
from packaging.version import Version

from ..nearest import do_you_mean


class BadScope(Exception):
    """A variable of the inventory has a mistake; the message names the variable, the value and the cure."""


@dataclass(frozen=True)
class ScopeRule:
    """The newest releases of one project that match a specifier.

    `newest` is the number of releases; None: all. `targets` are IDs of the targets that a requirements file resolved
    for; None: every target. `spelled` is the operator's spelling of the name.
    """

    name: NormalizedName
    specifier: str = ""
    newest: int | None = 1
    targets: frozenset[int] | None = None
    spelled: str = field(default="", compare=False)


@dataclass(frozen=True)
class Skip:
    """Releases that the operator does not want built, and why. Empty parts match everything.

    `kind` begins the reason that people read: who or what says so.
    """

    name: NormalizedName
    versions: str
    target: str
    reason: str
    kind: str = "skip list"

    def matches(self, name: str, version: Version, target: str) -> bool:
        """Whether it holds for a release on a target."""
        return (
            self.name == name
            and (not self.versions or SpecifierSet(self.versions).contains(version, prereleases=True))
            and (not self.target or self.target in target)
        )


@dataclass(frozen=True)
class Policy:
    """Conditions on builds; each field is a variable of the role `controller`, which documents it."""

    prereleases: str = "if-only"
    yanked: bool = False
    build: str = "missing"
    cooldown_hours: float = 0.0
    skip: tuple[Skip, ...] = ()
    max_attempts: int = 5
    failed_imports: str = "withhold"
    #: Projects that builds may import without declaring them; True: any whose name a failure suggests.
    adopt_requirements: bool | frozenset[NormalizedName] = frozenset()
    #: Whether wheels with an old copy of a library are built again.
    rebuild_outdated: bool = False

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Policy:
        """Read the policy variables. Raises BadScope."""
        prereleases = str(data.get("prereleases", "if-only"))
        if prereleases not in ("never", "if-only", "always"):
            raise BadScope(f"controller_prereleases is {prereleases!r}; write never, if-only or always.")
        build = str(data.get("build", "missing"))
        if build not in ("missing", "always"):
            raise BadScope(f"controller_build is {build!r}; write missing or always.")
        failed_imports = str(data.get("failed_imports", "withhold"))
        if failed_imports not in ("withhold", "flag"):
            raise BadScope(f"controller_failed_imports is {failed_imports!r}; write withhold or flag.")
        try:
            cooldown = float(data.get("cooldown_hours", 0))
            max_attempts = int(data.get("max_attempts", 5))
        except (TypeError, ValueError) as error:
            raise BadScope(f"controller_cooldown_hours, controller_max_attempts: {error}; write a number.") from error
        if cooldown < 0 or max_attempts < 1:
            raise BadScope("controller_cooldown_hours must not be negative and controller_max_attempts at least 1.")
        return cls(
            prereleases=prereleases,
            yanked=bool(data.get("yanked", False)),
            build=build,
            cooldown_hours=cooldown,
            skip=tuple(_skip(entry) for entry in data.get("skip") or ()),
            max_attempts=max_attempts,
            failed_imports=failed_imports,
            adopt_requirements=_adopted(data.get("adopt_requirements")),
            rebuild_outdated=bool(data.get("rebuild_outdated", False)),
        )


@dataclass(frozen=True)
class Scope:
    """The three forms of scope, freely combined; `requirements` are of type requirements_files.RequirementsFile."""

    rules: tuple[ScopeRule, ...]
    requirements: tuple[Any, ...] = ()
    everything: bool = False
    newest: int | None = 1

    @classmethod
    def from_data(
        cls,
        packages: Iterable[Any] = (),
        requirements: Iterable[Any] = (),
        everything: bool = False,
        newest: Any = 1,
    ) -> Scope:
        """Read the scope variables; `newest` is the default of all wishes. Raises BadScope."""
        default = _count(newest, "controller_newest")
        rules = tuple(_scope_rule(entry, default) for entry in packages or ())
        return cls(rules, tuple(requirements or ()), bool(everything), default)

    @property
    def everything_rules(self) -> list[ScopeRule]:
        """The wish of everything mode for each project (its own name means nothing); empty without everything mode."""
        return [ScopeRule(canonicalize_name("everything"), "", self.newest)] if self.everything else []

    def fingerprint(self, policy: Policy) -> str:
        """A digest of scope and policy: verdicts made under another one are out of date."""
        conditions = asdict(policy)
        # No verdict depends on these.
        del conditions["adopt_requirements"], conditions["rebuild_outdated"]
        return digest(asdict(self), conditions)


def digest(*parts: Any) -> str:
    """A short SHA-256 (32 hex digits) of plain data as JSON."""
    text = json.dumps(parts, sort_keys=True, default=lambda x: sorted(x) if isinstance(x, (set, frozenset)) else str(x))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _count(value: Any, variable: str) -> int | None:
    if value in ("all", None):
        return None
    try:
        count = int(value)
    except (TypeError, ValueError):
        count = 0
    if count < 1:
        raise BadScope(f"{variable} is {value!r}; write how many of the newest releases you want, or all.")
    return count


def _scope_rule(entry: Any, default: int | None) -> ScopeRule:
    text, newest = entry, default
    if isinstance(entry, Mapping):
        unknown = set(entry) - {"name", "newest"}
        if unknown or "name" not in entry:
            raise BadScope(
                f"controller_packages has the entry {dict(entry)!r}; "
                "an entry is a requirement such as 'spidev>=3.6', or {name: 'spidev>=3.6', newest: 3}."
            )
        text = entry["name"]
        if "newest" in entry:
            newest = _count(entry["newest"], f"newest of {text!r} in controller_packages")
    try:
        requirement = Requirement(str(text))
    except InvalidRequirement as error:
        raise BadScope(
            f"controller_packages has the entry {text!r}, which is no requirement ({str(error).splitlines()[0]}); "
            "write it like 'spidev' or 'spidev>=3.6' (PEP 508)."
        ) from error
    if requirement.url or requirement.marker:
        raise BadScope(
            f"controller_packages has the entry {text!r}; URLs cannot be built from an index, and markers belong "
            "into a requirements file (controller_requirements)."
        )
    return ScopeRule(canonicalize_name(requirement.name), str(requirement.specifier), newest, spelled=requirement.name)


def _adopted(value: Any) -> bool | frozenset[NormalizedName]:
    words = [str(value)] if isinstance(value, (str, bool)) else list(value or ())
    if len(words) == 1 and str(words[0]).lower() in ("true", "yes", "false", "no", ""):
        return str(words[0]).lower() in ("true", "yes") or frozenset()
    names = set()
    for word in words:
        try:
            names.add(canonicalize_name(str(word), validate=True))
        except InvalidName as error:
            raise BadScope(
                f"controller_adopt_requirements has the entry {word!r}, which is no project's name; "
                "write a list such as [helping], or true for every name that a failure suggests."
            ) from error
    return frozenset(names)


def _skip(entry: Any) -> Skip:
    if not isinstance(entry, Mapping) or not entry.get("name") or not entry.get("reason"):
        raise BadScope(
            f"controller_skip has the entry {entry!r}; each needs a name and a reason, "
            "and may have versions ('<2') and a part of a target's name ('armv7l')."
        )
    unknown = {str(key) for key in entry} - {"name", "versions", "target", "reason"}
    if unknown:
        hint = do_you_mean(min(unknown), ("name", "versions", "target", "reason"))
        raise BadScope(f"controller_skip has an unknown key in {dict(entry)!r}: {min(unknown)}{hint}")
    versions = str(entry.get("versions") or "")
    try:
        SpecifierSet(versions)
    except InvalidSpecifier as error:
        raise BadScope(
            f"controller_skip names the versions {versions!r} of {entry['name']}, which is no specifier; "
            "write it like '<2' or '==1.4.*'."
        ) from error
    return Skip(canonicalize_name(str(entry["name"])), versions, str(entry.get("target") or ""), str(entry["reason"]))
