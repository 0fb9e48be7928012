"""Change requests at work: written, compared, rebased on what others changed meanwhile, applied by a second person.

A request holds the slots that it wants changed, each with what it was and what it is to be. How it stands beside the
golden record is worked out when somebody asks: merges, deletions and other changes of the record write no request.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import change_request_pb2 as pb
from services.mdm.domain.rebasing import (
    Side,
    SlotChange,
    Touch,
    applied,
    changed_fields,
    conflicts,
    rebased,
    slot_changes,
    touch,
)
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.slot import Slots, slots_of
from services.mdm.domain.stewarding import desired_slots, writable_fields
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.etag import etag_of, require_etag
from services.mdm.storage.deciding.scope import in_scope
from services.mdm.storage.deciding.second_person import require_second_person
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.records.golden_reader import GoldenReader
from services.mdm.storage.stewardship.change_request_records import (
    ChangeRequestRecords,
    HeldRequest,
    State,
    changes_of,
    packed,
    set_changes,
    type_of,
)
from services.mdm.storage.stewardship.content import only, require_named, require_valid
from services.mdm.storage.stewardship.golden_decisions import (
    Merge,
    Stewardship,
    not_found,
    require_unmerged,
)
from services.mdm.storage.writing.write_path import Applied
from services.mesh.contract.governance import clear_restricted
from services.mesh.errors import ConcordError, FieldViolation, Precondition
from services.mesh.postgres.database import clock
from services.mesh.records.idempotency import Answer
from services.mesh.records.store import RecordStore, Revision
from services.mesh.records.store import State as RecordState

Standing = pb.ChangeRequest.Standing
Difference = pb.ChangeRequestDifference

_TOUCHES = {
    Touch.NONE: Difference.STANDING_UNTOUCHED,
    Touch.AGREED: Difference.STANDING_AGREED,
    Touch.CONFLICT: Difference.STANDING_CONFLICT,
}


@dataclass(frozen=True)
class Target:
    """The golden record that is to change, and the etag of the revision of it that somebody has before them."""

    record_type: RecordType
    name: str
    etag: str


@dataclass(frozen=True)
class Comparison:
    """A request beside the golden record that it would be applied to; None = it asks for a new one."""

    golden: Revision | None
    differences: tuple[Difference, ...]


class ChangeRequests:
    """Keeps change requests and applies those that are approved."""

    def __init__(  # noqa: PLR0913 - what a request is kept in, read beside and applied by
        self,
        transactions: Transactions,
        store: RecordStore,
        records: ChangeRequestRecords,
        reader: GoldenReader,
        stewardship: Stewardship,
        new_id: Callable[[], str],
    ) -> None:
        self._transactions = transactions
        self._store = store
        self._records = records
        self._reader = reader
        self._stewardship = stewardship
        self._new_id = new_id

    def ask_for_change(
        self, target: Target, merge: Merge, day: date | None, reason: str, decision: Decision
    ) -> pb.ChangeRequest:
        """Keep a request for a change; `merge` makes of the record as its author saw it the desired one.

        With a `day` changed values of effective-dated types hold from then on. Raises RECORD_NOT_FOUND, RECORD_MERGED,
        RECORD_DELETED, ETAG_MISMATCH, INVALID_CONTENT and what `merge` raises.
        """
        kind = target.record_type

        def apply(connection: Connection) -> Answer:
            golden = self._golden(connection, target, decision)
            base = self._written_against(connection, golden, target.etag)
            content = self._store.content(base, kind.message)
            desired, fields = merge(content)
            require_valid(kind, only(desired, fields), strict=False)
            require_named(kind, desired, fields)
            changes = slot_changes(*desired_slots(kind, content, desired, fields, day))
            if not changes:
                raise _invalid("update_mask", "asks for nothing that the record does not say already")
            require_valid(kind, applied(kind, changes, kind.message()))
            said = pb.ChangeRequest(golden_record=golden.record, base_revision=base.revision)
            return self._keep(connection, said, kind, changes, reason, golden.entities, decision)

        return self._decide(decision, apply)

    def ask_for_record(
        self, record_type: RecordType, desired: Message, reason: str, decision: Decision
    ) -> pb.ChangeRequest:
        """Keep a request for a new golden record. Raises INVALID_CONTENT, RECORD_NOT_FOUND (an entity)."""

        def apply(connection: Connection) -> Answer:
            entities = tuple(sorted(desired.entities))  # type: ignore[attr-defined] # every master has it
            self._stewardship.require_entities(connection, entities, decision)
            require_valid(record_type, desired)
            require_named(record_type, desired, writable_fields(record_type))
            changes = slot_changes({}, slots_of(record_type, desired))
            if not changes:
                raise _invalid("content", "says nothing")
            return self._keep(connection, pb.ChangeRequest(), record_type, changes, reason, entities, decision)

        return self._decide(decision, apply)

    def rebase(self, name: str, etag: str, sides: Mapping[str, Side], decision: Decision) -> pb.ChangeRequest:
        """Write a request anew against the golden record as it stands; `sides` are the choices by path.

        Raises RECORD_NOT_FOUND, PROPOSAL_SETTLED, ETAG_MISMATCH, RECORD_DELETED, CHANGE_REQUEST_CONFLICT,
        INVALID_CONTENT.
        """

        def apply(connection: Connection) -> Answer:
            held = self._records.hold(connection, name, etag, decision.entities)
            kind, golden = held.record_type, self._present(connection, held, decision.entities)
            if golden is None:
                raise _invalid("name", "asks for a new record: there is nothing to rebase it on")
            now = self._slots(golden, kind, held.changes)
            _require_choices(held, now, sides)
            changes = rebased(kind, held.changes, now, sides)
            if not changes:
                raise _invalid("name", "asks for nothing any more: the record says it, or you chose what it says")
            said = _copied(held)
            said.golden_record, said.base_revision = golden.record, golden.revision
            set_changes(said, changes)
            if sides and decision.key.principal not in {said.author, *said.contributors}:
                said.contributors.append(decision.key.principal)
            if said == held.said:
                return Answer(name, held.revision.revision)
            return self._records.append(connection, name, said, held, golden.entities, decision.origin)

        return self._decide(decision, apply)

    def approve(self, name: str, etag: str, decision: Decision) -> pb.ChangeRequest:
        """Apply a request. Raises SECOND_PERSON_REQUIRED, CHANGE_REQUEST_OUTDATED and as `hold` does.

        Also as a steward's Create or Update does.
        """

        def apply(connection: Connection) -> Answer:
            held = self._records.hold(connection, name, etag, decision.entities)
            _require_second(held, decision)
            made = self._apply(connection, held, replace(decision, origin=replace(decision.origin, approval=name)))
            said = _settled(held, State.STATE_APPROVED, decision)
            said.golden_record, said.applied_revision = made.golden, made.golden_revision
            return self._records.append(connection, name, said, held, held.revision.entities, decision.origin)

        return self._decide(decision, apply)

    def reject(self, name: str, etag: str, reason: str, decision: Decision) -> pb.ChangeRequest:
        """Settle a request without applying it. Raises SECOND_PERSON_REQUIRED and as `hold`."""

        def apply(connection: Connection) -> Answer:
            held = self._records.hold(connection, name, etag, decision.entities)
            _require_second(held, decision)
            said = _settled(held, State.STATE_REJECTED, decision)
            said.rejection_reason = reason
            return self._records.append(connection, name, said, held, held.revision.entities, decision.origin)

        return self._decide(decision, apply)

    def withdraw(self, name: str, etag: str, decision: Decision) -> pb.ChangeRequest:
        """Give a request up. Raises AUTHOR_REQUIRED and as `hold`."""

        def apply(connection: Connection) -> Answer:
            held = self._records.hold(connection, name, etag, decision.entities)
            if held.said.author != decision.key.principal:
                raise ConcordError(
                    reasons.ERROR_REASON_AUTHOR_REQUIRED,
                    "only its author withdraws it: reject it",
                    metadata={"name": name, "author": held.said.author},
                )
            said = _settled(held, State.STATE_WITHDRAWN, decision)
            return self._records.append(connection, name, said, held, held.revision.entities, decision.origin)

        return self._decide(decision, apply)

    def compare(self, connection: Connection, name: str, entities: frozenset[str] | None, *, clear: bool) -> Comparison:
        """Return an open request beside the golden record; with `clear` RESTRICTED values too.

        Raises RECORD_NOT_FOUND, PROPOSAL_SETTLED, RECORD_DELETED.
        """
        held = self._records.open(connection, name, entities)
        golden = self._present(connection, held, entities)
        now = self._slots(golden, held.record_type, held.changes)
        differences = tuple(_differences(held.record_type, held.changes, now))
        if not clear:
            for difference in differences:
                clear_restricted(difference)
        return Comparison(golden, differences)

    def present(self, revision: Revision, *, clear: bool) -> pb.ChangeRequest:
        """Return a request's revision as its message, without how it stands; with `clear` RESTRICTED values too."""
        said = self._store.content(revision, pb.ChangeRequest, clear=clear)
        said.name, said.revision = revision.record, revision.revision
        said.etag = etag_of(revision.record, revision.revision)
        said.update_time.FromDatetime(revision.created_at.astimezone(UTC))
        if not clear:
            clear_restricted(said)
        return said

    def present_all(
        self, connection: Connection, revisions: Sequence[Revision], *, clear: bool
    ) -> list[pb.ChangeRequest]:
        """Return requests with how each stands beside its golden record now."""
        shown = [self.present(revision, clear=clear) for revision in revisions]
        goldens = self._reader.surviving(connection, {one.golden_record for one in shown if one.golden_record}, None)
        for one, revision in zip(shown, revisions, strict=True):
            golden = goldens.get(one.golden_record)
            if golden is not None and golden.record != one.golden_record:
                one.merged_into = golden.record
            if one.state == State.STATE_OPEN:
                one.standing = self._standing(self._store.content(revision, pb.ChangeRequest), golden)
        return shown

    def _golden(self, connection: Connection, target: Target, decision: Decision) -> Revision:
        """Return the golden record that a request is written for."""
        golden = self._store.read(connection, [target.name]).get(target.name)
        if golden is None or not in_scope(golden.entities, decision.entities):
            raise not_found(target.record_type, target.name)
        require_unmerged(self._store, golden)
        _require_active(golden)
        return golden

    def _written_against(self, connection: Connection, golden: Revision, etag: str) -> Revision:
        """Return the revision that has an etag. Raises ETAG_MISMATCH when none has."""
        for number in range(golden.revision, 0, -1):
            if etag_of(golden.record, number) == etag:
                pair = (golden.record, number)
                return self._store.read_revisions(connection, [pair])[pair]
        require_etag(golden.record, golden.revision, etag)
        raise AssertionError("unreachable: no revision has the etag")

    def _present(self, connection: Connection, held: HeldRequest, entities: frozenset[str] | None) -> Revision | None:
        """Return the golden record as it stands, redirects followed; None = a new one is asked for.

        Raises RECORD_DELETED, RECORD_NOT_FOUND.
        """
        name = held.said.golden_record
        if not name:
            return None
        golden = self._reader.surviving(connection, [name], None)[name]
        if not in_scope(golden.entities, entities):
            raise not_found(held.record_type, name)
        _require_active(golden)
        return golden

    def _slots(self, golden: Revision | None, record_type: RecordType, changes: Iterable[SlotChange]) -> Slots:
        """Return what the golden record says in the fields that changes lie in."""
        if golden is None:
            return {}
        content = self._store.content(golden, record_type.message)
        return slots_of(record_type, content, changed_fields(record_type, changes))

    def _standing(self, said: pb.ChangeRequest, golden: Revision | None) -> Standing.ValueType:
        """Return how an open request stands beside the golden record; None = it asks for a new one."""
        if golden is None:
            return Standing.STANDING_READY
        if golden.state is RecordState.DELETED:
            return Standing.STANDING_RECORD_DELETED
        kind, changes = type_of(said), changes_of(said)
        now = self._slots(golden, kind, changes)
        touches = {touch(kind, change, now.get(change.path)) for change in changes}
        if Touch.CONFLICT in touches:
            return Standing.STANDING_CONFLICTING
        if Touch.AGREED not in touches:
            return Standing.STANDING_READY
        return Standing.STANDING_OUTDATED if rebased(kind, changes, now, {}) else Standing.STANDING_FULFILLED

    def _apply(self, connection: Connection, held: HeldRequest, decision: Decision) -> Applied:
        """Make a request's changes the steward's own. Raises CHANGE_REQUEST_OUTDATED where others made some too."""
        kind, changes = held.record_type, held.changes
        golden = self._present(connection, held, decision.entities)
        if golden is None:
            content = applied(kind, changes, kind.message())
            content.entities.extend(held.revision.entities)  # type: ignore[attr-defined] # every master has it
            return self._stewardship.create_in(connection, kind, content, decision)

        def merge(present: Message) -> tuple[Message, Sequence[str]]:
            fields = changed_fields(kind, changes)
            now = slots_of(kind, present, fields)
            touched = [change.path for change in changes if touch(kind, change, now.get(change.path)) is not Touch.NONE]
            if touched:
                raise _values(
                    reasons.ERROR_REASON_CHANGE_REQUEST_OUTDATED, held, touched, "was changed by others since"
                )
            # Of a timeline others may have changed other days: only the days asked for change.
            return applied(kind, rebased(kind, changes, now, {}), present), fields

        return self._stewardship.update_in(connection, kind, golden.record, merge, decision)

    def _keep(  # noqa: PLR0913 - a request has many parts
        self,
        connection: Connection,
        said: pb.ChangeRequest,
        record_type: RecordType,
        changes: Iterable[SlotChange],
        reason: str,
        entities: Sequence[str],
        decision: Decision,
    ) -> Answer:
        """Append a new request's first revision."""
        said.state, said.record_type, said.reason = State.STATE_OPEN, record_type.name, reason
        said.author = decision.key.principal
        said.create_time.FromDatetime(clock(connection).astimezone(UTC))
        set_changes(said, changes)
        name = f"changeRequests/{self._new_id()}"
        return self._records.append(connection, name, said, None, entities, decision.origin)

    def _decide(self, decision: Decision, apply: Callable[[Connection], Answer]) -> pb.ChangeRequest:
        def present(connection: Connection, answer: Answer) -> pb.ChangeRequest:
            self._records.find(connection, answer.record, decision.entities)
            pair = (answer.record, answer.revision)
            revision = self._store.read_revisions(connection, [pair])[pair]
            return self.present_all(connection, [revision], clear=decision.clear)[0]

        return self._transactions.once(decision.key, decision.request, apply, present, rehearsal=decision.rehearsal)


