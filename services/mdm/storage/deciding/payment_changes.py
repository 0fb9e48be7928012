"""Payment-critical changes: noted in the transaction that makes them, receipted before they are answered.

What founds a record is none: nobody is paid by it yet, and nothing is published before its receipt.
"""

from collections.abc import Collection, Iterable, Sequence

from google.protobuf.message import Message
from sqlalchemy import Connection

from services.mdm.domain import registry as record_types
from services.mdm.domain.payment import payment_changed
from services.mesh.feed.receipts import ChangeKey, Receipts
from services.mesh.postgres.arrays import number_array, text_array
from services.mesh.postgres.database import driver
from services.mesh.records.idempotency import Answer
from services.mesh.records.store import RecordStore, Revision, RevisionDraft

Changes = frozenset[ChangeKey]
NONE: Changes = frozenset()

_NOTES = "payment-critical changes"

_UNPUBLISHED = """
SELECT DISTINCT spool.xid::text FROM unnest(%s::text[], %s::bigint[]) AS asked (record, revision)
JOIN changes USING (record, revision) JOIN spool USING (seq)
"""
_BESIDE = """
SELECT record, revision FROM spool JOIN changes USING (seq)
WHERE (spool.xid = ANY(%s::text[]::xid8[]) OR record = ANY(%s::text[]))
    AND record_type = ANY(%s::text[]) AND revision > 1
"""
_TYPES = text_array([record_type.name for record_type in record_types.RECORD_TYPES])


def note(connection: Connection, drafts: Iterable[RevisionDraft]) -> None:
    """Note which revisions of golden records, about to be appended, change what money follows."""
    found = {ChangeKey(each.record, each.revision) for each in drafts if _is_critical(each.previous, each.content)}
    if found:
        connection.info.setdefault(_NOTES, set()).update(found)


def noted(connection: Connection) -> Changes:
    """Return what was noted on a connection since `forget`."""
    return frozenset(connection.info.get(_NOTES, ()))


def forget(connection: Connection) -> None:
    """Forget what another transaction noted: connections are used again."""
    connection.info.pop(_NOTES, None)


def shared_out(made: Changes, answers: Sequence[str]) -> list[Changes]:
    """Return what each of several answers, told by the records they are about, waits for.

    That is what changed in its own record, and what changed beside all of them.
    """
    told = frozenset(answers)
    own = frozenset(change for change in made if change.record in told)
    beside = made - own
    return [beside | {change for change in own if change.record == record} for record in answers]


class PaymentChanges:
    """Holds payment-critical changes to the audit; without receipts, as without a relay, nothing waits for it."""

    def __init__(self, store: RecordStore, receipts: Receipts | None) -> None:
        self._store = store
        self._receipts = receipts

    def require_current(self, connection: Connection) -> None:
        """Raise ConcordError AUDIT_BEHIND when the transaction noted something and the audit does not keep up."""
        if self._receipts is not None and noted(connection):
            self._receipts.require_current(connection)

    def unreceipted(self, connection: Connection, answers: Collection[Answer]) -> Changes:
        """Return what repeated answers have still to wait for: what their transactions, or their records, changed."""
        told = [answer for answer in answers if answer.record]
        if self._receipts is None or not told:
            return NONE
        raw = driver(connection)
        records = text_array([answer.record for answer in told])
        asked = records, number_array([answer.revision for answer in told])
        transactions = text_array([row[0] for row in raw.execute(_UNPUBLISHED, asked, prepare=True)])
        if transactions == text_array([]):
            return NONE
        beside = {ChangeKey(*row) for row in raw.execute(_BESIDE, (transactions, records, _TYPES))}
        return frozenset(change for change in beside if self._was_critical(connection, change))

    def patience_ends(self) -> float:
        """Return until when what is committed now may be waited for, on the clock of `time.monotonic`."""
        return self._receipts.patience_ends() if self._receipts is not None else 0.0

    def wait(self, changes: Changes, until: float | None = None) -> None:
        """Return when the audit has receipted committed changes. Raises ConcordError AUDIT_RECEIPT_PENDING."""
        if self._receipts is not None and changes:
            self._receipts.wait(changes, self.patience_ends() if until is None else until)

    def _was_critical(self, connection: Connection, change: ChangeKey) -> bool:
        pairs = (change.record, change.revision - 1), (change.record, change.revision)
        read = self._store.read_revisions(connection, pairs)
        before, after = (self._content(read[pair]) for pair in pairs)
        return _is_critical(before, after)

    def _content(self, revision: Revision) -> Message:
        record_type = record_types.by_name(revision.record_type)
        assert record_type is not None  # noqa: S101 - only golden records are asked for
        return self._store.content(revision, record_type.message)


def _is_critical(before: Message | None, after: Message) -> bool:
    return before is not None and payment_changed(before, after)
