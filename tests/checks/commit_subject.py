"""Checks the subject of a commit message: `area: what`, at most 72 characters. pre-commit runs it.

python tests/checks/commit_subject.py FILE-WITH-THE-MESSAGE
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

LONGEST = 72
#: The room, the role or the folder that changes, then what changes. `git revert` and `git merge` write their own.
SUBJECT = re.compile(r"[\w.,/ -]{1,30}: \S|(Revert|Merge) ")


def problem(message: str) -> str | None:
    """Why a message is refused, as one sentence; None if it is fine."""
    subject = next((line for line in message.splitlines() if line.strip() and not line.startswith("#")), "")
    # A message that says what it amends is joined with that one before others see it.
    if subject.startswith(("fixup! ", "squash! ", "amend! ")):
        return None
    if len(subject) > LONGEST:
        return f"The subject has {len(subject)} characters; {LONGEST} is the most."
    if not SUBJECT.match(subject):
        return "The subject does not say `area: what`, such as `site: show the version in the footer`."
    return None


if __name__ == "__main__":
    sys.exit(problem(Path(sys.argv[1]).read_text()))
