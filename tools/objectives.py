"""The service level objectives, from the contracts: `python -m tools.objectives` writes them as Prometheus' rules.

What is written is committed; a test says that it is what would be written now. How alerts follow from an objective is
Google's: the budget of 30 days burns at a multiple of its rate in a long window, and still does in a short one
(The Site Reliability Workbook, chapter 5).
"""

import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from concord.governance.v1 import options_pb2 as governance
from services.mesh.metrics.calls import BOUNDS_S
from tools.alerts.rules import RULES, manifest
from tools.contracts.generate import GENERATED, IMAGE
from tools.contracts.image import Contracts, read_contracts

WRITTEN = RULES / "objectives.yaml"
_NOTE = "# Written by `python -m tools.objectives` from the contracts; do not edit.\n"

FAILURES = "UNKNOWN|INTERNAL|UNAVAILABLE|DEADLINE_EXCEEDED|DATA_LOSS"
STREAM_FAILURES = "UNKNOWN|INTERNAL|DATA_LOSS"
"""A stream lasts until its caller's deadline or its server's end, and is read on from its cursor."""
_WINDOWS = ("5m", "30m", "1h", "6h", "3d")
_API = '"api", "$1", "rpc", "/(.+)/.+"'
_FEWEST_CALLS = 30
"""In the longer window: one failure of three calls at night wakes nobody."""


class Objective(NamedTuple):
    """What is promised of one RPC: that 99 of 100 calls take at most `seconds`."""

    rpc: str
    api: str
    seconds: float


class _Burn(NamedTuple):
    """A rate at which a budget burns, looked for in two windows; 1 = it is used up in 30 days just so."""

    rate: float
    long: str
    short: str


class _Budget(NamedTuple):
    """What part of the calls may be bad, and the recorded ratio of those that are."""

    name: str
    ratio: str
    share: float
    page: str
    bad: str


_FAST = (_Burn(14.4, "1h", "5m"), _Burn(6, "6h", "30m"))
_SLOW = (_Burn(1, "3d", "6h"),)
_BUDGETS = (
    _Budget("Error", "concord:api_failed_calls:ratio", 0.001, "error-budget", "fail"),
    _Budget("Latency", "concord:api_slow_calls:ratio", 0.01, "latency-budget", "take longer than the contract says"),
)


def objectives(contracts: Contracts) -> list[Objective]:
    """Return the objectives of the RPCs whose callers alone decide when an answer can come, by RPC.

    Raises ValueError for one that no bound of the histogram is: how many calls keep it could only be guessed.
    """
    found = []
    for name, element in sorted(contracts.methods.items()):
        policy = element.proto.options.Extensions[governance.method]
        waits = policy.interaction == governance.INTERACTION_ASYNCHRONOUS and element.proto.server_streaming
        if element.proto.client_streaming or waits:
            continue
        api, _, method = name.rpartition(".")
        seconds = policy.latency_objective.ToTimedelta().total_seconds()
        if seconds not in BOUNDS_S:
            raise ValueError(f"{name}: {seconds} s is no bound of the histogram of calls")
        found.append(Objective(f"/{api}/{method}", api, seconds))
    return found


def rules(stated: list[Objective]) -> dict[str, Any]:
    """Return the rules that follow from objectives, as one manifest."""
    info = [
        {
            "record": "concord:rpc_objective:info",
            "expr": "vector(1)",
            "labels": {"rpc": each.rpc, "api": each.api, "le": str(each.seconds)},
        }
        for each in stated
    ]
    groups = [
        {"name": "concord-objectives", "rules": info},
        {"name": "concord-calls", "rules": [*_rates(), *_ratios()]},
        {"name": "concord-budgets", "rules": list(_alerts())},
    ]
    return manifest("concord-objectives", groups)


def written(document: dict[str, Any]) -> str:
    """Return the manifest as it lies in its file."""
    return _NOTE + yaml.safe_dump(document, sort_keys=False, width=1000)


def _rates() -> Iterator[dict[str, Any]]:
    """Yield calls a second of each API: all, those that failed, those with an objective, those that were slow.

    What is bad is there also when nothing is: an average over time must count the hours without.
    """
    ended = "rate(rpc_server_call_duration_seconds_count{%s}[5m]) or rate(rpc_server_streams_ended_total{%s}[5m])"
    timed = "rate(rpc_server_call_duration_seconds_%s[5m]) or rate(rpc_server_stream_first_message_seconds_%s[5m])"
    failed = (f'code=~"{FAILURES}"', f'code=~"{STREAM_FAILURES}"')
    every, fast = (timed % (suffix, suffix) for suffix in ("count", "bucket"))
    joined = "sum by (job, api) ((%s) * on (%s) group_left (api) concord:rpc_objective:info)"
    calls = "concord:api_calls:rate5m"
    yield _record(calls, f"sum by (job, api) (label_replace({ended % ('', '')}, {_API}))")
    yield _record(
        "concord:api_failed_calls:rate5m",
        f"sum by (job, api) (label_replace({ended % failed}, {_API})) or {calls} * 0",
    )
    yield _record("concord:api_timed_calls:rate5m", joined % (every, "rpc"))
    yield _record("concord:api_slow_calls:rate5m", f"concord:api_timed_calls:rate5m - {joined % (fast, 'rpc, le')}")


def _ratios() -> Iterator[dict[str, Any]]:
    for bad, of in (("failed", "concord:api_calls"), ("slow", "concord:api_timed_calls")):
        for window in _WINDOWS:
            averages = (f"avg_over_time({name}:rate5m[{window}])" for name in (f"concord:api_{bad}_calls", of))
            yield _record(f"concord:api_{bad}_calls:ratio{window}", " / ".join(averages))


def _alerts() -> Iterator[dict[str, Any]]:
    for budget in _BUDGETS:
        yield _alert(budget, "Fast", _FAST, "critical", "2m")
        yield _alert(budget, "Slowly", _SLOW, "warning", "1h")


def _alert(budget: _Budget, pace: str, burns: tuple[_Burn, ...], severity: str, lasting: str) -> dict[str, Any]:
    tested = " or ".join(_burning(budget, burn) for burn in burns)
    enough = f"avg_over_time(concord:api_calls:rate5m[{burns[0].long}]) * {_seconds(burns[0].long)} > {_FEWEST_CALLS}"
    return {
        "alert": f"Concord{budget.name}BudgetBurns{pace}",
        "expr": f"({tested}) and on (job, api) ({enough})",
        "for": lasting,
        "labels": {"severity": severity},
        "annotations": {
            "summary": f"{{{{ $labels.api }}}} of {{{{ $labels.job }}}}: too many calls {budget.bad}",
            "description": f"{{{{ $value | humanizePercentage }}}} of its calls {budget.bad}; {budget.share:.1%} may.",
            "runbook_url": f"{{{{ $externalLabels.docs }}}}docs/runbooks/{budget.page}.md",
        },
    }


def _burning(budget: _Budget, burn: _Burn) -> str:
    most = f"{burn.rate * budget.share:.6g}"
    return f"({budget.ratio}{burn.long} > {most} and {budget.ratio}{burn.short} > {most})"


def _record(name: str, expression: str) -> dict[str, Any]:
    return {"record": name, "expr": expression}


def _seconds(window: str) -> int:
    return int(window[:-1]) * {"m": 60, "h": 3600, "d": 86_400}[window[-1]]


def main() -> int:
    """Write the rules and return the exit status."""
    stated = objectives(read_contracts(GENERATED / IMAGE))
    WRITTEN.write_text(written(rules(stated)))
    print(f"{len(stated)} objectives written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
