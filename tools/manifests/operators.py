"""What operators make of custom resources: the Secrets, Services and pods that no manifest holds."""

from collections.abc import Iterator
from dataclasses import dataclass

from tools.manifests.manifests import Manifests, Pod

_TLS_KEYS = frozenset({"tls.crt", "tls.key", "ca.crt"})
_POSTGRES_PORTS = (("postgresql", 5432), ("status", 8000), ("metrics", 9187))


@dataclass(frozen=True)
class MadeSecret:
    """A Secret that an operator makes, and its keys."""

    name: str
    keys: frozenset[str]


def made_secrets(manifests: Manifests) -> Iterator[MadeSecret]:
    """Yield what cert-manager makes of Certificates and CloudNativePG of Clusters."""
    for certificate in manifests.of("Certificate"):
        yield MadeSecret(certificate["spec"]["secretName"], _TLS_KEYS)
    for cluster in manifests.of("Cluster"):
        yield MadeSecret(f"{cluster['metadata']['name']}-ca", frozenset({"ca.crt", "ca.key"}))


def made_services(manifests: Manifests) -> Iterator[tuple[str, int]]:
    """Yield the name and port of each Service that CloudNativePG makes of Clusters."""
    for cluster in manifests.of("Cluster"):
        for suffix in ("rw", "ro", "r"):
            yield f"{cluster['metadata']['name']}-{suffix}", 5432


def made_pods(manifests: Manifests) -> Iterator[Pod]:
    """Yield the instances that CloudNativePG makes of Clusters."""
    for cluster in manifests.of("Cluster"):
        name = cluster["metadata"]["name"]
        ports = [{"name": port, "containerPort": number} for port, number in _POSTGRES_PORTS]
        labels = {"cnpg.io/cluster": name, "app.kubernetes.io/part-of": "concord"}
        yield Pod(f"Cluster/{name}", labels, {"containers": [{"name": "postgres", "ports": ports}]})
