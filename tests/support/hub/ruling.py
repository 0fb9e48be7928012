"""Short ways to put survivorship rules in force, and to let what the hub does by itself be done."""

from dataclasses import replace

from concord.mdm.v1 import survivorship_pb2
from services.mdm.storage.deciding.decision import Decision
from services.mesh.records.idempotency import RequestKey
from tests.support.hub.stored import TestHub, decision
from tests.support.waiting import eventually

Criterion = survivorship_pb2.GroupRule.Criterion
Proposal = survivorship_pb2.SurvivorshipProposal


def rule(group: str, *criteria: Criterion.ValueType) -> survivorship_pb2.GroupRule:
    """Return the rule of a group."""
    return survivorship_pb2.GroupRule(group=group, criteria=criteria)


def second(made: Decision) -> Decision:
    """Return the same decision, of another person."""
    return replace(made, key=RequestKey("controller@example.org", made.key.rpc, made.key.request_id))


def propose(hub: TestHub, record_type: str, *groups: survivorship_pb2.GroupRule) -> Proposal:
    """Propose rules."""
    proposal = Proposal(record_type=record_type, groups=groups)
    return hub.parts.rules.create(proposal, decision(proposal))


def enact(hub: TestHub, record_type: str, *groups: survivorship_pb2.GroupRule) -> Proposal:
    """Propose rules, and promote them as a second person."""
    made = propose(hub, record_type, *groups)
    return hub.parts.rules.promote(made.name, made.etag, second(decision(made)))


def trust(hub: TestHub, name: str, rank: int) -> None:
    """Give a system another trust rank."""
    landscape = hub.parts.transactions.read(hub.parts.registry.read)

    def merge(present: object) -> object:
        present.trust_rank = rank  # type: ignore[attr-defined] # a system
        return present

    system = landscape.systems[name]
    hub.parts.registrations.update_system(name, system.etag, merge, decision(system))  # type: ignore[arg-type]


def work_off(hub: TestHub) -> None:
    """Decide golden records anew as far as it goes now."""
    while hub.parts.reevaluation.step():
        pass


def settle(hub: TestHub) -> None:
    """Decide golden records anew until all are as they have to be."""

    def done() -> bool:
        work_off(hub)
        # A pass waits for transactions that are under way, such as the relay's.
        return not hub.rows("SELECT FROM reevaluations WHERE NOT finished")

    eventually(done)
