"""The mesh of the production overlay under podman, and around it what a production cluster has of others.

Its operator's work is done here: settings are said, Secrets made (by the code of `bootstrap`). An identity provider,
the witness and PostgreSQL are the local overlay's; PostgreSQL serves TLS under the name that CloudNativePG gives it.
"""

import base64
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from services.development import secrets_api
from services.development.authority import Authority, Identity
from services.development.bootstrap import Bootstrap
from services.mesh.calling.client import ClientTls
from services.mesh.calling.peer import PeerSettings, open_peer
from services.mesh.identity.client_credentials import CredentialsSettings
from services.mesh.telemetry import Telemetry
from tests.containers import podman
from tests.containers.cluster import Cluster, Replica, ready
from tests.containers.volumes import Secrets, Volumes
from tests.support.server.mounted_secrets import MountedSecrets
from tests.support.server.secrets_server import secrets_server
from tools.manifests.edges import DEPLOY
from tools.manifests.manifests import Manifests
from tools.manifests.rendering import parse, render

SERVICES = ("audit", "mdm", "erp-adapter", "saas-adapter")
LOG_ORIGIN = "audit.example.org/log"
WITNESS_NAME = "witness.example.org"

_DATABASE_NAMES = ("postgres-rw", "postgres")
_TLS_PLACE = "/etc/postgresql-tls"


@dataclass(frozen=True)
class ContainerMesh:
    """Everything that runs, and how a steward reaches it."""

    cluster: Cluster
    network: podman.Network
    secrets: MountedSecrets
    replicas: Mapping[str, list[Replica]]
    token_url: str

    def channel(self, service: str) -> grpc.Channel:
        """Open the steward's channel to a service by its name in the network's DNS, balanced over its replicas."""
        tls = "steward-tls"
        authority = self.secrets.file(tls, "ca.crt")
        secret = self.secrets.file("steward-client", "secret")
        peer = PeerSettings(
            f"dns://{self.network.gateway}:53/{service}:8443",
            credentials=CredentialsSettings(self.token_url, "steward", secret, authority),
            tls=ClientTls(authority, self.secrets.file(tls, "tls.crt"), self.secrets.file(tls, "tls.key")),
        )
        return open_peer(peer, Telemetry.off())


@contextmanager
def running(directory: Path, image: str, postgres_image: str) -> Iterator[ContainerMesh]:
    """Run the mesh for the time of the block, of images as `make image` names them."""
    made = _secrets(directory)
    kept = MountedSecrets(directory / "steward")
    for name in ("steward-tls", "steward-client", "audit-log-key", "witness-key"):
        kept.put(name, made[name])
    trust = directory / "authorities.crt"
    trust.write_bytes(made["postgres-ca"]["ca.crt"])
    volumes = Volumes(directory / "volumes", made)
    repository, tag = image.rsplit(":", 1)
    said = {"IMAGE": repository, "TAG": tag, "ISSUER": "https://issuer:8443", "LOG_ORIGIN": LOG_ORIGIN}
    said |= {"JWKS_URL": "https://issuer:8443/jwks.json", "TOKEN_URL": "https://issuer:8443/token"}
    said |= {"WITNESS_URL": "https://witness:8443", "WITNESS_KEY": made["witness-key"]["vkey"].decode().strip()}
    local = {**said, "POSTGRES_IMAGE": postgres_image.rsplit(":", 1)[0]}
    with ExitStack() as stack:
        network = stack.enter_context(podman.Network())
        around = Cluster(_rendered("local", directory, local), network, volumes, trust)
        mesh = Cluster(_rendered("production", directory, said), network, volumes, trust)
        token_url = _start_neighbours(around, directory, made)
        migrate(mesh)
        replicas = {name: mesh.start("Deployment", name) for name in SERVICES}
        for each in replicas.values():
            ready(each)
        yield ContainerMesh(mesh, network, kept, replicas, token_url)


def migrate(mesh: Cluster) -> None:
    """Run every migration Job of an overlay."""
    for name in mesh.jobs("migration"):
        assert mesh.run_job("Job", name) == 0, mesh.log(name)


def _start_neighbours(around: Cluster, directory: Path, made: Secrets) -> str:
    """Start database, issuer and witness; return where tokens are given, as this machine reaches it."""
    ready(around.start("StatefulSet", "postgres", *_database_tls(directory, made)))
    (databases,) = around.jobs("databases")
    assert around.run_job("Job", databases) == 0, around.log(databases)
    (issuer,) = around.start("Deployment", "issuer", ["--publish=127.0.0.1::8443"])
    ready([issuer, *around.start("Deployment", "witness")])
    published = podman.podman("port", issuer.running, "8443/tcp").splitlines()[0]
    return f"https://localhost:{published.rsplit(':', 1)[1]}/token"


def _database_tls(directory: Path, made: Secrets) -> tuple[list[str], list[str]]:
    """Return the options and arguments that let PostgreSQL serve TLS under the production database's name."""
    root = made["development-authority"]
    identity = Authority(Identity(root["tls.crt"], root["tls.key"])).issue(_DATABASE_NAMES)
    place = directory / "database-tls"
    place.mkdir()
    (place / "tls.crt").write_bytes(identity.certificate)
    (place / "tls.key").write_bytes(identity.key)
    shutil.chown(place / "tls.key", 0, 10001)
    (place / "tls.key").chmod(0o440)
    files = [f"ssl_cert_file={_TLS_PLACE}/tls.crt", f"ssl_key_file={_TLS_PLACE}/tls.key"]
    settings = [argument for setting in ("ssl=on", *files) for argument in ("-c", setting)]
    return [f"--volume={place}:{_TLS_PLACE}:ro", "--network-alias=postgres-rw"], settings


def _secrets(directory: Path) -> dict[str, dict[str, bytes]]:
    """Return the Secrets that `bootstrap` makes, and CloudNativePG's authority."""
    directory.mkdir(parents=True, exist_ok=True)
    with secrets_server(directory) as server, secrets_api.opened(server.url, server.account) as api:
        Bootstrap(api, log_origin=LOG_ORIGIN, witness_name=WITNESS_NAME).run()
        made = {
            name: {key: base64.b64decode(value) for key, value in secret["data"].items()}
            for name, secret in server.held.items()
        }
    return made | {"postgres-ca": {"ca.crt": made["development-authority"]["tls.crt"]}}


def _rendered(overlay: str, directory: Path, said: Mapping[str, str]) -> Manifests:
    """Render an overlay with an operator's settings."""
    deploy = directory / f"deploy-{overlay}"
    shutil.copytree(DEPLOY, deploy)
    settings = deploy / "overlays" / overlay / "settings.env"
    settings.write_text("".join(f"{_said(line, said)}\n" for line in settings.read_text().splitlines()))
    return parse(overlay, render(overlay, deploy))


def _said(line: str, said: Mapping[str, str]) -> str:
    name = line.partition("=")[0]
    return f"{name}={said[name]}" if name in said else line
