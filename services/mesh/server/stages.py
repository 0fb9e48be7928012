"""The stages that every call passes, in their one order, each with the reason for its place.

Handlers are wrapped once, when the server is built; after that a call runs through plain nested functions.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from services.mesh.server.method import Method, Single, Streamed


class Stage(Protocol):
    """A step between the transport and the handler."""

    def single(self, method: Method, inner: Single) -> Single:
        """Wrap what is further in, for an RPC with one response."""

    def streamed(self, method: Method, inner: Streamed) -> Streamed:
        """Wrap what is further in, for an RPC with a stream of responses."""


@dataclass(frozen=True)
class Stages:
    """The stages in the order of the fields: the first meets a call first and its answer last."""

    # First, so that every call is seen, timed and given a trace id, however it ends.
    telemetry: Stage
    # Around everything that can fail, so that every failure has a reason and none leaks a text; inside telemetry, which
    # reports what this stage decided.
    errors: Stage
    # Around every stage that may refuse, and the handler; inside errors, where a refusal still has its reason.
    denials: Stage
    # Before any work is done, since nobody waits for what is too late.
    deadline: Stage
    # Before anything is told to a stranger: whether a method exists, what is wrong with a request.
    authentication: Stage
    # Before the request is looked into: who may not call learns nothing from validation, and costs nothing.
    authorisation: Stage
    # Only streams that are allowed take one of the few places, and only for as long as they run.
    places: Stage
    # Next to the handler, so that it sees nothing but valid messages and nothing unseen leaves it.
    contract: Stage

    def wrap(self, method: Method) -> Callable[[Any, Any], Any]:
        """Return what to register with the transport: (bytes or their iterator, context) -> bytes or their iterator."""
        wrapped: Callable[[Any, Any], Any] = method.handler
        for stage in reversed(self._in_order()):
            wrapped = stage.streamed(method, wrapped) if method.gives_stream else stage.single(method, wrapped)
        return wrapped

    def _in_order(self) -> Sequence[Stage]:
        return (
            self.telemetry,
            self.errors,
            self.denials,
            self.deadline,
            self.authentication,
            self.authorisation,
            self.places,
            self.contract,
        )
