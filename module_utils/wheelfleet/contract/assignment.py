"""What the controller has a builder do: the assignment of one build."""

from __future__ import annotations

from typing import Literal

#: Why something is built: for the index; to show that a builder can build; to compare with what another built.
Kind = Literal["build", "canary", "rebuild"]
