"""Every container's environment is one that its program understands, and what it names is there.

The settings are loaded by the service's own code, with the files that they name stubbed.
"""

import functools
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from psycopg import pq

from services.mesh.configuration import ConfigurationError, load
from tools.manifests.manifests import Container, Defect, Manifests, Object, Pod
from tools.manifests.operators import made_services
from tools.manifests.programs import PROGRAMS

_PORTS = {"SERVER_PORT": ("grpc", "https"), "SERVER_HEALTH_PORT": ("health",), "TELEMETRY_METRICS_PORT": ("metrics",)}
_LIBPQ = {option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar}
_GLIBC = {"MALLOC_ARENA_MAX"}
_OPTION = re.compile(r"--timeout=[0-9]+|--json")
_TARGET = re.compile(r"dns:///([a-z0-9.-]+):([0-9]+)")


def environment_defects(manifests: Manifests) -> Iterator[Defect]:
    """Find variables that nobody knows, that are missing, or that name a file, port or Service that is not there."""
    for pod in manifests.pods:
        for container in (container for container in pod.containers if container.module):
            environment = environment_of(manifests, container)
            yield from _command(pod, container)
            yield from _settings(pod, container, environment)
            yield from _ports(pod, container, environment)
            for name, value in environment.items():
                yield from _file(manifests, pod, container, name, value)
                yield from _address(manifests, pod, name, value)


def environment_of(manifests: Manifests, container: Container) -> dict[str, str]:
    """Return the variables that a container starts with; later ones win."""
    environment: dict[str, str] = {}
    for source in container.content.get("envFrom", []):
        config_map = manifests.find("ConfigMap", source.get("configMapRef", {}).get("name", "")) or {}
        environment |= {source.get("prefix", "") + name: value for name, value in config_map.get("data", {}).items()}
    for variable in container.content.get("env", []):
        reference = variable.get("valueFrom", {}).get("configMapKeyRef", {})
        config_map = manifests.find("ConfigMap", reference.get("name", "")) or {}
        value = variable.get("value", config_map.get("data", {}).get(reference.get("key"), ""))
        environment[variable["name"]] = value
    return environment


def _command(pod: Pod, container: Container) -> Iterator[Defect]:
    module = str(container.module)
    if module not in PROGRAMS:
        yield Defect(pod.owner, "command", f"{container.name} runs {module}, which is no program of ours")
    elif container.task not in PROGRAMS[module]:
        yield Defect(pod.owner, "command", f"{module} knows no command {container.task!r}")
    for option in container.command[4:]:
        if not _OPTION.fullmatch(option):
            yield Defect(pod.owner, "command", f"{container.name} is given {option!r}, which we do not use")


def _settings(pod: Pod, container: Container, environment: Mapping[str, str]) -> Iterator[Defect]:
    understood = PROGRAMS.get(str(container.module), {}).get(container.task)
    if understood is None:
        return
    kind, prefix = understood
    for name in environment:
        if not name.startswith(f"{prefix}_") and name not in _LIBPQ | _GLIBC:
            yield Defect(pod.owner, "variable", f"{container.name} sets {name}, which nobody reads")
    for mistake in _mistakes(kind, prefix, frozenset(environment.items())):
        yield Defect(pod.owner, "variable", f"{container.name}: {mistake}")


@functools.lru_cache(maxsize=256)
def _mistakes(kind: type, prefix: str, environment: frozenset[tuple[str, str]]) -> tuple[str, ...]:
    """Load settings by the code of the program that reads them, and return what it finds wrong."""
    with tempfile.NamedTemporaryFile("w", suffix=".stub") as stub:
        stub.write("stub")
        stub.flush()
        stubbed = {name: stub.name if name.endswith("_FILE") else value for name, value in environment}
        try:
            load(kind, stubbed, prefix)
        except ConfigurationError as error:
            return error.mistakes
    return ()


def _ports(pod: Pod, container: Container, environment: Mapping[str, str]) -> Iterator[Defect]:
    for ending, names in _PORTS.items():
        said = {value for name, value in environment.items() if name.endswith(f"_{ending}")}
        declared = {str(port["containerPort"]) for port in container.ports if port.get("name") in names}
        if container.ports and said != declared:
            told = f"{ending} is {', '.join(said) or 'not said'}, the port {'/'.join(names)} {', '.join(declared)}"
            yield Defect(pod.owner, "port", f"{container.name}: {told}")


def _file(manifests: Manifests, pod: Pod, container: Container, name: str, value: str) -> Iterator[Defect]:
    if not value.startswith("/") or not name.endswith(("_FILE", "_DIRECTORY", "PGSSLROOTCERT")):
        return
    path = PurePosixPath(value)
    directory = path if name.endswith("_DIRECTORY") else path.parent
    mounts = {PurePosixPath(each["mountPath"]): each["name"] for each in container.content.get("volumeMounts", [])}
    if directory not in mounts:
        # What waits for a schema reads the settings of its service, and of their files the database's alone.
        if not container.is_initial or "DATABASE" in name or name in _LIBPQ:
            yield Defect(pod.owner, "file", f"{name} names {value}, and {container.name} mounts nothing there")
        return
    held = _held(manifests, pod.volumes.get(mounts[directory], {}))
    if directory != path and held is not None and path.name not in held:
        yield Defect(pod.owner, "file", f"{name} names {value}, which the volume {mounts[directory]} does not hold")


def _held(manifests: Manifests, volume: Object) -> set[str] | None:
    """Return the names of the files in a volume; None for one whose files nobody lists."""
    sources = volume.get("projected", {"sources": [volume]})["sources"]
    held: set[str] = set()
    for source in sources:
        content = source.get("secret") or source.get("configMap") or {}
        if items := content.get("items"):
            held |= {item["path"] for item in items}
        elif "configMap" in source:
            held |= set((manifests.find("ConfigMap", content["name"]) or {}).get("data", {}))
        elif not content.get("optional"):
            return None
    return held


def _address(manifests: Manifests, pod: Pod, name: str, value: str) -> Iterator[Defect]:
    """Find addresses in the cluster, names without a dot, that no Service has."""
    target = _TARGET.fullmatch(value)
    url = urlsplit(value)
    if name.endswith("_TARGET") and not target:
        yield Defect(pod.owner, "address", f"{name} is {value!r}, which does not balance over a Service's pods")
    elif target:
        yield from _service(manifests, pod, name, target[1], int(target[2]))
    elif name == "PGHOST":
        yield from _service(manifests, pod, name, value, 5432)
    elif url.scheme in ("http", "https") and url.hostname and url.port:
        yield from _service(manifests, pod, name, url.hostname, url.port)


def _service(manifests: Manifests, pod: Pod, name: str, host: str, port: int) -> Iterator[Defect]:
    services = {
        (service["metadata"]["name"], each["port"])
        for service in manifests.of("Service")
        for each in service["spec"]["ports"]
    }
    if "." not in host and (host, port) not in services | set(made_services(manifests)):
        yield Defect(pod.owner, "address", f"{name}: no Service {host} has the port {port}")
