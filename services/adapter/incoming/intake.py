"""The intake: documents of a system become source records of the hub, or go into quarantine.

1. Translate; what can't be translated is kept, sealed, for a person.
2. Forget deliveries that the document no longer shows: from here on the system speaks for itself there. The hub may
   stay with its word, and its golden record as it is: put that on the agenda once more.
3. Submit, naming what is still the hub's own word.
4. Keep what the hub answered, with the cursor behind it, and settle what is translated now. What the hub has not
   settled, because its audit lags, is read and submitted again: until then the cursor stays.

Killed anywhere, the same documents are read again; the hub knows a repeated record. What it accepted just so is told it
again by full readings only: systems are read with an overlap, so that most of what a poll reads is known.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC

from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import Connection

from concord.mdm.v1.ingest_pb2 import Echo, SourceRecord, SubmitSourceRecordsResponse
from services.adapter.domain.delivered import echoed
from services.adapter.incoming.quarantine import Quarantine
from services.adapter.outpost import Outpost
from services.adapter.storage import documents, synchronizations
from services.adapter.storage.documents import KnownDocument
from services.adapter.systems.connector import Document, Translation, UntranslatableError
from services.mesh.errors import from_status

_LARGEST_RECORD = 3_000_000  # bytes: what the hub takes in one message, with room for the envelope
_AT_ONCE = 400  # documents: each makes at most two changes, and a transaction takes 1000


@dataclass(frozen=True)
class Counts:
    """What became of documents that were read."""

    read: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    quarantined: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.read + other.read,
            self.created + other.created,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.quarantined + other.quarantined,
        )

    def outcomes(self) -> dict[str, int]:
        """Return how many documents came to each end."""
        return {outcome: count for outcome, count in asdict(self).items() if outcome != "read"}


@dataclass(frozen=True)
class _Submission:
    record: SourceRecord
    known: KnownDocument


@dataclass
class _Sorted:
    submissions: list[_Submission] = field(default_factory=list)
    failures: list[tuple[Document, UntranslatableError]] = field(default_factory=list)
    moved: list[KnownDocument] = field(default_factory=list)
    rechecked: dict[str, tuple[str, int]] = field(default_factory=dict)
    replaced: int = 0


class Intake:
    """Takes the documents of one system in. Not to be used by two threads at once."""

    def __init__(self, outpost: Outpost) -> None:
        self._outpost = outpost
        self._quarantine = Quarantine(outpost)

    def take_in(self, batch: Sequence[Document], *, cursor: str | None = None, repeat: bool = True) -> Counts:
        """Take documents in, the last one of each key; keep `cursor` when the hub answered for all of them.

        Without `repeat`, what the hub accepted just so counts as unchanged without asking it again. Raises ConcordError
        when the hub or the database does not answer, or the hub postpones; the documents are to be read again then.
        """
        newest = list({document.key: document for document in batch}.values())
        parts = [newest[start : start + _AT_ONCE] for start in range(0, len(newest), _AT_ONCE)] or [[]]
        counts = Counts(read=len(batch))
        for part in parts:
            counts += self._take_in(part, cursor if part is parts[-1] else None, repeat=repeat)
        self._outpost.tally.took_in(counts.outcomes())
        return counts

    def take_one(self, document: Document, replaced: bytes) -> SubmitSourceRecordsResponse:
        """Take a document in that a person corrected, in place of the one that could not be; return the hub's answer.

        It stands until the system's own changes; its quarantine is left as it is. Raises UntranslatableError,
        ConcordError.
        """
        found = self._sort([document])
        if found.failures:
            raise found.failures[0][1]
        self._prepare(found)
        (answer,) = self._outpost.hub.submit([found.submissions[0].record])
        if not _is_settled(answer):
            raise from_status(answer.error)
        with self._outpost.database.transaction() as connection:
            answered = self._answered(found.submissions[0], answer)
            self._note(connection, [replace(answered, replaced=self._outpost.original_token(replaced))])
        return answer

    def source_record(self, document: Document, known: KnownDocument) -> tuple[SourceRecord, KnownDocument, str]:
        """Return a document's submission, what is known of it once moved deliveries are forgotten, its record type.

        Raises UntranslatableError.
        """
        translation = self._outpost.translate(document)
        standing = self._standing(document, translation, known)
        record = SourceRecord(
            system=self._outpost.name,
            key=document.key,
            source_time=_timestamp(document),
            withdrawn_paths=translation.withdrawn_paths,
            deleted=document.deleted,
            label=translation.label,
            echo=None if document.deleted else _echo(standing),
        )
        record.content.Pack(translation.content)
        if record.ByteSize() > _LARGEST_RECORD:
            raise UntranslatableError("document", f"makes a record of more than {_LARGEST_RECORD} bytes")
        return record, standing, translation.record_type

    def _take_in(self, batch: Sequence[Document], cursor: str | None, *, repeat: bool) -> Counts:
        found = self._sort(batch)
        self._prepare(found)
        moved = {known.key for known in found.moved}
        submissions = [
            each
            for each in found.submissions
            if repeat or each.known.key in moved or not self._is_accepted(each.record, each.known)
        ]
        records = [submission.record for submission in submissions]
        answers = self._outpost.hub.submit(records) if records else []
        open_answers = [answer for answer in answers if not _is_settled(answer)]
        settled = [each for each in zip(submissions, answers, strict=True) if _is_settled(each[1])]
        self._conclude(settled, None if open_answers else cursor)
        if open_answers:
            raise from_status(open_answers[0].error)
        spared = len(found.submissions) - len(submissions)
        return _count(answers) + Counts(unchanged=found.replaced + spared, quarantined=len(found.failures))

    def _is_accepted(self, record: SourceRecord, known: KnownDocument) -> bool:
        """Tell whether the hub took exactly this in and neither a delivery nor a person's correction is involved."""
        if not known.accepted or known.delivered or known.replaced:
            return False
        return known.content == self._outpost.content_token(record)

    def _sort(self, batch: Sequence[Document]) -> _Sorted:
        with self._outpost.database.reading() as connection:
            known = documents.read(connection, self._outpost.name, [document.key for document in batch])
        found = _Sorted()
        for document in batch:
            before = known[document.key]
            try:
                record, standing, record_type = self.source_record(document, before)
            except UntranslatableError as error:
                if self._outpost.is_original(before.replaced, document.original):
                    found.replaced += 1
                else:
                    found.failures.append((document, error))
                found.moved.append(replace(before, accepted=False))
                continue
            found.submissions.append(_Submission(record, standing))
            if standing != before:
                found.moved.append(standing)
                if record_type in self._outpost.system.deliver:
                    found.rechecked[before.golden_record] = (record_type, before.golden_revision)
        return found

    def _standing(self, document: Document, translation: Translation, known: KnownDocument) -> KnownDocument:
        if not known.delivered or document.deleted:
            return known
        outpost = self._outpost
        shown = outpost.express(translation.record_type, translation.content).values
        paths = echoed(known.delivered, shown, outpost.matches)
        return replace(known, delivered={path: known.delivered[path] for path in paths})

    def _prepare(self, found: _Sorted) -> None:
        if not found.failures and not found.moved:
            return
        with self._outpost.database.transaction() as connection:
            self._quarantine.put(connection, found.failures)
            documents.put(connection, self._outpost.name, found.moved)
            for golden_record, (record_type, revision) in found.rechecked.items():
                self._outpost.agenda.recheck(connection, golden_record, record_type, revision)

    def _conclude(self, settled: Sequence[tuple[_Submission, SubmitSourceRecordsResponse]], cursor: str | None) -> None:
        name = self._outpost.name
        answered = [self._answered(each, answer) for each, answer in settled]
        with self._outpost.database.transaction() as connection:
            self._note(connection, answered)
            self._quarantine.settle(connection, [document.key for document in answered])
            if cursor is not None:
                synchronizations.pulled(connection, name, cursor)

    def _note(self, connection: Connection, answered: Sequence[KnownDocument]) -> None:
        documents.put(connection, self._outpost.name, answered)
        self._outpost.agenda.unblock(connection, [document.key for document in answered if document.accepted])

    def _answered(self, submission: _Submission, answer: SubmitSourceRecordsResponse) -> KnownDocument:
        content = self._outpost.content_token(submission.record)
        if answer.outcome == SubmitSourceRecordsResponse.OUTCOME_QUARANTINED:
            return replace(submission.known, accepted=False, content=content, replaced="")
        return replace(
            submission.known,
            accepted=True,
            content=content,
            golden_record=answer.golden_record,
            golden_revision=answer.golden_revision,
            replaced="",
        )


