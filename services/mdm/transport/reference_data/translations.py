"""The translation service: golden records in the codes of one system."""

from google.protobuf.message import Message
from sqlalchemy import Connection

from concord.mdm.v1 import translation_pb2 as pb
from services.mdm.domain.codes.record_translation import Cause, RecordTranslation, Untranslated
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.reference_data.record_translations import RecordTranslations
from services.mdm.transport.calls.deciding import Deciding
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.TranslationService"

_CAUSES = {
    Cause.MISSING: pb.UntranslatedValue.CAUSE_MISSING,
    Cause.AMBIGUOUS: pb.UntranslatedValue.CAUSE_AMBIGUOUS,
    Cause.UNMAPPED: pb.UntranslatedValue.CAUSE_UNMAPPED,
}


class TranslationMethods:
    """The translation service's RPC."""

    def __init__(self, transactions: Transactions, translations: RecordTranslations, deciding: Deciding) -> None:
        self._transactions = transactions
        self._translations = translations
        self._deciding = deciding

    def service(self) -> GrpcService:
        """Return the translation service."""
        return GrpcService(SERVICE, {"TranslateRecord": self.translate})

    def translate(self, request: pb.TranslateRecordRequest, call: Call) -> Message:
        """Say a golden record in a system's codes."""

        def read(connection: Connection) -> RecordTranslation:
            scope = self._deciding.entities_within(connection, call)
            return self._translations.translate(connection, request.system, request.content, scope)

        found = self._transactions.read(read)
        response = pb.TranslateRecordResponse(untranslated_values=[_untranslated(each) for each in found.left_out])
        response.content.Pack(found.content, deterministic=True)
        return response


def _untranslated(value: Untranslated) -> pb.UntranslatedValue:
    return pb.UntranslatedValue(
        path=value.path,
        field=value.field,
        code=value.code,
        code_list=f"codeLists/{value.code_list}",
        cause=_CAUSES[value.cause],
    )
