"""Finds a maximal compatible part of a set with few tries, if only whole sets can be tried."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

#: Failed tries whose hints are used; after them the set is halved, because hints may be wrong.
_MOST_HINTS = 12


class CompatibleSubset:
    """Collects, in ascending order, each number that is compatible with all numbers collected before.

    `tried` returns whether a set is compatible. `hinted` returns the numbers of a group that probably made the last try
    fail; it may be wrong. `refused` is called with each incompatible number.
    """

    def __init__(
        self,
        tried: Callable[[list[int]], bool],
        hinted: Callable[[list[int]], Collection[int]],
        refused: Callable[[int], None],
    ) -> None:
        self.good: list[int] = []
        self._tried = tried
        self._hinted = hinted
        self._refused = refused
        self._hints = _MOST_HINTS

    def add(self, group: Sequence[int], suspects: Collection[int] = ()) -> None:
        """Add all compatible numbers of a group; `suspects` are probably incompatible."""
        if not group:
            return
        together = sorted([*self.good, *group])
        if self._tried(together):
            self.good = together
        elif len(group) == 1:
            self._refused(group[0])
        else:
            self._part(group, suspects)

    def _part(self, group: Sequence[int], suspects: Collection[int]) -> None:
        if not suspects and self._hints:
            self._hints -= 1
            suspects = self._hinted(list(group))
        others = [number for number in group if number not in suspects]
        if 0 < len(others) < len(group):
            self.add(others)
            for number in group:
                if number in suspects:
                    self.add([number])
        else:
            middle = len(group) // 2
            self.add(group[:middle])
            self.add(group[middle:])
