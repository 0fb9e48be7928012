"""Rendered manifests, as the checks look at them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Object = dict[str, Any]

# Where a workload's objects keep the template of their pods.
_TEMPLATES = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}


@dataclass(frozen=True, order=True)
class Defect:
    """What is wrong with one rendered object, such as `Deployment/mdm`, by a named rule."""

    element: str
    rule: str
    message: str

    def __str__(self) -> str:
        """Return it on one line."""
        return f"{self.element}: {self.message} [{self.rule}]"


@dataclass(frozen=True)
class Container:
    """One container of a pod; `is_initial` for one that runs before the others."""

    content: Object
    is_initial: bool = False

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.content.get("name"))

    @property
    def command(self) -> list[str]:
        """What it runs, arguments included."""
        return [*self.content.get("command", []), *self.content.get("args", [])]

    @property
    def module(self) -> str | None:
        """The module that it runs as `python -m`; None for another program."""
        command = self.command
        return command[2] if command[:2] == ["python", "-m"] and command[2:] else None

    @property
    def task(self) -> str:
        """The command that it gives to that module, such as `serve`."""
        return next(iter(self.command[3:]), "") if self.module else ""

    @property
    def ports(self) -> list[Object]:
        """Its declared ports."""
        return list(self.content.get("ports", []))

    def port(self, wanted: int | str) -> int | None:
        """Return the number of a port by its name or number, if it is declared."""
        for port in self.ports:
            if wanted in (port.get("name"), port["containerPort"]):
                return int(port["containerPort"])
        return None


@dataclass(frozen=True)
class Pod:
    """The pods that one workload makes: whose they are (`Deployment/mdm`), their labels and their specification."""

    owner: str
    labels: Mapping[str, str]
    spec: Object

    @property
    def name(self) -> str:
        """What they are called: `app.kubernetes.io/name`."""
        return self.labels.get("app.kubernetes.io/name", "")

    @property
    def containers(self) -> list[Container]:
        """Every container, those that run first included."""
        initial = [Container(content, is_initial=True) for content in self.spec.get("initContainers", [])]
        return [*initial, *(Container(content) for content in self.spec.get("containers", []))]

    @property
    def volumes(self) -> dict[str, Object]:
        """The volumes by name."""
        return {str(volume.get("name")): volume for volume in self.spec.get("volumes", [])}

    def port(self, wanted: int | str) -> int | None:
        """Return the number of a port that any container declares, by its name or number."""
        return next((number for container in self.containers if (number := container.port(wanted))), None)


@dataclass(frozen=True)
class Manifests:
    """Everything that one overlay renders to."""

    overlay: str
    objects: Sequence[Object]

    def of(self, kind: str) -> list[Object]:
        """Return the objects of a kind."""
        return self._by_kind.get(kind, [])

    def find(self, kind: str, name: str) -> Object | None:
        """Return the object of a kind and name, if there is one."""
        return next((each for each in self.of(kind) if each["metadata"]["name"] == name), None)

    @cached_property
    def _by_kind(self) -> dict[str, list[Object]]:
        kinds: dict[str, list[Object]] = {}
        for each in self.objects:
            kinds.setdefault(str(each.get("kind")), []).append(each)
        return kinds

    @cached_property
    def pods(self) -> list[Pod]:
        """Return the pods of every workload."""
        return list(self._pods())

    def selected(self, labels: Mapping[str, str]) -> list[Pod]:
        """Return the pods that have all of the labels."""
        return [pod for pod in self.pods if matches(labels, pod.labels)]

    def _pods(self) -> Iterator[Pod]:
        for each in self.objects:
            if path := _TEMPLATES.get(str(each.get("kind"))):
                template: Object = each
                for key in path:
                    template = template.get(key, {})
                yield Pod(element(each), template.get("metadata", {}).get("labels", {}), template.get("spec", {}))


def element(content: Object) -> str:
    """Name an object: `Deployment/mdm`."""
    return f"{content.get('kind')}/{content.get('metadata', {}).get('name')}"


def matches(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """Tell whether labels hold all that a selector asks for; an empty one asks for nothing."""
    return all(labels.get(key) == value for key, value in selector.items())
