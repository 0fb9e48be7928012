"""Decisions on match models: ordered by one person, put in force by another, one of a type at a time."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import match_model_service_pb2 as pb
from concord.mdm.v1 import match_quality_pb2, match_trial_pb2
from services.mdm.domain.matching.learning.tuning import tuned, tuning_violations
from services.mdm.domain.matching.model import MatchModel
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.etag import require_etag
from services.mdm.storage.deciding.scope import missing
from services.mdm.storage.deciding.second_person import require_second_person
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.models import register
from services.mdm.storage.models.register import State
from services.mdm.storage.models.stored_models import RECORD_TYPE, StoredModels, invalid, matched_type, name_of
from services.mdm.storage.tables import match_keys as keys
from services.mesh.errors import ConcordError, FieldViolation
from services.mesh.records.idempotency import Answer
from services.mesh.records.leaf import Origin
from services.mesh.records.store import Revision

_DEFAULT_PRECISION = 990


@dataclass(frozen=True)
class Order:
    """A model that somebody wants: trained, or with the weights of `base_model` and other cuts."""

    record_type: str
    base_model: str
    tuning: match_trial_pb2.MatchTuning
    promise: match_quality_pb2.MatchPromise
    rationale: str


class MatchModels:
    """Decides on models. They hold for every entity, so that it takes who is scoped to all."""

    def __init__(self, transactions: Transactions, stored: StoredModels) -> None:
        self._transactions = transactions
        self._stored = stored

    def order(self, wanted: Order, decision: Decision) -> pb.MatchModelRecord:
        """Keep an order. Raises UNKNOWN_RECORD_TYPE, RECORD_NOT_FOUND, INVALID_CONTENT."""

        def apply(connection: Connection) -> Answer:
            record_type = matched_type(wanted.record_type)
            require_all_entities(f"matchModels/{record_type.name}", decision.entities)
            require_sound(wanted.tuning)
            _hold_type(connection, record_type.name)
            kept = pb.MatchModelRecord(
                state=State.STATE_TRAINING,
                author=decision.key.principal,
                record_type=record_type.name,
                number=register.last_number(connection, record_type.name) + 1,
                rationale=wanted.rationale,
                tuning=wanted.tuning,
                base_model=wanted.base_model,
                promise=wanted.promise,
            )
            kept.promise.precision_permille = kept.promise.precision_permille or _DEFAULT_PRECISION
            model = self._from_base(connection, wanted) if wanted.base_model else None
            return self._stored.append(connection, kept, None, decision.origin, model)

        return self._decide(decision, apply)

    def finish(self, connection: Connection, name: str, model: MatchModel, origin: Origin) -> None:
        """Let a trained model wait for a second person; nothing when it was given up meanwhile."""
        revision, record = self._stored.held(connection, name)
        if record.state == State.STATE_TRAINING:
            self._stored.append(connection, record, revision, origin, tuned(model, record.tuning))

    def fail(self, connection: Connection, name: str, why: str, origin: Origin) -> None:
        """Let a training end without a model; nothing when it was given up meanwhile."""
        revision, record = self._stored.held(connection, name)
        if record.state == State.STATE_TRAINING:
            record.state, record.failure = State.STATE_FAILED, why
            self._stored.append(connection, record, revision, origin)

    def promote(self, name: str, etag: str, decision: Decision) -> pb.MatchModelRecord:
        """Put a model in force. Raises SECOND_PERSON_REQUIRED, PROPOSAL_INVALID and as `withdraw`."""

        def apply(connection: Connection) -> Answer:
            revision, record = self._waiting(connection, name, etag, decision)
            require_second_person(name, record.author, decision.key.principal)
            # It can score: it is trained, and its type is still matched as it was then.
            self._stored.model(connection, record)
            self._retire(connection, record, decision.origin)
            record.state, record.decider = State.STATE_IN_FORCE, decision.key.principal
            return self._stored.append(connection, record, revision, decision.origin)

        return self._decide(decision, apply)

    def withdraw(self, name: str, etag: str, decision: Decision) -> pb.MatchModelRecord:
        """Give a model up. Raises RECORD_NOT_FOUND, ETAG_MISMATCH, PROPOSAL_SETTLED."""

        def apply(connection: Connection) -> Answer:
            revision, record = self._waiting(connection, name, etag, decision)
            record.state, record.decider = State.STATE_WITHDRAWN, decision.key.principal
            return self._stored.append(connection, record, revision, decision.origin)

        return self._decide(decision, apply)

    def _from_base(self, connection: Connection, wanted: Order) -> MatchModel:
        base = self._stored.present(self._stored.find(connection, wanted.base_model))
        if base.record_type != wanted.record_type:
            raise _unsound(FieldViolation("base_model", f"is a model of {base.record_type}"))
        return tuned(self._stored.model(connection, base), wanted.tuning)

    def _waiting(
        self, connection: Connection, name: str, etag: str, decision: Decision
    ) -> tuple[Revision, pb.MatchModelRecord]:
        require_all_entities(name, decision.entities)
        _hold_type(connection, self._stored.present(self._stored.find(connection, name)).record_type)
        revision, record = self._stored.held(connection, name)
        if record.state not in {State.STATE_TRAINING, State.STATE_PROPOSED}:
            state = State.Name(record.state).removeprefix("STATE_")
            raise ConcordError(
                reasons.ERROR_REASON_PROPOSAL_SETTLED,
                f"{name} was settled already: {state.lower()}",
                metadata={"name": name, "state": state},
            )
        require_etag(name, revision.revision, etag)
        return revision, record

    def _retire(self, connection: Connection, record: pb.MatchModelRecord, origin: Origin) -> None:
        """Let the model in force retire. Raises PROPOSAL_INVALID for a successor that is older: numbers only rise."""
        before = register.in_force(connection).get(record.record_type)
        if before is None:
            return
        revision, retired = self._stored.held(connection, before.record)
        if retired.number > record.number:
            name = name_of(record.record_type, record.number)
            raise invalid(name, "NUMBER", f"is older than {before.record}: order it anew with this one as its base")
        retired.state, retired.successor = State.STATE_RETIRED, name_of(record.record_type, record.number)
        self._stored.append(connection, retired, revision, origin)

    def _decide(self, decision: Decision, apply: Callable[[Connection], Answer]) -> pb.MatchModelRecord:
        return self._transactions.once(
            decision.key, decision.request, apply, self._stored.answered, rehearsal=decision.rehearsal
        )


def require_all_entities(name: str, entities: frozenset[str] | None) -> None:
    """Raise RECORD_NOT_FOUND for a caller who is scoped to some entities only."""
    if entities is not None:
        raise missing(RECORD_TYPE, name)


def _hold_type(connection: Connection, record_type: str) -> None:
    """Hold a type's models until the transaction ends: numbers are gapless, one is in force."""
    keys.lock(connection, [f"match_models/{record_type}"])


def require_sound(tuning: match_trial_pb2.MatchTuning) -> None:
    """Raise INVALID_CONTENT for cuts that contradict each other."""
    violations = [FieldViolation(f"tuning.{v.field}", v.description) for v in tuning_violations(tuning)]
    if violations:
        raise _unsound(*violations)


def _unsound(*violations: FieldViolation) -> ConcordError:
    return ConcordError(
        reasons.ERROR_REASON_INVALID_CONTENT,
        "the order contradicts itself",
        metadata={"type": pb.MatchModelRecord.DESCRIPTOR.full_name},
        violations=violations,
    )
