"""Imports wait for an audit that lags, and not for ever."""

import threading
from datetime import timedelta

import pytest

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import import_pb2
from services.mdm.transport import importing
from services.mesh.errors import ConcordError

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
