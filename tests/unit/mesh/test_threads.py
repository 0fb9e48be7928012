"""Which threads serve which calls."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from concord.audit.v1 import audit_pb2
from concord.mdm.v1 import supplier_pb2
from services.mesh.server.method import methods_of
from services.mesh.server.routing import Threads
from tests.support.server.serving import service


@pytest.fixture
def threads() -> Iterator[Threads]:
    with ThreadPoolExecutor(1) as streams, ThreadPoolExecutor(1) as writers:
        yield Threads(streams, writers)


def test_calls_that_wait_for_a_commit_have_threads_of_their_own(threads: Threads) -> None:
    declared = (audit_pb2.DESCRIPTOR.services_by_name, supplier_pb2.DESCRIPTOR.services_by_name)
    methods = methods_of([service(each.full_name, {}) for services in declared for each in services.values()])
    served_by = {method.policy.full_name.rpartition("/")[2]: threads.of(method) for method in methods}
    assert served_by["AppendLeaves"] is threads.writers
    assert served_by["CreateSupplier"] is threads.writers
    assert served_by["GetLeaf"] is None
    assert served_by["GetSupplier"] is None
