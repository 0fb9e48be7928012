"""A slice of the demo through the production overlay's own containers."""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import grpc
import httpx
import pytest

from tests.containers import podman
from tests.containers.cluster import Replica, inspected, ready
from tests.containers.conftest import NAMING
from tests.containers.mesh import WITNESS_NAME, ContainerMesh
from tests.containers.steward import Steward
from tests.support.waiting import eventually
from tools.image.engine import limits

pytestmark = pytest.mark.timeout(1200)


def every_replica(mesh: ContainerMesh) -> list[Replica]:
    return [replica for replicas in mesh.replicas.values() for replica in replicas]


def test_every_service_has_the_replicas_of_its_autoscaler_and_all_are_ready(mesh: ContainerMesh) -> None:
    assert {name: len(replicas) for name, replicas in mesh.replicas.items()} == dict.fromkeys(mesh.replicas, 2)
    assert all(replica.is_ready() for replica in every_replica(mesh))


def test_no_container_is_root_has_a_capability_or_gets_one(mesh: ContainerMesh) -> None:
    for replica in every_replica(mesh):
        status = process_status(replica)
        assert status["Uid"] == status["Gid"] == ["10001"] * 4
        assert {status[name][0] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
        assert (status["NoNewPrivs"], status["Seccomp"]) == (["1"], ["2"])


def test_no_container_can_write_to_its_root(mesh: ContainerMesh) -> None:
    for replica in every_replica(mesh):
        with pytest.raises(podman.PodmanError, match="Read-only file system"):
            podman.podman("exec", replica.running, "touch", "/opt/concord/new")


def test_a_suppliers_evidence_is_proven_offline(mesh: ContainerMesh, steward: Steward, tmp_path: Path) -> None:
    acme = steward.writes("Acme")
    bundle = tmp_path / "bundle"

    def proven() -> str:
        return verdict(mesh, bundle) if steward.exports(acme, bundle) else ""

    # The witness cosigns within a second or so. Before its first time a bundle has no cosignature, which the verifier
    # demands; later a bundle is of what is cosigned, and the newest leaf of the log may not be.
    assert f"{WITNESS_NAME} cosigned it" in eventually(proven)

    content = bytearray(bundle.read_bytes())
    content[len(content) // 2] ^= 1
    bundle.write_bytes(content)
    assert not verdict(mesh, bundle)


def test_calls_go_to_all_replicas_of_hub_and_audit(mesh: ContainerMesh, steward: Steward) -> None:
    acme = steward.writes("Balanced")

    def all_are_called() -> bool:
        for _ in range(40):
            steward.reads(acme)
            steward.finds_leaf(acme)
        return all(
            calls(replica, method) >= 10
            for service, method in (("mdm", "GetSupplier"), ("audit", "GetLeaf"))
            for replica in mesh.replicas[service]
        )

    eventually(all_are_called)


def test_a_replica_that_is_stopped_ends_in_time_and_no_call_fails(mesh: ContainerMesh, steward: Steward) -> None:
    stopped = mesh.replicas["mdm"][0]
    with writing(steward) as written:
        eventually(lambda: len(written.names) > 20)
        took_s = stopped.stop()
        enough = len(written.names) + 20
        eventually(lambda: len(written.names) > enough)
    code, said = podman.exit_code(stopped.running), podman.logs(stopped.running)
    podman.podman("start", stopped.running)
    ready([stopped])

    assert (code, written.failures) == (0, Counter()), said
    assert took_s < 10


def test_a_replica_that_is_killed_loses_no_acknowledged_write(mesh: ContainerMesh, steward: Steward) -> None:
    killed = mesh.replicas["mdm"][1]
    with writing(steward) as written:
        eventually(lambda: len(written.names) > 20)
        killed.kill()
        enough = len(written.names) + 20
        eventually(lambda: len(written.names) > enough)
    podman.podman("start", killed.running)
    ready([killed])

    assert set(written.failures) <= {grpc.StatusCode.UNAVAILABLE}
    for name in written.names:
        assert steward.reads(name).legal_name
        eventually(partial(steward.finds_leaf, name))


def test_a_killed_replica_of_the_audit_keeps_no_evidence_back(mesh: ContainerMesh, steward: Steward) -> None:
    killed = mesh.replicas["audit"][0]
    killed.kill()
    written = [steward.writes(f"Meanwhile {number}") for number in range(5)]
    for name in written:
        eventually(partial(steward.finds_leaf, name))
    podman.podman("start", killed.running)
    ready([killed])


def test_the_scheduled_comparison_finds_hub_and_audit_alike(mesh: ContainerMesh, steward: Steward) -> None:
    acme = steward.writes("Compared")
    eventually(partial(steward.finds_leaf, acme))

    code = mesh.cluster.run_job("CronJob", "mdm-reconcile")

    assert code == 0, mesh.cluster.log("mdm-reconcile")


def process_status(replica: Replica) -> dict[str, list[str]]:
    """Return what the kernel says of a container's first process."""
    state = inspected(replica)["State"]
    assert isinstance(state, dict)
    lines = Path(f"/proc/{state['Pid']}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def verdict(mesh: ContainerMesh, bundle: Path) -> str:
    """Verify a bundle in a container without a network; return what the verifier says, empty for no proof."""
    place = bundle.parent
    for secret in ("audit-log-key", "witness-key"):
        (place / f"{secret}.vkey").write_bytes(mesh.secrets.file(secret, "vkey").read_bytes())
    for file in place.iterdir():
        file.chmod(0o444)
    place.chmod(0o755)
    command = ["python", "-m", "clients.verifier", "--key=/b/audit-log-key.vkey", "--witness=/b/witness-key.vkey"]
    options = ["--rm", "--network=none", "--read-only", "--cap-drop=ALL", f"--volume={place}:/b:ro", *limits()]
    try:
        return podman.podman("run", *options, NAMING.image("concord"), *command, f"/b/{bundle.name}")
    except podman.PodmanError:
        return ""
    finally:
        os.chmod(bundle, 0o644)  # noqa: PTH101 - written anew at the next try


def calls(replica: Replica, method: str) -> int:
    """Return how many calls of a method a replica has answered, by its own metrics."""
    text = httpx.get(f"http://{podman.address(replica.running)}:9464/metrics", timeout=60).text
    counts = (line for line in text.splitlines() if method in line and "_count{" in line)
    return int(sum(float(line.rsplit(" ", 1)[1]) for line in counts))


class Written:
    """What writers were told: names of suppliers, and the codes of calls that failed."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.failures: Counter[grpc.StatusCode] = Counter()

    def write_until(self, stopped: Callable[[], bool], steward: Steward) -> None:
        while not stopped():
            try:
                self.names.append(steward.writes(f"Supplier {threading.get_ident()} {len(self.names)}"))
            except grpc.RpcError as error:
                self.failures[error.code()] += 1


@contextmanager
def writing(steward: Steward, writers: int = 4) -> Iterator[Written]:
    """Write suppliers for the time of the block."""
    written, over = Written(), threading.Event()
    with ThreadPoolExecutor(writers) as threads:
        futures = [threads.submit(written.write_until, over.is_set, steward) for _ in range(writers)]
        try:
            yield written
        finally:
            over.set()
        for future in futures:
            future.result()
