"""Who is next: one run per page waits, the newest, and nobody waits twice while others wait once.

Pure: no process, no clock of its own, so that its rules can be tested by themselves.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass
class FairQueue(Generic[Item]):
    """Items that wait, at most one for each lane; owners take turns.

    An owner (a student) may have several lanes (pages). Whoever was served least lately is next,
    and among equals who has waited longest.
    """

    #: The waiting item of each lane, in the order in which lanes began to wait.
    waiting: dict[Hashable, tuple[Hashable, Item]] = field(default_factory=dict)
    #: When each owner was last served: a count.
    served: dict[Hashable, int] = field(default_factory=dict)
    turns: int = 0

    def put(self, owner: Hashable, lane: Hashable, item: Item) -> Item | None:
        """Let an item wait; return the one of the same lane that it displaces.

        The lane keeps its place.
        """
        before = self.waiting.get(lane)
        self.waiting[lane] = (owner, item)
        return None if before is None else before[1]

    def take(self, busy: frozenset[Hashable] = frozenset()) -> Item | None:
        """Return whose turn it is, None when nobody waits whose lane is not ``busy``."""
        order = self._order(busy)
        if not order:
            return None
        owner, item = self.waiting.pop(order[0])
        self.turns += 1
        self.served[owner] = self.turns
        return item

    def drop(self, lane: Hashable) -> Item | None:
        """Let a lane wait no more; return what waited."""
        before = self.waiting.pop(lane, None)
        return None if before is None else before[1]

    def places(self) -> list[Item]:
        """Return all that wait, in the order of their turns as things stand."""
        return [self.waiting[lane][1] for lane in self._order(frozenset())]

    def _order(self, busy: frozenset[Hashable]) -> list[Hashable]:
        lanes = [lane for lane in self.waiting if lane not in busy]
        return sorted(lanes, key=lambda lane: self.served.get(self.waiting[lane][0], 0))
