"""Chapter: why the golden supplier says what it says."""

import json

from concord.mdm.v1.ingest_pb2 import ListSourceRecordsRequest
from concord.mdm.v1.record_pb2 import Assertion, Explanation, ValueExplanation
from concord.mdm.v1.supplier_pb2 import ExplainSupplierRequest
from tools.demo.chapters.correcting import Correction
from tools.demo.story import Story
from tools.landscape.callers import STEWARD
from tools.landscape.landscape import Landscape
from tools.landscape.paging import every
from tools.landscape.registrations import HUB

_RULES = {
    ValueExplanation.RULE_ONLY_SOURCE: "nobody else spoke",
    ValueExplanation.RULE_TRUST: "most trusted",
    ValueExplanation.RULE_RECENCY: "newest word",
    ValueExplanation.RULE_ORDER: "first in order",
}
_SHOWN = ("legal_name", "phone", "duns", "lei", "payment_terms", "tax_ids[US/ein]")


def tell(story: Story, landscape: Landscape, correction: Correction) -> None:
    """Show who said what since when, whom it beat and by which rule."""
    hub = landscape.callers.hub(STEWARD)
    explanation = hub.suppliers.ExplainSupplier(ExplainSupplierRequest(name=correction.supplier)).explanation
    sources = every(
        hub.ingest.ListSourceRecords, ListSourceRecordsRequest(golden_record=correction.supplier), "source_records"
    )
    labels = {source.name: f"{source.system.removeprefix('systems/')} {source.label}".strip() for source in sources}
    story.expect("source records of the supplier", len(labels), len(correction.codes) + 1)
    story.expect("who won the legal name", _value(explanation, "legal_name").winner.system, HUB)
    story.tell(
        f"{correction.supplier} is made of {len(labels)} source records. What each of them says, and why one wins "
        "(tax ids are RESTRICTED: who may not read them sees who won, not what):"
    )
    shown = [value for path in _SHOWN for value in explanation.values if value.path == path]
    story.table(
        ("value", "word", "said by", "since", "outcome"), [row for value in shown for row in _rows(value, labels)]
    )
    story.tell(
        "An echo is the hub's own word that Tryton shows because it was delivered there: what Tryton had said itself "
        f"still stands in the record. {len(explanation.values)} values are explained in all; rules in force: "
        f"{', '.join(explanation.rule_revisions)}."
    )


def _value(explanation: Explanation, path: str) -> ValueExplanation:
    [value] = [value for value in explanation.values if value.path == path]
    return value


def _rows(value: ValueExplanation, labels: dict[str, str]) -> list[tuple[str, ...]]:
    won = f"wins: {_RULES[value.rule]}"
    return [
        (value.path, *_words(value.winner, labels), won),
        *(("", *_words(loser, labels), "loses, echo" if loser.echoed else "loses") for loser in value.losers),
    ]


def _words(assertion: Assertion, labels: dict[str, str]) -> tuple[str, str, str]:
    said_by = labels.get(assertion.source_record, assertion.system)
    return _plain(assertion), said_by, f"{assertion.source_time.ToDatetime():%H:%M:%S}"


def _plain(assertion: Assertion) -> str:
    if assertion.withdrawn:
        return "(withdrawn)"
    value = json.loads(assertion.value) if assertion.value else ""
    if isinstance(value, dict):
        value = value.get("displayName") or ", ".join(map(str, value.values()))
    return str(value)
