"""Whose leaves are told to whom."""

from typing import cast

import pytest

from concord.audit.v1 import completeness_pb2 as pb
from concord.governance.v1 import error_reason_pb2 as reasons
from services.audit.storage.leaf_ranges import LeafRanges
from services.audit.transport.completeness import CompletenessMethods
from services.mesh.contract.governance import method_policy
from services.mesh.errors import ConcordError
from services.mesh.evidence.comparison import RecordRange, Summary
from services.mesh.identity.caller import Caller
from services.mesh.server import Call

NOTHING = Summary(0, b"")


class NoLeaves:
    def summaries(self, _source_service: str, ranges: list[RecordRange]) -> list[Summary]:
        return [NOTHING] * len(ranges)


def ask(source_service: str, *, client: str, certificate: str = "") -> None:
    methods = CompletenessMethods(cast("LeafRanges", NoLeaves()))
    policy = method_policy(pb.DESCRIPTOR.services_by_name["CompletenessService"].methods_by_name["SummarizeLeaves"])
    assert policy is not None
    caller = Caller("anybody", client, permissions=frozenset({policy.permission}), entities=("*",))
    request = pb.SummarizeLeavesRequest(source_service=source_service, ranges=[pb.RecordRange()])
    methods.summarize(request, Call(policy, caller, peer_identity=certificate))


def test_a_service_is_whom_its_certificate_names_whatever_its_client_is_called() -> None:
    ask("erp_adapter", client="8e1c", certificate="erp-adapter,erp-adapter.concord.svc")
    with pytest.raises(ConcordError) as refused:
        ask("mdm", client="mdm", certificate="erp-adapter,erp-adapter.concord.svc")
    assert refused.value.reason == reasons.ERROR_REASON_PERMISSION_MISSING


def test_without_certificates_a_service_is_its_client() -> None:
    ask("erp_adapter", client="erp-adapter")
    with pytest.raises(ConcordError) as refused:
        ask("mdm", client="erp-adapter")
    assert refused.value.reason == reasons.ERROR_REASON_PERMISSION_MISSING
