"""Replaying what was quarantined, while its system goes on submitting."""

import threading

from concord.governance.v1 import error_reason_pb2 as reasons
from concord.mdm.v1 import ingest_pb2
from services.mdm.transport.writing.submissions import SubmissionCheck
from services.mesh.errors import ConcordError
from tests.service.mdm.test_ingest import supplier
from tests.support.hub.masters import rid
from tests.support.hub.served import Client, ServedHub, refused
from tests.support.hub.stored import ORIGIN, STEWARD
from tests.support.hub.submitting import submit
from tests.support.waiting import eventually


def test_a_replay_never_opens_again_what_a_submission_settles_meanwhile(mesh: ServedHub, steward: Client) -> None:
    (bad,) = submit(steward, supplier("7", lei="wrong"))
    request = ingest_pb2.ReplayQuarantinedRecordRequest(name=bad.quarantined_record, request_id=rid())
    errors: list[ConcordError] = []
    replaying = threading.Thread(
        target=lambda: errors.append(refused(lambda: steward.ingest.ReplayQuarantinedRecord(request)))
    )
    parts = mesh.hub.parts
    good = SubmissionCheck(parts.transactions.read(parts.registry.read), STEWARD).offer(supplier("7"))
    with mesh.hub.database.transaction() as connection:
        parts.intake.take_in(connection, [good], ORIGIN)
        replaying.start()
        eventually(lambda: mesh.hub.rows("SELECT count(*) FROM pg_locks WHERE NOT granted") != [(0,)])
    replaying.join()
    assert [error.reason for error in errors] == [reasons.ERROR_REASON_QUARANTINED_RECORD_SETTLED]
    shown = steward.ingest.GetQuarantinedRecord(ingest_pb2.GetQuarantinedRecordRequest(name=bad.quarantined_record))
    assert shown.quarantined_record.state == ingest_pb2.QuarantinedRecord.STATE_SETTLED
