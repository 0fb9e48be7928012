"""Probes of manifests, asked from outside of the container, as the kubelet asks them."""

from collections.abc import Mapping
from typing import Any

import grpc
import httpx
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.containers.podman import PodmanError, address, podman
from tests.containers.pods import UntranslatedError
from tools.manifests.manifests import Container


def succeeds(container: Container, probe: str, running: str) -> bool:
    """Ask a probe of a manifest's container, such as `readinessProbe`, of the one that runs it."""
    asked: Mapping[str, Any] = container.content[probe]
    timeout_s = float(asked.get("timeoutSeconds", 1))
    if "grpc" in asked:
        return _grpc(f"{address(running)}:{asked['grpc']['port']}", asked["grpc"]["service"], timeout_s)
    if "httpGet" in asked:
        port = container.port(asked["httpGet"]["port"])
        return _http(f"http://{address(running)}:{port}{asked['httpGet']['path']}", timeout_s)
    if "exec" in asked:
        return _exec(running, asked["exec"]["command"])
    raise UntranslatedError(f"{container.name}: {probe} is neither grpc nor httpGet nor exec")


def _grpc(target: str, service: str, timeout_s: float) -> bool:
    with grpc.insecure_channel(target) as channel:
        try:
            request = health_pb2.HealthCheckRequest(service=service)
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(request, timeout=timeout_s)
        except grpc.RpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _http(url: str, timeout_s: float) -> bool:
    try:
        return httpx.get(url, timeout=timeout_s).is_success
    except httpx.HTTPError:
        return False


def _exec(running: str, command: list[str]) -> bool:
    try:
        podman("exec", running, *command)
    except PodmanError:
        return False
    return True
