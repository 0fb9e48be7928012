"""An HTTP server that is told to stop: what is under way is answered, and what only waits keeps nobody waiting."""

import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPConnection

import pytest

from services.mesh.server.http_server import Handler, HttpServer
from tests.support.waiting import eventually

LONG_S = 60.0


class Gate:
    """Requests for /slow wait here until they are let through."""

    entered = threading.Event()
    opened = threading.Event()


class Answering(Handler):
    def do_GET(self) -> None:  # noqa: N802 - the base class's name
        if self.path == "/slow":
            Gate.entered.set()
            Gate.opened.wait(LONG_S)
        self.answer(HTTPStatus.OK, "done")


@pytest.fixture
def server() -> Iterator[HttpServer]:
    Gate.entered.clear()
    Gate.opened.clear()
    server = HttpServer("127.0.0.1", 0, Answering)
    server.start()
    yield server
    Gate.opened.set()


def get(server: HttpServer, path: str, answers: list[bytes]) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=LONG_S)
    connection.request("GET", path)
    answers.append(connection.getresponse().read())
    connection.close()


def begun(server: HttpServer, answers: list[bytes]) -> threading.Thread:
    """Begin a request that waits at the gate."""
    thread = threading.Thread(target=get, args=(server, "/slow", answers), daemon=True)
    thread.start()
    assert Gate.entered.wait(LONG_S)
    return thread


def test_a_request_under_way_is_answered_before_the_server_has_stopped(server: HttpServer) -> None:
    answers: list[bytes] = []
    asking = begun(server, answers)
    stopping = threading.Thread(target=server.stop, args=(LONG_S,), daemon=True)
    stopping.start()
    stopping.join(1.0)
    assert stopping.is_alive()
    Gate.opened.set()
    stopping.join(LONG_S)
    asking.join(LONG_S)
    assert not stopping.is_alive()
    assert answers == [b"done"]


def test_a_request_on_an_open_connection_is_refused_while_the_server_stops(server: HttpServer) -> None:
    answers: list[bytes] = []
    connection = HTTPConnection("127.0.0.1", server.port, timeout=LONG_S)

    def status() -> int:
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        return answer.status

    assert status() == HTTPStatus.OK
    asking = begun(server, answers)
    stopping = threading.Thread(target=server.stop, args=(LONG_S,), daemon=True)
    stopping.start()
    eventually(lambda: status() == HTTPStatus.SERVICE_UNAVAILABLE)
    with pytest.raises(ConnectionRefusedError):
        status()
    Gate.opened.set()
    asking.join(LONG_S)
    stopping.join(LONG_S)
    assert answers == [b"done"]


def test_a_request_that_does_not_end_is_left_after_the_grace(server: HttpServer) -> None:
    answers: list[bytes] = []
    asking = begun(server, answers)
    server.stop(0.01)
    assert answers == []
    Gate.opened.set()
    asking.join(LONG_S)


def test_a_connection_that_waits_for_its_next_request_keeps_nobody_waiting(server: HttpServer) -> None:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=LONG_S)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"done"
    stopping = threading.Thread(target=server.stop, args=(2 * LONG_S,), daemon=True)
    stopping.start()
    stopping.join(LONG_S)
    assert not stopping.is_alive()
    connection.close()
