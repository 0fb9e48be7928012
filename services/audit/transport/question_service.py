"""QuestionService: each question becomes a filter over the leaves."""

from concord.audit.v1 import question_pb2
from services.audit.domain.question import LeafFilter
from services.audit.domain.term import TermKind, disclosed, term
from services.audit.transport.answering import Answering
from services.audit.transport.asking import end_of, require_storable, start_of
from services.mesh.server import Call, GrpcService


class QuestionService:
    """The handlers of `concord.audit.v1.QuestionService`; what they raise is in the contract."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    def grpc_service(self) -> GrpcService:
        """Return the handlers by method name."""
        return GrpcService(
            "concord.audit.v1.QuestionService",
            {
                "ListChanges": self.list_changes,
                "ListDisclosures": self.list_disclosures,
                "ListDenials": self.list_denials,
                "ListQuestions": self.list_questions,
            },
        )

    def list_changes(self, request: question_pb2.ListChangesRequest, call: Call) -> question_pb2.ListChangesResponse:
        """List changes."""
        require_storable(request, "source_service", "record", "record_type", "actor")
        wanted = LeafFilter(
            source_service=request.source_service,
            record=request.record,
            record_type=request.record_type,
            involved=request.actor,
            changes=True,
            start=start_of(request),
            end=end_of(request),
            terms=_terms(
                (TermKind.FIELD, request.field),
                (TermKind.PURPOSE, request.purpose),
                (TermKind.REQUEST, request.request_id),
                (TermKind.CATEGORY, str(request.category) if request.category else ""),
            ),
        )
        answer = self._answering.page(request, call, wanted)
        return question_pb2.ListChangesResponse(changes=answer.leaves, next_page_token=answer.next_page_token)

    def list_disclosures(
        self, request: question_pb2.ListDisclosuresRequest, call: Call
    ) -> question_pb2.ListDisclosuresResponse:
        """List disclosures."""
        require_storable(request, "source_service", "actor")
        asked = request.record or request.classification
        wanted = LeafFilter(
            source_service=request.source_service,
            record_type="disclosure",
            involved=request.actor,
            start=start_of(request),
            end=end_of(request),
            terms=_terms(
                (TermKind.DISCLOSED, disclosed(request.record, request.classification) if asked else ""),
                (TermKind.PURPOSE, request.purpose),
                (TermKind.REQUEST, request.request_id),
            ),
        )
        answer = self._answering.page(request, call, wanted)
        return question_pb2.ListDisclosuresResponse(disclosures=answer.leaves, next_page_token=answer.next_page_token)

    def list_denials(self, request: question_pb2.ListDenialsRequest, call: Call) -> question_pb2.ListDenialsResponse:
        """List refused calls."""
        require_storable(request, "source_service", "actor")
        wanted = LeafFilter(
            source_service=request.source_service,
            record_type="denial",
            involved=request.actor,
            start=start_of(request),
            end=end_of(request),
            terms=_terms(
                (TermKind.METHOD, request.method),
                (TermKind.PURPOSE, request.purpose),
                (TermKind.REQUEST, request.request_id),
            ),
        )
        answer = self._answering.page(request, call, wanted)
        return question_pb2.ListDenialsResponse(denials=answer.leaves, next_page_token=answer.next_page_token)

    def list_questions(
        self, request: question_pb2.ListQuestionsRequest, call: Call
    ) -> question_pb2.ListQuestionsResponse:
        """List what the audit was asked."""
        require_storable(request, "actor")
        wanted = LeafFilter(
            record_type="question",
            involved=request.actor,
            start=start_of(request),
            end=end_of(request),
            terms=_terms((TermKind.PURPOSE, request.purpose), (TermKind.REQUEST, request.request_id)),
        )
        answer = self._answering.page(request, call, wanted)
        return question_pb2.ListQuestionsResponse(questions=answer.leaves, next_page_token=answer.next_page_token)


def _terms(*asked: tuple[TermKind, str]) -> tuple[int, ...]:
    """Return the terms of what is asked for; what is empty does not restrict."""
    return tuple(term(kind, text) for kind, text in asked if text)
