"""Podman, by its command line: a network with names in DNS, and containers on it that all go when it goes."""

import json
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tools.image.engine import limits

_LABEL = "concord.tests"
_STEP_S = 120.0


class PodmanError(Exception):
    """Podman refused; the message is its own."""


def podman(*arguments: str, timeout_s: float = _STEP_S) -> str:
    """Run podman; return what it prints. Raises PodmanError."""
    done = subprocess.run(["podman", *arguments], check=False, capture_output=True, text=True, timeout=timeout_s)
    if done.returncode != 0:
        raise PodmanError(f"podman {' '.join(arguments[:2])}: {done.stderr.strip() or done.stdout.strip()[-2000:]}")
    return done.stdout.strip()


def is_installed() -> bool:
    """Tell whether there is a podman."""
    return shutil.which("podman") is not None


def why_not(image: str) -> str:
    """Return why podman can't run containers of an image here; empty if it can."""
    if not is_installed():
        return "podman is not installed: `apt-get install podman runc netavark aardvark-dns iptables catatonit`"
    try:
        with Network() as network:
            podman("run", "--rm", *network.options("probe"), image, "true")
    except PodmanError as error:
        return str(error)
    return ""


class Network:
    """A bridge of its own with a DNS server, which answers with all containers that share a name."""

    def __init__(self) -> None:
        self.name = f"concord-{uuid.uuid4().hex[:8]}"

    def __enter__(self) -> Self:
        podman("network", "create", self.name)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        containers = podman("ps", "--all", "--quiet", f"--filter=label={_LABEL}={self.name}").split()
        if containers:
            podman("rm", "--force", "--volumes", "--time=0", *containers)
        podman("network", "rm", self.name)

    @property
    def gateway(self) -> str:
        """The address of the host in it, where its DNS answers too."""
        (network,) = json.loads(podman("network", "inspect", self.name))
        return str(network["subnets"][0]["gateway"])

    def options(self, name: str, aliases: Sequence[str] = ()) -> list[str]:
        """Return the options of `run` for a container of that name, that DNS knows by these names."""
        return [
            f"--name={self.container(name)}",
            f"--label={_LABEL}={self.name}",
            f"--network={self.name}",
            *(f"--network-alias={alias}" for alias in aliases),
            *limits(),
        ]

    def container(self, name: str) -> str:
        """Return what podman knows a container by."""
        return f"{self.name}-{name}"


def address(container: str) -> str:
    """Return a running container's address."""
    (inspected,) = json.loads(podman("inspect", container))
    (network,) = inspected["NetworkSettings"]["Networks"].values()
    return str(network["IPAddress"])


def is_running(container: str) -> bool:
    """Tell whether a container runs."""
    return podman("inspect", "--format={{.State.Running}}", container) == "true"


def exit_code(container: str) -> int:
    """Return the exit code of a container that has ended."""
    return int(podman("inspect", "--format={{.State.ExitCode}}", container))


def logs(container: str) -> str:
    """Return the end of what a container has said."""
    done = subprocess.run(["podman", "logs", "--tail=40", container], check=False, capture_output=True, text=True)
    return done.stdout + done.stderr
