"""Retention: what has ended for longer than the contracts keep it is erased by the hub itself, with evidence."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.governance.v1 import options_pb2
from concord.mdm.v1 import change_request_pb2, ingest_pb2
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.retention.erasure import Erasure
from services.mdm.storage.stewardship.change_request_records import RECORD_TYPE as REQUESTED
from services.mdm.storage.writing.quarantine import RECORD_TYPE as QUARANTINED
from services.mesh.errors import ConcordError
from services.mesh.postgres.database import driver
from services.mesh.records.keys import SealBroken
from services.mesh.records.leaf import Origin

JOB = "retention"
"""What a process is elected for that erases."""
ITSELF = "concord/mdm/retention"
"""Who erases what nobody has to keep any more, in the evidence."""

Periods = Mapping[options_pb2.Retention.ValueType, timedelta]
"""How long each class of the contracts is kept after a record has ended; a class that is not there, for ever."""

_AT_ONCE = 50
_ENDED = """
SELECT r.record FROM records r JOIN changes c USING (record, revision) JOIN record_keys k USING (record)
WHERE r.record_type = %(type)s AND r.record > %(after)s AND c.occurred_at < clock_timestamp() - %(kept)s::interval
"""
_DELETED = f"{_ENDED} AND r.state = 2 ORDER BY r.record LIMIT %(limit)s"
_SETTLED = f"""{_ENDED}
AND NOT EXISTS (SELECT FROM record_index i WHERE i.record_type = r.record_type AND i.record = r.record
    AND i.path = 'state' AND i.value = 'STATE_OPEN' AND i.to_revision IS NULL)
ORDER BY r.record LIMIT %(limit)s
"""
_NEVER_FOUNDED = f"""{_ENDED}
AND NOT EXISTS (SELECT FROM record_index i WHERE i.record_type = r.record_type AND i.record = r.record
    AND (i.path = 'golden_record' OR (i.path = 'state' AND i.value = 'STATE_OPEN')) AND i.to_revision IS NULL)
ORDER BY r.record LIMIT %(limit)s
"""
_STAYS = (reasons.ERROR_REASON_RECORD_HELD, reasons.ERROR_REASON_TOO_MANY_CHANGES)

_log = logging.getLogger(__name__)

Erase = Callable[[Connection, str, Origin], object]


@dataclass
class Erasing:
    """What a run made of one type's records whose time is over."""

    record_type: str
    erased: int = 0
    stayed: int = 0


class Retention:
    """Erases what ended so long ago that nobody has to keep it any more.

    These are deleted golden records, with what is about them; settled quarantined submissions; and change requests for
    new records that nobody approved, which are about none.
    """

    def __init__(self, transactions: Transactions, erasure: Erasure) -> None:
        self._transactions = transactions
        self._erasure = erasure

    def work(self, periods: Periods) -> bool:
        """Erase all that is due; there is no more until time has passed."""
        self.run(periods)
        return False

    def run(self, periods: Periods) -> list[Erasing]:
        """Erase all that is due, each record in a transaction of its own; return what became of each type's.

        What a legal hold covers, or what is too large for a transaction, stays and is told in the log. Raises
        ConcordError; what is erased by then stays erased.
        """
        runs = []
        for record_type in RECORD_TYPES:
            kept = periods.get(_retention_of(record_type.message))
            runs.append(self._erase(record_type.name, kept, _DELETED, self._erasure.erase_in))
        kept = periods.get(_retention_of(ingest_pb2.QuarantinedRecord))
        runs.append(self._erase(QUARANTINED, kept, _SETTLED, self._erasure.erase_alone))
        kept = periods.get(_retention_of(change_request_pb2.ChangeRequest))
        runs.append(self._erase(REQUESTED, kept, _NEVER_FOUNDED, self._erasure.erase_alone))
        return runs

    def _erase(self, record_type: str, kept: timedelta | None, statement: str, erase: Erase) -> Erasing:
        run = Erasing(record_type)
        after, due = "", self._due(record_type, kept, statement, "")
        while due:
            for name in due:
                if self._erase_one(name, erase, f"retention: {kept.days if kept else 0} days"):
                    run.erased += 1
                else:
                    run.stayed += 1
            after = due[-1]
            due = self._due(record_type, kept, statement, after)
        return run

    def _due(self, record_type: str, kept: timedelta | None, statement: str, after: str) -> list[str]:
        if kept is None:
            return []
        asked = {"type": record_type, "after": after, "kept": kept, "limit": _AT_ONCE}
        return self._transactions.read(lambda c: [row[0] for row in driver(c).execute(statement.encode(), asked)])

    def _erase_one(self, name: str, erase: Erase, reason: str) -> bool:
        try:
            self._transactions.write(lambda connection: erase(connection, name, Origin.system(ITSELF, reason=reason)))
        except ConcordError as error:
            if error.reason not in _STAYS:
                raise
            _log.warning("%s stays although its retention is over: %s", name, reasons.ErrorReason.Name(error.reason))
            return False
        except SealBroken:
            # Of a key that is in no file any more, as a rule: it must not keep all behind it.
            _log.exception("%s stays although its retention is over: it can't be opened", name)
            return False
        return True


def _retention_of(kind: type[Message]) -> options_pb2.Retention.ValueType:
    return kind.DESCRIPTOR.GetOptions().Extensions[options_pb2.message].retention
