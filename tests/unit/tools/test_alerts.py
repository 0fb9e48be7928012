"""Alerts, objectives and dashboards: what is committed is what is declared, and asks for what there is."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from concord.governance.v1 import options_pb2 as governance
from tools import objectives
from tools.alerts.check import check_alerts
from tools.alerts.documented import FOREIGN, documented, names_in
from tools.alerts.rules import PROMETHEUS, every_rule
from tools.contracts.generate import GENERATED, IMAGE
from tools.contracts.image import Contracts, read_contracts
from tools.dashboards.__main__ import file_of, written
from tools.dashboards.declared import DASHBOARDS, expressions

CERTIFICATES = PROMETHEUS.parent / "cert-manager"
_CERTIFICATES_ASKED = re.compile(r'certmanager_\w+\{name=~"([^"]+)"')


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return read_contracts(GENERATED / IMAGE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Rules and tests of their own, to plant mistakes in."""
    copied: Path = shutil.copytree(PROMETHEUS, tmp_path / "prometheus")
    return copied


def found(folder: Path) -> set[str]:
    return {finding.message for finding in check_alerts(folder / "rules", folder / "tests")}


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_the_alerts_are_whole() -> None:
    assert list(check_alerts()) == []


def test_the_alerts_on_certificates_are_on_those_that_are_deployed() -> None:
    documents = [each for file in CERTIFICATES.glob("*.yaml") for each in yaml.safe_load_all(file.read_text())]
    # A patch of every one has no issuer and no name for itself.
    deployed = {each["metadata"]["name"] for each in documents if "secretName" in each.get("spec", {})}
    asked = [
        set(names.split("|")) for names in _CERTIFICATES_ASKED.findall((PROMETHEUS / "rules/alerts.yaml").read_text())
    ]
    assert asked == [deployed, deployed]


def test_the_objectives_are_those_of_the_contracts(contracts: Contracts) -> None:
    document = objectives.rules(objectives.objectives(contracts))
    assert objectives.WRITTEN.read_text() == objectives.written(document)


def test_an_objective_that_no_bucket_is_stops_the_generation() -> None:
    contracts = read_contracts(GENERATED / IMAGE)
    method = contracts.methods["concord.mdm.v1.SupplierService.GetSupplier"].proto
    method.options.Extensions[governance.method].latency_objective.FromMilliseconds(70)
    with pytest.raises(ValueError, match=r"GetSupplier: 0\.07 s is no bound"):
        objectives.objectives(contracts)


def test_who_waits_for_others_has_no_objective(contracts: Contracts) -> None:
    stated = {each.rpc for each in objectives.objectives(contracts)}
    streams = {
        f"/{name.rpartition('.')[0]}/{name.rpartition('.')[2]}"
        for name, element in contracts.methods.items()
        if element.proto.client_streaming or element.proto.server_streaming
    }
    assert stated & streams == {"/concord.audit.v1.BundleService/ExportBundle"}
    assert len(stated) == len(contracts.methods) - len(streams) + 1


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.name)
def test_the_dashboards_are_those_that_are_declared(dashboard: object) -> None:
    assert file_of(dashboard).read_text() == written(dashboard)  # type: ignore[arg-type]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda each: each.name)
def test_a_dashboard_asks_for_metrics_that_there_are(dashboard: object) -> None:
    panels = json.loads(file_of(dashboard).read_text())["panels"]  # type: ignore[arg-type]
    asked = {name for panel in panels for target in panel.get("targets", ()) for name in names_in(target["expr"])}
    recorded = {rule["record"] for rule in every_rule() if "record" in rule}
    assert asked - {*documented(), *FOREIGN, *recorded} == set()
    assert asked


def test_the_five_signals_are_all_on_a_dashboard() -> None:
    asked = {name for expression in expressions() for name in names_in(expression)}
    unshown = set(documented()) - asked
    assert unshown == {"process_virtual_memory_bytes", "process_start_time_seconds"}


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("rules/alerts.yaml", "runbooks/spool-full.md", "runbooks/spool-ful.md", "has no page in docs/runbooks"),
        ("rules/alerts.yaml", "severity: info", "severity: urgent", "has no severity"),
        ("rules/alerts.yaml", "concord_spool_age_seconds", "concord_spool_age", "no service shows concord_spool_age,"),
        ("tests/alerts.yaml", "ConcordDown fires", "ConcordUp fires", "ConcordDown has no test that it fires in"),
        ("tests/alerts.yaml", "ConcordDown does not", "ConcordDown never", "has no test that it does not fire in"),
        ("tests/alerts.yaml", 'alertname="ConcordDown"', 'alertname="ConcordSpoolFull"', "ConcordDown has no test"),
    ],
)
def test_a_planted_mistake_is_found(folder: Path, file: str, old: str, new: str, message: str) -> None:
    replace(folder / file, old, new)
    assert any(message in told for told in found(folder))


def test_a_test_that_expects_the_contrary_of_its_name_is_none(folder: Path) -> None:
    file = folder / "tests" / "alerts.yaml"
    tests = yaml.safe_load(file.read_text())
    (asked,) = next(test for test in tests["tests"] if test["name"] == "ConcordDown fires")["promql_expr_test"]
    asked["exp_samples"] = []
    file.write_text(yaml.safe_dump(tests))
    assert "ConcordDown has no test that it fires in" in found(folder)


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ('sum by (job, api) (rate(a_b_bucket{rpc=~"c_d(.*)", le="0.1"}[5m]))', {"a_b"}),
        ("a_total - (a_total offset 15m or b_x * 0) > 10", {"a_total", "b_x"}),
        ("max by (n_m) (up) < 1 unless on (s_t) max by (s_t) (c_paused) == 1", {"up", "c_paused"}),
        ('label_replace(concord:api:rate5m, "api_x", "$1", "rpc", "/(.+)")', {"concord:api:rate5m"}),
        (
            "histogram_quantile(0.9, sum by (le) (rate(a_b_bucket[5m]))) * on (r_p) group_left (api) c:d:info",
            {"a_b", "c:d:info"},
        ),
    ],
)
def test_the_metrics_in_an_expression_are_told_from_its_labels(expression: str, names: set[str]) -> None:
    assert names_in(expression) == names
