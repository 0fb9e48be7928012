"""What comes while other things are being worked on is worked on together."""

import threading
from collections.abc import Hashable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from services.mesh.gathering import Gathering
from tests.support.waiting import eventually


class Work:
    """Counts to ten for each item, as soon as it may; items that begin with `x` fail."""

    def __init__(self) -> None:
        self.groups: list[list[str]] = []
        self.may_end = threading.Event()

    def __call__(self, items: Sequence[str]) -> list[str]:
        self.groups.append(list(items))
        assert self.may_end.wait(60)
        if any(item.startswith("x") for item in items):
            raise ValueError(", ".join(items))
        return [f"{item} done" for item in items]


def mark_of(item: str) -> set[Hashable]:
    return {item[0]}


def waiting(gathering: Gathering[str, str], number: int) -> bool:
    return len(gathering._waiting) == number


class Crowd:
    """Threads that come one after the other, the first of which holds the others up."""

    def __init__(self, pool: ThreadPoolExecutor, patience_s: float = 60.0) -> None:
        self.work = Work()
        self.gathering = Gathering(self.work, mark_of, patience_s)
        self._pool = pool
        self.first = pool.submit(self.gathering.result, "first")
        eventually(lambda: self.work.groups == [["first"]])

    def follow(self, *items: str) -> list["Future[str | None]"]:
        futures = []
        for item in items:
            futures.append(self._pool.submit(self.gathering.result, item))
            eventually(lambda: waiting(self.gathering, len(futures)))
        return futures


@pytest.fixture(name="pool")
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(10)


def test_what_comes_alone_is_worked_on_at_once() -> None:
    work = Work()
    work.may_end.set()
    gathering = Gathering(work, mark_of)

    assert [gathering.result("a"), gathering.result("b")] == ["a done", "b done"]
    assert work.groups == [["a"], ["b"]]


def test_what_comes_meanwhile_is_worked_on_together_and_each_gets_its_own_result(pool: ThreadPoolExecutor) -> None:
    crowd = Crowd(pool)
    others = crowd.follow("a", "b", "c")
    crowd.work.may_end.set()

    assert [future.result(60) for future in (crowd.first, *others)] == ["first done", "a done", "b done", "c done"]
    assert crowd.work.groups == [["first"], ["a", "b", "c"]]


def test_no_group_has_two_items_about_the_same(pool: ThreadPoolExecutor) -> None:
    crowd = Crowd(pool)
    others = crowd.follow("a1", "a2", "b", "a3")
    crowd.work.may_end.set()

    assert [future.result(60) for future in others] == ["a1 done", "a2 done", "b done", "a3 done"]
    assert crowd.work.groups == [["first"], ["a1", "b"], ["a2"], ["a3"]]


def test_a_group_that_fails_tells_all_of_it_to_try_for_themselves(pool: ThreadPoolExecutor) -> None:
    crowd = Crowd(pool)
    others = crowd.follow("a", "x")
    crowd.work.may_end.set()

    assert [future.result(60) for future in others] == [None, None]
    assert crowd.gathering.result("a") == "a done"


def test_what_fails_alone_is_told_why() -> None:
    work = Work()
    work.may_end.set()
    gathering = Gathering(work, mark_of)

    with pytest.raises(ValueError, match="x"):
        gathering.result("x")
    assert gathering.result("a") == "a done"


def test_a_group_that_is_held_up_does_not_hold_up_the_next(pool: ThreadPoolExecutor) -> None:
    crowd = Crowd(pool, patience_s=0.01)
    other = pool.submit(crowd.gathering.result, "a")
    eventually(lambda: ["a"] in crowd.work.groups)
    assert not crowd.first.done()
    crowd.work.may_end.set()

    assert (crowd.first.result(60), other.result(60)) == ("first done", "a done")
    assert crowd.gathering.result("b") == "b done"


def test_under_pressure_every_item_is_worked_on_once(pool: ThreadPoolExecutor) -> None:
    work = Work()
    work.may_end.set()
    gathering = Gathering(work, lambda item: {item}, patience_s=0.0001)

    items = [f"item {number}" for number in range(3000)]
    assert list(pool.map(gathering.result, items)) == [f"{item} done" for item in items]
    assert sorted(item for group in work.groups for item in group) == sorted(items)
