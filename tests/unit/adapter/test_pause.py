"""Staying away from a system that fails: longer each time."""

import itertools

from services.adapter.synchronising.pause import Pause
from services.adapter.synchronising.worker import Patience


def test_a_failing_system_is_tried_less_and_less_down_to_once_a_minute() -> None:
    patience = Patience()
    pause = Pause(patience.first_pause_s, patience.longest_pause_s)
    attempts = list(itertools.accumulate(pause.begin() for _ in range(20)))
    assert sum(at <= 60 for at in attempts) + 1 == 7
    assert {later - earlier for earlier, later in itertools.pairwise(attempts[7:])} == {60}


def test_a_system_that_asks_for_time_gets_it_within_the_longest_pause() -> None:
    pause = Pause(1, 60)
    assert [pause.begin(5), pause.begin(5), pause.begin(5), pause.begin(500)] == [5, 5, 5, 60]
    assert pause.remaining_s() > 0


def test_after_a_success_the_next_failure_is_as_the_first() -> None:
    pause = Pause(1, 60)
    pause.begin()
    pause.begin()
    pause.end()
    assert (pause.remaining_s(), pause.begin()) == (0, 1)
