"""The stage that takes note of calls that are not permitted, whoever refused them: a gate or a handler."""

from collections.abc import Callable, Iterator
from typing import NoReturn

import grpc

from services.mesh.call import Call
from services.mesh.errors import ConcordError
from services.mesh.server.method import Method, Single, Streamed

NoteDenial = Callable[[Call, ConcordError], None]
"""Takes note of a refused call, at once and without ever failing: its caller waits for the refusal."""


def unnoted(_call: Call, _error: ConcordError) -> None:
    """Take no note: for servers without an audit, as tests build them."""


class Denials:
    """A stage that tells of every PERMISSION_DENIED that passes it, and changes nothing."""

    def __init__(self, note: NoteDenial) -> None:
        self._note = note

    def single(self, _method: Method, inner: Single) -> Single:
        """Watch an RPC with one response."""

        def watched(request: object, call: Call) -> object:
            try:
                return inner(request, call)
            except ConcordError as error:
                self._tell(call, error)

        return watched

    def streamed(self, _method: Method, inner: Streamed) -> Streamed:
        """Watch an RPC with a stream of responses, to its end."""

        def watched(request: object, call: Call) -> Iterator[object]:
            try:
                yield from inner(request, call)
            except ConcordError as error:
                self._tell(call, error)

        return watched

    def _tell(self, call: Call, error: ConcordError) -> NoReturn:
        if error.code is grpc.StatusCode.PERMISSION_DENIED:
            self._note(call, error)
        raise error
