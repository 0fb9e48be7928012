"""Volumes of pods as podman mounts them: Secrets and ConfigMaps as files, written as a kubelet writes them."""

import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.containers.pods import UntranslatedError, config_map, size
from tools.manifests.manifests import Manifests, Pod

Secrets = Mapping[str, Mapping[str, bytes]]

_DEFAULT_MODE = 0o644
_KINDS = {"name", "secret", "configMap", "projected", "emptyDir", "persistentVolumeClaim"}


class Volumes:
    """The volumes of a mesh's pods, their files below one directory."""

    def __init__(self, directory: Path, secrets: Secrets) -> None:
        self._directory = directory
        self._secrets = secrets
        self._numbers = itertools.count(1)

    def mounts(self, manifests: Manifests, pod: Pod) -> dict[str, list[str]]:
        """Return the options that mount each volume of a pod, by its name. Raises UntranslatedError."""
        group = int(pod.spec.get("securityContext", {}).get("fsGroup", 0))
        return {name: self._options(manifests, volume, group) for name, volume in pod.volumes.items()}

    def _options(self, manifests: Manifests, volume: Mapping[str, Any], group: int) -> list[str]:
        if unknown := sorted(set(volume) - _KINDS):
            raise UntranslatedError(f"volume {volume['name']} is a {', '.join(unknown)}")
        for kind, sources in (("secret", None), ("configMap", None), ("projected", "sources")):
            if kind in volume:
                each = volume[kind][sources] if sources else [{kind: volume[kind]}]
                return self._files(manifests, each, volume[kind].get("defaultMode", _DEFAULT_MODE), group)
        memory = volume.get("emptyDir", {}).get("medium") == "Memory"
        if memory:
            return [f"--tmpfs={{path}}:rw,mode=1777,size={size(volume['emptyDir']['sizeLimit'])}"]
        return [f"--volume={self._writable(group)}:{{path}}"]

    def _files(self, manifests: Manifests, sources: Sequence[Mapping[str, Any]], mode: int, group: int) -> list[str]:
        """Write what a volume shows, owned by root and the pod's group, as a kubelet does."""
        directory = self._made(0o755)
        for source in sources:
            ((kind, asked),) = source.items()
            for name, content in _shown(asked, self._held(manifests, kind, asked)).items():
                path = directory / name
                path.write_bytes(content)
                os.chown(path, 0, group)
                path.chmod(mode)
        return [f"--volume={directory}:{{path}}:ro"]

    def _held(self, manifests: Manifests, kind: str, asked: Mapping[str, Any]) -> Mapping[str, bytes] | None:
        """Return what a Secret or ConfigMap holds; None for one that need not be there, and is not."""
        if kind == "configMap":
            return {key: value.encode() for key, value in config_map(manifests, asked["name"]).items()}
        if kind != "secret":
            raise UntranslatedError(f"a volume shows a {kind}")
        name = asked.get("secretName") or asked["name"]
        if name not in self._secrets and not asked.get("optional"):
            raise UntranslatedError(f"there is no Secret {name}: the pod would wait for it")
        return self._secrets.get(name)

    def _writable(self, group: int) -> Path:
        """Make a directory on disk, as a kubelet makes it for an emptyDir; its limit is not enforced."""
        directory = self._made(0o777)
        os.chown(directory, 0, group)
        directory.chmod(0o2777)
        return directory

    def _made(self, mode: int) -> Path:
        directory = self._directory / str(next(self._numbers))
        directory.mkdir(parents=True)
        directory.chmod(mode)
        return directory


def _shown(asked: Mapping[str, Any], held: Mapping[str, bytes] | None) -> dict[str, bytes]:
    """Return the files that a source makes, by name: the keys that it names, or all."""
    if held is None:
        return {}
    items = {item["key"]: item["path"] for item in asked.get("items", [])} or {key: key for key in held}
    if missing := sorted(set(items) - set(held)):
        raise UntranslatedError(f"{dict(asked)} has no {', '.join(missing)}: the pod would wait for it")
    return {path: held[key] for key, path in items.items()}
