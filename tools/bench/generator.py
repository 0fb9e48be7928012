"""`python -m tools.bench.generator LOAD OUTCOME`: send a load, write what became of it.

It does as little as it can for each call, so that what is measured is the server: requests are bytes already, and
answers stay bytes. A call that fails or answers something else ends it with status 1 and says why.
"""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import grpc

from concord.mdm.v1.ingest_pb2 import SubmitSourceRecordsResponse
from tools.bench.figures import percentile
from tools.bench.load import CALLERS, INGEST, UNARY, Load, Outcome

_CONNECTED_S = 10.0
OPTIONS = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]


class WrongAnswerError(Exception):
    """An answer is not what it has to be."""


class _Failures:
    """The first failure of many calls."""

    def __init__(self) -> None:
        self.first: Exception | None = None

    def keep(self, error: Exception) -> None:
        if self.first is None:
            self.first = error

    def require_none(self) -> None:
        if self.first is not None:
            raise self.first


def send(load: Load) -> Outcome:
    """Send everything and wait for every answer. Raises grpc.RpcError, WrongAnswerError."""
    channels = [grpc.insecure_channel(load.target, options=OPTIONS) for _ in range(load.connections)]
    for channel in channels:
        grpc.channel_ready_future(channel).result(_CONNECTED_S)
    metadata = (("authorization", f"Bearer {load.token}"),)
    began, computed = time.perf_counter(), time.process_time()
    took = _SENDERS[load.kind](load, channels, metadata)
    seconds, busy = time.perf_counter() - began, time.process_time() - computed
    for channel in channels:
        channel.close()
    at = [percentile(took, share) * 1000 for share in (0.5, 0.99)] if took else [0.0, 0.0]
    return Outcome(len(load.requests), seconds, busy / seconds, *at)


def _call(load: Load, channels: Sequence[grpc.Channel], metadata: Any) -> list[float]:
    """Make unary calls, at most `window` of them at once; return the seconds that each took."""
    calls: list[Any] = [channel.unary_unary(load.method) for channel in channels]
    free, failures = threading.Semaphore(load.window), _Failures()
    took: list[float] = []

    def answered(expected: bytes, sent: float) -> Callable[[Any], None]:
        def check(future: Any) -> None:
            took.append(time.perf_counter() - sent)
            try:
                _require_in(future.result(), expected)
            except (grpc.RpcError, WrongAnswerError) as error:
                failures.keep(error)
            finally:
                free.release()

        return check

    began = time.perf_counter()
    for number, request in enumerate(load.requests):
        if load.rate is not None:
            time.sleep(max(0.0, began + number / load.rate - time.perf_counter()))
        free.acquire()
        failures.require_none()
        expected = load.expected[number] if load.expected else b""
        check = answered(expected, time.perf_counter())
        calls[number % len(calls)].future(request, metadata=metadata).add_done_callback(check)
    for _ in range(load.window):
        free.acquire()
    failures.require_none()
    return took


def _callers(load: Load, channels: Sequence[grpc.Channel], metadata: Any) -> list[float]:
    """Make unary calls, each of `window` callers one at a time; return the seconds that each took.

    A thread that waits for its own answer is told by nobody: half the generator's cost where connections are many.
    """
    failures = _Failures()
    turns, began = iter(enumerate(load.requests)), time.perf_counter()
    took: list[float] = []

    def call_on(channel: grpc.Channel) -> None:
        call: Any = channel.unary_unary(load.method)
        try:
            for number, request in turns:
                if load.rate is not None:
                    time.sleep(max(0.0, began + number / load.rate - time.perf_counter()))
                sent = time.perf_counter()
                answer = call(request, metadata=metadata)
                took.append(time.perf_counter() - sent)
                _require_in(answer, load.expected[number] if load.expected else b"")
        except (grpc.RpcError, WrongAnswerError) as error:
            failures.keep(error)

    _run_all(
        [threading.Thread(target=call_on, args=(channels[place % len(channels)],)) for place in range(load.window)]
    )
    failures.require_none()
    return took


def _ingest(load: Load, channels: Sequence[grpc.Channel], metadata: Any) -> list[float]:
    """Submit the requests on `window` streams at once, each its share of them; how long one takes is not told."""
    failures = _Failures()

    def submit(number: int) -> None:
        share = load.requests[number :: load.window]
        stream: Any = channels[number % len(channels)].stream_stream(load.method)
        try:
            _require_created(stream(iter(share), metadata=metadata), len(share))
        except (grpc.RpcError, WrongAnswerError) as error:
            failures.keep(error)

    _run_all([threading.Thread(target=submit, args=(number,)) for number in range(load.window)])
    failures.require_none()
    return []


_SENDERS = {UNARY: _call, CALLERS: _callers, INGEST: _ingest}


def _run_all(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _require_in(answer: bytes, expected: bytes) -> None:
    if expected not in answer:
        raise WrongAnswerError(f"the answer lacks {expected!r}")


def _require_created(answers: Iterator[bytes], expected: int) -> None:
    created = 0
    for data in answers:
        answer = SubmitSourceRecordsResponse.FromString(data)
        if answer.outcome != SubmitSourceRecordsResponse.OUTCOME_CREATED:
            name = SubmitSourceRecordsResponse.Outcome.Name(answer.outcome)
            raise WrongAnswerError(f"record {answer.sequence}: {name} {answer.error.message}")
        created += 1
    if created != expected:
        raise WrongAnswerError(f"{created} acknowledgements for {expected} records")


def main() -> int:
    """Send the load and return the exit status."""
    plan, result = map(Path, sys.argv[1:])
    try:
        outcome = send(Load.read(plan))
    except grpc.RpcError as error:
        call: Any = error  # what calls raise is a call at once
        print(f"{call.code().name} {call.details()}")
        return 1
    except (WrongAnswerError, grpc.FutureTimeoutError) as error:
        print(f"{type(error).__name__} {error}")
        return 1
    result.write_text(json.dumps(asdict(outcome)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
