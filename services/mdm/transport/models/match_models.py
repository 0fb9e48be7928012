"""The match model service: models as governed records, and what pairs score under them."""

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import match_model_service_pb2 as pb
from services.mdm.domain.matching.learning.tuning import band
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.models import register
from services.mdm.storage.models.match_models import MatchModels, Order
from services.mdm.storage.models.pair_scoring import PairScoring, Scored
from services.mdm.storage.models.stored_models import StoredModels
from services.mdm.transport.calls.deciding import Deciding
from services.mdm.transport.models.match_quality import MatchQualityMethods
from services.mdm.transport.models.trials import ModelTrialMethods
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.MatchModelService"

_SORT_KEYS = 2


class MatchModelMethods:
    """The match model service's RPCs."""

    def __init__(
        self,
        transactions: Transactions,
        stored: StoredModels,
        models: MatchModels,
        scoring: PairScoring,
        deciding: Deciding,
    ) -> None:
        self._transactions = transactions
        self._stored = stored
        self._models = models
        self._scoring = scoring
        self._deciding = deciding

    def train(self, request: pb.TrainMatchModelRequest, call: Call) -> Message:
        """Order a model."""
        wanted = Order(request.record_type, request.base_model, request.tuning, request.promise, request.rationale)
        ordered = self._models.order(wanted, self._deciding.decision(request, call))
        return pb.TrainMatchModelResponse(match_model=ordered)

    def get(self, request: pb.GetMatchModelRequest, _call: Call) -> Message:
        """Return one model."""

        def read(connection: Connection) -> Message:
            shown = self._stored.present(self._stored.find(connection, request.name))
            self._add_training(connection, shown)
            if shown.state == register.State.STATE_IN_FORCE:
                shown.behind_count = self._stored.count_behind(connection, shown)
            if request.with_frequencies and shown.trained_revision:
                shown.model.CopyFrom(self._stored.whole(connection, shown))
            return pb.GetMatchModelResponse(match_model=shown)

        return self._transactions.read(read)

    def list(self, request: pb.ListMatchModelsRequest, _call: Call) -> Message:
        """List models, a page at a time."""
        size = page_size(request.page_size)
        last = PageToken.decode(request.page_token, request, keys=_SORT_KEYS, numbers=(1,))
        after = (last[0], int(last[1])) if last else None

        def read(connection: Connection) -> Message:
            asked = (request.record_type, request.state)
            found = register.page(connection, *asked, after, size + 1)
            shown, more = found[:size], len(found) > size
            models = [self._stored.present(each) for each in self._stored.read(connection, [m.record for m in shown])]
            for model in models:
                self._add_training(connection, model)
            keys = (shown[-1].record_type, str(shown[-1].number)) if more else ()
            return pb.ListMatchModelsResponse(
                match_models=models,
                next_page_token=PageToken.encode(keys, request) if more else "",
                total_count=register.count(connection, *asked),
            )

        return self._transactions.read(read)

    def promote(self, request: pb.PromoteMatchModelRequest, call: Call) -> Message:
        """Put a model in force."""
        promoted = self._models.promote(request.name, request.etag, self._deciding.decision(request, call))
        return pb.PromoteMatchModelResponse(match_model=promoted)

    def withdraw(self, request: pb.WithdrawMatchModelRequest, call: Call) -> Message:
        """Give a model up."""
        withdrawn = self._models.withdraw(request.name, request.etag, self._deciding.decision(request, call))
        return pb.WithdrawMatchModelResponse(match_model=withdrawn)

    def score(self, request: pb.ScoreSourceRecordsRequest, call: Call) -> Message:
        """Score two source records."""

        def read(connection: Connection) -> Message:
            scope = self._deciding.entities_within(connection, call)
            return _answer(self._scoring.score(connection, request.source_revisions, request.match_model, scope))

        return self._transactions.read(read)

    def _add_training(self, connection: Connection, shown: pb.MatchModelRecord) -> None:
        if shown.state == register.State.STATE_TRAINING:
            shown.training.CopyFrom(register.training(connection, shown.name))


def match_model_service(
    models: MatchModelMethods, trials: ModelTrialMethods, quality: MatchQualityMethods
) -> GrpcService:
    """Return the match model service."""
    return GrpcService(
        SERVICE,
        {
            "TrainMatchModel": models.train,
            "GetMatchModel": models.get,
            "ListMatchModels": models.list,
            "PromoteMatchModel": models.promote,
            "WithdrawMatchModel": models.withdraw,
            "ScoreSourceRecords": models.score,
            "CompareMatchModel": trials.compare,
            "GetMatchQuality": quality.measure,
            "DrawMatchAudit": quality.draw,
            "GetMatchAudit": quality.get_audit,
            "ListMatchAudits": quality.list_audits,
        },
    )


def _answer(scored: Scored) -> pb.ScoreSourceRecordsResponse:
    score = pb.MatchScore(
        millibits=scored.score.millibits,
        parts=[pb.MatchPart(attribute=p.attribute, level=p.level, millibits=p.millibits) for p in scored.score.parts],
        forbidden=scored.score.forbidden,
        band=band(scored.model, scored.score),
    )
    return pb.ScoreSourceRecordsResponse(
        score=score,
        source_revisions=[pb.SourceRevision(source_record=r.record, revision=r.revision) for r in scored.revisions],
        match_model=scored.record.name if scored.record else "",
        model_digest=scored.record.model_digest if scored.record else b"",
    )
