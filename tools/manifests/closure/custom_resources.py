"""What custom resources name is there: authorities, Secrets, roles, clusters."""

from collections.abc import Iterator
from typing import Any

from tools.manifests.closure.references import Keys, missing, secret_keys
from tools.manifests.manifests import Defect, Manifests, Object, element


def custom_resource_defects(manifests: Manifests) -> Iterator[Defect]:
    """Find names in the resources of cert-manager and CloudNativePG that nothing bears."""
    secrets = secret_keys(manifests)
    yield from _authorities(manifests, secrets)
    yield from _databases(manifests, secrets)


def _authorities(manifests: Manifests, secrets: Keys) -> Iterator[Defect]:
    for certificate in manifests.of("Certificate"):
        issuer = certificate["spec"]["issuerRef"]["name"]
        if manifests.find("Issuer", issuer) is None:
            yield Defect(element(certificate), "issuer", f"there is no Issuer {issuer}")
        name = certificate["metadata"]["name"]
        if manifests.find("Deployment", name) and name not in certificate["spec"].get("dnsNames", []):
            yield Defect(element(certificate), "dns-name", f"is not good for the Service {name}")
    for issuer in manifests.of("Issuer"):
        name = issuer["spec"].get("ca", {}).get("secretName")
        if name is not None:
            yield from missing(element(issuer), "Secret", name, "tls.key", secrets)


def _databases(manifests: Manifests, secrets: Keys) -> Iterator[Defect]:
    managed = {role["name"] for cluster in manifests.of("Cluster") for role in _managed_roles(cluster)}
    for cluster in manifests.of("Cluster"):
        for role in _managed_roles(cluster):
            for key in ("username", "password"):
                yield from missing(element(cluster), "Secret", role["passwordSecret"]["name"], key, secrets)
    for database in manifests.of("Database"):
        spec = database["spec"]
        if manifests.find("Cluster", spec["cluster"]["name"]) is None:
            yield Defect(element(database), "cluster", f"there is no Cluster {spec['cluster']['name']}")
        for name in (spec["owner"], f"{spec['name']}_service"):
            if name not in managed:
                yield Defect(element(database), "database-role", f"no Cluster manages the role {name}")


def _managed_roles(cluster: Object) -> list[dict[str, Any]]:
    return list(cluster["spec"].get("managed", {}).get("roles", []))
