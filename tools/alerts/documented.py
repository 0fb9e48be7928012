"""The metrics that docs/metrics.md names, and those of others that rules and dashboards may name."""

import re
from typing import NamedTuple

from tools.alerts.rules import ROOT

PAGE = ROOT / "docs" / "metrics.md"
_ROW = re.compile(
    r"\| `(?P<name>[a-z_]+)` \| (?P<type>[a-z]+) \| *(?P<labels>[a-z_, ]*?) *\| (?P<services>[^|]+) \| (?P<what>.+) \|"
)
_RARE = re.compile(r"\*(from the first on|with a model in force)\*")
_WORD = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_SUFFIX = re.compile(r"_(bucket|count|sum)$")

FOREIGN = frozenset(
    {
        # Prometheus itself
        "up",
        # kube-state-metrics and the kubelet
        "kube_cronjob_created",
        "kube_cronjob_status_last_successful_time",
        "kube_deployment_spec_replicas",
        "kube_deployment_status_replicas_available",
        "kube_job_complete",
        "kube_job_failed",
        "kube_job_status_start_time",
        "kube_pod_container_status_restarts_total",
        "kubelet_volume_stats_available_bytes",
        "kubelet_volume_stats_capacity_bytes",
        # CloudNativePG
        "cnpg_pg_replication_streaming_replicas",
        # cert-manager
        "certmanager_certificate_expiration_timestamp_seconds",
        "certmanager_certificate_ready_status",
    }
)
"""Metrics of others, by the names that their own pages document."""


class Documented(NamedTuple):
    """One metric of docs/metrics.md; one that is `rare` is only there once something happened."""

    name: str
    type: str
    labels: frozenset[str]
    services: str
    rare: bool


def documented() -> dict[str, Documented]:
    """Return the metrics of docs/metrics.md by name."""
    return {row["name"]: _documented(row) for row in map(_ROW.fullmatch, PAGE.read_text().splitlines()) if row}


def names_in(expression: str) -> set[str]:
    """Return the metrics that an expression asks for; of a histogram its own name, not that of a series."""
    bare = re.sub(r'"(?:\\.|[^"])*"', '""', expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", bare)
    bare = re.sub(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)", " ", bare)
    words = {match.group() for match in _WORD.finditer(re.sub(_WORD.pattern + r"\s*\(", " ( ", bare))}
    return {_SUFFIX.sub("", word) for word in words if "_" in word or ":" in word or word in FOREIGN}


def _documented(row: re.Match[str]) -> Documented:
    labels = frozenset(label for label in row["labels"].replace(" ", "").split(",") if label)
    return Documented(row["name"], row["type"], labels, row["services"], bool(_RARE.search(row["what"])))
