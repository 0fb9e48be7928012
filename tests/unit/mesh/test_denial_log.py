"""Refused calls reach the audit: alike ones together, bounded, none uncounted."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from concord.audit.v1 import audit_pb2
from concord.audit.v1.audit_pb2 import Leaf
from concord.governance.v1 import error_reason_pb2 as reasons
from services.mesh.call import Call
from services.mesh.contract.governance import MethodPolicy, method_policy
from services.mesh.contract.validation import violations
from services.mesh.errors import ConcordError
from services.mesh.identity.caller import Caller
from services.mesh.records.denial_log import UNLISTED, DenialLog
from tests.support.waiting import eventually

OFTEN, NEVER = 0.001, 3600.0


def policy_of(method: str) -> MethodPolicy:
    policy = method_policy(audit_pb2.DESCRIPTOR.services_by_name["AuditService"].methods_by_name[method])
    assert policy is not None
    return policy


GET_LEAF = policy_of("GetLeaf")


class Audit:
    """Takes leaves; fails as often as it is told to, before or after it has taken them."""

    def __init__(self, *, failures: int = 0) -> None:
        self.failures = failures
        self.sent: list[list[bytes]] = []
        self.taken: dict[tuple[str, int], bytes] = {}

    def append(self, leaves: Sequence[bytes]) -> None:
        self.sent.append(list(leaves))
        for data in leaves:
            leaf = Leaf.FromString(data)
            assert self.taken.setdefault((leaf.record, leaf.revision), data) == data
        if self.failures:
            self.failures -= 1
            raise ConcordError(reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE, "no answer")

    @property
    def leaves(self) -> list[Leaf]:
        return [Leaf.FromString(data) for data in self.taken.values()]


def refuse(
    log: DenialLog,
    actor: str = "mallory",
    reason: reasons.ErrorReason.ValueType = reasons.ERROR_REASON_PERMISSION_MISSING,
) -> None:
    call = Call(policy=GET_LEAF, caller=Caller(subject=actor, client="tests", entities=("entities/a",)))
    log.note(call, ConcordError(reason, "refused", metadata={"permission": "audit.leaves.read"}))


def told(log: DenialLog) -> None:
    """Let a log send what it has, once."""
    log.start()
    log.stop()


def test_alike_calls_share_a_leaf_that_counts_them() -> None:
    audit = Audit()
    log = DenialLog("mdm", audit.append, pause_s=NEVER)
    for _ in range(3):
        refuse(log)
    refuse(log, "trudy")
    refuse(log, reason=reasons.ERROR_REASON_SYSTEM_NOT_OWNED)
    told(log)
    assert [(leaf.actor, leaf.denial.reason, leaf.denial.attempts) for leaf in audit.leaves] == [
        ("mallory", "PERMISSION_MISSING", 3),
        ("trudy", "PERMISSION_MISSING", 1),
        ("mallory", "SYSTEM_NOT_OWNED", 1),
    ]
    for leaf in audit.leaves:
        assert violations(leaf) == []
        assert (leaf.method, leaf.denial.permission) == (GET_LEAF.full_name, "audit.leaves.read")
        assert list(leaf.entities) == ["entities/a"]


@given(st.lists(st.sampled_from("abcdefgh"), max_size=30), st.integers(1, 4))
def test_whatever_comes_every_call_is_counted_and_few_leaves_are_made(actors: list[str], most: int) -> None:
    audit = Audit()
    log = DenialLog("mdm", audit.append, pause_s=NEVER, most=most)
    for actor in actors:
        refuse(log, actor)
    told(log)
    assert sum(leaf.denial.attempts for leaf in audit.leaves) == len(actors)
    assert len(audit.leaves) == min(len(set(actors)), most + 1)
    unlisted = [leaf for leaf in audit.leaves if leaf.denial.reason == UNLISTED]
    assert len(unlisted) == (len(set(actors)) > most)
    assert all(leaf.actor == "concord/mdm/denials" and not leaf.entities for leaf in unlisted)


def test_what_the_audit_did_not_take_is_sent_again_as_it_was_and_the_series_has_no_hole() -> None:
    audit = Audit(failures=2)
    log = DenialLog("mdm", audit.append, pause_s=OFTEN)
    refuse(log)
    log.start()
    eventually(lambda: len(audit.sent) >= 3)
    refuse(log, "trudy")
    eventually(lambda: len(audit.taken) == 2)
    log.stop()
    assert audit.sent[0] == audit.sent[1] == audit.sent[2]
    assert [leaf.revision for leaf in audit.leaves] == [1, 2]
    assert len({leaf.record for leaf in audit.leaves}) == 1


def test_what_never_reached_the_audit_is_told_at_the_end(caplog: pytest.LogCaptureFixture) -> None:
    log = DenialLog("mdm", Audit(failures=99).append, pause_s=NEVER)
    refuse(log)
    with caplog.at_level(logging.WARNING):
        told(log)
    assert "1 leaves of refused calls never reached the audit" in caplog.messages


def test_texts_that_nobody_checked_are_cut_to_what_a_leaf_holds() -> None:
    audit = Audit()
    log = DenialLog("mdm", audit.append, pause_s=NEVER)
    caller = Caller(subject="s" * 999, client="c" * 999)
    call = Call(GET_LEAF, caller, purpose="p" * 999, reason="r" * 9999, request_id_header="i" * 999)
    log.note(call, ConcordError(reasons.ERROR_REASON_SYSTEM_NOT_OWNED, "refused", resource=("system", "x" * 9999)))
    told(log)
    assert [violations(leaf) for leaf in audit.leaves] == [[]]


def test_the_name_of_a_method_that_is_not_served_makes_no_leaf_of_its_own() -> None:
    audit = Audit()
    log = DenialLog("mdm", audit.append, pause_s=NEVER)
    for name in ("/acme.v1.Thing/One", "/acme.v1.Thing/Two"):
        policy = replace(GET_LEAF, full_name=name, permission="")
        log.note(Call(policy), ConcordError(reasons.ERROR_REASON_METHOD_NOT_GOVERNED, "not served"))
    told(log)
    assert [(leaf.method, leaf.denial.attempts) for leaf in audit.leaves] == [("", 2)]
