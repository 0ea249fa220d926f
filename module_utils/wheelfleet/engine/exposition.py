"""Prometheus' text format, version 0.0.4: families of samples as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

#: The type of the text, for HTTP.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass
class Family:
    """The samples of one metric. Counters only grow, so their names end in `_total`."""

    name: str
    kind: Literal["counter", "gauge"]
    meaning: str
    samples: list[tuple[Mapping[str, str], float]] = field(default_factory=list)

    def add(self, value: float | None, **labels: str) -> Family:
        """Add a sample; None adds none, because an unknown value is not 0."""
        if value is not None:
            self.samples.append((labels, value))
        return self


def exposition(families: Iterable[Family]) -> str:
    """The text; families without a sample are left out."""
    lines: list[str] = []
    for family in families:
        if family.samples:
            # In HELP a quote stands for itself.
            meaning = family.meaning.replace("\\", r"\\").replace("\n", r"\n")
            lines += [f"# HELP {family.name} {meaning}", f"# TYPE {family.name} {family.kind}"]
            lines += [f"{family.name}{_labels(labels)} {_number(value)}" for labels, value in family.samples]
    return "".join(f"{line}\n" for line in lines)


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
