"""Mistakes to plant in rendered manifests: what changes, and the rule that has to catch it."""

import copy
import fnmatch
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tools.manifests.manifests import Manifests

Change = Callable[[list[dict[str, Any]]], None]

POD = "spec/template/spec"
FIRST = f"{POD}/containers/0"


@dataclass(frozen=True)
class Mistake:
    """One mistake, made in an overlay by a change of its objects, which `rule` has to catch."""

    told: str
    rule: str
    change: Change
    overlay: str = "production"

    def planted(self, manifests: Manifests) -> Manifests:
        """Return the manifests with the mistake, and leave those given as they are."""
        objects = list(manifests.objects)
        self.change(objects)
        assert objects != manifests.objects, "the mistake changed nothing"
        return Manifests(manifests.overlay, objects)


def put(kind: str, name: str, path: str, value: Any) -> Change:
    """Set a field; a path's step is a key, an index or a name behind `@`; `-` appends, `~` is a slash."""

    def change(objects: list[dict[str, Any]]) -> None:
        place, key = _place(_found(objects, kind, name), path)
        if key == "-":
            place.append(value)
        else:
            place[key] = value

    return change


def drop(kind: str, name: str, path: str) -> Change:
    """Take a field away."""

    def change(objects: list[dict[str, Any]]) -> None:
        place, key = _place(_found(objects, kind, name), path)
        del place[key]

    return change


def without(kind: str, name: str) -> Change:
    """Take an object away."""

    def change(objects: list[dict[str, Any]]) -> None:
        objects.remove(_found(objects, kind, name))

    return change


def twice(kind: str, name: str, new_name: str | None = None) -> Change:
    """Add a copy of an object, under another name if one is given."""

    def change(objects: list[dict[str, Any]]) -> None:
        again = copy.deepcopy(_found(objects, kind, name))
        again["metadata"]["name"] = new_name or again["metadata"]["name"]
        objects.append(again)

    return change


def added(**content: Any) -> Change:
    """Add an object to the namespace."""

    def change(objects: list[dict[str, Any]]) -> None:
        content["metadata"] = {"namespace": "concord", **content["metadata"]}
        objects.append(content)

    return change


def _found(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    """Return the one object of a kind whose name fits the pattern, in its place a copy to change."""
    (index,) = (
        index
        for index, each in enumerate(objects)
        if each["kind"] == kind and fnmatch.fnmatchcase(each["metadata"]["name"], name)
    )
    objects[index] = copy.deepcopy(objects[index])
    return objects[index]


def _place(content: Any, path: str) -> tuple[Any, Any]:
    *steps, last = (step.replace("~", "/") for step in path.split("/"))
    for step in steps:
        content = content.setdefault(step, {}) if isinstance(content, dict) else content[_index(content, step)]
    return content, last if isinstance(content, dict) or last == "-" else _index(content, last)


def _index(content: list[dict[str, Any]], step: str) -> int:
    return int(step) if step.isdecimal() else [each["name"] for each in content].index(step.removeprefix("@"))
