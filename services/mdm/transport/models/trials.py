"""Trials of match models, told as they go on."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from concord.mdm.v1 import match_trial_pb2 as pb
from services.mdm.domain.matching.grouping.clustering import Reason
from services.mdm.domain.matching.grouping.consequences import Against, Contradiction, Joining, Split
from services.mdm.storage.models.match_models import require_all_entities, require_sound
from services.mdm.storage.models.trial import Merging, ModelTrial, Phase, Progress, Summary, Told
from services.mdm.storage.records.value_trial import ChangedValue
from services.mdm.transport.calls.deciding import Deciding
from services.mesh.server import Call

Response = pb.CompareMatchModelResponse

_MOST = 1000
_PHASES = {
    Phase.READING: pb.MatchTrialProgress.PHASE_READING,
    Phase.SCORING: pb.MatchTrialProgress.PHASE_SCORING,
    Phase.SURVIVING: pb.MatchTrialProgress.PHASE_SURVIVING,
}
_REASONS = {
    Reason.DECISION: pb.MatchTrialJoin.REASON_DECISION,
    Reason.IDENTIFIER: pb.MatchTrialJoin.REASON_IDENTIFIER,
    Reason.MODEL: pb.MatchTrialJoin.REASON_MODEL,
}
_AGAINST = {
    Against.WOULD_LINK: pb.MatchTrialContradiction.AGAINST_WOULD_LINK,
    Against.WOULD_PART: pb.MatchTrialContradiction.AGAINST_WOULD_PART,
}
_COUNTED = (Merging, Split, ChangedValue, Contradiction)


class ModelTrialMethods:
    """Tries models out for callers who are scoped to every entity."""

    def __init__(self, trial: ModelTrial, deciding: Deciding) -> None:
        self._trial = trial
        self._deciding = deciding

    def compare(self, request: pb.CompareMatchModelRequest, call: Call) -> Iterator[Response]:
        """Stream what a model would make of the golden records there are."""
        require_all_entities(request.name, self._deciding.entities(call))
        require_sound(request.tuning)
        most, told = request.most_findings or _MOST, Counter[type]()
        for found in self._trial.run(request.name, request.tuning):
            told[type(found)] += 1
            if not call.is_active():
                return
            if not isinstance(found, _COUNTED) or told[type(found)] <= most:
                yield _RESPONSES[type(found)](found)


def _progress(found: Progress) -> Response:
    phase = _PHASES[found.phase]
    return Response(progress=pb.MatchTrialProgress(phase=phase, done_count=found.done, total_count=found.total))


def _merge(found: Merging) -> Response:
    joins = [_join(joining) for joining in found.joinings]
    return Response(merge=pb.MatchTrialMerge(golden_records=found.merge.goldens, joins=joins))


def _join(joining: Joining) -> pb.MatchTrialJoin:
    one, other, reason = joining.join
    return pb.MatchTrialJoin(source_records=(one, other), reason=_REASONS[reason], millibits=joining.millibits)


def _split(found: Split) -> Response:
    parts = [pb.MatchTrialPart(source_records=part) for part in found.parts]
    return Response(split=pb.MatchTrialSplit(golden_record=found.golden, parts=parts))


def _value(found: ChangedValue) -> Response:
    return Response(
        value=pb.MatchTrialValue(golden_record=found.golden, path=found.path, source_record=found.source_record)
    )


def _contradiction(found: Contradiction) -> Response:
    told = pb.MatchTrialContradiction(
        source_records=(found.one, found.other), against=_AGAINST[found.against], millibits=found.millibits
    )
    return Response(contradiction=told)


def _summary(found: Summary) -> Response:
    told = pb.MatchTrialSummary(
        source_record_count=found.sources,
        pair_count=found.pairs,
        link_count=found.links,
        merge_count=found.merges,
        split_count=found.splits,
        value_count=found.values,
        golden_record_count=found.goldens,
        contradiction_count=found.contradictions,
        review_count=found.reviews,
        decision_count=found.decisions,
    )
    return Response(summary=told)


_RESPONSES: dict[type[Told], Callable[[Any], Response]] = {
    Progress: _progress,
    Merging: _merge,
    Split: _split,
    ChangedValue: _value,
    Contradiction: _contradiction,
    Summary: _summary,
}
