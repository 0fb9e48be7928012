"""Match models in tests: ordered, trained and promoted as people do it."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from concord.mdm.v1 import match_model_service_pb2 as pb
from concord.mdm.v1 import match_quality_pb2, match_trial_pb2, supplier_pb2
from services.mdm.domain.matching.model import MatchModel
from services.mdm.domain.record_type import RecordType
from services.mdm.storage.deciding.etag import etag_of
from services.mdm.storage.models.match_models import Order
from services.mdm.storage.writing.write_path import Applied
from services.mesh.records.idempotency import RequestKey
from tests.support.hub.masters import rid
from tests.support.hub.served import Client, ServedHub
from tests.support.hub.stored import ORIGIN, TestHub, decision, statement

SUPPLIER = "supplier"


def train(mesh: ServedHub, client: Client, **wanted: Any) -> pb.MatchModelRecord:
    """Order a model and let the hub train it; return it as it waits for a second person."""
    request = pb.TrainMatchModelRequest(**{"record_type": SUPPLIER, "request_id": rid(), **wanted})
    ordered = client.match_models.TrainMatchModel(request).match_model
    mesh.hub.parts.model_training.work()
    return model(client, ordered.name)


def model(client: Client, name: str, **wanted: Any) -> pb.MatchModelRecord:
    """Return a model as it is."""
    return client.match_models.GetMatchModel(pb.GetMatchModelRequest(name=name, **wanted)).match_model


def promote(client: Client, one: pb.MatchModelRecord) -> pb.MatchModelRecord:
    """Put a model in force."""
    request = pb.PromoteMatchModelRequest(name=one.name, etag=one.etag, request_id=rid())
    return client.match_models.PromoteMatchModel(request).match_model


def supplier(hub: TestHub, system: str, key: str, **said: Any) -> str:
    """Submit a supplier; return its source record."""
    (answer,) = hub.submit(statement(system, key, supplier_pb2.Supplier(**said)))
    assert isinstance(answer, Applied)
    return answer.source_record


def put_in_force(hub: TestHub, record_type: RecordType, model: MatchModel) -> int:
    """Order a model, let it be the given one, promote it as a second person; return its number."""
    models, kind = hub.parts.match_models, record_type.name
    wanted = Order(kind, "", match_trial_pb2.MatchTuning(), match_quality_pb2.MatchPromise(), "")
    ordered = models.order(wanted, decision(pb.TrainMatchModelRequest()))

    def finish(connection: Connection) -> None:
        models.finish(connection, ordered.name, model, ORIGIN)

    hub.parts.transactions.write(finish)
    request = pb.PromoteMatchModelRequest(name=ordered.name)
    second = replace(decision(request), key=RequestKey("second@example.org", "promote", rid()))
    proposed = hub.parts.transactions.read(lambda connection: hub.parts.stored_models.find(connection, ordered.name))
    return models.promote(ordered.name, etag_of(ordered.name, proposed.revision), second).number
