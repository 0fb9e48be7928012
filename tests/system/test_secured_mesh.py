"""A mesh wholly on TLS and client credentials: a supplier and its leaf, and secrets that change meanwhile."""

import ssl
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import psycopg
import pytest
from cryptography import x509

from concord.audit.v1.audit_pb2_grpc import AuditServiceStub
from concord.evidence.v1.evidence_pb2 import ReconcileEvidenceRequest
from concord.evidence.v1.evidence_pb2_grpc import EvidenceServiceStub
from concord.mdm.v1 import supplier_pb2, system_pb2
from concord.mdm.v1.party_pb2 import BankAccount
from concord.mdm.v1.supplier_pb2 import Supplier
from services.development.authority import Authority, Identity
from services.development.workloads import WORKLOADS
from services.mesh.records.keys import new_key_line
from tests.support.audit.first_leaf import has_first_leaf
from tests.support.hub.served import Client, refused
from tests.support.mesh.secured import SecuredMesh
from tests.support.processes.write_load import register
from tests.support.waiting import eventually
from tools.postgres import PostgresServer


@dataclass(frozen=True)
class Steward:
    """Somebody who writes suppliers and looks their leaves up."""

    hub: Client
    audit: AuditServiceStub

    def writes(self, legal_name: str) -> str:
        """Create a supplier whose bank account is sealed; return its name."""
        content = Supplier(
            legal_name=legal_name,
            entities=["entities/group"],
            bank_accounts=[BankAccount(code="1", account_number="123456")],
        )
        request = supplier_pb2.CreateSupplierRequest(supplier=content, request_id=str(uuid.uuid4()))
        return self.hub.suppliers.CreateSupplier(request).supplier.name

    def finds_leaf(self, record: str) -> bool:
        """Tell whether the audit has the leaf of a record's first revision."""
        return has_first_leaf(self.audit, record)


@pytest.fixture(scope="module")
def mesh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredMesh]:
    directory = tmp_path_factory.mktemp("secured")
    # A server of its own: passwords of roles are the server's, and these are changed.
    with PostgresServer.start(directory / "postgres") as postgres, SecuredMesh(directory / "mesh", postgres) as running:
        yield running


@pytest.fixture(scope="module")
def steward(mesh: SecuredMesh) -> Iterator[Steward]:
    with mesh.channel("mdm") as hub, mesh.channel("audit") as audit:
        client = Client(hub)
        register(client)
        yield Steward(client, AuditServiceStub(audit))


def test_a_supplier_is_written_its_leaf_found_and_its_checkpoint_cosigned(mesh: SecuredMesh, steward: Steward) -> None:
    acme = steward.writes("Acme")
    assert eventually(lambda: steward.finds_leaf(acme))
    assert eventually(lambda: list((mesh.directory / "witness").glob("*.checkpoint")))


def test_the_hub_is_known_by_its_certificate_when_it_compares_its_evidence(mesh: SecuredMesh, steward: Steward) -> None:
    steward.writes("Compared")
    with mesh.channel("mdm") as hub:
        evidence, everything = EvidenceServiceStub(hub), ReconcileEvidenceRequest()
        eventually(lambda: evidence.ReconcileEvidence(everything).waiting_count == 0)
        compared = evidence.ReconcileEvidence(everything)
    assert (compared.compared_count > 0, list(compared.differences)) == (True, [])


def test_who_shows_no_certificate_is_not_served(mesh: SecuredMesh) -> None:
    credentials = grpc.ssl_channel_credentials(mesh.secrets.file("steward-tls", "ca.crt").read_bytes())
    with grpc.secure_channel(f"localhost:{mesh.ports['mdm']}", credentials) as channel:
        systems = Client(channel).systems
        told = refused(lambda: systems.ListSystems(system_pb2.ListSystemsRequest(), timeout=60))
    assert told.code is grpc.StatusCode.UNAVAILABLE


def test_passwords_certificates_and_wrapping_keys_change_while_everything_runs(
    mesh: SecuredMesh, steward: Steward
) -> None:
    assert steward.writes("Before")
    before = presented(mesh, "mdm")
    _renew_certificates(mesh)
    _add_wrapping_key(mesh)
    for workload in ("mdm", "audit"):
        mesh.secrets.put(f"{workload}-database", {"password": uuid.uuid4().hex.encode()})
    mesh.set_passwords()
    _end_connections(mesh)
    assert eventually(lambda: presented(mesh, "mdm") != before)
    assert eventually(lambda: _newest_version(mesh, steward) == 2)
    after = steward.writes("After")
    assert eventually(lambda: steward.finds_leaf(after))
    with mesh.channel("mdm") as fresh:
        answer = Client(fresh).suppliers.GetSupplier(supplier_pb2.GetSupplierRequest(name=after))
        assert answer.supplier.legal_name == "After"
    assert [process.poll() for process in mesh.processes.values()] == [None] * len(mesh.processes)


def presented(mesh: SecuredMesh, name: str) -> int:
    """Return the serial number of the certificate that a server shows."""
    pem = ssl.get_server_certificate(("127.0.0.1", mesh.ports[name]), timeout=60)
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def _renew_certificates(mesh: SecuredMesh) -> None:
    kept = Identity(*(mesh.secrets.file("development-authority", key).read_bytes() for key in ("tls.crt", "tls.key")))
    authority = Authority(kept)
    for workload in WORKLOADS:
        fresh = authority.issue([workload.name])
        data = {"tls.crt": fresh.certificate, "tls.key": fresh.key, "ca.crt": kept.certificate}
        mesh.secrets.put(f"{workload.name}-tls", data)


def _add_wrapping_key(mesh: SecuredMesh) -> None:
    first = mesh.secrets.file("mdm-keys", "keys").read_bytes()
    mesh.secrets.put("mdm-keys", {"keys": new_key_line(2).encode() + first})


def _end_connections(mesh: SecuredMesh) -> None:
    with psycopg.connect(mesh.postgres.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE '%\\_service'")


def _newest_version(mesh: SecuredMesh, steward: Steward) -> int:
    """Write a supplier, and return the version that its record key is wrapped under."""
    try:
        name = steward.writes(f"Supplier {uuid.uuid4()}")
    except grpc.RpcError:
        return 0  # a connection that was ended
    with psycopg.connect(mesh.postgres.url("mdm")) as connection:
        row = connection.execute("SELECT key_version FROM record_keys WHERE record = %s", (name,)).fetchone()
        return int(row[0]) if row else 0
