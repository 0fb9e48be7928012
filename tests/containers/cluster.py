"""What a cluster does with rendered manifests, as far as it can be done by podman: Jobs, replicas, Services' names."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.containers import podman, probing
from tests.containers.pods import arguments
from tests.containers.volumes import Volumes
from tests.support.waiting import eventually
from tools.manifests.manifests import Container, Manifests, Pod, matches

READY_S = 180.0
JOB_S = 180.0


@dataclass(frozen=True)
class Replica:
    """One running pod: its container by podman's name, and what the manifest says of it."""

    running: str
    container: Container
    grace_s: int

    def is_ready(self) -> bool:
        """Ask its readiness probe. Raises AssertionError with the end of its log when it has ended."""
        if not podman.is_running(self.running):
            raise AssertionError(f"{self.running} has ended:\n{podman.logs(self.running)}")
        return probing.succeeds(self.container, "readinessProbe", self.running)

    def kill(self) -> None:
        """End it as a crash would."""
        podman.podman("kill", "--signal=KILL", self.running)

    def stop(self) -> float:
        """End it as a kubelet does: the preStop action, SIGTERM, SIGKILL at the end of the grace.

        Returns the seconds from SIGTERM to its end.
        """
        sleep_s = self.container.content.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        podman.podman("exec", self.running, "sleep", str(sleep_s))
        begin = time.monotonic()
        podman.podman("stop", f"--time={self.grace_s - sleep_s}", self.running)
        return time.monotonic() - begin


class Cluster:
    """One overlay's workloads on one network."""

    def __init__(self, manifests: Manifests, network: podman.Network, volumes: Volumes, trust: Path) -> None:
        self.manifests = manifests
        self._network = network
        self._volumes = volumes
        # The authorities that the image trusts are those of the web; here the web's is ours.
        self._trust = f"--volume={trust}:/etc/ssl/certs/ca-certificates.crt:ro"

    def jobs(self, name: str) -> list[str]:
        """Return the Jobs whose `app.kubernetes.io/name` is that; their own names may hold a release."""
        jobs = self.manifests.of("Job")
        return [job["metadata"]["name"] for job in jobs if job["metadata"]["labels"]["app.kubernetes.io/name"] == name]

    def run_job(self, kind: str, name: str) -> int:
        """Run a Job's or CronJob's pod to its end; return its exit code."""
        pod = self.pod(f"{kind}/{name}")
        running = self._start(pod, self._after_initial(pod, name), name)
        podman.podman("wait", running, timeout_s=JOB_S)
        return podman.exit_code(running)

    def log(self, name: str) -> str:
        """Return the end of what a container, by its name here, has said."""
        return podman.logs(self._network.container(name))

    def start(self, kind: str, name: str, options: Sequence[str] = (), further: Sequence[str] = ()) -> list[Replica]:
        """Start every replica of a workload; `options` and `further` arguments are added to what the manifest says.

        A pod's initial containers run first, once for all replicas: what they wait for is the same.
        """
        pod = self.pod(f"{kind}/{name}")
        container = self._after_initial(pod, name)
        grace_s = int(pod.spec.get("terminationGracePeriodSeconds", 30))
        return [
            Replica(self._start(pod, container, f"{name}-{number}", options, further), container, grace_s)
            for number in range(self.replicas(kind, name))
        ]

    def replicas(self, kind: str, name: str) -> int:
        """Return how many replicas a workload begins with: its own number, or its autoscaler's smallest."""
        for scaler in self.manifests.of("HorizontalPodAutoscaler"):
            if scaler["spec"]["scaleTargetRef"]["name"] == name:
                return int(scaler["spec"]["minReplicas"])
        found = self.manifests.find(kind, name)
        assert found is not None
        return int(found["spec"].get("replicas", 1))

    def pod(self, owner: str) -> Pod:
        """Return the pod of a workload, such as `Deployment/mdm`."""
        (pod,) = (pod for pod in self.manifests.pods if pod.owner == owner)
        return pod

    def _after_initial(self, pod: Pod, name: str) -> Container:
        """Run a pod's initial containers one after the other; return the one that comes then."""
        for container in pod.containers:
            if container.is_initial:
                running = self._start(pod, container, f"{name}-{container.name}")
                podman.podman("wait", running, timeout_s=JOB_S)
                assert podman.exit_code(running) == 0, podman.logs(running)
        (container,) = (each for each in pod.containers if not each.is_initial)
        return container

    def _start(
        self, pod: Pod, container: Container, name: str, options: Sequence[str] = (), further: Sequence[str] = ()
    ) -> str:
        given = arguments(self.manifests, pod, container, self._volumes.mounts(self.manifests, pod))
        where = self._network.options(name, self._names(pod) if not container.is_initial else ())
        podman.podman("run", "--detach", *where, self._trust, *options, *given, *further)
        return self._network.container(name)

    def _names(self, pod: Pod) -> list[str]:
        """Return the names that Services give a pod in DNS."""
        services = [
            service["metadata"]
            for service in self.manifests.of("Service")
            if service["spec"].get("selector") and matches(service["spec"]["selector"], pod.labels)
        ]
        return [
            name
            for each in services
            for name in (each["name"], f"{each['name']}.{each['namespace']}.svc.cluster.local")
        ]


def ready(replicas: Sequence[Replica]) -> None:
    """Wait until all are ready by their own readiness probes. Raises AssertionError with the end of a log."""
    for replica in replicas:
        say = partial(_told, replica)
        eventually(replica.is_ready, READY_S, describe=say)


def _told(replica: Replica) -> str:
    return f"{replica.running}:\n{podman.logs(replica.running)}"


def inspected(replica: Replica) -> dict[str, object]:
    """Return what podman says of a running replica."""
    (found,) = json.loads(podman.podman("inspect", replica.running))
    return dict(found)
