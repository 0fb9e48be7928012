"""Volumes of pods as podman mounts them: Secrets and ConfigMaps as files, written as a kubelet writes them."""

import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.containers.pods import UntranslatedError, config_map, size
from tools.manifests.manifests import Manifests, Pod

Secrets = Mapping[str, Mapping[str, bytes]]

_DEFAULT_MODE = 0o644
_KINDS = {"name", "secret", "configMap", "emptyDir", "persistentVolumeClaim"}


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
        if "secret" in volume:
            source = volume["secret"]
            return self._files(self._secret(source["secretName"]), source, group)
        if "configMap" in volume:
            source = volume["configMap"]
            held = {key: value.encode() for key, value in config_map(manifests, source["name"]).items()}
            return self._files(held, source, group)
        memory = volume.get("emptyDir", {}).get("medium") == "Memory"
        if memory:
            return [f"--tmpfs={{path}}:rw,mode=1777,size={size(volume['emptyDir']['sizeLimit'])}"]
        return [f"--volume={self._writable(group)}:{{path}}"]

    def _secret(self, name: str) -> Mapping[str, bytes]:
        if name not in self._secrets:
            raise UntranslatedError(f"there is no Secret {name}: the pod would wait for it")
        return self._secrets[name]

    def _files(self, held: Mapping[str, bytes], source: Mapping[str, Any], group: int) -> list[str]:
        """Write what a volume shows, owned by root and the pod's group, as a kubelet does."""
        directory = self._made(0o755)
        mode = source.get("defaultMode", _DEFAULT_MODE)
        for item in source.get("items") or [{"key": key, "path": key} for key in held]:
            if item["key"] not in held:
                raise UntranslatedError(f"{source} has no key {item['key']}: the pod would wait for it")
            path = directory / item["path"]
            path.write_bytes(held[item["key"]])
            os.chown(path, 0, group)
            path.chmod(mode)
        return [f"--volume={directory}:{{path}}:ro"]

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
