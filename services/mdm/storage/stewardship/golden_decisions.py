"""Stewards' decisions on golden records: each becomes a source revision of the hub, in an idempotent transaction.

Decisions that come at once share a transaction, as far as none of them depends on what another changes.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2
from services.mdm.domain import stewarding
from services.mdm.domain.effective import period_of
from services.mdm.domain.identifiers import match_keys
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.references import identity_key
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.stewarding import Word
from services.mdm.domain.violation import Violation
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.etag import require_etag
from services.mdm.storage.deciding.scope import in_scope
from services.mdm.storage.deciding.transactions import Committed, Transactions
from services.mdm.storage.records.golden_reader import GoldenReader, merged_into
from services.mdm.storage.records.working_set import Read, read_golden, read_source
from services.mdm.storage.registration.registry import HUB
from services.mdm.storage.stewardship.content import only, require_named, require_valid
from services.mdm.storage.tables import match_keys as keys
from services.mdm.storage.tables.references import Question, newly_broken, still_referenced
from services.mdm.storage.writing.write_path import Applied, LinkOrigin, Submission, WritePath
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.gathering import Gathering
from services.mesh.postgres.arrays import text_array
from services.mesh.postgres.database import clock
from services.mesh.records.idempotency import Answer
from services.mesh.records.statements import read_newest
from services.mesh.records.store import RecordStore, Revision, State

# Golden records and their source records.
_FAMILIES = read_newest(
    "ANY(ARRAY(SELECT source_record FROM crosswalk WHERE golden = ANY(%(goldens)s::text[])) || %(goldens)s::text[])"
)


@dataclass(frozen=True)
class Standing:
    """A golden record as a decision finds it, with its source records."""

    read: Read
    sources: tuple[Read, ...]

    @property
    def revision(self) -> Revision:
        """The golden record's newest revision."""
        return self.read.revision

    @property
    def golden(self) -> Message:
        """What the golden record says."""
        return self.read.content

    @property
    def hub(self) -> ingest_pb2.SourceRecord | None:
        """What the hub said about it so far; what stewards said of records that were merged into it is not that."""
        name = self.revision.record
        return next((each.said for each in self.sources if (each.said.system, each.said.key) == (HUB, name)), None)


Law = Callable[[Connection, Any], Iterable[Violation]]
"""What other records say that a content of some type must be like; it binds stewards, systems are only told."""


Merge = Callable[[Message], tuple[Message, Sequence[str]]]
"""Makes of a golden record as it stands the desired one, and names the top-level fields that it changes."""


@dataclass(frozen=True)
class _Change:
    """A decision on a golden record that is there: what the hub is to say then, given how the record stands."""

    record_type: RecordType
    name: str
    etag: str
    decision: Decision
    say: Callable[[Connection, Standing], Word]
    deleted: bool = False

    @property
    def marks(self) -> set[Hashable]:
        """What only one of several changes in a transaction may be about."""
        return {self.name, self.decision.key}


