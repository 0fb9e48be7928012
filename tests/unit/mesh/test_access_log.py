"""Lines of the access log, against a stream of our own."""

import errno
import io
import json
import threading
from functools import partial

import grpc

from services.mesh import access_log
from services.mesh.access_log import AccessLog, ServedCall
from tests.support.waiting import eventually


def call(rpc: str) -> ServedCall:
    return ServedCall(rpc, grpc.StatusCode.OK, "", "console", 0.001, "")


class Stuck(io.StringIO):
    """A stream that nobody reads: the first write waits until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.written_to, self.let_go = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.written_to.set()
        self.let_go.wait(60)
        return super().write(text)


def told(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_call_is_told_soon_without_anything_further() -> None:
    stream = io.StringIO()
    log = AccessLog("small", stream)
    log.tell(call("/a.B/C"))
    eventually(lambda: [line["rpc"] for line in told(stream)] == ["/a.B/C"])
    log.close()


def test_every_call_from_every_thread_is_one_line() -> None:
    stream = io.StringIO()
    log = AccessLog("small", stream)

    def tell(thread: int) -> None:
        for number in range(200):
            log.tell(call(f"/{thread}/{number}"))

    threads = [threading.Thread(target=tell, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert sorted(str(line["rpc"]) for line in told(stream)) == sorted(
        f"/{thread}/{number}" for thread in range(8) for number in range(200)
    )


def test_a_stream_that_nobody_reads_holds_no_call_up_and_what_is_lost_is_told() -> None:
    stream = Stuck()
    log = AccessLog("small", stream)
    log.tell(call("/first"))
    assert stream.written_to.wait(60)
    for _ in range(access_log.MOST_WAITING + 3):
        log.tell(call("/further"))
    stream.let_go.set()
    log.close(10)
    assert told(stream)[-1] == {"service": "small", "event": "calls not told", "count": 3}
    assert len(told(stream)) == 1 + access_log.MOST_WAITING + 1


class Full(io.StringIO):
    """A stream that has no room for its first writes."""

    def __init__(self, refusals: int) -> None:
        super().__init__()
        self.refusals = refusals

    def refused_since(self, refusals: int) -> bool:
        return self.refusals < refusals

    def write(self, text: str) -> int:
        if self.refusals:
            self.refusals -= 1
            raise OSError(errno.ENOSPC, "no space left")
        return super().write(text)


def test_a_line_that_can_not_be_written_is_told_later_and_ends_nothing() -> None:
    stream = Full(1)
    log = AccessLog("small", stream)
    log.tell(call("/lost"))
    eventually(lambda: not stream.refusals)
    log.tell(call("/kept"))
    eventually(lambda: len(told(stream)) == 2)
    log.close()
    assert told(stream)[0]["rpc"] == "/kept"
    assert told(stream)[1] == {"service": "small", "event": "calls not told", "count": 1}


def test_every_line_that_was_lost_is_counted_once_however_often_a_write_fails() -> None:
    stream = Full(3)
    log = AccessLog("small", stream)
    while stream.refusals:
        before = stream.refusals
        log.tell(call("/lost"))
        eventually(partial(stream.refused_since, before))
    log.tell(call("/kept"))
    log.close()
    assert told(stream)[-1]["count"] == 3
