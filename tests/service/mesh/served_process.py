"""A service's process in small, for tests to start and to signal: says on stdout what it does when it stops."""

import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial

from concord.mdm.v1 import change_pb2
from services.mesh.configuration import ConfigurationError
from services.mesh.logs import start_logging
from services.mesh.process import run, serve
from services.mesh.server import Call, ServerSettings, build_server
from services.mesh.telemetry import Telemetry
from tests.support.server.serving import Tokens, service


def watch(_request: change_pb2.WatchChangesRequest, call: Call) -> Iterator[change_pb2.WatchChangesResponse]:
    stopped = threading.Event()
    call.on_stop(stopped.set)
    yield change_pb2.WatchChangesResponse(cursor=b"1")
    stopped.wait(60)
    call.is_active()


def say(step: str) -> None:
    sys.stdout.write(f"{step}\n")
    sys.stdout.flush()


def failing() -> None:
    raise KeyError("98-7654321")


def main() -> int:
    if sys.argv[1] == "misconfigured":
        raise ConfigurationError(["CONCORD_PORT is missing", "CONCORD_WORKERS is not a number"])
    start_logging("small")
    tokens = Tokens()
    tokens.grant("reader", "mdm.changes.read")
    server = build_server(
        [service("concord.mdm.v1.ChangeService", {"WatchChanges": watch})],
        settings=ServerSettings(),
        authenticator=tokens,
        telemetry=Telemetry.off(),
    )
    steps: list[Callable[[], None]] = [partial(say, "relay"), partial(say, "database")]
    if sys.argv[1] == "failing":
        steps.insert(0, failing)
    return serve("small", server, on_stop=steps)


if __name__ == "__main__":
    sys.exit(run(main))
