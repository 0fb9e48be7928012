"""The innermost stage: what comes in is what the contract says, what goes out is what the caller may see.

It holds for unary calls and for every message of every stream, and for what a call states in its metadata.
"""

from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.message import DecodeError, Message

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.call import LONGEST_PEER_IDENTITY, LONGEST_STATED, REQUEST_ID, Call
from services.mesh.contract.governance import clear_restricted
from services.mesh.contract.purpose import PURPOSE_KEY, REASON_KEY
from services.mesh.contract.validation import constraint_violated, require_valid
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.server.method import Method, Single, Streamed
from services.mesh.server.request_stream import RequestStream


class Contract:
    """A stage between bytes and messages."""

    def __init__(self, max_request_bytes: int, max_response_bytes: int) -> None:
        self._max_request_bytes = max_request_bytes
        self._max_response_bytes = max_response_bytes

    def single(self, method: Method, inner: Single) -> Single:
        """Serve an RPC with one response."""
        incoming, outgoing = self._incoming(method), self._outgoing(method)

        def serving(request: Any, call: Call) -> bytes:
            _require_bounded(call)
            return outgoing(inner(incoming(request, call), call), call)

        return serving

    def streamed(self, method: Method, inner: Streamed) -> Streamed:
        """Serve an RPC with a stream of responses, until it ends or the server is about to stop."""
        incoming, outgoing = self._incoming(method), self._outgoing(method)

        def serving(request: Any, call: Call) -> Iterator[bytes]:
            _require_bounded(call)
            for response in inner(incoming(request, call), call):
                yield outgoing(response, call)
            if call.told_to_stop:
                raise shutting_down()

        return serving

    def _incoming(self, method: Method) -> Callable[[Any, Call], Any]:
        decode = self._decoder(method)
        if not method.takes_stream:
            return lambda request, _call: decode(request)
        return lambda requests, call: RequestStream(requests, call, decode, shutting_down)

    def _decoder(self, method: Method) -> Callable[[bytes], Message]:
        limit, parse, validated = self._max_request_bytes, method.request_type.FromString, method.validated
        malformed = {"type": method.request_type.DESCRIPTOR.full_name}

        def decode(data: bytes) -> Message:
            if len(data) > limit:
                raise _too_large("request", limit)
            try:
                message = parse(data)
            except DecodeError as error:
                text = "the request's bytes are not a message of its type"
                raise ConcordError(reasons.ERROR_REASON_MALFORMED_MESSAGE, text, metadata=malformed) from error
            if validated:
                require_valid(message)
            return message

        return decode

    def _outgoing(self, method: Method) -> Callable[[Any, Call], bytes]:
        limit, expected, permission = (
            self._max_response_bytes,
            method.response_type,
            method.policy.restricted_permission,
        )

        def encode(response: Any, call: Call) -> bytes:
            if not isinstance(response, expected):
                raise TypeError(f"{call.policy.full_name} gave a {type(response).__name__}")
            if permission not in call.caller.permissions:
                clear_restricted(response)
            data = response.SerializeToString()
            if len(data) > limit:
                raise _too_large("response", limit)
            return data

        return encode


def _require_bounded(call: Call) -> None:
    """Refuse what no leaf can hold: the evidence of what the call does would never be taken."""
    if len(call.peer_identity) > LONGEST_PEER_IDENTITY:
        message = f"the names in the certificate are longer than {LONGEST_PEER_IDENTITY} characters"
        raise ConcordError(reasons.ERROR_REASON_CREDENTIALS_INVALID, message, metadata={"check": "certificate"})
    stated = ((PURPOSE_KEY, call.purpose), (REASON_KEY, call.reason), (REQUEST_ID, call.request_id_header))
    broken = [
        FieldViolation(key, f"must be at most {LONGEST_STATED[key]} characters long")
        for key, text in stated
        if len(text) > LONGEST_STATED[key]
    ]
    if broken:
        raise constraint_violated(broken)


def shutting_down() -> ConcordError:
    """Return the error that ends streams when the server stops."""
    return ConcordError(reasons.ERROR_REASON_SHUTTING_DOWN, "the server is stopping: open the stream again")


def _too_large(what: str, limit: int) -> ConcordError:
    message, metadata = f"the {what} is larger than {limit} bytes", {"limit_bytes": str(limit)}
    return ConcordError(reasons.ERROR_REASON_MESSAGE_TOO_LARGE, message, metadata=metadata)
