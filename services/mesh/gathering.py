"""Gathering: what comes while other things are being worked on is worked on together, by the thread of one of them.

Databases call it group commit: the more comes at once, the less each costs. What comes alone does not wait.
"""

import threading
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST = 50
_PATIENCE_S = 0.05


class Gathering(Generic[Item, Result]):
    """Works on items in groups of at most 50; safe in threads."""

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Result]],
        marks: Callable[[Item], set[Hashable]],
        patience_s: float = _PATIENCE_S,
    ) -> None:
        """Take what gives the result of every item of a group, or raises for all of them.

        `marks` tells what an item is about: no group has two items with a mark in common. An item waits for
        `patience_s` for a group that is under way, then it leads another one: what holds one up does not hold up all.
        """
        self._work = work
        self._marks = marks
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._waiting: list[_Place[Item, Result]] = []
        self._leaders = 0

    def result(self, item: Item) -> Result | None:
        """Return an item's result; None when its group failed, whoever's fault it was: then try each for itself.

        Raises what the work raises for an item that is a group of its own.
        """
        place = _Place[Item, Result](item)
        if self._is_to_lead(place):
            self._lead(place)
        return place.result

    def _is_to_lead(self, place: "_Place[Item, Result]") -> bool:
        """Wait until a place has its result (false), or the turn to lead a group is its own (true)."""
        if not self._enters(place) and not place.called(self._patience_s) and not self._steps_forward(place):
            place.called()
        return place.leads

    def _enters(self, place: "_Place[Item, Result]") -> bool:
        with self._lock:
            if self._leaders:
                self._waiting.append(place)
            else:
                self._leaders, place.leads = 1, True
            return place.leads

    def _steps_forward(self, place: "_Place[Item, Result]") -> bool:
        with self._lock:
            if place in self._waiting:
                self._waiting.remove(place)
                self._leaders, place.leads = self._leaders + 1, True
            return place.leads

    def _lead(self, place: "_Place[Item, Result]") -> None:
        group = self._gather(place)
        try:
            # What one of several is to blame for is told when each is tried for itself.
            with suppress(*([Exception] if len(group) > 1 else [])):
                results = self._work([each.item for each in group])
                for each, result in zip(group, results, strict=True):
                    each.result = result
        finally:
            self._dismiss(group)

    def _gather(self, first: "_Place[Item, Result]") -> "list[_Place[Item, Result]]":
        """Return a group of those who wait, as far as they may go together; the others wait on."""
        group, taken = [first], set(self._marks(first.item))
        others: list[_Place[Item, Result]] = []
        with self._lock:
            for place in self._waiting:
                marks = self._marks(place.item)
                fits = len(group) < _MOST and taken.isdisjoint(marks)
                (group if fits else others).append(place)
                taken |= marks if fits else set()
            self._waiting = others
        return group

    def _dismiss(self, group: "Sequence[_Place[Item, Result]]") -> None:
        """Let a group's followers go, and one of those who wait lead the next group."""
        with self._lock:
            successors = self._waiting[:1] if self._leaders == 1 else []
            del self._waiting[: len(successors)]
            self._leaders -= not successors
            for successor in successors:
                successor.leads = True
        for place in (*successors, *group[1:]):
            place.call()


class _Place(Generic[Item, Result]):
    """An item that waits for its result, or for its turn to lead."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self.result: Result | None = None
        self.leads = False
        self._turn = threading.Lock()
        self._turn.acquire()

    def call(self) -> None:
        """Wake it, once."""
        self._turn.release()

    def called(self, timeout_s: float = -1) -> bool:
        """Wait until it is woken; false when that took too long."""
        return self._turn.acquire(timeout=timeout_s)
