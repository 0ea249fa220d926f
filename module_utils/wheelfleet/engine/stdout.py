"""Whether standard output belongs to a document that a program reads; then nothing of ours is printed there."""

from __future__ import annotations

import os

# In the environment, which the processes that Ansible forks for tasks share with the one that knows.
_NAME = "WHEELFLEET_STDOUT_IS_TAKEN"


def take_stdout() -> None:
    """From now on our lines go to standard error."""
    os.environ[_NAME] = "1"


def is_taken() -> bool:
    """Whether they do."""
    return bool(os.environ.get(_NAME))
