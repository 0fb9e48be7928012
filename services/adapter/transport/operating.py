"""Operating a system's synchronisation: its state, sync now, pause, resume."""

from concord.adapter.v1 import adapter_pb2 as pb
from services.adapter.synchronising.worker import Worker
from services.adapter.transport.scope import Scope
from services.mesh.contract.pagination import PageToken, page_size
from services.mesh.records.idempotency import RequestKey, claim, settle
from services.mesh.records.leaf import Origin
from services.mesh.server import Call


class OperatingMethods:
    """What AdapterService does with whole systems."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def list_states(self, request: pb.ListSystemStatesRequest, call: Call) -> pb.ListSystemStatesResponse:
        """List the systems with their states, by name."""
        size = page_size(request.page_size)
        last = PageToken.decode(request.page_token, request)
        workers = [worker for name, worker in self._scope.workers(call.caller).items() if not last or name > last[0]]
        token = PageToken.encode([workers[size - 1].outpost.name], request) if len(workers) > size else ""
        states = [_state(worker) for worker in workers[:size]]
        return pb.ListSystemStatesResponse(system_states=states, next_page_token=token)

    def sync(self, request: pb.SyncSystemRequest, call: Call) -> pb.SyncSystemResponse:
        """Pull now."""
        worker = self._scope.worker(call.caller, request.system)
        counts = worker.sync(full=request.full, timeout_s=call.time_remaining())
        return pb.SyncSystemResponse(
            read_count=counts.read,
            created_count=counts.created,
            updated_count=counts.updated,
            unchanged_count=counts.unchanged,
            quarantined_count=counts.quarantined,
            system_state=_state(worker),
        )

    def pause(self, request: pb.PauseSystemRequest, call: Call) -> pb.PauseSystemResponse:
        """Pause a system."""
        return pb.PauseSystemResponse(system_state=self._decide(request, call, pb.SystemState.STATE_PAUSED))

    def resume(self, request: pb.ResumeSystemRequest, call: Call) -> pb.ResumeSystemResponse:
        """Resume a system."""
        return pb.ResumeSystemResponse(system_state=self._decide(request, call, pb.SystemState.STATE_RUNNING))

    def _decide(
        self,
        request: pb.PauseSystemRequest | pb.ResumeSystemRequest,
        call: Call,
        state: pb.SystemState.State.ValueType,
    ) -> pb.SystemState:
        worker = self._scope.worker(call.caller, request.system)
        outpost = worker.outpost
        if request.validate_only:
            rehearsed = _state(worker)
            rehearsed.state = state
            return rehearsed
        key = RequestKey(call.caller.subject, call.policy.full_name, request.request_id)
        with outpost.database.transaction() as connection:
            answer = claim(connection, outpost.sealer, key, request)
            if answer is None:
                decided = worker.states.decide(connection, state, Origin.of(call, request.request_id))
                settle(connection, key, decided)
            described = worker.states.describe(connection)
        if answer is not None:
            described.state = state  # what the first request answered, whoever decided otherwise since
        worker.interrupt()
        return described


def _state(worker: Worker) -> pb.SystemState:
    with worker.outpost.database.reading() as connection:
        return worker.states.describe(connection)
