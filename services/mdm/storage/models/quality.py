"""Live quality: what stewards' decisions show of the links that the model in force makes."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from concord.mdm.v1 import match_pb2
from concord.mdm.v1 import match_quality_pb2 as pb
from services.mdm.domain.live_quality import Count, Interval, bands, is_broken, recall, wilson
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.matching import match_candidates, match_index
from services.mdm.storage.matching.decisions import MatchDecisions
from services.mdm.storage.matching.match_candidates import Question
from services.mdm.storage.models.audits import MatchAudits, Verdict, link_count, model_in_force
from services.mdm.storage.models.stored_models import StoredModels, name_of
from services.mdm.storage.registration.registry import Registry

_CHUNK = 500
_PERMILLE = 1000
_MUST = match_pb2.MatchDecision.KIND_MUST_LINK

Decided = tuple[tuple[str, ...], int, bool]
"""A pair that stewards decided on, what it scores under the model in force, whether it is one thing."""


class MatchQuality:
    """Measures live quality from audits, decisions and the queue."""

    def __init__(
        self,
        transactions: Transactions,
        registry: Registry,
        stored: StoredModels,
        decisions: MatchDecisions,
        audits: MatchAudits,
    ) -> None:
        self._transactions = transactions
        self._registry = registry
        self._stored = stored
        self._decisions = decisions
        self._audits = audits

    def measure(self, record_type: RecordType) -> pb.MatchQuality:
        """Return how good automatic links of a type are. Raises RECORD_NOT_FOUND where no model is in force."""
        model = self._transactions.read(lambda connection: model_in_force(connection, self._registry, record_type))
        decided = self._decided(model)
        return self._transactions.read(lambda connection: self._measured(connection, record_type, model, decided))

    def types(self) -> list[str]:
        """Return the types that have a model in force."""
        return sorted(self._transactions.read(self._registry.read).models)

    def _measured(
        self, connection: Connection, record_type: RecordType, model: MatchModel, decided: Sequence[Decided]
    ) -> pb.MatchQuality:
        name = name_of(record_type.name, model.revision)
        audited = self._audits.of_model(connection, name)
        drawn = {tuple(each.source_records) for each in audited}
        right, undecided = _verdicts(audited), sum(not each.verdict for each in audited)
        reviewed = _reviewed(model, (each for each in decided if each[0] not in drawn))
        links = link_count(connection, record_type)
        waiting = match_candidates.count(connection, Question(None, record_type=record_type.name))
        promise = self._stored.present(self._stored.find(connection, name)).promise
        precision = wilson(right)
        found = recall(links, right, waiting + reviewed.total, reviewed)
        return pb.MatchQuality(
            record_type=record_type.name,
            match_model=name,
            promise=promise,
            precision=_interval(precision, right),
            recall=_interval(found, reviewed),
            precision_broken=is_broken(promise.precision_permille / _PERMILLE, precision),
            recall_broken=is_broken(promise.recall_permille / _PERMILLE, found),
            link_count=links,
            waiting_count=waiting,
            undecided_audit_count=undecided,
            bands=[
                pb.MatchQualityBand(
                    from_millibits=band.low, to_millibits=band.high, same=_interval(wilson(band.same), band.same)
                )
                for band in bands((millibits, same) for _, millibits, same in decided)
            ],
        )

    def _decided(self, model: MatchModel) -> list[Decided]:
        """Return what stewards decided on, as far as both source records are matched."""
        decisions, found = self._decisions.holding(model.record_type), list[Decided]()
        for start in range(0, len(decisions), _CHUNK):
            chunk = decisions[start : start + _CHUNK]
            sources = {source for each in chunk for source in each.source_records}
            stored = self._transactions.read(lambda connection: match_index.read(connection, sources))  # noqa: B023 - runs at once
            for each in chunk:
                one, other = (stored[s].profile if s in stored else None for s in each.source_records)
                if one is not None and other is not None:
                    score = model.score(one, other)
                    found.append((tuple(each.source_records), score.millibits, each.kind == _MUST))
        return found


def _verdicts(audited: Iterable[pb.AuditedMatch]) -> Count:
    told = [each.verdict == Verdict.VERDICT_RIGHT for each in audited if each.verdict]
    return Count(sum(told), len(told))


def _reviewed(model: MatchModel, decided: Iterable[Decided]) -> Count:
    """Count the decisions on pairs that matching asks about: those at or above the review cut."""
    same = [same for _, millibits, same in decided if millibits >= model.review_millibits]
    return Count(sum(same), len(same))


def _interval(found: Interval, count: Count) -> pb.ShareInterval:
    told = pb.ShareInterval(low=found.low, high=found.high, right_count=count.right, decided_count=count.total)
    if found.share is not None:
        told.share = found.share
    return told
