"""What docs/metrics.md says is what a running mesh serves, and the other way round."""

import pytest
from prometheus_client import Metric

from tests.support.server.scraping import labels, scrape
from tests.support.waiting import eventually
from tools import objectives
from tools.alerts.documented import Documented, documented
from tools.contracts.generate import GENERATED, IMAGE
from tools.contracts.image import read_contracts
from tools.landscape.landscape import Landscape

SERVED_BY = {
    "audit": {"all", "audit"},
    "mdm": {"all", "mdm", "mdm, adapters"},
    "erp_adapter": {"all", "adapters", "mdm, adapters"},
    "saas_adapter": {"all", "adapters", "mdm, adapters"},
}


def expected(service: str) -> dict[str, Documented]:
    return {name: metric for name, metric in documented().items() if metric.services in SERVED_BY[service]}


def served(landscape: Landscape, service: str) -> dict[str, Metric]:
    port = landscape.mesh.services[service].metrics_port
    assert port is not None
    return scrape(port)


def missing(landscape: Landscape, service: str) -> set[str]:
    common = {name for name, metric in expected(service).items() if not metric.rare}
    return common - set(served(landscape, service))


def test_everybody_is_documented() -> None:
    assert {metric.services for metric in documented().values()} == {
        each for kinds in SERVED_BY.values() for each in kinds
    }


@pytest.mark.parametrize("service", SERVED_BY)
def test_what_is_documented_is_served_and_what_is_served_is_documented(landscape: Landscape, service: str) -> None:
    eventually(lambda: not missing(landscape, service), describe=lambda: f"missing: {missing(landscape, service)}")
    found = {name: (metric.type, labels(metric)) for name, metric in served(landscape, service).items()}
    assert found == {
        name: (metric.type, set(metric.labels)) for name, metric in expected(service).items() if name in found
    }


def test_every_metric_has_a_description(landscape: Landscape) -> None:
    told = {name: metric.documentation for each in SERVED_BY for name, metric in served(landscape, each).items()}
    assert [name for name, text in told.items() if not text.strip()] == []


def test_the_objective_of_every_rpc_is_a_bucket_of_its_histogram(landscape: Landscape) -> None:
    stated = {each.rpc: str(each.seconds) for each in objectives.objectives(read_contracts(GENERATED / IMAGE))}
    for service in ("audit", "mdm"):
        buckets: dict[str, set[str]] = {}
        for sample in served(landscape, service)["rpc_server_call_duration_seconds"].samples:
            if "le" in sample.labels:
                buckets.setdefault(sample.labels["rpc"], set()).add(sample.labels["le"])
        assert buckets
        assert {rpc for rpc, bounds in buckets.items() if stated[rpc] not in bounds} == set()


def test_nothing_that_a_record_says_is_in_any_metric(landscape: Landscape) -> None:
    catalogue = landscape.catalogue
    said = {
        *(text for row in catalogue.suppliers for text in (row.code, row.name, row.trading_name, row.tax_id)),
        *(text for row in catalogue.workforce_users for text in (row.user_name, row.given_name)),
        *(row.name for row in catalogue.items),
        *(row.name for row in catalogue.cost_centers),
    }
    told = {
        text
        for service in SERVED_BY
        for metric in served(landscape, service).values()
        for sample in metric.samples
        for text in sample.labels.values()
    }
    assert said
    assert told
    assert said & told - {""} == set()
