"""One call, as handlers see it: who calls, why, for how long, from where."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import unquote

import grpc

from services.mesh.contract.governance import MethodPolicy
from services.mesh.contract.purpose import PURPOSE_KEY, REASON_KEY, stated
from services.mesh.errors import ConcordError
from services.mesh.identity.caller import Caller

AUTHORIZATION = "authorization"
REQUEST_ID = "x-request-id"

LONGEST_STATED = {PURPOSE_KEY: 255, REASON_KEY: 1024, REQUEST_ID: 128}
LONGEST_PEER_IDENTITY = 1024
"""In characters, as `concord.audit.v1.Leaf` bounds them."""

UNKNOWN_CALLER = Caller(subject="", client="")
_FOREVER_S = 10 * 365 * 24 * 3600.0


Metadata = Sequence[tuple[str, str | bytes]]


class Exchange(Protocol):
    """What a call needs of `grpc.ServicerContext`."""

    def is_active(self) -> bool:
        """Say whether the client still waits."""

    def cancel(self) -> None:
        """Cut the call off."""

    def add_callback(self, callback: Callable[[], None]) -> bool:
        """Have `callback` run at the end of the call; false when it has ended."""

    def time_remaining(self) -> float | None:
        """Return the seconds until the client's deadline."""

    def invocation_metadata(self) -> Metadata:
        """Return the request's metadata."""

    def peer(self) -> str:
        """Return the transport's address of the client."""


class Stopping:
    """Tells every open stream that the server is about to stop."""

    def __init__(self) -> None:
        self.begun = False
        self._callbacks: set[Callable[[], None]] = set()

    def subscribe(self, callback: Callable[[], None]) -> None:
        """Have `callback` run when the server begins to stop, at once when it has begun."""
        self._callbacks.add(callback)
        if self.begun:
            callback()

    def unsubscribe(self, callback: Callable[[], None]) -> None:
        """Forget a callback."""
        self._callbacks.discard(callback)

    def begin(self) -> None:
        """Run every callback."""
        self.begun = True
        for callback in tuple(self._callbacks):
            callback()


NEVER_STOPPING = Stopping()
"""For unary calls: what is under way when the server stops is finished."""


@dataclass(slots=True, eq=False)
class Call:
    """One call. `deadline` is on the clock of `time.monotonic`, None for streams that the client set none for.

    `purpose`, `reason` and `request_id_header` are what the caller put into the metadata `x-concord-purpose`,
    `x-concord-reason` and `x-request-id`, empty when absent. `peer_identity` is what the client's certificate proved.
    """

    policy: MethodPolicy
    caller: Caller = UNKNOWN_CALLER
    purpose: str = ""
    reason: str = ""
    request_id_header: str = ""
    client_address: str = ""
    peer_identity: str = ""
    traceparent: str = ""
    deadline: float | None = None
    authorization: str = field(default="", repr=False)
    exchange: Exchange | None = field(default=None, repr=False)
    stopping: Stopping = field(default=NEVER_STOPPING, repr=False)
    told_to_stop: bool = False
    code: grpc.StatusCode = grpc.StatusCode.OK
    failure: ConcordError | None = None

    def time_remaining(self) -> float | None:
        """Return the seconds left, never negative; None without a deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def is_active(self) -> bool:
        """Say whether it is worth going on: the client still waits and the server is not about to stop.

        A stream's handler that returns because of a stop is answered with SHUTTING_DOWN.
        """
        if self.stopping.begun:
            self.told_to_stop = True
            return False
        return self.exchange is None or self.exchange.is_active()

    def cancel(self) -> None:
        """Cut the call off: for what its own thread can't end, because it is stuck in the transport."""
        if self.exchange is not None:
            self.exchange.cancel()

    def on_end(self, callback: Callable[[], None]) -> None:
        """Have `callback` run when the call has ended, however it ends; at once when it has ended already."""
        if self.exchange is not None and not self.exchange.add_callback(callback):
            callback()

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Have `callback` run when the server begins to stop while this call lasts."""
        self.stopping.subscribe(callback)
        self.on_end(lambda: self.stopping.unsubscribe(callback))


def open_call(policy: MethodPolicy, exchange: Exchange, stopping: Stopping, traceparent: str) -> Call:
    """Read what a call carries from its metadata; nobody is authenticated yet."""
    call = Call(policy=policy, exchange=exchange, stopping=stopping, traceparent=traceparent)
    for key, value in exchange.invocation_metadata() or ():
        if key == AUTHORIZATION:
            call.authorization = str(value)
        elif key == PURPOSE_KEY:
            call.purpose = stated(str(value))
        elif key == REASON_KEY:
            call.reason = stated(str(value))
        elif key == REQUEST_ID:
            call.request_id_header = str(value)
    remaining = exchange.time_remaining()
    if remaining is not None and remaining < _FOREVER_S:
        call.deadline = time.monotonic() + remaining
    call.client_address = address_of(exchange.peer())
    return call


def address_of(peer: str) -> str:
    """Return the address in gRPC's form of a peer: `127.0.0.1` of `ipv4:127.0.0.1:5000`."""
    kind, _, rest = peer.partition(":")
    if kind not in {"ipv4", "ipv6"}:
        return unquote(peer)
    return unquote(rest).rpartition(":")[0].strip("[]")
