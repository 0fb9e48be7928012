"""The pin service: stewards pin values, end pins, and see which ended by themselves."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import Connection

from concord.mdm.v1 import pin_pb2
from services.mdm.domain import registry as record_types
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.scope import missing
from services.mdm.storage.deciding.transactions import Transactions
from services.mdm.storage.records.pin_records import type_of
from services.mdm.storage.stewardship.pins import Asked, PinQuestion, Pins
from services.mdm.transport.calls.deciding import Deciding, may_see_restricted
from services.mdm.transport.calls.type_permissions import readable, require_permission
from services.mdm.transport.records.decisions import require_clearance, unpacked_content
from services.mesh.contract import validation
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.errors import FieldViolation
from services.mesh.server import Call, GrpcService

SERVICE = "concord.mdm.v1.PinService"


class PinMethods:
    """The pin service's RPCs."""

    def __init__(self, transactions: Transactions, pins: Pins, deciding: Deciding) -> None:
        self._transactions = transactions
        self._pins = pins
        self._deciding = deciding

    def service(self) -> GrpcService:
        """Return the pin service."""
        return GrpcService(
            SERVICE,
            {
                "PinValue": self.pin_value,
                "UnpinValue": self.unpin_value,
                "GetPin": self.get_pin,
                "ListPins": self.list_pins,
                "ListPinNotices": self.list_notices,
                "AcknowledgePinNotice": self.acknowledge_notice,
            },
        )

    def pin_value(self, request: pin_pb2.PinValueRequest, call: Call) -> Message:
        """Pin a value."""
        record_type = record_types.by_collection(request.golden_record.partition("/")[0])
        if record_type is None:
            raise missing("golden record", request.golden_record)
        require_permission(record_type, "Update", call)
        require_clearance(record_type, request.path, call)
        asked = Asked(
            record_type,
            request.golden_record,
            request.etag,
            request.path,
            _value(record_type, request),
            request.reason,
            _moment(request.expire_time),
        )
        return pin_pb2.PinValueResponse(pin=self._pins.pin(asked, self._deciding.decision(request, call)))

    def unpin_value(self, request: pin_pb2.UnpinValueRequest, call: Call) -> Message:
        """End a pin."""
        pin = self._pin(request.name, call, "Update")
        require_clearance(type_of(pin), pin.path, call)
        ended = self._pins.unpin(request.name, request.etag, self._deciding.decision(request, call))
        return pin_pb2.UnpinValueResponse(pin=ended)

    def acknowledge_notice(self, request: pin_pb2.AcknowledgePinNoticeRequest, call: Call) -> Message:
        """Take a notice off the list."""
        self._pin(request.name, call, "Update")
        seen = self._pins.acknowledge(request.name, request.etag, self._deciding.decision(request, call))
        return pin_pb2.AcknowledgePinNoticeResponse(pin=seen)

    def get_pin(self, request: pin_pb2.GetPinRequest, call: Call) -> Message:
        """Return a pin."""
        return pin_pb2.GetPinResponse(pin=self._pin(request.name, call, "Get"))

    def list_pins(self, request: pin_pb2.ListPinsRequest, call: Call) -> Message:
        """List pins, newest first."""
        state = pin_pb2.Pin.State.Name(request.state) if request.state else ""
        pins, token, count = self._page(
            request, PinQuestion(None, request.golden_record, state, collections=_collections(call)), call
        )
        return pin_pb2.ListPinsResponse(pins=pins, next_page_token=token, total_count=count)

    def list_notices(self, request: pin_pb2.ListPinNoticesRequest, call: Call) -> Message:
        """List the pins that ended by themselves and are not acknowledged, newest first."""
        question = PinQuestion(None, request.golden_record, with_notice=True, collections=_collections(call))
        pins, token, count = self._page(request, question, call)
        return pin_pb2.ListPinNoticesResponse(pins=pins, next_page_token=token, total_count=count)

    def _pin(self, name: str, call: Call, verb: str) -> pin_pb2.Pin:
        """Return a pin as the caller may know it, if they may do this to the records that it is about."""

        def read(connection: Connection) -> pin_pb2.Pin:
            found = self._pins.find(connection, name, self._deciding.entities_within(connection, call))
            return self._pins.present(found, clear=may_see_restricted(call))

        pin = self._transactions.read(read)
        require_permission(type_of(pin), verb, call)
        return pin

    def _page(
        self, request: pin_pb2.ListPinsRequest | pin_pb2.ListPinNoticesRequest, asked: PinQuestion, call: Call
    ) -> tuple[Sequence[pin_pb2.Pin], str, int]:
        size, after = page_size(request.page_size), PageToken.decode(request.page_token, request)

        def read(connection: Connection) -> tuple[Sequence[pin_pb2.Pin], str, int]:
            question = replace(asked, scope=self._deciding.entities_within(connection, call))
            found = self._pins.page(connection, question, after[0] if after else None, size + 1)
            shown = [self._pins.present(each, clear=may_see_restricted(call)) for each in found[:size]]
            token = PageToken.encode((shown[-1].name,), request) if len(found) > size else ""
            return shown, token, self._pins.count(connection, question)

        return self._transactions.read(read)


def _collections(call: Call) -> tuple[str, ...]:
    return tuple(each.collection for each in readable(call))


def _value(record_type: RecordType, request: pin_pb2.PinValueRequest) -> Message | None:
    """Return what is to be pinned. Raises CONSTRAINT_VIOLATED, MALFORMED_MESSAGE."""
    if request.empty == request.HasField("content"):
        raise validation.constraint_violated([FieldViolation("content", "is to be given, or `empty`, and not both")])
    if request.empty:
        return None
    return unpacked_content(record_type, request.content)


def _moment(said: Timestamp) -> datetime:
    try:
        return said.ToDatetime(tzinfo=UTC)
    except ValueError as error:
        wrong = FieldViolation("expire_time", "is no time between the years 1 and 9999")
        raise validation.constraint_violated([wrong]) from error
