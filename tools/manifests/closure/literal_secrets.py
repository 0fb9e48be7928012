"""No secret's value is in a manifest, and none goes to a process by its environment."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping

from tools.manifests.manifests import Defect, Manifests, element

# Names that promise a secret; a path, an address or a name of it is none.
_SECRET_NAME = re.compile(r"(?i)(password|passwd|secret|token|credential|api_?key|private_?key)")
_HARMLESS_END = re.compile(r"(?i)_(file|url|id|target|name|directory)$")
_SECRET_VALUE = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bPRIVATE\+KEY\+|\beyJ[\w-]{10,}\.[\w-]+\.|://[^/\s:@]+:[^@\s/]+@"
)


def literal_secret_defects(manifests: Manifests) -> Iterator[Defect]:
    """Find Secrets with content, secrets in ConfigMaps and environments, and Secrets handed over as variables."""
    for secret in manifests.of("Secret"):
        if secret.get("data") or secret.get("stringData"):
            yield Defect(element(secret), "literal-secret", "is in the manifest with its content")
    for config_map in manifests.of("ConfigMap"):
        yield from _values(element(config_map), config_map.get("data", {}))
    for pod in manifests.pods:
        for container in pod.containers:
            variables = container.content.get("env", [])
            yield from _values(pod.owner, {each["name"]: each.get("value", "") for each in variables})
            yield from _values(pod.owner, {f"argument {n}": text for n, text in enumerate(container.command)})
            references = [each.get("valueFrom", {}).get("secretKeyRef") for each in variables]
            references += [each.get("secretRef") for each in container.content.get("envFrom", [])]
            if any(references):
                yield Defect(pod.owner, "secret-in-environment", f"{container.name} gets a Secret as a variable")


def _values(owner: str, values: Mapping[str, str]) -> Iterator[Defect]:
    for name, value in values.items():
        promised = _SECRET_NAME.search(name) and not _HARMLESS_END.search(name)
        if (promised and value) or _SECRET_VALUE.search(value) or _SECRET_VALUE.search(_decoded(value)):
            yield Defect(owner, "literal-secret", f"{name} holds what looks like a secret")


def _decoded(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
