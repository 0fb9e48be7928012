"""One HTTP request and its whole answer, within a deadline and a size.

httpx bounds each read, not the exchange: a system that sends a byte a second would hold a worker for hours.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from services.adapter.systems.remote_error import RemoteError, RemoteErrorKind

MAX_ANSWER_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """A complete HTTP answer; `body` is decompressed."""

    status: int
    headers: httpx.Headers
    body: bytes


def exchange(  # noqa: PLR0913 - the parts of a request
    client: httpx.Client,
    method: str,
    url: str,
    *,
    timeout_s: float,
    content: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Send the request and read the answer within `timeout_s` seconds, whatever its status.

    Raises RemoteError: TRANSIENT when the system cannot be reached, breaks off or is too slow (`outcome_unknown` unless
    no connection was made), PERMANENT when the answer is larger than `MAX_ANSWER_BYTES`.
    """
    deadline = time.monotonic() + timeout_s
    try:
        with client.stream(method, url, content=content, headers=headers, timeout=timeout_s) as response:
            return Answer(response.status_code, response.headers, _read(response, deadline))
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise RemoteError(RemoteErrorKind.TRANSIENT, f"cannot connect: {type(error).__name__}") from error
    except (httpx.TransportError, httpx.DecodingError) as error:
        message = f"no complete answer: {type(error).__name__}"
        raise RemoteError(RemoteErrorKind.TRANSIENT, message, outcome_unknown=True) from error


def _read(response: httpx.Response, deadline: float) -> bytes:
    parts = bytearray()
    for part in response.iter_bytes():
        parts += part
        if len(parts) > MAX_ANSWER_BYTES:
            message = f"the answer is larger than {MAX_ANSWER_BYTES} bytes"
            raise RemoteError(RemoteErrorKind.PERMANENT, message, outcome_unknown=True)
        if time.monotonic() > deadline:
            message = "no complete answer within the deadline"
            raise RemoteError(RemoteErrorKind.TRANSIENT, message, outcome_unknown=True)
    return bytes(parts)
