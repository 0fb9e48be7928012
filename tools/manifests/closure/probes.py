"""Whatever serves is probed, patiently, by health services of their own, and ends gracefully."""

from collections.abc import Iterator

from tools.manifests.manifests import Container, Defect, Manifests, Object, Pod

_LEAST = 3  # seconds of timeout, and failures: a busy node is no dead pod
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
_DRAIN_S = 10


def probe_defects(manifests: Manifests) -> Iterator[Defect]:
    """Find containers with ports that lack a probe, patience or an end in grace."""
    for pod in manifests.pods:
        for container in (container for container in pod.containers if container.ports):
            for name in _PROBES:
                yield from _probe(pod, container, name)
            yield from _end(pod, container)


def _probe(pod: Pod, container: Container, name: str) -> Iterator[Defect]:
    probe = container.content.get(name)
    if probe is None:
        yield Defect(pod.owner, "probe", f"{container.name} has no {name}")
        return
    for key, default in (("timeoutSeconds", 1), ("failureThreshold", 3)):
        if probe.get(key, default) < _LEAST:
            yield Defect(pod.owner, "probe-patience", f"{name} of {container.name}: {key} is below {_LEAST}")
    yield from _health_service(pod, container, name, probe)
    port = probe.get("grpc", probe.get("httpGet", {})).get("port")
    if port is not None and container.port(port) is None:
        yield Defect(pod.owner, "probe-port", f"{name} of {container.name} asks the port {port}, which it has not")


def _health_service(pod: Pod, container: Container, name: str, probe: Object) -> Iterator[Defect]:
    if "grpc" not in probe:
        if container.port("grpc") is not None:
            yield Defect(pod.owner, "probe-service", f"{name} of {container.name} asks no gRPC health service")
        return
    wanted = name.removesuffix("Probe")
    if probe["grpc"].get("service") != wanted:
        asked = probe["grpc"].get("service")
        yield Defect(pod.owner, "probe-service", f"{name} of {container.name} asks for {asked!r}, not {wanted!r}")
    if container.port("health") != probe["grpc"].get("port"):
        yield Defect(pod.owner, "probe-port", f"{name} of {container.name} does not ask the port named health")


def _end(pod: Pod, container: Container) -> Iterator[Defect]:
    pause = container.content.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    if container.port("grpc") is not None and not pause:
        yield Defect(pod.owner, "pre-stop", f"{container.name} ends before its clients know")
    if pod.spec.get("terminationGracePeriodSeconds", 30) < pause + _DRAIN_S:
        yield Defect(pod.owner, "grace", f"{container.name} is killed while it drains")
