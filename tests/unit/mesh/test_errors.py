"""Errors on their way over the wire and back."""

import base64
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import grpc
import pytest
from google.rpc import status_pb2
from hypothesis import given
from hypothesis import strategies as st

from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.errors import (
    DETAILS_KEY,
    LONGEST_TEXT,
    MOST_VIOLATIONS,
    ConcordError,
    FieldViolation,
    Precondition,
    from_rpc_error,
    from_status,
    to_status,
)

REASONS = [number for number in reasons.ErrorReason.values() if number]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
errors = st.builds(
    ConcordError,
    st.sampled_from(REASONS),
    texts,
    metadata=st.dictionaries(texts, texts, max_size=4),
    violations=st.lists(st.builds(FieldViolation, texts, texts, texts), max_size=5),
    resource=st.none() | st.tuples(texts, texts),
    retry_after=st.none() | st.timedeltas(timedelta(0), timedelta(days=1)),
    preconditions=st.lists(st.builds(Precondition, texts, texts, texts), max_size=3),
)


class Ended(grpc.RpcError):
    """A call as a stub raises it."""

    def __init__(self, code: grpc.StatusCode, details: str, *metadata: tuple[str, Any]) -> None:
        super().__init__()
        self._ended = (code, details, metadata)

    def code(self) -> grpc.StatusCode:
        return self._ended[0]

    def details(self) -> str:
        return self._ended[1]

    def trailing_metadata(self) -> Any:
        return self._ended[2]


def told(error: ConcordError) -> tuple[Any, ...]:
    return (
        error.reason,
        error.message,
        dict(error.metadata),
        error.violations,
        error.resource,
        error.retry_after,
        error.preconditions,
    )


def test_every_reason_has_a_status_code() -> None:
    codes = {ConcordError(number, "").code for number in REASONS}
    assert grpc.StatusCode.OK not in codes
    assert ConcordError(reasons.ERROR_REASON_ETAG_MISMATCH, "").code == grpc.StatusCode.ABORTED


@given(errors)
def test_an_error_comes_back_as_it_was_sent(error: ConcordError) -> None:
    status = to_status(error)
    assert status.code == error.code.value[0]
    assert told(from_status(status)) == told(error)
    ended = Ended(error.code, error.message, (DETAILS_KEY, status.SerializeToString()))
    assert told(from_rpc_error(ended)) == told(error)


def test_an_error_about_something_huge_still_fits_into_the_metadata() -> None:
    huge = "ä" * 10_000
    error = ConcordError(
        reasons.ERROR_REASON_CONSTRAINT_VIOLATED,
        huge,
        metadata={f"{number}{huge}": huge for number in range(20)},
        violations=[FieldViolation(huge, huge, huge)] * 1000,
        resource=(huge, huge),
        retry_after=timedelta(seconds=1),
    )
    status = to_status(error)
    assert len(base64.b64encode(status.SerializeToString())) + len(quote(status.message)) < 8 * 1024
    back = from_status(status)
    assert back.reason == error.reason
    assert LONGEST_TEXT - 4 <= len(back.message.encode()) <= LONGEST_TEXT
    assert back.violations


def test_of_many_violations_the_first_are_told() -> None:
    found = [FieldViolation(f"leaves[{number}]", "too short") for number in range(1000)]
    back = from_status(to_status(ConcordError(reasons.ERROR_REASON_CONSTRAINT_VIOLATED, "broken", violations=found)))
    assert list(back.violations) == found[:MOST_VIOLATIONS]


@pytest.mark.parametrize(
    ("code", "details", "reason"),
    [
        (grpc.StatusCode.UNAVAILABLE, "Socket closed", reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE),
        (grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded", reasons.ERROR_REASON_DEADLINE_TOO_SHORT),
        (
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            "CLIENT: Received message larger than max (9 vs. 8)",
            reasons.ERROR_REASON_MESSAGE_TOO_LARGE,
        ),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "Concurrent RPC limit", reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE),
        (grpc.StatusCode.DATA_LOSS, "", reasons.ERROR_REASON_INTERNAL_FAILURE),
    ],
)
def test_what_the_transport_answers_gets_the_closest_reason(
    code: grpc.StatusCode, details: str, reason: reasons.ErrorReason.ValueType
) -> None:
    error = from_rpc_error(Ended(code, details))
    assert error.reason == reason
    assert error.metadata == {"grpc_code": code.name}


@pytest.mark.parametrize("stated", ["UNSPECIFIED", "NEVER_HEARD_OF"])
def test_a_reason_that_is_unknown_here_falls_back_to_the_code(stated: str) -> None:
    status = to_status(ConcordError(reasons.ERROR_REASON_DEADLINE_TOO_SHORT, "late"))
    info = status.details[0]
    info.value = info.value.replace(b"\x0a\x12DEADLINE_TOO_SHORT", b"\x0a" + bytes([len(stated)]) + stated.encode())
    assert from_status(status).reason == reasons.ERROR_REASON_DEADLINE_TOO_SHORT


def test_damaged_details_fall_back_to_the_code() -> None:
    for damaged in (b"\xff", status_pb2.Status(code=14, details=[_broken_info()]).SerializeToString()):
        error = from_rpc_error(Ended(grpc.StatusCode.UNAVAILABLE, "gone", (DETAILS_KEY, damaged)))
        assert error.reason == reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE


def _broken_info() -> Any:
    info = to_status(ConcordError(reasons.ERROR_REASON_SPOOL_FULL, "")).details[0]
    info.value = b"\xff"
    return info
