"""What is wrong with the alerts, before promtool looks: pages, tests and metrics that are not there."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.alerts.documented import FOREIGN, documented, names_in
from tools.alerts.rules import ROOT, RULES, TESTS, alerts, every_rule, read
from tools.finding import Finding

SEVERITIES = ("critical", "warning", "info")
_PAGE = re.compile(r"\{\{ \$externalLabels\.docs \}\}(docs/runbooks/[a-z-]+\.md)")


def check_alerts(rules: Path = RULES, tests: Path = TESTS) -> Iterator[Finding]:
    """Yield what is wrong with the rules of a folder and with their tests."""
    place = str(rules.relative_to(ROOT)) if rules.is_relative_to(ROOT) else str(rules)
    tested = set(_tests(tests))
    for name, rule in alerts(rules).items():
        for message in _mistakes(rule):
            yield Finding(place, 1, "alert", f"{name} {message}")
        for word in ("fires", "does not fire"):
            if (name, word) not in tested:
                yield Finding(place, 1, "alert-test", f"{name} has no test that it {word} in")
    for name in sorted(unknown_metrics(rules)):
        yield Finding(place, 1, "metric", f"no service shows {name}, and it is recorded nowhere")


def unknown_metrics(rules: Path = RULES) -> set[str]:
    """Return the metrics that rules ask for and that neither docs/metrics.md, nor a recording rule, nor others have."""
    every = list(every_rule(rules))
    known = {*documented(), *FOREIGN, *(rule["record"] for rule in every if "record" in rule)}
    return {name for rule in every for name in names_in(rule["expr"])} - known


def _mistakes(rule: dict[str, Any]) -> Iterator[str]:
    annotations = rule.get("annotations", {})
    if rule.get("labels", {}).get("severity") not in SEVERITIES:
        yield f"has no severity of {', '.join(SEVERITIES)}"
    yield from (f"has no {part}" for part in ("summary", "description") if not annotations.get(part))
    page = _PAGE.fullmatch(annotations.get("runbook_url", ""))
    if page is None or not (ROOT / page.group(1)).is_file():
        yield "has no page in docs/runbooks"


def _tests(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the alerts that are tested, with what of them is; a test that asks another thing than it says is none."""
    for file in folder.glob("*.yaml"):
        for test in read(file)["tests"]:
            name, _, word = test["name"].partition(" ")
            (asked,) = test["promql_expr_test"]
            firing = f'count(ALERTS{{alertname="{name}", alertstate="firing"}})'
            if asked["expr"] == firing and bool(asked["exp_samples"]) == (word == "fires"):
                yield name, word
