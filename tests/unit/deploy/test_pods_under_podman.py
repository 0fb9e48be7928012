"""What the container tests hand to podman is what a manifest says, or an error."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.containers.pods import UntranslatedError, arguments, environment, security, size
from tests.containers.volumes import Volumes
from tools.manifests.manifests import Container, Manifests, Pod

SECURITY = {
    "runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001, "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
}  # fmt: skip
CONTENT: dict[str, Any] = {
    "name": "service",
    "image": "concord:1",
    "command": ["python", "-m", "services.mdm"],
    "args": ["serve"],
    "envFrom": [{"configMapRef": {"name": "mdm"}}],
    "env": [{"name": "B", "value": "own"}],
    "resources": {"limits": {"memory": "1Gi"}},
    "volumeMounts": [{"name": "keys", "mountPath": "/etc/concord/keys", "readOnly": True}],
}
CONFIG = {"kind": "ConfigMap", "metadata": {"name": "mdm"}, "data": {"A": "1", "B": "2"}}
MANIFESTS = Manifests("test", [CONFIG])


def pod(**spec: Any) -> Pod:
    return Pod("Deployment/mdm", {}, {"securityContext": SECURITY, "containers": [CONTENT], **spec})


def translated(content: dict[str, Any]) -> list[str]:
    return arguments(MANIFESTS, pod(), Container(content), {"keys": ["--volume=/k:{path}:ro"]})


def test_a_container_runs_as_its_manifest_says() -> None:
    assert translated(CONTENT) == [
        "--user=10001:10001", "--group-add=10001", "--read-only", "--read-only-tmpfs=false",
        "--security-opt=no-new-privileges", "--cap-drop=ALL",
        "--env=A=1", "--env=B=own", "--memory=1g", "--volume=/k:/etc/concord/keys:ro",
        '--entrypoint=["python", "-m", "services.mdm"]', "concord:1", "serve",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value"),
    [("runAsNonRoot", None), ("runAsUser", 0), ("seccompProfile", {"type": "Unconfined"}), ("privileged", True)],
)
def test_what_would_not_be_restricted_is_an_error(name: str, value: object) -> None:
    with pytest.raises(UntranslatedError):
        list(security(SECURITY | {name: value}))


@pytest.mark.parametrize("kept", ["readOnlyRootFilesystem", "allowPrivilegeEscalation", "capabilities"])
def test_what_a_manifest_leaves_out_is_not_made_up(kept: str) -> None:
    context = {name: value for name, value in SECURITY.items() if name != kept}

    assert len(list(security(context))) < len(list(security(SECURITY)))


@pytest.mark.parametrize("unknown", [{"tty": True}, {"env": [{"name": "A", "valueFrom": {}}]}, {"envFrom": [{"x": 1}]}])
def test_what_is_not_known_is_an_error(unknown: dict[str, Any]) -> None:
    with pytest.raises(UntranslatedError):
        translated(deepcopy(CONTENT) | unknown)


def test_a_config_map_that_is_not_rendered_is_an_error() -> None:
    with pytest.raises(UntranslatedError, match="ConfigMap other is not rendered"):
        environment(MANIFESTS, {"envFrom": [{"configMapRef": {"name": "other"}}]})


def test_a_quantity_is_written_as_podman_reads_it() -> None:
    assert [size(each) for each in ("512Mi", "1Gi")] == ["512m", "1g"]
    with pytest.raises(UntranslatedError):
        size("1.5G")


@pytest.mark.parametrize(
    "volume",
    [
        {"name": "keys", "secret": {"secretName": "absent"}},
        {"name": "keys", "secret": {"secretName": "mdm-keys", "items": [{"key": "absent", "path": "keys"}]}},
        {"name": "keys", "hostPath": {"path": "/"}},
    ],
)
def test_a_volume_that_a_pod_would_wait_for_is_an_error(tmp_path: Path, volume: dict[str, Any]) -> None:
    volumes = Volumes(tmp_path, {"mdm-keys": {"keys": b"1"}})

    with pytest.raises(UntranslatedError):
        volumes.mounts(MANIFESTS, pod(volumes=[volume]))


def test_a_config_map_is_mounted_with_the_files_that_are_asked_for(tmp_path: Path) -> None:
    source = {"configMap": {"name": "mdm", "items": [{"key": "A", "path": "a.env"}]}}

    own = pod(volumes=[{"name": "config", **source}], securityContext={})
    ((option,),) = Volumes(tmp_path, {}).mounts(MANIFESTS, own).values()

    directory = Path(option.removeprefix("--volume=").split(":")[0])
    assert {path.name: path.read_text() for path in directory.iterdir()} == {"a.env": "1"}
