"""Proposals of code maps: a map changes, or retires, when a second person promotes what a first one proposed."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from concord.mdm.v1 import reference_data_pb2 as pb
from concord.mdm.v1.code_map_proposal_pb2 import CodeMapProposal
from services.mdm.domain.codes.code_list import map_violations
from services.mdm.domain.violation import Violation
from services.mdm.storage.deciding.decision import Decision
from services.mdm.storage.deciding.proposals import OUTPUT_ONLY, Proposals, cannot_be_true, set_by_the_hub
from services.mdm.storage.deciding.scope import in_scope, missing
from services.mdm.storage.reference_data import code_map_runs
from services.mdm.storage.reference_data.code_map_trial import CodeMapTrial
from services.mdm.storage.reference_data.code_records import ReferenceData, require_sound
from services.mdm.storage.registration.registry import CODE_MAP, HUB, Registry
from services.mesh.errors import ConcordError, Precondition
from services.mesh.records.leaf import Origin
from services.mesh.records.store import RecordStore, Revision, State

PROPOSALS = "code_map_proposal"
"""What proposals are called in the feed and in the evidence."""

_OUTPUT_ONLY = (*OUTPUT_ONLY, "base_revision", "code_map")


@dataclass(frozen=True)
class Proposed:
    """A proposal after it was written; `effect` is what it would touch, for a rehearsal."""

    proposal: CodeMapProposal
    effect: pb.CodeMapEffect | None


class CodeMapProposals:
    """Changes code maps; they belong to their systems' entities, and so do their proposals."""

    def __init__(
        self,
        store: RecordStore,
        registry: Registry,
        kept: Proposals[CodeMapProposal],
        reference_data: ReferenceData,
        trial: CodeMapTrial,
    ) -> None:
        self.kept = kept
        self._store = store
        self._registry = registry
        self._reference_data = reference_data
        self._trial = trial

    def create(self, proposal: CodeMapProposal, decision: Decision) -> Proposed:
        """Keep a proposal. Raises RECORD_NOT_FOUND (its system, list or map), INVALID_CONTENT."""
        effects: list[pb.CodeMapEffect] = []

        def write(connection: Connection) -> tuple[CodeMapProposal, tuple[str, ...]]:
            entity = self._entity(connection, proposal.system, decision.entities)
            name = map_name(proposal.system, proposal.code_list)
            present = self._store.read(connection, [name]).get(name)
            if proposal.retires and (present is None or present.state is State.DELETED):
                raise missing(CODE_MAP, name)
            said = [Violation(each.field, each.description) for each in set_by_the_hub(proposal, _OUTPUT_ONLY)]
            require_sound([*said, *self._wrong(connection, proposal)], "code_map_proposal", proposal)
            written = CodeMapProposal()
            written.CopyFrom(proposal)
            written.code_map, written.base_revision = name, present.revision if present else 0
            if decision.rehearsal:
                effects.append(self._effect(connection, written))
            return written, (entity,)

        kept = self.kept.create(decision, write)
        return Proposed(kept, effects[0] if effects else None)

    def effect(self, connection: Connection, name: str, entities: frozenset[str] | None) -> pb.CodeMapEffect:
        """Return what a waiting proposal would touch. Raises RECORD_NOT_FOUND, PROPOSAL_SETTLED."""
        return self._effect(connection, self.kept.waiting(connection, name, entities).proposal)

    def promote(self, name: str, etag: str, decision: Decision) -> CodeMapProposal:
        """Put a map in force, or retire it. Raises PROPOSAL_INVALID and as `Proposals.promote`."""
        return self.kept.promote(
            name, etag, decision, lambda connection, it: self._put_in_force(connection, name, it, decision.origin)
        )

    def _put_in_force(self, connection: Connection, name: str, proposal: CodeMapProposal, origin: Origin) -> None:
        """Append the map's next revision, and let golden records follow. Raises PROPOSAL_INVALID."""
        entity = self._entity(connection, proposal.system, None)
        problems = self._in_the_way(connection, proposal)
        self._store.lock(connection, [proposal.code_map])
        before = self._store.read(connection, [proposal.code_map]).get(proposal.code_map)
        if (present := before.revision if before else 0) != proposal.base_revision:
            problems.append(Precondition("REVISION", proposal.code_map, f"is at revision {present} now"))
        if problems:
            raise cannot_be_true(name, problems)
        state = State.DELETED if proposal.retires else State.ACTIVE
        code_map = _proposed(proposal)
        code_map.proposal, code_map.author, code_map.decider = name, proposal.author, proposal.decider
        answer = self._reference_data.append(connection, code_map, (entity,), before, origin, state)
        codes = code_map_runs.changed_codes(self._present(before), None if proposal.retires else code_map)
        code_map_runs.request(connection, code_map.name, answer.revision, codes)

    def _in_the_way(self, connection: Connection, proposal: CodeMapProposal) -> list[Precondition]:
        """Return what changed since the proposal was sound."""
        try:
            wrong = self._wrong(connection, proposal)
        except ConcordError:
            return [Precondition("CODE_LIST", proposal.code_list, "is not there any more")]
        return [Precondition("CODE_LIST", each.field, each.description) for each in wrong]

    def _wrong(self, connection: Connection, proposal: CodeMapProposal) -> Sequence[Violation]:
        """Return what is wrong with a proposal, and hold the list that it leads to. Raises RECORD_NOT_FOUND."""
        code_list = self._reference_data.held_list(connection, proposal.code_list)
        found = [Violation("system", "is the hub's own: stewards speak canonically")] if proposal.system == HUB else []
        if proposal.retires and proposal.entries:
            found.append(Violation("entries", "are none of a map that retires"))
        return [*found, *map_violations(_proposed(proposal), code_list)]

    def _effect(self, connection: Connection, proposal: CodeMapProposal) -> pb.CodeMapEffect:
        present = self._present(self._store.read(connection, [proposal.code_map]).get(proposal.code_map))
        return self._trial.effect(connection, present, _proposed(proposal), retires=proposal.retires)

    def _present(self, revision: Revision | None) -> pb.CodeMap | None:
        """Return the map that is in force."""
        if revision is None or revision.state is State.DELETED:
            return None
        return self._store.content(revision, pb.CodeMap)

    def _entity(self, connection: Connection, name: str, entities: frozenset[str] | None) -> str:
        system = self._registry.read(connection).systems.get(name)
        if system is None or not in_scope((system.entity,), entities):
            raise missing("system", name)
        return system.entity


def map_name(system: str, code_list: str) -> str:
    """Return the name of a system's map for a list: there can be only one."""
    parts = (name.partition("/")[2].replace("%", "%25").replace(":", "%3A") for name in (system, code_list))
    return f"codeMaps/{':'.join(parts)}"


def _proposed(proposal: CodeMapProposal) -> pb.CodeMap:
    return pb.CodeMap(
        name=map_name(proposal.system, proposal.code_list),
        system=proposal.system,
        code_list=proposal.code_list,
        entries=proposal.entries,
    )