def _is_settled(answer: SubmitSourceRecordsResponse) -> bool:
    """Tell whether the hub is done with a record: it took it in, and its audit knows, or quarantined it."""
    return answer.outcome == SubmitSourceRecordsResponse.OUTCOME_QUARANTINED or not answer.HasField("error")


def _echo(known: KnownDocument) -> Echo | None:
    """Name the hub's own word; a document that the hub created is named before anything else is known of it."""
    if known.delivered:
        last = max(known.delivered.values(), key=lambda each: each.golden_revision)
        return Echo(
            golden_record=last.golden_record, golden_revision=last.golden_revision, paths=sorted(known.delivered)
        )
    if known.golden_record and not known.content:
        return Echo(golden_record=known.golden_record, golden_revision=known.golden_revision)
    return None


def _count(answers: Iterable[SubmitSourceRecordsResponse]) -> Counts:
    tally: Mapping[int, Counts] = {
        SubmitSourceRecordsResponse.OUTCOME_CREATED: Counts(created=1),
        SubmitSourceRecordsResponse.OUTCOME_UPDATED: Counts(updated=1),
        SubmitSourceRecordsResponse.OUTCOME_UNCHANGED: Counts(unchanged=1),
        SubmitSourceRecordsResponse.OUTCOME_QUARANTINED: Counts(quarantined=1),
    }
    return sum((tally[answer.outcome] for answer in answers), start=Counts())


def _timestamp(document: Document) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(document.source_time.astimezone(UTC))
    return stamp
