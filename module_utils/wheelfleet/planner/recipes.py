"""Recipes: adjustments for one project, written by people, in version control (docs/how-to/recipes.md).

A recipe is `recipes/NAME.yml`, a mapping with the keys of `_KEYS`, `reason` and `cases`. It is checked before anything
is built; a mistake raises BadRecipe. The catalog keeps the recipes of the last run for builders that join later.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ..contract.adjustments import NO_ADJUSTMENTS, RECIPE_KEYS, Adjustments, Form, Patch
from ..nearest import nearest
from .scope import digest

#: Most bytes of a recipe or a patch.
LARGEST = 256 << 10
_UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_SPANS = {"s": 1, "min": 60, "h": 3600}


class BadRecipe(Exception):
    """A recipe has a mistake; the message names the file, the key and the cure."""


@dataclass(frozen=True)
class Section:
    """Adjustments for some releases and targets.

    `versions` is a specifier, `target` a part of a target's name; empty, they match everything. `apt` are names of
    packages of the distribution; `skip` is a reason, or empty.
    """

    versions: str
    target: str
    adjustments: Adjustments
    apt: tuple[str, ...]
    skip: str

    def matches(self, version: Version, target: str) -> bool:
        """Whether it holds for a release on a target."""
        return (not self.versions or SpecifierSet(self.versions).contains(version, prereleases=True)) and (
            self.target in target
        )


@dataclass(frozen=True)
class Recipe:
    """A project's recipe: the first section holds for all releases, the others are its cases."""

    name: str
    reason: str
    sections: tuple[Section, ...]

    @property
    def digest(self) -> str:
        """A digest of all of it."""
        return digest(self.as_data())

    def skips(self) -> list[dict[str, str]]:
        """Its skipped releases, as entries of `controller_skip`."""
        return [
            {"name": self.name, "versions": section.versions, "target": section.target, "reason": section.skip}
            for section in self.sections
            if section.skip
        ]

    def for_build(self, version: str, target: str) -> tuple[Adjustments, tuple[str, ...]] | None:
        """The adjustments of a build and the packages that its builder must have; None if no section matches."""
        try:
            parsed = Version(version)
        except InvalidVersion:
            return None
        adjustments, any_of_them = NO_ADJUSTMENTS, False
        apt: tuple[str, ...] = ()
        for section in self.sections:
            if section.matches(parsed, target):
                adjustments |= section.adjustments
                apt += tuple(name for name in section.apt if name not in apt)
                any_of_them = any_of_them or section.adjustments != NO_ADJUSTMENTS or bool(section.apt)
        return (adjustments, apt) if any_of_them else None

    def as_data(self) -> dict[str, Any]:
        """The recipe as JSON data."""
        return {
            "name": self.name,
            "reason": self.reason,
            "sections": [
                {
                    "versions": section.versions,
                    "target": section.target,
                    "change": section.adjustments.as_data(),
                    "apt": list(section.apt),
                    "skip": section.skip,
                }
                for section in self.sections
            ],
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Recipe:
        """The reverse of `as_data`, after JSON."""
        return cls(
            data["name"],
            data["reason"],
            tuple(
                Section(
                    each["versions"],
                    each["target"],
                    Adjustments.from_data(each["change"]),
                    tuple(each["apt"]),
                    each["skip"],
                )
                for each in data["sections"]
            ),
        )


def read_recipes(folder: Path) -> dict[str, Recipe]:
    """The recipes in a folder, by normalised name; empty if there is no such folder. Raises BadRecipe."""
    recipes: dict[str, Recipe] = {}
    for path in sorted(folder.glob("*.y*ml")):
        recipe = _Reader(path).recipe()
        if recipe.name in recipes:
            raise BadRecipe(f"{path.name}: there is another recipe for {recipe.name}; put both into one file.")
        recipes[recipe.name] = recipe
    return recipes


def record_recipes(db: sqlite3.Connection, recipes: Mapping[str, Recipe]) -> list[str]:
    """Replace the catalog's recipes; returns the projects whose recipe came, went or changed."""
    known = {row["name"]: row["digest"] for row in db.execute("SELECT name, digest FROM recipe")}
    now = {name: recipe.digest for name, recipe in recipes.items()}
    for name in known.keys() - now.keys():
        db.execute("DELETE FROM recipe WHERE name = ?", (name,))
    for name, its_digest in now.items():
        if known.get(name) != its_digest:
            db.execute(
                "INSERT OR REPLACE INTO recipe (name, digest, data) VALUES (?, ?, ?)",
                (name, its_digest, json.dumps(recipes[name].as_data())),
            )
    return sorted(name for name in known.keys() | now.keys() if known.get(name) != now.get(name))


def recipe_adjustments(db: sqlite3.Connection, release_id: int, target_id: int) -> tuple[str, Adjustments] | None:
    """The reason and the adjustments of the project's recipe for a release on a target; None if it has none."""
    found = _recipe_for(db, release_id, target_id)
    return (found[0], found[1]) if found else None


def recipe_packages(db: sqlite3.Connection, release_id: int, target_id: int) -> tuple[str, ...]:
    """The distribution's packages that the project's recipe requires on the builder for this build."""
    found = _recipe_for(db, release_id, target_id)
    return found[2] if found else ()


def _recipe_for(
    db: sqlite3.Connection, release_id: int, target_id: int
) -> tuple[str, Adjustments, tuple[str, ...]] | None:
    row = db.execute(
        """
        SELECT c.data, r.version, t.name AS target FROM release r JOIN project p ON p.id = r.project_id
        JOIN recipe c ON c.name = p.name JOIN target t ON t.id = ? WHERE r.id = ?
        """,
        (target_id, release_id),
    ).fetchone()
    if row is None:
        return None
    recipe = Recipe.from_data(json.loads(row["data"]))
    found = recipe.for_build(row["version"], row["target"])
    return (recipe.reason, *found) if found else None


class _Reader:
    """Reads and checks the file of one recipe."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def recipe(self) -> Recipe:
        data = self._load()
        name = canonicalize_name(self.path.stem)
        reason = data.pop("reason", None)
        if not isinstance(reason, str) or not reason.strip():
            raise self._bad("reason", "is missing; say in a sentence why the project needs a recipe")
        cases = data.pop("cases", [])
        if not isinstance(cases, list) or not all(isinstance(case, dict) for case in cases):
            raise self._bad("cases", "must be a list of mappings, each with versions or target, and what differs there")
        for key in ("versions", "target"):
            if key in data:
                raise self._bad(key, "belongs into an entry of cases; what stands outside holds for all releases")
        sections = [self._section(data, "")]
        for number, case in enumerate(cases, 1):
            if not case.get("versions") and not case.get("target"):
                raise self._bad(f"cases, entry {number}", "needs versions ('<2') or target ('armv7l')")
            sections.append(self._section(case, f"cases, entry {number}, "))
        return Recipe(name, reason.strip(), tuple(sections))

    def _load(self) -> dict[str, Any]:
        try:
            if self.path.stat().st_size > LARGEST:
                raise BadRecipe(f"{self.path.name} is larger than {LARGEST >> 10} KiB, which no recipe needs.")
            data = yaml.safe_load(self.path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise BadRecipe(f"{self.path.name} cannot be read ({' '.join(str(error).split())}).") from error
        if not isinstance(data, dict):
            raise BadRecipe(f"{self.path.name} must be a mapping with the key reason and what differs.")
        return data

    def _section(self, data: Mapping[str, Any], where: str) -> Section:
        unknown = sorted(str(key) for key in data.keys() - _KEYS)
        if unknown:
            near = nearest(unknown[0], _KEYS)
            hint = f" (do you mean {near}?)" if near else ""
            raise self._bad(
                f"{where}{unknown[0]}", f"is no key of a recipe{hint}; there are {', '.join(sorted(_KEYS))}"
            )

        adjustments = {
            name: self._adjustment(form, data[key], f"{where}{key}")
            for key, (name, form) in RECIPE_KEYS.items()
            if data.get(key) is not None
        }
        return Section(
            versions=self._specifier(data.get("versions"), where),
            target=self._string(data.get("target"), f"{where}target"),
            adjustments=Adjustments(**adjustments),
            apt=tuple(self._package(name, f"{where}apt") for name in self._strings(data.get("apt"), f"{where}apt")),
            skip=self._string(data.get("skip"), f"{where}skip"),
        )

    def _adjustment(self, form: Form, value: Any, key: str) -> Any:
        """The value of a key, checked and converted by its form."""
        readers: dict[Form, Callable[[], Any]] = {
            Form.REQUIREMENTS: lambda: tuple(self._requirement(text, key) for text in self._strings(value, key)),
            Form.VARIABLES: lambda: self._mapping(value, key, variables=True),
            Form.SETTINGS: lambda: self._mapping(value, key),
            Form.PATCHES: lambda: tuple(self._patch(name, key) for name in self._strings(value, key)),
            Form.SWITCH: lambda: self._switch(value, key),
            Form.JOBS: lambda: self._jobs(value, key),
            Form.DURATION: lambda: self._amount(value, _SPANS, key, "'90 min'"),
            Form.SIZE: lambda: self._amount(value, _UNITS, key, "'2 GiB'"),
        }
        return readers[form]()

    def _bad(self, key: str, what: str) -> BadRecipe:
        return BadRecipe(f"{self.path.name}: {key} {what}.")

    def _string(self, value: Any, key: str) -> str:
        if value is None:
            return ""
        if not isinstance(value, str) or not value.strip():
            raise self._bad(key, f"is {value!r}; write some text in quotes")
        return value.strip()

    def _strings(self, value: Any, key: str) -> Iterator[str]:
        if value is not None and not (isinstance(value, list) and all(isinstance(each, str) for each in value)):
            raise self._bad(key, f"is {value!r}; write a list of strings")
        yield from value or ()

    def _mapping(self, value: Any, key: str, variables: bool = False) -> dict[str, str]:
        if not isinstance(value, dict):
            raise self._bad(key, f"is {value!r}; write a mapping")
        for name, each in value.items():
            if not isinstance(name, str) or isinstance(each, (dict, list)) or each is None:
                raise self._bad(key, f"has the entry {name!r}: {each!r}; write a name and a string in quotes")
            if variables and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
                raise self._bad(key, f"names the variable {name!r}; use letters, digits and underscores")
        return {
            name: "true" if each is True else "false" if each is False else str(each) for name, each in value.items()
        }

    def _requirement(self, text: str, key: str) -> str:
        try:
            requirement = Requirement(text)
        except InvalidRequirement as error:
            reason = str(error).splitlines()[0]
            raise self._bad(key, f"has the entry {text!r}, which is no requirement ({reason})") from error
        if requirement.url:
            raise self._bad(key, f"has the entry {text!r}; builds get nothing but what the index has")
        return text.strip()

    def _specifier(self, value: Any, where: str) -> str:
        text = self._string(value, f"{where}versions")
        try:
            SpecifierSet(text)
        except InvalidSpecifier as error:
            raise self._bad(f"{where}versions", f"is {text!r}; write a specifier like '<2' or '==1.4.*'") from error
        return text

    def _package(self, name: str, key: str) -> str:
        if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]{0,100}", name):
            raise self._bad(key, f"has the entry {name!r}, which is no name of a package of the distribution")
        return name

    def _patch(self, name: str, key: str) -> Patch:
        path = self.path.parent / name
        if Path(name).name != name:
            raise self._bad(key, f"names {name!r}; a patch is a file beside the recipe")
        try:
            if path.stat().st_size > LARGEST:
                raise self._bad(key, f"names {name}, which is larger than {LARGEST >> 10} KiB")
            return Patch(name, path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise self._bad(key, f"names {name}, which cannot be read beside it ({error})") from error

    def _jobs(self, value: Any, key: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 256:
            raise self._bad(key, f"is {value!r}; write how many compilers may run at once")
        return value

    def _switch(self, value: Any, key: str) -> bool:
        if value not in (True, False):
            raise self._bad(key, f"is {value!r}; write true or false")
        return bool(value)

    def _amount(self, value: Any, units: Mapping[str, int], key: str, example: str) -> int:
        match = re.fullmatch(r"(\d{1,12})\s*([A-Za-z]*)", str(value).strip())
        if match is None or match[2] not in units or not int(match[1]):
            raise self._bad(key, f"is {value!r}; write it like {example}")
        return int(match[1]) * units[match[2]]


_KEYS: frozenset[str] = frozenset({"versions", "target", "apt", "skip"} | RECIPE_KEYS.keys())
