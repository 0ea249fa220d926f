"""The words for readers: the statuses of releases and projects, and upstream by the name that people know.

Pages, scripts, the feed and the end of a run take them from here, so that one thing has one name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

#: What readers call upstream, if the operator says nothing else.
UPSTREAM_NAME = "PyPI"


@dataclass(frozen=True)
class State:
    """A status in words. `{upstream}` stands for upstream's name."""

    #: As a heading and beside a name.
    title: str
    #: Of a release on a target, after its sign.
    mark: str
    #: Why a name that installers ask for has no wheel here.
    wanted: str


#: The statuses in the order of the report.
_STATES = {
    "failed": State("Failed", "failed", "The build failed."),
    "trouble": State("Unreadable on {upstream}", "unreadable", "Its page on {upstream} cannot be read at present."),
    "not-found": State("Not on {upstream}", "not found", "{upstream} has no project of this name."),
    "waiting": State("Waiting to be built", "queued", "It waits to be built."),
    "built": State("Built", "built", "It was built, but nothing of it is on the index now."),
    "upstream": State("On {upstream}", "on {upstream}", "{upstream} has wheels of it."),
    "skipped": State("Skipped", "skipped", "The operator skips it."),
    "passed": State("Not built", "not built", "None of its releases can be built here; its page says why."),
}
#: The statuses, in the order of the report.
STATUSES = tuple(_STATES)

#: "upstream" where our own sentences name the index. Packages' words, such as `upstream/x.h` or "fixed upstream", stay
#: as they are.
_UPSTREAM = re.compile(
    r"(?<![\w./'\"-])[Uu]pstream(?='s? |,? (?:answers|can|cannot|did|does|gives|had|has|holds|index|knows|lists|"
    r"removed|said|says|serves|stated|states|took|yanked)\b)"
)
#: A first word that may begin with a capital letter: a name with digits or signs stays as it is.
_PLAIN_WORD = re.compile(r"[a-z]+(?=[ ,:;]|\.(?: |$)|$)")


def states(upstream: str = UPSTREAM_NAME) -> Mapping[str, State]:
    """The words of all statuses, in the order of the report."""
    return {
        status: State(*(words.replace("{upstream}", upstream) for words in (state.title, state.mark, state.wanted)))
        for status, state in _STATES.items()
    }


def for_readers(sentence: str, upstream: str = UPSTREAM_NAME) -> str:
    """A sentence or a reason of ours as a page has it: upstream by its name, and a capital letter at its beginning."""
    named = _UPSTREAM.sub(lambda match: upstream, sentence)
    match = _PLAIN_WORD.match(named)
    return named[:1].upper() + named[1:] if match else named
