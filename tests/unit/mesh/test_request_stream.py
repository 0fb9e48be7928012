"""A stream's requests, one by one and in batches."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from concord.governance.v1 import options_pb2 as options
from services.mesh.contract.governance import MethodPolicy
from services.mesh.errors import ConcordError
from services.mesh.server import Call, RequestStream
from services.mesh.server.contract import shutting_down
from tests.support.waiting import eventually

POLICY = MethodPolicy(
    "/a.B/C",
    options.LAYER_SYSTEM,
    "a.b",
    options.AUDIT_CATEGORY_READ,
    options.IDEMPOTENCY_NO_SIDE_EFFECTS,
    options.INTERACTION_SYNCHRONOUS,
    timedelta(0),
)


def stream(source: Iterator[bytes]) -> RequestStream[int]:
    return RequestStream(source, Call(policy=POLICY), int, shutting_down)


def test_a_batch_takes_what_has_arrived_and_no_more_than_asked() -> None:
    arrived = threading.Event()

    def source() -> Iterator[bytes]:
        yield from (b"1", b"2", b"3", b"4", b"5")
        arrived.set()

    requests = stream(source())
    assert arrived.wait(60)
    assert [requests.batch(2), requests.batch(2), requests.batch(2)] == [[1, 2], [3, 4], [5]]
    assert requests.batch(2) == []


def test_a_batch_does_not_wait_for_more_once_it_has_something() -> None:
    more, asked = threading.Event(), threading.Event()

    def source() -> Iterator[bytes]:
        yield b"1"
        asked.set()
        more.wait(60)
        yield b"2"

    requests = stream(source())
    assert asked.wait(60)
    assert requests.batch(100) == [1]
    more.set()
    assert requests.batch(100) == [2]


def test_what_fails_comes_after_everything_before_it() -> None:
    arrived = threading.Event()

    def source() -> Iterator[bytes]:
        yield from (b"1", b"2", b"no number", b"4")
        arrived.set()

    requests = stream(source())
    assert arrived.wait(60)
    assert requests.batch(100) == [1, 2]
    with pytest.raises(ValueError, match="no number"):
        requests.batch(100)


def test_a_stopping_server_ends_a_batch_with_its_reason() -> None:
    requests = stream(iter([b"1"]))
    assert requests.batch(1) == [1]
    requests._call.stopping = type(requests._call.stopping)()
    requests._call.stopping.begin()
    with pytest.raises(ConcordError):
        requests.batch(1)


def test_large_requests_are_read_ahead_up_to_a_megabyte() -> None:
    read: list[int] = []

    def source() -> Iterator[bytes]:
        for number in range(50):
            read.append(number)
            yield b"%0300000d" % number

    requests = RequestStream(source(), Call(policy=POLICY), lambda data: int(data[-2:]), shutting_down)
    for number in range(50):
        eventually(lambda number=number: len(read) == min(number + 4, 50))  # type: ignore[misc]
        assert next(requests) == number
    assert list(requests) == []


def test_a_request_beyond_a_megabyte_comes_alone() -> None:
    requests = RequestStream(iter([bytes(3_000_000)] * 3), Call(policy=POLICY), len, shutting_down)
    assert list(requests) == [3_000_000] * 3
