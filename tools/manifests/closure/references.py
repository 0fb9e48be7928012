"""Everything that is referred to by name is there, with the key that is asked for."""

import functools
from collections import Counter
from collections.abc import Iterator, Mapping

import yaml

from tools.manifests.edges import DEPLOY
from tools.manifests.manifests import Defect, Manifests, Object, Pod, element
from tools.manifests.operators import made_secrets

_CLUSTER_WIDE = {"Namespace", "ClusterRole", "ClusterRoleBinding"}
Keys = Mapping[str, frozenset[str]]


def reference_defects(manifests: Manifests) -> Iterator[Defect]:
    """Find names that nothing bears, volumes without mounts, mounts without volumes."""
    yield from _identities(manifests)
    config_maps = {
        each["metadata"]["name"]: frozenset({**each.get("data", {}), **each.get("binaryData", {})})
        for each in manifests.of("ConfigMap")
    }
    secrets = secret_keys(manifests)
    for pod in manifests.pods:
        for kind, name, key in _references(pod):
            yield from missing(pod.owner, kind, name, key, config_maps if kind == "ConfigMap" else secrets)
        yield from _volumes(manifests, pod)
        account = pod.spec.get("serviceAccountName")
        if account is None or manifests.find("ServiceAccount", account) is None:
            yield Defect(pod.owner, "service-account", f"there is no ServiceAccount {account!r}")
    yield from _roles(manifests)


def secret_keys(manifests: Manifests) -> Keys:
    """Return the keys of every Secret there will be: by the overlay's secrets.yaml, and made by operators."""
    made = {secret.name: secret.keys for secret in made_secrets(manifests)}
    return {name: frozenset(keys) for name, keys in _listed(manifests.overlay).items()} | made


@functools.cache
def _listed(overlay: str) -> Mapping[str, list[str]]:
    listed: Mapping[str, list[str]] = yaml.safe_load((DEPLOY / "overlays" / overlay / "secrets.yaml").read_text())
    return listed


def _identities(manifests: Manifests) -> Iterator[Defect]:
    names = Counter(element(each) for each in manifests.objects)
    for name, times in names.items():
        if times > 1:
            yield Defect(name, "doubled", f"comes {times} times")
    namespaces = {each["metadata"]["name"] for each in manifests.of("Namespace")}
    for each in manifests.objects:
        namespace = each["metadata"].get("namespace")
        if each.get("kind") not in _CLUSTER_WIDE and namespace not in namespaces:
            yield Defect(element(each), "namespace", f"is in the namespace {namespace!r}, which is not made here")


def _references(pod: Pod) -> Iterator[tuple[str, str, str | None]]:
    """Yield kind, name and key (None for all) of the ConfigMaps and Secrets that a pod can't start without."""
    for container in pod.containers:
        for source in container.content.get("envFrom", []):
            yield from _source(source, "configMapRef", "secretRef")
        for variable in container.content.get("env", []):
            yield from _source(variable.get("valueFrom", {}), "configMapKeyRef", "secretKeyRef")
    for volume in pod.volumes.values():
        yield from _projection(volume.get("configMap"), "ConfigMap", "name")
        yield from _projection(volume.get("secret"), "Secret", "secretName")
        for source in volume.get("projected", {}).get("sources", []):
            yield from _projection(source.get("configMap"), "ConfigMap", "name")
            yield from _projection(source.get("secret"), "Secret", "name")


def _source(source: Object, config_map: str, secret: str) -> Iterator[tuple[str, str, str | None]]:
    for kind, field in (("ConfigMap", config_map), ("Secret", secret)):
        if (reference := source.get(field)) and not reference.get("optional"):
            yield kind, reference["name"], reference.get("key")


def _projection(source: Object | None, kind: str, name: str) -> Iterator[tuple[str, str, str | None]]:
    if source is None or source.get("optional"):
        return
    for item in source.get("items", [{"key": None}]):
        yield kind, source[name], item["key"]


def missing(owner: str, kind: str, name: str, key: str | None, known: Keys) -> Iterator[Defect]:
    """Find out whether a ConfigMap or Secret is not there, or has not the key (None for any)."""
    rule = {"ConfigMap": "config-map", "Secret": "secret"}[kind]
    if name not in known:
        yield Defect(owner, rule, f"there is no {kind} {name}")
    elif key is not None and key not in known[name]:
        yield Defect(owner, f"{rule}-key", f"{kind} {name} has no key {key}")


def _volumes(manifests: Manifests, pod: Pod) -> Iterator[Defect]:
    mounted: set[str] = set()
    for container in pod.containers:
        mounts = container.content.get("volumeMounts", [])
        paths = Counter(mount["mountPath"] for mount in mounts)
        for path in (path for path, times in paths.items() if times > 1):
            yield Defect(pod.owner, "mount", f"{container.name} mounts {path} more than once")
        for name in (mount["name"] for mount in mounts):
            mounted.add(name)
            if name not in pod.volumes:
                yield Defect(pod.owner, "mount", f"{container.name} mounts {name}, which is no volume of the pod")
    for name, volume in pod.volumes.items():
        if name not in mounted:
            yield Defect(pod.owner, "volume", f"nothing mounts the volume {name}")
        claim = volume.get("persistentVolumeClaim", {}).get("claimName")
        if claim is not None and manifests.find("PersistentVolumeClaim", claim) is None:
            yield Defect(pod.owner, "claim", f"there is no PersistentVolumeClaim {claim}")


def _roles(manifests: Manifests) -> Iterator[Defect]:
    for binding in manifests.of("RoleBinding"):
        wanted = [(binding["roleRef"]["kind"], binding["roleRef"]["name"])]
        wanted += [(subject["kind"], subject["name"]) for subject in binding.get("subjects", [])]
        for kind, name in wanted:
            if manifests.find(kind, name) is None:
                yield Defect(element(binding), "role", f"there is no {kind} {name}")
        for subject in binding.get("subjects", []):
            if subject.get("namespace") != binding["metadata"].get("namespace"):
                yield Defect(element(binding), "role", f"{subject['name']} is of another namespace")
