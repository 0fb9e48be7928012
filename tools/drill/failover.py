"""Failover: a primary is lost under write load, its standby takes over, services find it by themselves."""

import time
import uuid
from collections.abc import Sequence

import grpc
import psycopg
from google.protobuf.field_mask_pb2 import FieldMask

from concord.mdm.v1.supplier_pb2 import GetSupplierRequest, Supplier, UpdateSupplierRequest
from services.mesh.errors import from_rpc_error
from tools.drill import evidence
from tools.drill.evidence import LostError
from tools.drill.figures import Figure
from tools.drill.rehearsal import Pair, Rehearsal, variables, whole
from tools.drill.replication import lose, promote, stall, start_standby
from tools.drill.writers import Acknowledged, writing
from tools.leftovers import wait_until

_ANSWERS_BEFORE = 60
_ANSWERS_AFTER = 60
_STALLED_ANSWERS = 25
_NOTICED_S = 30.0
_ANSWERED_S = 60.0  # the receipt is waited for again by every attempt that the call policy makes


def hub_synchronous(stage: Rehearsal) -> Figure:
    """Lose the hub's primary while its commits wait for the standby: nothing that was acknowledged is lost."""
    return _synchronous(stage, stage.hub, "hub, synchronous standby")


def audit_synchronous(stage: Rehearsal) -> Figure:
    """Lose the audit's primary: the log goes on where its witness and the hub's receipts say it was."""
    return _synchronous(stage, stage.audit, "audit, synchronous standby")


def services_restarted(stage: Rehearsal) -> Figure:
    """Restart every service on the servers that took over, as an operator may: nobody remembers the lost ones."""
    with writing(stage.suppliers()) as load:
        load.await_answers(_ANSWERS_BEFORE)
        began = time.monotonic()
        for pair in (stage.audit, stage.hub):
            stage.mesh.replace(stage.mesh.services[pair.kind.name], variables(pair.kind, [pair.primary]))
        load.await_answers(_ANSWERS_AFTER)
    return whole(stage, load, "services restarted", load.recovery(began))


def hub_asynchronous(stage: Rehearsal) -> Figure:
    """Lose the hub's primary while its standby is behind: say what is lost, and that the evidence names it.

    Nobody writes after the loss: what is gone has to be known before (docs/runbooks/backup.md).
    """
    hub = stage.hub
    hub.without_standby()
    hub.standby = stage.stack.enter_context(start_standby(hub.primary, stage.directory / "mdm-3"))
    stage.mesh.replace(stage.mesh.services["mdm"], variables(hub.kind, [hub.primary, hub.standby]))
    suppliers = stage.suppliers()
    with writing(suppliers) as load:
        load.await_answers(_ANSWERS_BEFORE)
        stall(hub.primary)
        load.await_answers(_STALLED_ANSWERS)
        load.over.set()
    evidence.await_drained(hub.primary)
    _fail_over(hub)
    gone = evidence.missing(hub.primary, load.acknowledged)
    found = evidence.differences(stage.channel("mdm"))
    known = evidence.named(found, gone)
    told = f"{len(gone)} acknowledged writes are gone; the comparison with the audit names {known} of them"
    told += f"; changed again, a record that lost revisions is refused its receipt: {_conflict(stage, gone)}"
    held = bool(gone) and known == len(gone)
    return Figure("hub, asynchronous standby", None, len(load.acknowledged), len(gone), known, load.repeats, held, told)


def _synchronous(stage: Rehearsal, pair: Pair, name: str) -> Figure:
    with writing(stage.suppliers()) as load:
        load.await_answers(_ANSWERS_BEFORE)
        lost_at = _fail_over(pair)
        stage.progress(f"{name}: the standby is promoted {time.monotonic() - lost_at:.1f} s after the loss")
        load.await_answers(_ANSWERS_AFTER)
    return whole(stage, load, name, load.recovery(lost_at))


def _fail_over(pair: Pair) -> float:
    """Lose the primary, notice it, promote the standby, which is the primary then; return when it was lost."""
    lost_at = time.monotonic()
    lose(pair.primary)
    if not wait_until(lambda: not _answers(pair), timeout_s=_NOTICED_S):
        raise LostError(f"the lost primary {pair.primary.directory} still answers")
    promote(pair.standby)
    pair.primary = pair.standby
    return lost_at


def _answers(pair: Pair) -> bool:
    try:
        psycopg.connect(pair.primary.url(), connect_timeout=1).close()
    except psycopg.OperationalError:
        return False
    return True


def _conflict(stage: Rehearsal, gone: Sequence[Acknowledged]) -> str:
    """Change a record that lost revisions; return what the audit's refusal makes of it. Raises LostError.

    The audit has another leaf of the revision that this makes, and keeps it.
    """
    changed_since = {one.record for one in gone} - {one.record for one in gone if one.revision == 1}
    if not changed_since:
        return "there is none"
    suppliers, name = stage.suppliers(), min(changed_since)
    supplier = suppliers.GetSupplier(GetSupplierRequest(name=name)).supplier
    changed = Supplier(name=name, legal_name=f"{supplier.legal_name} again")
    mask = FieldMask(paths=["legal_name"])
    request = UpdateSupplierRequest(
        supplier=changed, update_mask=mask, etag=supplier.etag, request_id=str(uuid.uuid4())
    )
    try:
        suppliers.UpdateSupplier(request, timeout=_ANSWERED_S)
    except grpc.RpcError as error:
        return from_rpc_error(error).reason_name
    raise LostError(f"{name} has two revisions {supplier.revision + 1} with a receipt each")