def _require_active(golden: Revision) -> None:
    if golden.state is not RecordState.ACTIVE:
        raise ConcordError(
            reasons.ERROR_REASON_RECORD_DELETED, f"{golden.record} is deleted", metadata={"name": golden.record}
        )


def _require_second(held: HeldRequest, decision: Decision) -> None:
    told, said = "who wrote it, or chose in it, does not decide on it", held.said
    require_second_person(held.revision.record, said.author, decision.key.principal, told, said.contributors)


def _require_choices(held: HeldRequest, now: Slots, sides: Mapping[str, Side]) -> None:
    """Raise CHANGE_REQUEST_CONFLICT for conflicts without a choice, INVALID_CONTENT for choices without a conflict."""
    contested = [conflict.path for conflict in conflicts(held.record_type, held.changes, now)]
    idle = [path for path in sides if path not in contested]
    if idle:
        raise _invalid("choices", f"{idle[0]} is not in conflict")
    waiting = [path for path in contested if path not in sides]
    if waiting:
        text = "was changed by others to something else: choose"
        raise _values(reasons.ERROR_REASON_CHANGE_REQUEST_CONFLICT, held, waiting, text)


def _differences(record_type: RecordType, changes: Iterable[SlotChange], now: Slots) -> Iterable[Difference]:
    contested = {conflict.path: conflict for conflict in conflicts(record_type, changes, now)}
    for change in changes:
        present = now.get(change.path)
        conflict = contested.get(change.path)
        three = (
            (conflict.base, conflict.present, conflict.wanted) if conflict else (change.base, present, change.wanted)
        )
        base, is_now, wanted = (packed(record_type, value) for value in three)
        standing = _TOUCHES[touch(record_type, change, present)]
        yield Difference(path=change.path, standing=standing, base=base, present=is_now, wanted=wanted)


def _settled(held: HeldRequest, state: State.ValueType, decision: Decision) -> pb.ChangeRequest:
    said = _copied(held)
    said.state, said.decider = state, decision.key.principal
    return said


def _copied(held: HeldRequest) -> pb.ChangeRequest:
    said = pb.ChangeRequest()
    said.CopyFrom(held.said)
    return said


def _values(reason: reasons.ErrorReason.ValueType, held: HeldRequest, paths: Sequence[str], text: str) -> ConcordError:
    return ConcordError(
        reason,
        f"others changed {paths[0]}{' and more of what it wants changed' if len(paths) > 1 else ''}",
        metadata={"name": held.revision.record, "values": str(len(paths))},
        preconditions=[Precondition("VALUE", path, text) for path in paths],
    )


def _invalid(field: str, description: str) -> ConcordError:
    return ConcordError(
        reasons.ERROR_REASON_INVALID_CONTENT,
        "the change request is not to be had like this",
        metadata={"type": pb.ChangeRequest.DESCRIPTOR.full_name},
        violations=[FieldViolation(field, description)],
    )
