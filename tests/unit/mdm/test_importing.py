"""Imports wait for an audit that lags, and not for ever."""

import threading
from datetime import timedelta
from unittest.mock import MagicMock

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import import_pb2
from services.mdm.transport.writing import importing
from services.mesh.errors import ConcordError
from services.mesh.records.leaf import Origin

DONE = import_pb2.ImportSourceRecordsResponse(batch=1)


class Lagging:
    """A batch that finds the audit behind so many times."""

    def __init__(self, times: int, reason: reasons.ErrorReason.ValueType = reasons.ERROR_REASON_SPOOL_FULL) -> None:
        self.left = times
        self.reason = reason

    def take(self) -> import_pb2.ImportSourceRecordsResponse:
        if self.left:
            self.left -= 1
            raise ConcordError(self.reason, "behind", retry_after=timedelta(milliseconds=1))
        return DONE


def test_a_batch_waits_until_the_audit_has_caught_up() -> None:
    assert importing.patiently(Lagging(3).take, threading.Event()) == DONE


def test_nothing_waits_once_the_stream_is_over() -> None:
    over = threading.Event()
    over.set()
    lagging = Lagging(3)
    with pytest.raises(ConcordError):
        importing.patiently(lagging.take, over)
    assert lagging.left == 2


def test_no_batch_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_PATIENCE_S", 0.0)
    with pytest.raises(ConcordError):
        importing.patiently(Lagging(10_000).take, threading.Event())


def test_other_failures_end_the_stream_at_once() -> None:
    lagging = Lagging(1, reasons.ERROR_REASON_CONCURRENT_CHANGE)
    with pytest.raises(ConcordError):
        importing.patiently(lagging.take, threading.Event())


def test_a_batch_that_is_tried_again_is_what_it_was_the_first_time(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[bytes, bool]] = []

    def taken_in(_self: object, request: importing.Request, _call: object, _origin: object) -> importing.Response:
        taken.append((request.SerializeToString(deterministic=True), request.validate_only))
        request.ClearField("validate_only")
        if len(taken) == 1:
            raise ConcordError(reasons.ERROR_REASON_SPOOL_FULL, "behind", retry_after=timedelta(milliseconds=1))
        return DONE

    monkeypatch.setattr(importing.Importing, "_taken", taken_in)
    monkeypatch.setattr(Origin, "of", lambda _call: None)
    request = importing.Request(batch=1, validate_only=True)
    answers = importing.Importing(MagicMock(), MagicMock()).take([request], MagicMock())  # type: ignore[arg-type]
    assert list(answers) == [DONE]
    assert taken[0] == taken[1]
    assert taken[0][1]