class Stewardship:
    """Applies stewards' decisions; every method returns the golden record after it."""

    def __init__(
        self, transactions: Transactions, path: WritePath, reader: GoldenReader, laws: Mapping[str, Law]
    ) -> None:
        self._transactions = transactions
        self._path = path
        self._reader = reader
        self._laws = laws
        self._together = {
            record_type.name: Gathering[_Change, Committed[Message]](self._make, lambda change: change.marks)
            for record_type in RECORD_TYPES
            if not (record_type.refers or record_type.name in laws)
        }

    def create(self, record_type: RecordType, desired: Message, decision: Decision) -> Message:
        """Found a golden record. Raises STRONG_IDENTIFIER_TAKEN, INVALID_CONTENT, RECORD_NOT_FOUND (an entity)."""

        def apply(connection: Connection, new: Sequence[int]) -> list[Applied]:
            return [self.create_in(connection, record_type, desired, decision) for _ in new]

        (made,) = self._decide(record_type, [decision], apply)
        return self._transactions.receipted(made)

    def create_in(
        self, connection: Connection, record_type: RecordType, desired: Message, decision: Decision
    ) -> Applied:
        """Found a golden record inside the caller's transaction. Raises as `create`."""
        entities = tuple(sorted(desired.entities))  # type: ignore[attr-defined] # every master has it
        self.require_entities(connection, entities, decision)
        fields = stewarding.writable_fields(record_type)
        require_valid(record_type, desired)
        require_named(record_type, desired, fields)
        self._require_lawful(connection, record_type, desired)
        word = stewarding.assert_fields(record_type, None, record_type.message(), desired, fields, None)
        name = record_type.name_of(self._path.new_id())
        submission = self.submission(connection, record_type, name, word, decision.entities, entities=entities)
        return self._keeping_references(connection, submission, None, decision)

    def update(  # noqa: PLR0913 - a change has many parts
        self,
        record_type: RecordType,
        name: str,
        etag: str,
        merge: Merge,
        day: date | None,
        decision: Decision,
    ) -> Message:
        """Change a golden record.

        Raises RECORD_NOT_FOUND, ETAG_MISMATCH, RECORD_DELETED, STRONG_IDENTIFIER_TAKEN, INVALID_CONTENT and what
        `merge` raises.
        """

        def say(connection: Connection, standing: Standing) -> Word:
            return self._merged(connection, record_type, standing, merge, day)

        return self._change(_Change(record_type, name, etag, decision, say))

    def update_in(
        self, connection: Connection, record_type: RecordType, name: str, merge: Merge, decision: Decision
    ) -> Applied:
        """Change a golden record as it stands inside the caller's transaction. Raises as `update`."""
        standing = self.standing(connection, record_type, name, decision.entities)
        word = self._merged(connection, record_type, standing, merge, None)
        submission = self.submission(connection, record_type, name, word, decision.entities, standing=standing)
        try:
            return self._keeping_references(connection, submission, standing, decision)
        except ConcordError as error:
            if error.reason != reasons.ERROR_REASON_ETAG_MISMATCH:
                raise
            # The caller named no revision: the transaction may read the record again, and try again.
            raise ConcordError(reasons.ERROR_REASON_CONCURRENT_CHANGE, f"{name} changed meanwhile") from error

    def close(self, record_type: RecordType, name: str, etag: str, day: date, decision: Decision) -> Message:
        """End an effective-dated golden record on a day. Raises as `update`."""

        def say(_: Connection, standing: Standing) -> Word:
            _require_state(standing.revision, State.ACTIVE)
            _require_open(record_type, standing.golden, day)
            return stewarding.close(record_type, standing.hub, standing.golden, day)

        return self._change(_Change(record_type, name, etag, decision, say))

    def delete(self, record_type: RecordType, name: str, etag: str, decision: Decision, *, deleted: bool) -> Message:
        """Mark a golden record as deleted, or bring it back. Raises RECORD_DELETED, INVALID_CONTENT, as `update`."""

        def say(_: Connection, standing: Standing) -> Word:
            _require_state(standing.revision, State.ACTIVE if deleted else State.DELETED)
            if standing.hub is None:
                return Word(record_type.message(), [], frozenset())
            said = record_type.unpack(standing.hub.content)
            return Word(said, list(standing.hub.withdrawn_paths), frozenset())

        return self._change(_Change(record_type, name, etag, decision, say, deleted))

    def _merged(
        self, connection: Connection, record_type: RecordType, standing: Standing, merge: Merge, day: date | None
    ) -> Word:
        """Return the hub's next word, which makes a golden record as `merge` has it from a day on."""
        _require_state(standing.revision, State.ACTIVE)
        desired, fields = merge(standing.golden)
        require_valid(record_type, only(desired, fields), strict=False)
        require_named(record_type, desired, fields)
        self._require_lawful(connection, record_type, desired)
        return stewarding.assert_fields(record_type, standing.hub, standing.golden, desired, fields, day)

    def _change(self, change: _Change) -> Message:
        """Make a change, together with others that come now if it may; for itself when that fails."""
        together = None if change.decision.rehearsal else self._together.get(change.record_type.name)
        made = together.result(change) if together else None
        # Each waits for its own receipt: its group has been left by then.
        return self._transactions.receipted(made if made is not None else self._make([change])[0])

    def _make(self, changes: Sequence[_Change]) -> list[Committed[Message]]:
        """Make changes of one record type in one transaction, all or none of them."""
        record_type = changes[0].record_type

        def apply(connection: Connection, new: Sequence[int]) -> list[Applied]:
            return self._apply(connection, record_type, [changes[place] for place in new])

        return self._decide(record_type, [change.decision for change in changes], apply)

    def _apply(self, connection: Connection, record_type: RecordType, changes: Sequence[_Change]) -> list[Applied]:
        scopes = {change.name: change.decision.entities for change in changes}
        standings = self.standings(connection, record_type, scopes)
        submissions = [self._submission(connection, change, standings[change.name]) for change in changes]
        if len(changes) > 1:
            keys.require_different(match_keys(each.record_type, each.content) for each in submissions)
            return self._path.apply(connection, submissions, changes[0].decision.origin)
        (change,), (submission,) = changes, submissions
        return [self._keeping_references(connection, submission, standings[change.name], change.decision)]

    def _submission(self, connection: Connection, change: _Change, standing: Standing) -> Submission:
        require_etag(change.name, standing.revision.revision, change.etag)
        submission = self.submission(
            connection,
            change.record_type,
            change.name,
            change.say(connection, standing),
            change.decision.entities,
            standing=standing,
            deleted=change.deleted,
        )
        return replace(submission, by=change.decision.origin)

    def _decide(
        self,
        record_type: RecordType,
        decisions: Sequence[Decision],
        apply: Callable[[Connection, Sequence[int]], list[Applied]],
    ) -> list[Committed[Message]]:
        made: dict[tuple[str, int], Revision] = {}

        def decide(connection: Connection, new: Sequence[int]) -> list[Answer]:
            applied = apply(connection, new) if new else []
            made.update({(one.golden, one.golden_revision): one.made for one in applied if one.made is not None})
            return [Answer(one.golden, one.golden_revision) for one in applied]

        def present(connection: Connection, place: int, answer: Answer) -> Message:
            pair = (answer.record, answer.revision)
            revision = made.get(pair) or self._path.store.read_revisions(connection, [pair])[pair]
            if not in_scope(revision.entities, decisions[place].entities):
                raise not_found(record_type, answer.record)
            return self._reader.present(record_type, revision, clear=decisions[place].clear)

        asked = [(decision.key, decision.request) for decision in decisions]
        return self._transactions.once_each(asked, decide, present, rehearsal=decisions[0].rehearsal)

    def standing(
        self, connection: Connection, record_type: RecordType, name: str, scope: frozenset[str] | None
    ) -> Standing:
        """Return a golden record as a decision finds it.

        Raises RECORD_NOT_FOUND, also for one out of scope, and RECORD_MERGED.
        """
        return self.standings(connection, record_type, {name: scope})[name]

    def standings(
        self, connection: Connection, record_type: RecordType, scopes: Mapping[str, frozenset[str] | None]
    ) -> dict[str, Standing]:
        """Return golden records as decisions find them, by name; each may have to lie within a scope of its own."""
        store = self._path.store
        for name in scopes:
            if not record_type.owns(name):
                raise not_found(record_type, name)
        read = store.read_by(connection, _FAMILIES, {"goldens": text_array(list(scopes))})
        goldens = {name: read.pop(name, None) for name in scopes}
        sources: defaultdict[str, list[Read]] = defaultdict(list)
        for source in (read_source(store, record_type, one) for one in read.values()):
            sources[source.said.golden_record].append(source)
        found = {}
        for name, revision in goldens.items():
            if revision is None or not in_scope(revision.entities, scopes[name]):
                raise not_found(record_type, name)
            require_unmerged(store, revision)
            found[name] = Standing(read_golden(store, record_type, revision), tuple(sources[name]))
        return found

    def submission(  # noqa: PLR0913 - a statement has many parts
        self,
        connection: Connection,
        record_type: RecordType,
        name: str,
        word: Word,
        scope: frozenset[str] | None,
        *,
        standing: Standing | None = None,
        entities: tuple[str, ...] = (),
        deleted: bool = False,
    ) -> Submission:
        """Return the hub's own statement on a golden record, whose key in the hub is its name.

        Raises INVALID_CONTENT, STRONG_IDENTIFIER_TAKEN.
        """
        content, withdrawn, decided = word
        if not deleted:
            # What is decided now was looked at where it was; the rest of the word is repeated.
            require_valid(record_type, content, said_before=True)
            self._path.hold_matching(connection, record_type)
            self._require_free(connection, record_type, name, content, standing, scope)
        source = ingest_pb2.SourceRecord(
            system=HUB, key=name, content=record_type.pack(content), withdrawn_paths=withdrawn, deleted=deleted
        )
        # The database's clock, not the replica's: recency is compared across replicas.
        now = standing.revision.read_at if standing else clock(connection)
        source.source_time.FromDatetime(now.astimezone(UTC))
        return Submission(
            record_type,
            source,
            content,
            golden=name,
            origin=LinkOrigin.LINK_ORIGIN_STEWARD,
            entities=entities,
            expected_revision=standing.revision.revision if standing else 0,
            read=(standing.read, *standing.sources) if standing else (),
            decided=decided,
        )

    def _keeping_references(
        self, connection: Connection, submission: Submission, standing: Standing | None, decision: Decision
    ) -> Applied:
        """Apply the hub's own statement on a golden record. Raises what `still_referenced` returns."""
        record_type, name = submission.record_type, submission.golden

        def change() -> Applied:
            return self._path.apply(connection, [submission], decision.origin)[0]

        if not record_type.refers:
            return change()
        key = identity_key(record_type, standing.golden) if standing else ""
        about = Question(records=(name,), own_type=record_type.name, keys=(key,) if key else ())
        applied, lost = newly_broken(connection, about, change)
        if standing and standing.revision.state is State.DELETED:
            # What comes back says what its systems said all the time: their references may lead nowhere.
            lost = [each for each in lost if each.record != name]
        if lost:
            raise still_referenced(connection, name, lost, decision.entities)
        return applied

    def _require_free(  # noqa: PLR0913 - what is claimed, for which record, and by whom
        self,
        connection: Connection,
        record_type: RecordType,
        name: str,
        content: Message,
        standing: Standing | None,
        scope: frozenset[str] | None,
    ) -> None:
        """Refuse identifiers that another record carries; those that the hub gave this record before may stay."""
        hub = standing.hub if standing else None
        held = match_keys(record_type, record_type.unpack(hub.content)) if hub and not hub.deleted else ()
        carried = match_keys(record_type, content)
        keys.lock(connection, [f"match/{record_type.name}/{key.kind}/{key.value}" for key in carried])
        for holder in keys.holders(connection, [(record_type.name, key) for key in carried if key not in held]):
            if holder.golden != name:
                raise self._taken(connection, record_type, holder, scope)

    def _taken(
        self, connection: Connection, record_type: RecordType, holder: keys.Holder, scope: frozenset[str] | None
    ) -> ConcordError:
        """Return the error; it names the other record only to who may know of it."""
        metadata = {"identifier": holder.key.kind}
        other = self._reader.read(connection, [holder.golden], None)[holder.golden]
        if in_scope(other.entities, scope):
            metadata["name"] = holder.golden
        return ConcordError(
            reasons.ERROR_REASON_STRONG_IDENTIFIER_TAKEN,
            f"another {record_type.name} carries the same {holder.key.kind}",
            metadata=metadata,
        )

    def _require_lawful(self, connection: Connection, record_type: RecordType, desired: Message) -> None:
        law = self._laws.get(record_type.name)
        found = list(law(connection, desired)) if law else []
        if found:
            raise ConcordError(
                reasons.ERROR_REASON_INVALID_CONTENT,
                "the record is not as others require it to be",
                metadata={"type": record_type.descriptor.full_name},
                violations=[FieldViolation(v.field, v.description) for v in found],
            )

    def require_entities(self, connection: Connection, entities: tuple[str, ...], decision: Decision) -> None:
        """Refuse a new record of no entity (INVALID_CONTENT), or of one out of reach (RECORD_NOT_FOUND)."""
        landscape = self._path.registry.read(connection)
        if not entities:
            violation = FieldViolation("entities", "names no entity that the record applies to")
            raise ConcordError(
                reasons.ERROR_REASON_INVALID_CONTENT, "a record applies to some entity", violations=[violation]
            )
        for entity in entities:
            if entity not in landscape.entities or not in_scope((entity,), decision.entities):
                raise ConcordError(
                    reasons.ERROR_REASON_RECORD_NOT_FOUND,
                    f"there is no {entity}",
                    metadata={"name": entity},
                    resource=("entity", entity),
                )


