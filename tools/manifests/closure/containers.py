"""Every container is closed in as restricted pod security has it and more, is pinned, and says what it needs."""

import re
from collections.abc import Iterator
from typing import Any

from tools.manifests.manifests import Container, Defect, Manifests, Object, Pod, element

_POD = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "fsGroup": 10001,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
}
_HOST = ("hostNetwork", "hostPID", "hostIPC")
_VOLUMES = {"name", "configMap", "emptyDir", "persistentVolumeClaim", "projected", "secret"}
_WITH_TOKEN = {"bootstrap"}  # the one workload that speaks to the API server
_PINNED = re.compile(r".+(:(?!latest$|unset$)[\w][\w.-]*|@sha256:[0-9a-f]{64})")
_EXACT = re.compile(r".+(:v?\d+\.\d+[\w.-]*|@sha256:[0-9a-f]{64})")
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_SECURITY_LABELS = ("enforce", "audit", "warn")


def container_defects(manifests: Manifests) -> Iterator[Defect]:
    """Find what is not restricted, not pinned or asks for no resources."""
    for namespace in manifests.of("Namespace"):
        labels = namespace["metadata"].get("labels", {})
        for mode in _SECURITY_LABELS:
            if labels.get(f"pod-security.kubernetes.io/{mode}") != "restricted":
                yield Defect(element(namespace), "pod-security", f"does not {mode} restricted pod security")
    for account in manifests.of("ServiceAccount"):
        if account.get("automountServiceAccountToken") is not False:
            yield Defect(element(account), "token", "mounts its token into every pod")
    for pod in manifests.pods:
        yield from _pod(pod)
        for container in pod.containers:
            yield from _container(pod, container)
    yield from _one_release(manifests)
    yield from _of_others(manifests)


def _pod(pod: Pod) -> Iterator[Defect]:
    yield from _differences(pod.owner, pod.spec.get("securityContext", {}), _POD, "its pods")
    if (pod.spec.get("automountServiceAccountToken") is not False) != (pod.name in _WITH_TOKEN):
        yield Defect(pod.owner, "token", "mounts a ServiceAccount's token, or lacks the one that it works with")
    if pod.spec.get("enableServiceLinks") is not False:
        yield Defect(pod.owner, "service-links", "gets variables for every Service, which may pass for settings")
    for key in (key for key in _HOST if pod.spec.get(key)):
        yield Defect(pod.owner, "host", f"{key} opens its node")
    for name, volume in pod.volumes.items():
        for kind in set(volume) - _VOLUMES:
            yield Defect(pod.owner, "host", f"the volume {name} is of the kind {kind}")


def _differences(owner: str, found: Object, wanted: dict[str, Any], of: str) -> Iterator[Defect]:
    for key, value in wanted.items():
        if found.get(key) != value:
            yield Defect(owner, "security-context", f"{key} of {of} is {found.get(key)!r}, not {value!r}")


def _container(pod: Pod, container: Container) -> Iterator[Defect]:
    content = container.content
    yield from _differences(pod.owner, content.get("securityContext", {}), _CONTAINER, container.name)
    if content.get("securityContext", {}).get("privileged"):
        yield Defect(pod.owner, "security-context", f"{container.name} is privileged")
    if not _PINNED.fullmatch(content.get("image", "")):
        yield Defect(pod.owner, "image", f"{container.name} runs {content.get('image')!r}, which is not pinned")
    resources = content.get("resources", {})
    for kind, resource in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
        if resource not in resources.get(kind, {}):
            yield Defect(pod.owner, "resources", f"{container.name} has no {resource} in its {kind}")
    mounted = {mount["mountPath"]: mount["name"] for mount in content.get("volumeMounts", [])}
    if container.module and "emptyDir" not in pod.volumes.get(mounted.get("/tmp", ""), {}):  # noqa: S108 - in the pod
        yield Defect(pod.owner, "tmp", f"{container.name} has nowhere to write temporary files")


def _one_release(manifests: Manifests) -> Iterator[Defect]:
    """All that runs our modules runs one image."""
    images = {
        container.content.get("image"): pod.owner
        for pod in manifests.pods
        for container in pod.containers
        if container.module
    }
    if len(images) > 1:
        told = ", ".join(f"{image} ({owner})" for image, owner in sorted(images.items(), key=str))
        yield Defect(f"overlays/{manifests.overlay}", "release", f"several images run: {told}")


def _of_others(manifests: Manifests) -> Iterator[Defect]:
    """Images of others are named by an exact version, or by a digest: a shorter tag is another image tomorrow."""
    for owner, image in images_of_others(manifests):
        if not _EXACT.fullmatch(image):
            yield Defect(owner, "image", f"{image!r} names no exact version")


def images_of_others(manifests: Manifests) -> list[tuple[str, str]]:
    """Return each image that `make image` did not make, with whose it is (`Deployment/collector`)."""
    running = [(pod.owner, container) for pod in manifests.pods for container in pod.containers]
    ours = {_tag(container.content.get("image", "")) for _, container in running if container.module}
    images = [(owner, container.content.get("image", "")) for owner, container in running]
    images += [(element(cluster), cluster["spec"].get("imageName", "")) for cluster in manifests.of("Cluster")]
    return [(owner, image) for owner, image in images if _tag(image) not in ours]


def without_digest(manifests: Manifests) -> list[str]:
    """Return the images of others that their registry could exchange, as it can what a tag names."""
    return sorted({image for _, image in images_of_others(manifests) if not _DIGEST.search(image)})


def _tag(image: str) -> str:
    return image.rpartition(":")[2]
