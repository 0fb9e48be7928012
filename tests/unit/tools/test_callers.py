"""The roles of a local mesh."""

from clients.cli import contracts
from concord.governance.v1 import options_pb2
from services.development.permissions import EVIDENCE
from tools.landscape.callers import ROLES


def test_whatever_people_may_do_some_role_of_the_local_mesh_may() -> None:
    methods = [method for service in contracts.services().values() for method in service.methods]
    asked = {method.GetOptions().Extensions[options_pb2.method].permission for method in methods}
    held = {permission for role in ROLES for permission in role.permissions}
    assert asked - held == set(EVIDENCE)
    assert held <= asked
