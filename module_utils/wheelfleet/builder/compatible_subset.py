"""The largest part of a set that works together, found with few tries, where only whole sets can be tried."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

#: So often the hints of a failed try are used; then halves are tried, because hints may be wrong.
_MOST_HINTS = 12


class CompatibleSubset:
    """Collects, in the order of numbers, each number that works together with all collected before.

    `tried` says whether a set works together, `hinted` which of the numbers given probably made the last try fail; it
    may be wrong. `refused` is called with each number that does not work together with the collected ones.
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
        """Add all of a group that can be added; `suspects` are likely not to be among them."""
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
