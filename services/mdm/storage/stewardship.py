"""Stewards' decisions on golden records: each becomes a source revision of the hub, in one idempotent transaction."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2
from services.mdm.domain import stewarding
from services.mdm.domain.effective import Period, period_of
from services.mdm.domain.identifiers import match_keys
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.references import identity_key
from services.mdm.domain.stewarding import Word
from services.mdm.domain.validity import violations
from services.mdm.domain.violation import Violation
from services.mdm.storage import match_keys as keys
from services.mdm.storage.etag import require_etag
from services.mdm.storage.golden_reader import GoldenReader, merged_into
from services.mdm.storage.references import BrokenReference, Question, broken, newly_broken
from services.mdm.storage.registry import HUB
from services.mdm.storage.scope import in_scope
from services.mdm.storage.transactions import Transactions
from services.mdm.storage.working_set import Read, read_statement
from services.mdm.storage.write_path import Applied, LinkOrigin, Submission, WritePath
from services.mesh.database import clock
from services.mesh.errors import ConcordError, FieldViolation, Precondition
from services.mesh.records.idempotency import Answer, RequestKey
from services.mesh.records.leaf import Origin
from services.mesh.records.statements import read_newest
from services.mesh.records.store import RecordStore, Revision, State

# A golden record and its source records.
_FAMILY = read_newest(
    "ANY(ARRAY(SELECT source_record FROM crosswalk WHERE golden = %(golden)s) || ARRAY[%(golden)s::text])"
)


@dataclass(frozen=True)
class Decision:
    """Who decides, by which request, whether it is only a rehearsal, and what they may see and reach.

    `entities` are those in the caller's scope, None = all.
    """

    key: RequestKey
    request: Message
    origin: Origin
    rehearsal: bool
    clear: bool
    entities: frozenset[str] | None


@dataclass(frozen=True)
class Standing:
    """A golden record as a decision finds it, with what the hub said about it so far."""

    revision: Revision
    golden: Message
    hub: ingest_pb2.SourceRecord | None
    read: tuple[Read, ...]
    """Everything that was read to find it: the golden record and its sources."""


Law = Callable[[Connection, Any], Iterable[Violation]]
"""What other records say that a content of some type must be like; it binds stewards, systems are only told."""


class Stewardship:
    """Applies stewards' decisions; every method returns the golden record after it."""

    def __init__(
        self, transactions: Transactions, path: WritePath, reader: GoldenReader, laws: Mapping[str, Law]
    ) -> None:
        self._transactions = transactions
        self._path = path
        self._reader = reader
        self._laws = laws

    def create(self, record_type: RecordType, desired: Message, decision: Decision) -> Message:
        """Found a golden record. Raises STRONG_IDENTIFIER_TAKEN, INVALID_CONTENT, RECORD_NOT_FOUND (an entity)."""

        def apply(connection: Connection) -> Applied:
            entities = tuple(sorted(desired.entities))  # type: ignore[attr-defined] # every master has it
            self._require_entities(connection, entities, decision)
            _require_valid(record_type, desired)
            self._require_lawful(connection, record_type, desired)
            word = stewarding.assert_fields(
                record_type,
                None,
                record_type.message(),
                desired,
                stewarding.writable_fields(record_type),
                None,
            )
            name = record_type.name_of(self._path.new_id())
            return self._say(connection, record_type, name, word, decision, entities=entities)

        return self._decide(record_type, decision, apply)

    def update(  # noqa: PLR0913 - a change has many parts
        self,
        record_type: RecordType,
        name: str,
        etag: str,
        merge: Callable[[Message], tuple[Message, Sequence[str]]],
        day: date | None,
        decision: Decision,
    ) -> Message:
        """Change a golden record; `merge` makes of the present one the desired one and names the changed fields.

        Raises RECORD_NOT_FOUND, ETAG_MISMATCH, RECORD_DELETED, STRONG_IDENTIFIER_TAKEN, INVALID_CONTENT and what
        `merge` raises.
        """

        def apply(connection: Connection) -> Applied:
            standing = self._standing(connection, record_type, name, etag, decision)
            _require_state(standing.revision, State.ACTIVE)
            desired, fields = merge(standing.golden)
            _require_valid(record_type, _only(desired, fields), strict=False)
            self._require_lawful(connection, record_type, desired)
            word = stewarding.assert_fields(record_type, standing.hub, standing.golden, desired, fields, day)
            return self._say(connection, record_type, name, word, decision, standing=standing)

        return self._decide(record_type, decision, apply)

    def close(self, record_type: RecordType, name: str, etag: str, day: date, decision: Decision) -> Message:
        """End an effective-dated golden record on a day. Raises as `update`."""

        def apply(connection: Connection) -> Applied:
            standing = self._standing(connection, record_type, name, etag, decision)
            _require_state(standing.revision, State.ACTIVE)
            _require_open(record_type, standing.golden, day)
            word = stewarding.close(record_type, standing.hub, standing.golden, day)
            return self._say(connection, record_type, name, word, decision, standing=standing)

        return self._decide(record_type, decision, apply)

    def delete(self, record_type: RecordType, name: str, etag: str, decision: Decision, *, deleted: bool) -> Message:
        """Mark a golden record as deleted, or bring it back. Raises RECORD_DELETED, INVALID_CONTENT, as `update`."""

        def apply(connection: Connection) -> Applied:
            standing = self._standing(connection, record_type, name, etag, decision)
            _require_state(standing.revision, State.ACTIVE if deleted else State.DELETED)
            word = Word(record_type.message(), [], frozenset())
            if standing.hub:
                said = record_type.unpack(standing.hub.content)
                word = Word(said, list(standing.hub.withdrawn_paths), frozenset())
            return self._say(connection, record_type, name, word, decision, standing=standing, deleted=deleted)

        return self._decide(record_type, decision, apply)

    def _decide(self, record_type: RecordType, decision: Decision, apply: Callable[[Connection], Applied]) -> Message:
        made: dict[tuple[str, int], Revision] = {}

        def decide(connection: Connection) -> Answer:
            applied = apply(connection)
            if applied.made is not None:
                made[applied.golden, applied.golden_revision] = applied.made
            return Answer(applied.golden, applied.golden_revision)

        def present(connection: Connection, answer: Answer) -> Message:
            pair = (answer.record, answer.revision)
            revision = made.get(pair) or self._path.store.read_revisions(connection, [pair])[pair]
            if not in_scope(revision.entities, decision.entities):
                raise not_found(record_type, answer.record)
            return self._reader.present(record_type, revision, clear=decision.clear)

        return self._transactions.once(decision.key, decision.request, decide, present, rehearsal=decision.rehearsal)

    def standing(
        self, connection: Connection, record_type: RecordType, name: str, scope: frozenset[str] | None
    ) -> Standing:
        """Return a golden record as a decision finds it.

        Raises RECORD_NOT_FOUND, also for one out of scope, and RECORD_MERGED.
        """
        store = self._path.store
        family = store.read_by(connection, _FAMILY, {"golden": name})
        revision = family.pop(name, None)
        if revision is None or not in_scope(revision.entities, scope):
            raise not_found(record_type, name)
        require_unmerged(store, revision)
        content = store.content(revision, record_type.message)
        read = [Read(revision, content)]
        hub = None
        for source in family.values():
            opened = store.content(source, record_type.message) if source.record.startswith(f"{HUB}/") else None
            read.append(Read(source, opened))
            if opened is not None:
                said = read_statement(store, source, record_type, opened)
                # What stewards said of records that were merged into this one is not said of it.
                hub = said if said.key == name else hub
        return Standing(revision, content, hub, tuple(read))

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
            _require_valid(record_type, content)
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
            read=standing.read if standing else (),
            decided=decided,
        )

    def _standing(
        self, connection: Connection, record_type: RecordType, name: str, etag: str, decision: Decision
    ) -> Standing:
        standing = self.standing(connection, record_type, name, decision.entities)
        require_etag(name, standing.revision.revision, etag)
        return standing

    def _say(  # noqa: PLR0913 - a statement has many parts
        self,
        connection: Connection,
        record_type: RecordType,
        name: str,
        word: Word,
        decision: Decision,
        *,
        standing: Standing | None = None,
        entities: tuple[str, ...] = (),
        deleted: bool = False,
    ) -> Applied:
        """Apply the hub's own statement on a golden record. Raises what `submission` and `still_referenced` tell."""
        submission = self.submission(
            connection,
            record_type,
            name,
            word,
            decision.entities,
            standing=standing,
            entities=entities,
            deleted=deleted,
        )
        (applied,) = self._keeping_references(
            connection,
            record_type,
            name,
            standing,
            decision,
            lambda: self._path.apply(connection, [submission], decision.origin),
        )
        return replace(applied, golden=name)

    @staticmethod
    def _keeping_references(  # noqa: PLR0913 - what is said, of which record, and by whom
        connection: Connection,
        record_type: RecordType,
        name: str,
        standing: Standing | None,
        decision: Decision,
        change: Callable[[], list[Applied]],
    ) -> list[Applied]:
        """Make a change. Raises what `still_referenced` returns when it breaks references."""
        if not (record_type.identity or record_type.references):
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

    def _require_entities(self, connection: Connection, entities: tuple[str, ...], decision: Decision) -> None:
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


