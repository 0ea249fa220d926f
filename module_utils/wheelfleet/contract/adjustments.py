"""Adjustments to one build: recipes, remedies and assignments share this type.

A new adjustment is one more field of `Adjustments`, with its form, its words and its key in recipes. Merging, JSON and
the reading of recipes follow from these; the builder applies it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import Enum
from typing import Any

from .shape import ContractError, check_shape


class Form(Enum):
    """The type of a field, by which it is merged, checked and read from a recipe."""

    #: PEP 508.
    REQUIREMENTS = "requirements"
    VARIABLES = "variables"
    #: A list of words for each variable.
    FLAGS = "flags"
    PATCHES = "patches"
    SETTINGS = "settings"
    SWITCH = "switch"
    #: How many compilers run at once.
    JOBS = "jobs"
    #: Seconds.
    DURATION = "duration"
    #: Bytes.
    SIZE = "size"


@dataclass(frozen=True)
class Patch:
    """A unified diff, applied with -p1 in the unpacked sdist."""

    name: str
    text: str


_AS_JSON: dict[Form, Any] = {
    Form.REQUIREMENTS: list[str],
    Form.VARIABLES: dict[str, str],
    Form.FLAGS: dict[str, list[str]],
    Form.PATCHES: list[dict[str, str]],
    Form.SETTINGS: dict[str, str],
    Form.SWITCH: bool,
    Form.JOBS: int,
    Form.DURATION: int,
    Form.SIZE: int,
}
_USUAL: dict[Form, Any] = {
    Form.REQUIREMENTS: (),
    Form.VARIABLES: dict,
    Form.FLAGS: dict,
    Form.PATCHES: (),
    Form.SETTINGS: dict,
    Form.SWITCH: False,
}


def _field(form: Form, words: str, recipe: str | None = None) -> Any:
    """A field of Adjustments: form, words for people, key in recipes; without a key recipes cannot set it."""
    usual = _USUAL.get(form)
    kind: dict[str, Any] = {"default_factory": dict} if usual is dict else {"default": usual}
    return field(metadata={"form": form, "words": words, "recipe": recipe}, **kind)


@dataclass(frozen=True)
class Adjustments:
    """The differences from the usual build; each default means no difference."""

    #: Requirements (PEP 508) that limit versions in the build environment and install nothing, as pip's constraints.
    constraints: tuple[str, ...] = _field(Form.REQUIREMENTS, "{}", "constraints")
    #: Build requirements (PEP 508) in addition to the declared ones.
    requires: tuple[str, ...] = _field(Form.REQUIREMENTS, "also {}", "requires")
    #: Environment variables of the build.
    environment: Mapping[str, str] = _field(Form.VARIABLES, "{}={}", "environment")
    #: Words appended to a variable: CFLAGS.
    flags: Mapping[str, tuple[str, ...]] = _field(Form.FLAGS, "{} {}")
    #: Unified diffs, applied in this order to the unpacked sdist.
    patches: tuple[Patch, ...] = _field(Form.PATCHES, "{}", "patches")
    #: Passed to the build backend (PEP 517).
    config_settings: Mapping[str, str] = _field(Form.SETTINGS, "{}={}", "config_settings")
    #: The build environment's Cython generates the C code of the sdist again.
    regenerate: bool = _field(Form.SWITCH, "Cython's C code generated anew", "regenerate")
    #: C code and setup.py are rewritten for later Pythons.
    modernize: bool = _field(Form.SWITCH, "source rewritten for newer Pythons", "modernize")
    #: The backend can import modules beside setup.py.
    source_on_path: bool = _field(Form.SWITCH, "source on path", "source_on_path")
    #: The wheel is not imported: its modules need hardware or a service that builders do not have.
    skip_import: bool = _field(Form.SWITCH, "not imported", "skip_import")
    #: What the build looks for in vain is kept (`builder/watch`).
    watch: bool = _field(Form.SWITCH, "watched")
    #: Build requirements as of the time of the release.
    date_matched: bool = _field(Form.SWITCH, "build requirements as of the release")
    #: Projects whose files count whatever their upload time where requirements are date-matched: constraints limit
    #: their versions instead, because our index has its wheels of old releases since they were built.
    undated: tuple[str, ...] = _field(Form.REQUIREMENTS, "{} by its version")
    #: Most compilers at once; None: as usual.
    jobs: int | None = _field(Form.JOBS, "{} jobs", "jobs")
    #: The host builds nothing else at the same time.
    alone: bool = _field(Form.SWITCH, "alone on its builder")
    #: Limit of the whole build, in seconds; None: as usual.
    seconds: int | None = _field(Form.DURATION, "{} s", "time")
    #: Bytes of memory that it needs; None: as usual.
    memory: int | None = _field(Form.SIZE, "{} MiB of memory", "memory")

    def __or__(self, other: Adjustments) -> Adjustments:
        """Both; where they contradict each other, `other` wins."""
        return Adjustments(
            **{
                each.name: _merged(each.metadata["form"], getattr(self, each.name), getattr(other, each.name))
                for each in fields(self)
            }
        )

    def with_flags(self, environment: Mapping[str, str]) -> dict[str, str]:
        """A copy of an environment with the variables replaced, then the flags appended."""
        adjusted = {**environment, **self.environment}
        for name, words in self.flags.items():
            adjusted[name] = " ".join([*adjusted.get(name, "").split(), *words])
        return adjusted

    def as_data(self) -> dict[str, Any]:
        """The fields that differ from the default, as JSON data."""
        return {
            each.name: _as_json(each.metadata["form"], getattr(self, each.name))
            for each in fields(self)
            if getattr(self, each.name) != _usual(each)
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Adjustments:
        """The reverse of `as_data`. Raises ContractError for an unknown field or a wrong type."""
        known = {each.name: each.metadata["form"] for each in fields(cls)}
        unknown = sorted(map(str, data.keys() - known.keys()))
        if unknown:
            raise ContractError(f"The adjustments have {', '.join(unknown)}, which this version does not know.")
        return cls(**{name: _from_json(known[name], value, name) for name, value in data.items()})

    def in_words(self) -> str:
        """The adjustments for people: "setuptools<58; CFLAGS -fcommon"."""
        return "; ".join(
            words
            for each in fields(self)
            if getattr(self, each.name) != _usual(each)
            for words in _in_words(each.metadata["form"], each.metadata["words"], getattr(self, each.name))
        )


NO_ADJUSTMENTS = Adjustments()

#: By key of a recipe: the name of the field, and its form.
RECIPE_KEYS: dict[str, tuple[str, Form]] = {
    each.metadata["recipe"]: (each.name, each.metadata["form"])
    for each in fields(Adjustments)
    if each.metadata["recipe"] is not None
}


def _usual(each: Any) -> Any:
    return each.default if each.default is not MISSING else {}


def _merged(form: Form, one: Any, other: Any) -> Any:
    if form is Form.REQUIREMENTS:
        return _unique(one, other)
    if form is Form.PATCHES:
        return (*one, *other)
    if form in (Form.VARIABLES, Form.SETTINGS):
        return {**one, **other}
    if form is Form.FLAGS:
        return {name: _unique(one.get(name, ()), other.get(name, ())) for name in {**one, **other}}
    if form is Form.SWITCH:
        return one or other
    return one if other is None else other


def _as_json(form: Form, value: Any) -> Any:
    if form is Form.REQUIREMENTS:
        return list(value)
    if form is Form.FLAGS:
        return {variable: list(words) for variable, words in value.items()}
    return [dict(vars(patch)) for patch in value] if form is Form.PATCHES else value


def _from_json(form: Form, value: Any, name: str) -> Any:
    check_shape(value, _AS_JSON[form], f"the adjustment {name}")
    if form is Form.REQUIREMENTS:
        return tuple(value)
    if form is Form.FLAGS:
        return {variable: tuple(words) for variable, words in value.items()}
    if form is Form.PATCHES:
        return tuple(Patch(each.get("name", ""), each.get("text", "")) for each in value)
    return value


def _in_words(form: Form, words: str, value: Any) -> list[str]:
    if form is Form.REQUIREMENTS:
        return [words.format(each) for each in value]
    if form is Form.PATCHES:
        return [words.format(each.name) for each in value]
    if form in (Form.VARIABLES, Form.SETTINGS):
        return [words.format(*pair) for pair in value.items()]
    if form is Form.FLAGS:
        return [words.format(name, " ".join(flags)) for name, flags in value.items()]
    if form is Form.JOBS and value == 1:
        return ["one job at a time"]
    return [words.format(value >> 20 if form is Form.SIZE else value)]


def _unique(*parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for part in parts for each in part))