def not_found(record_type: RecordType, name: str) -> ConcordError:
    """Return the one answer for what is not there and for what the caller may not know of."""
    return ConcordError(
        reasons.ERROR_REASON_RECORD_NOT_FOUND,
        f"there is no {name}",
        metadata={"name": name},
        resource=(record_type.name, name),
    )


def require_unmerged(store: RecordStore, revision: Revision) -> None:
    """Raise RECORD_MERGED for a golden record that goes on in another one."""
    if revision.state is State.MERGED:
        raise ConcordError(
            reasons.ERROR_REASON_RECORD_MERGED,
            f"{revision.record} was merged into another record",
            metadata={"name": revision.record, "merged_into": merged_into(store, revision)},
        )


def _require_state(revision: Revision, wanted: State) -> None:
    if revision.state is wanted:
        return
    if wanted is State.ACTIVE:
        raise ConcordError(
            reasons.ERROR_REASON_RECORD_DELETED, f"{revision.record} is deleted", metadata={"name": revision.record}
        )
    raise ConcordError(
        reasons.ERROR_REASON_INVALID_CONTENT, f"{revision.record} is not deleted", metadata={"name": revision.record}
    )


def _require_open(record_type: RecordType, golden: Message, day: date) -> None:
    """Refuse to close what ends earlier already, or has not begun by then."""
    period = period_of(golden, record_type.period_field or "")
    if (period.end is not None and period.end <= day) or (period.start is not None and period.start >= day):
        violation = FieldViolation("effective_time", "is not within the record's effective period")
        raise ConcordError(
            reasons.ERROR_REASON_INVALID_CONTENT, "the record is not in effect until then", violations=[violation]
        )
