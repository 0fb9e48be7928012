"""A pod's containers as podman runs them: what a rendered manifest says, as options of `podman run`.

What a manifest may say and this does not know is an error: a container that runs otherwise than the cluster would run
it proves nothing.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.manifests.manifests import Container, Manifests, Pod

# Of the cluster's own business: accounts, scheduling, and what is looked at by whoever starts and stops containers.
_POD = {
    "containers", "initContainers", "volumes", "securityContext",
    "automountServiceAccountToken", "enableServiceLinks", "restartPolicy", "serviceAccountName",
    "terminationGracePeriodSeconds", "topologySpreadConstraints",
}  # fmt: skip
_CONTAINER = {
    "name", "image", "command", "args", "env", "envFrom", "resources", "securityContext", "volumeMounts",
    "imagePullPolicy", "lifecycle", "livenessProbe", "ports", "readinessProbe", "startupProbe",
}  # fmt: skip
_SECURITY = {
    "allowPrivilegeEscalation", "capabilities", "fsGroup", "readOnlyRootFilesystem", "runAsGroup", "runAsNonRoot",
    "runAsUser", "seccompProfile",
}  # fmt: skip
_UNITS = {"Ki": "k", "Mi": "m", "Gi": "g"}


class UntranslatedError(Exception):
    """A manifest says what podman is not told here."""


def arguments(manifests: Manifests, pod: Pod, container: Container, mounts: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a container as arguments of `podman run`: options, image, and what is run in it.

    `mounts` gives, for each volume of the pod by name, the options that mount it, with `{path}` where it is mounted.
    Raises UntranslatedError.
    """
    content = container.content
    _known(pod.spec, _POD, pod.owner)
    _known(content, _CONTAINER, container.name)
    command = content.get("command")
    return [
        *security({**pod.spec.get("securityContext", {}), **content.get("securityContext", {})}),
        *(f"--env={name}={value}" for name, value in environment(manifests, content).items()),
        *_memory(content),
        *_mounted(content, mounts),
        *([f"--entrypoint={json.dumps(command)}"] if command else []),
        str(content["image"]),
        *content.get("args", []),
    ]


def security(context: Mapping[str, Any]) -> Iterator[str]:
    """Yield the options of a security context, the container's over its pod's. Raises UntranslatedError."""
    _known(context, _SECURITY, "securityContext")
    user, group = context.get("runAsUser"), context.get("runAsGroup")
    if not user or group is None or not context.get("runAsNonRoot"):
        raise UntranslatedError(f"a container that may be root: {dict(context)}")
    if context.get("seccompProfile") != {"type": "RuntimeDefault"}:
        raise UntranslatedError("podman runs under its default seccomp profile, and the manifest asks for another one")
    yield f"--user={user}:{group}"
    if "fsGroup" in context:
        yield f"--group-add={context['fsGroup']}"
    if context.get("readOnlyRootFilesystem"):
        yield from ("--read-only", "--read-only-tmpfs=false")
    if context.get("allowPrivilegeEscalation") is False:
        yield "--security-opt=no-new-privileges"
    yield from _capabilities(context.get("capabilities", {}))


def environment(manifests: Manifests, content: Mapping[str, Any]) -> dict[str, str]:
    """Return a container's variables: from ConfigMaps, in order, then its own. Raises UntranslatedError."""
    variables: dict[str, str] = {}
    for source in content.get("envFrom", []):
        _known(source, {"configMapRef"}, "envFrom")
        variables |= config_map(manifests, source["configMapRef"]["name"])
    for variable in content.get("env", []):
        _known(variable, {"name", "value"}, "env")
        variables[variable["name"]] = str(variable.get("value", ""))
    return variables


def config_map(manifests: Manifests, name: str) -> dict[str, str]:
    """Return what a ConfigMap holds. Raises UntranslatedError when there is none of this name."""
    found = manifests.find("ConfigMap", name)
    if found is None:
        raise UntranslatedError(f"ConfigMap {name} is not rendered")
    return dict(found.get("data") or {})


def _capabilities(named: Mapping[str, Any]) -> Iterator[str]:
    _known(named, {"drop"}, "capabilities")
    yield from (f"--cap-drop={capability}" for capability in named.get("drop", []))


def _memory(content: Mapping[str, Any]) -> Iterator[str]:
    limit = content.get("resources", {}).get("limits", {}).get("memory")
    if limit is not None:
        yield f"--memory={size(limit)}"


def size(quantity: str) -> str:
    """Return a quantity of bytes, such as `512Mi`, as podman writes it. Raises UntranslatedError."""
    found = re.fullmatch(r"(\d+)(Ki|Mi|Gi)", str(quantity))
    if not found:
        raise UntranslatedError(f"{quantity} is no quantity that podman is told of here")
    return found[1] + _UNITS[found[2]]


def _mounted(content: Mapping[str, Any], mounts: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for mount in content.get("volumeMounts", []):
        _known(mount, {"name", "mountPath", "readOnly"}, "volumeMounts")
        if mount["name"] not in mounts:
            raise UntranslatedError(f"volume {mount['name']} is mounted and not declared")
        yield from (option.replace("{path}", mount["mountPath"]) for option in mounts[mount["name"]])


def _known(content: Mapping[str, Any], known: set[str], where: str) -> None:
    if unknown := sorted(set(content) - known):
        raise UntranslatedError(f"{where} says {', '.join(unknown)}, which this does not hand to podman")
