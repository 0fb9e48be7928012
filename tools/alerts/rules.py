"""Prometheus' rules as they lie in the repository: manifests for its operator."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "k8s" / "components" / "prometheus"
RULES = PROMETHEUS / "rules"
TESTS = PROMETHEUS / "tests"


def manifest(name: str, groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the manifest of groups of rules."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": name},
        "spec": {"groups": groups},
    }


def read(file: Path) -> dict[str, Any]:
    """Return what a file of YAML says."""
    document: dict[str, Any] = yaml.load(file.read_text(), Loader=yaml.CSafeLoader)
    return document


def groups(file: Path) -> list[dict[str, Any]]:
    """Return the groups of a manifest. Raises ValueError for what is none."""
    document = read(file)
    if document.get("kind") != "PrometheusRule":
        raise ValueError(f"{file.name} is no PrometheusRule")
    found: list[dict[str, Any]] = document["spec"]["groups"]
    return found


def every_rule(folder: Path = RULES) -> Iterator[dict[str, Any]]:
    """Yield each rule of a folder's manifests, file by file."""
    for file in sorted(folder.glob("*.yaml")):
        for group in groups(file):
            yield from group["rules"]


def alerts(folder: Path = RULES) -> dict[str, dict[str, Any]]:
    """Return the alerting rules by name. Raises ValueError for two of one name."""
    found: dict[str, dict[str, Any]] = {}
    for rule in every_rule(folder):
        name = rule.get("alert")
        if name in found:
            raise ValueError(f"two alerts are named {name}")
        if name:
            found[name] = rule
    return found
