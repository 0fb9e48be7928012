"""Reading metrics as Prometheus does."""

import urllib.request

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families


def scrape(port: int) -> dict[str, Metric]:
    """Return the metrics that a process on this machine serves, by the names that queries use."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {f"{family.name}_total" if family.type == "counter" else family.name: family for family in families}


def values(family: Metric, label: str) -> dict[str, float]:
    """Return the values of a gauge or counter by one of its labels."""
    return {sample.labels.get(label, ""): sample.value for sample in family.samples}


def labels(family: Metric) -> set[str]:
    """Return the labels that a metric has, without the one of a histogram's buckets."""
    return {label for sample in family.samples for label in sample.labels} - {"le"}
