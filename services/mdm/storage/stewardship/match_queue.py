"""Working the stewards' queue: who is at work on what, with its reasons; deciding takes a pair off it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import match_pb2, match_queue_pb2
from services.mdm.domain.match_reasons import reasons as weighed
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.matching import match_candidates, match_index
from services.mdm.storage.matching.decisions import Kind, MatchDecisions
from services.mdm.storage.matching.match_candidates import Candidate, Question
from services.mdm.storage.models.stored_models import name_of
from services.mdm.storage.registration.registry import Registry
from services.mdm.storage.stewardship.merging import Merging
from services.mdm.storage.tables import crosswalk
from services.mesh.errors import ConcordError
from services.mesh.records.idempotency import Answer

COLLECTION = "matchCandidates"
AN_HOUR = 3600
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Doubt = match_queue_pb2.MatchCandidate.Doubt


class MatchQueue:
    """Shows, claims, releases and decides what waits for stewards."""

    def __init__(
        self, transactions: Transactions, registry: Registry, decisions: MatchDecisions, merging: Merging
    ) -> None:
        self._transactions = transactions
        self._registry = registry
        self._decisions = decisions
        self._merging = merging

    def find(self, connection: Connection, name: str, entities: frozenset[str] | None) -> Candidate:
        """Return a candidate. Raises RECORD_NOT_FOUND, also for one that waits no longer or is out of scope."""
        found = match_candidates.find(connection, Question(entities, id=name.partition("/")[2]))
        if found is None:
            raise ConcordError(
                reasons.ERROR_REASON_RECORD_NOT_FOUND,
                f"{name} does not wait for anybody",
                metadata={"name": name},
                resource=("match_candidate", name),
            )
        return found

    def present(self, connection: Connection, candidate: Candidate) -> match_queue_pb2.MatchCandidate:
        """Return a candidate with its reasons, by the model in force."""
        shown = match_queue_pb2.MatchCandidate(
            name=f"{COLLECTION}/{candidate.id}",
            record_type=candidate.record_type,
            source_records=[candidate.low, candidate.high],
            golden_records=[candidate.golden, candidate.other_golden],
            doubt=Doubt.Value(f"DOUBT_{candidate.doubt.upper()}"),
            score_millibits=candidate.millibits,
            priority=candidate.priority,
            claimant=candidate.claimant,
        )
        shown.create_time.FromDatetime(candidate.since)
        if candidate.claimed_until:
            shown.claim_expire_time.FromDatetime(candidate.claimed_until)
        model = self._registry.read(connection).models.get(candidate.record_type)
        indexed = match_index.read(connection, [candidate.low, candidate.high])
        profiles = [found.profile for found in indexed.values() if found.profile]
        # Whichever of the two was matched last was scored with the other by the model of then.
        scored_by = max((found.model_revision for found in indexed.values()), default=0)
        if scored_by and candidate.millibits:
            shown.match_model = name_of(candidate.record_type, scored_by)
        if model is not None and len(profiles) > 1:
            for reason in weighed(model, model.score(*profiles)):
                shown.reasons.add(attribute=reason.attribute, finding=reason.finding, weight_millibits=reason.millibits)
        return shown

    def claim(self, name: str, seconds: int, decision: Decision) -> match_queue_pb2.MatchCandidate:
        """Keep a candidate for a person. Raises RECORD_NOT_FOUND, MATCH_CANDIDATE_CLAIMED."""

        def apply(connection: Connection) -> Answer:
            candidate = self.find(connection, name, decision.entities)
            claimant = decision.key.principal
            if not match_candidates.claim(connection, candidate.id, claimant, seconds or AN_HOUR):
                raise _claimed(self.find(connection, name, decision.entities))
            # A claim makes no revision: when it ends is what a repeat answers again.
            return Answer(name, _microseconds(self.find(connection, name, decision.entities).claimed_until))

        return self._answered(name, decision, apply)

    def release(self, name: str, decision: Decision) -> match_queue_pb2.MatchCandidate:
        """Give a candidate back. Raises RECORD_NOT_FOUND, MATCH_CANDIDATE_CLAIMED (by somebody else)."""

        def apply(connection: Connection) -> Answer:
            match_candidates.release(connection, self._unclaimed(connection, name, decision).id)
            return Answer(name, _microseconds(None))

        return self._answered(name, decision, apply)

    def decide(
        self, name: str, kind: Kind.ValueType, reason: str, decision: Decision, *, withdraw: bool
    ) -> tuple[match_pb2.MatchDecision, list[str]]:
        """Decide on a candidate; return the decision and the golden records of its pair.

        Raises RECORD_NOT_FOUND, MATCH_CANDIDATE_CLAIMED (by somebody else) and as `Merging.decide`.
        """

        def apply(connection: Connection) -> Answer:
            candidate = self._unclaimed(connection, name, decision)
            said = match_pb2.MatchDecision(source_records=[candidate.low, candidate.high], kind=kind, reason=reason)
            return self._merging.decide_in(connection, said, decision, withdraw=withdraw)

        def present(connection: Connection, answer: Answer) -> tuple[match_pb2.MatchDecision, list[str]]:
            decided = self._decisions.answered(connection, answer)
            links = crosswalk.of_sources(connection, decided.source_records)
            return decided, [links[source].golden for source in decided.source_records]

        return self._transactions.once(decision.key, decision.request, apply, present, rehearsal=decision.rehearsal)

    def _unclaimed(self, connection: Connection, name: str, decision: Decision) -> Candidate:
        candidate = self.find(connection, name, decision.entities)
        if candidate.claimant not in {"", decision.key.principal}:
            raise _claimed(candidate)
        return candidate

    def _answered(
        self, name: str, decision: Decision, apply: Callable[[Connection], Answer]
    ) -> match_queue_pb2.MatchCandidate:
        def present(connection: Connection, answer: Answer) -> match_queue_pb2.MatchCandidate:
            until = _moment(answer.revision)
            claimant = decision.key.principal if until else ""
            found = self.find(connection, name, decision.entities)
            return self.present(connection, found._replace(claimant=claimant, claimed_until=until))

        return self._transactions.once(decision.key, decision.request, apply, present, rehearsal=decision.rehearsal)


def _microseconds(moment: datetime | None) -> int:
    """Return a moment as microseconds since 1970; 0 = none."""
    return (moment - _EPOCH) // timedelta(microseconds=1) if moment else 0


def _moment(microseconds: int) -> datetime | None:
    return _EPOCH + timedelta(microseconds=microseconds) if microseconds else None


def _claimed(candidate: Candidate) -> ConcordError:
    name = f"{COLLECTION}/{candidate.id}"
    return ConcordError(
        reasons.ERROR_REASON_MATCH_CANDIDATE_CLAIMED,
        "somebody else is at work on it",
        metadata={"name": name, "claimant": candidate.claimant},
    )
