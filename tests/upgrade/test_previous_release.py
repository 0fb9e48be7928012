"""An upgrade as it is rolled out: schema first, then replica by replica, the previous release serving all the while."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import grpc
import pytest

from services.mesh.calling.client import FixedToken, open_channel
from tests.support.database.quick_server import quick_server
from tests.support.hub.served import EVERYTHING, Client
from tests.support.hub.standard_calls import require_standard_calls
from tests.support.mesh.whole_evidence import Evidence
from tests.support.processes.write_load import WriteLoad, decide, register, tell, under_load
from tests.support.waiting import eventually
from tools.drill.evidence import differences
from tools.mesh import AUDIT, MDM, WITNESS, LocalMesh, Running
from tools.upgrade.previous import NoPreviousReleaseError, configured, find, unpack

ANSWERS = 200
CONNECTED_S = 60.0


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The previous release's files; whatever needs them is skipped where the history does not reach so far."""
    try:
        commit = find()
    except NoPreviousReleaseError as error:
        pytest.skip(str(error))
    return unpack(commit, tmp_path_factory.mktemp("previous") / "release")


@contextmanager
def previous_mesh(directory: Path, source: Path) -> Iterator[LocalMesh]:
    """Witness, audit and hub of the previous release, on databases that it migrated itself."""
    with quick_server() as postgres, LocalMesh(directory, postgres) as mesh:
        for kind in (AUDIT, MDM):
            mesh.prepare(kind, source)
        for kind in (WITNESS, AUDIT, MDM):
            mesh.start_release(kind, configured(source, kind, mesh.environment(kind)), source)
        yield mesh


def client(mesh: LocalMesh, stack: ExitStack, *replicas: Running) -> Client:
    """Return a client of some replicas of the hub, once one of them is connected to."""
    token = FixedToken(mesh.token("tester", (*EVERYTHING, "evidence.reconcile")))
    target = "ipv4:" + ",".join(one.target for one in replicas)
    channel = stack.enter_context(open_channel(target, token=token))
    grpc.channel_ready_future(channel).result(CONNECTED_S)
    return Client(channel)


def written(mesh: LocalMesh, clients: list[Client]) -> None:
    """Write through all replicas at once; require that nothing is lost, doubled or without evidence."""
    load, evidence = WriteLoad(), Evidence(mesh.postgres, mesh.log_key_file())
    writers = [partial(decide, load, clients[0]), partial(decide, load, clients[1]), partial(tell, load, clients[0])]
    with under_load(load, writers):
        eventually(lambda: len(load.acknowledged) >= ANSWERS or load.wrong)
    assert load.wrong == []
    evidence.await_drained()
    evidence.require_acknowledged(clients[0], load.acknowledged)
    evidence.require_whole()


def test_the_previous_release_serves_while_this_one_takes_its_place(previous: Path, tmp_path: Path) -> None:
    with previous_mesh(tmp_path, previous) as mesh, ExitStack() as stack:
        old = client(mesh, stack, mesh.services["mdm"])
        register(old)
        require_standard_calls(old)

        # The new schema, under the previous release as it runs, and under one that is started on it.
        for kind in (AUDIT, MDM):
            mesh.migrate(kind)
        require_standard_calls(old)
        for kind in (AUDIT, MDM):
            mesh.replace(mesh.services[kind.name])
        old = client(mesh, stack, mesh.services["mdm"])
        require_standard_calls(old)

        # A replica of either release on one database; the new one is configured as the previous one is.
        beside = mesh.start_beside("mdm")
        new = client(mesh, stack, beside)
        require_standard_calls(new)
        written(mesh, [old, new])
        assert differences(new.channel) == []
        assert differences(old.channel) == []

        # The previous release is gone; its configuration is not.
        for kind in (WITNESS, AUDIT, MDM):
            mesh.replace(mesh.services[kind.name], upgrade=True)
        both = client(mesh, stack, mesh.services["mdm"], beside)
        require_standard_calls(both)
        written(mesh, [both, new])
        assert differences(both.channel) == []
