"""Checks that a document from JSON has the shape of its type."""

# Modules whose types are read here have no `from __future__ import annotations`: Python 3.9 cannot evaluate those.

from collections.abc import Callable
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

#: Bounds of all values: characters of a text, entries of a list or mapping, absolute value of a number.
LONGEST_TEXT = 1 << 20
MOST_ENTRIES = 10_000
LARGEST_NUMBER = 1e15


class ContractError(ValueError):
    """A document breaks the contract of controller and builder; the message names the mistake and the cure."""


def check_shape(value: Any, form: Any, where: str) -> None:
    """Raise ContractError unless `value` has the shape of a type.

    `form` is a TypedDict, list, dict, Optional, Literal, str, bool, int, float or Any. `where` begins the message:
    "the assignment".
    """
    origin = get_origin(form)
    if form is Any:
        return
    if hasattr(form, "__required_keys__"):
        _check_document(value, form, where)
    elif origin is Union:
        if value is not None:
            check_shape(value, next(each for each in get_args(form) if each is not type(None)), where)
    elif origin is Literal:
        if value not in get_args(form):
            raise _wrong(where, value, f"one of {', '.join(map(str, get_args(form)))}")
    elif origin is list:
        if not isinstance(value, list) or len(value) > MOST_ENTRIES:
            raise _wrong(where, value, f"a list of at most {MOST_ENTRIES} entries")
        for each in value:
            check_shape(each, get_args(form)[0], f"an entry of {where}")
    elif origin is dict:
        if not isinstance(value, dict) or len(value) > MOST_ENTRIES or not all(isinstance(key, str) for key in value):
            raise _wrong(where, value, f"a mapping of at most {MOST_ENTRIES} entries")
        for key, each in value.items():
            check_shape(each, get_args(form)[1], f"{where}'s {key}")
    elif not _PLAIN[form](value):
        raise _wrong(where, value, _SAID[form])


def _check_document(value: Any, form: Any, where: str) -> None:
    missing = sorted(form.__required_keys__ - set(value if isinstance(value, dict) else ()))
    if missing:
        raise ContractError(f"{where} lacks {', '.join(missing)}; provision the builder and try again.")
    for key, its_form in get_type_hints(form).items():
        check_shape(value[key], its_form, f"{where}'s {key}")


def is_number(value: Any) -> bool:
    """Whether a value is a number below LARGEST_NUMBER: not infinite, not NaN, no bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < LARGEST_NUMBER


_PLAIN: dict[Any, Callable[[Any], bool]] = {
    str: lambda value: isinstance(value, str) and len(value) <= LONGEST_TEXT,
    bool: lambda value: isinstance(value, bool),
    float: is_number,
    int: lambda value: is_number(value) and isinstance(value, int),
}
_SAID = {str: "text", bool: "true or false", float: "a number", int: "a whole number"}


def _wrong(where: str, value: Any, wanted: str) -> ContractError:
    return ContractError(f"{where} is {repr(value)[:60]} and not {wanted}; provision the builder and try again.")