def still_referenced(
    connection: Connection, name: str, lost: Sequence[BrokenReference], scope: frozenset[str] | None
) -> ConcordError:
    """Return why a decision that breaks references is refused: those of the record itself, else those to it.

    Referring records are listed as far as the caller may know of them; they are counted all.
    """
    own = [each for each in lost if each.record == name]
    if own:
        return ConcordError(
            reasons.ERROR_REASON_INVALID_CONTENT,
            "the record refers to what is not there",
            metadata={"name": name},
            violations=[FieldViolation(each.path, f"names no {each.target_type} that is there then") for each in own],
        )
    keys_lost = tuple({each.target_key for each in lost})
    asked = Question(records=(name,), own_type=lost[0].target_type, keys=keys_lost, scope=scope)
    shown = {each.record for each in broken(connection, asked)}
    return ConcordError(
        reasons.ERROR_REASON_RECORD_STILL_REFERENCED,
        f"{name} is still referred to {len(lost)} times",
        metadata={"name": name, "references": str(len(lost))},
        preconditions=[
            Precondition("REFERENCE", each.record, f"{each.path} refers to it {_during(each.missing)}")
            for each in lost
            if each.record in shown
        ],
    )


def _during(period: Period) -> str:
    since = f"from {period.start}" if period.start else ""
    until = f"until {period.end}" if period.end else "on"
    return f"{since} {until}".strip()


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


def _only(message: Message, fields: Sequence[str]) -> Message:
    """Return a message with nothing but these fields: what a steward decides, whatever else systems say."""
    part = type(message)()
    part.CopyFrom(message)
    for field, _ in message.ListFields():
        if field.name not in fields:
            part.ClearField(field.name)
    return part


def _require_valid(record_type: RecordType, content: Message, *, strict: bool = True) -> None:
    found = violations(record_type, content, strict=strict)
    if found:
        raise ConcordError(
            reasons.ERROR_REASON_INVALID_CONTENT,
            "the record contradicts itself",
            metadata={"type": record_type.descriptor.full_name},
            violations=[FieldViolation(v.field, v.description) for v in found],
        )
