import json

from concord.mdm.v1 import cost_center_pb2, item_pb2, record_pb2, supplier_pb2
from concord.mdm.v1.record_pb2 import ValueExplanation
from services.mdm.domain.registry import RECORD_TYPES
from services.mdm.domain.survivorship.explanation import explain
from services.mdm.domain.survivorship.golden import survive
from tests.support.samples.families import TRUST, named, source
from tests.support.samples.periods import period_message
from tests.support.samples.strategies import FIRST_DAY


def _explained(*sources: object) -> record_pb2.Explanation:
    record_type = next(one for one in RECORD_TYPES if sources[0].content.Is(one.descriptor))  # type: ignore[attr-defined]
    golden = survive(record_type, sources, TRUST)  # type: ignore[arg-type]
    assert golden is not None
    return explain(record_type, golden, "suppliers/1", 7)


def test_winner_losers_rule_and_inputs_are_named() -> None:
    explanation = _explained(named("Erp", "erp", 1), named("Saas", "saas", 2), named("Hub", "hub", 3))
    assert (explanation.name, explanation.revision) == ("suppliers/1", 7)
    assert list(explanation.rule_revisions) == ["systems/erp@4", "systems/hub@1", "systems/saas@2"]
    (value,) = explanation.values
    assert (value.path, value.rule) == ("legal_name", ValueExplanation.RULE_TRUST)
    assert (value.winner.system, value.winner.key, value.winner.source_revision) == ("systems/hub", "1", 1)
    assert value.winner.source_time.seconds == 3
    assert [json.loads(loser.value) for loser in value.losers] == ["Saas", "Erp"]


def test_restricted_parts_are_left_out() -> None:
    content = supplier_pb2.Supplier()
    content.tax_ids.add(country="US", scheme="ein", value="911144442")
    content.bank_accounts.add(code="1", account_number="DE89370400440532013000", account_holder="Acme", country="DE")
    explanation = _explained(source(content, "erp"))
    assert [json.loads(value.winner.value) for value in explanation.values] == [
        {"code": "1", "country": "DE"},
        {"country": "US", "scheme": "ein"},
    ]
    assert b"911144442" not in explanation.SerializeToString()


def test_a_value_that_every_source_withdrew_has_no_winner() -> None:
    explanation = _explained(
        source(supplier_pb2.Supplier(), "erp", 1, "1", "website"),
        source(supplier_pb2.Supplier(), "hub", 1, "1", "website"),
    )
    (value,) = explanation.values
    assert not value.HasField("winner")
    assert [(loser.system, loser.withdrawn) for loser in value.losers] == [("systems/hub", True), ("systems/erp", True)]


def test_a_group_is_shown_as_an_object_and_a_field_bare() -> None:
    content = item_pb2.Item(manufacturer_name="B. Braun", manufacturer_part_number="1", sterile=False)
    values = {value.path: json.loads(value.winner.value) for value in _explained(source(content, "erp")).values}
    assert values == {
        "manufacture": {"manufacturer_name": "B. Braun", "manufacturer_part_number": "1"},
        "sterile": False,
    }


def test_effective_dated_values_say_when_they_hold() -> None:
    content = cost_center_pb2.CostCenter(code="1")
    content.slices.add(manager="Ann", effective_period=period_message(FIRST_DAY, None))
    values = {value.path: value for value in _explained(source(content, "erp")).values}
    assert values["slices.manager"].effective_period == period_message(FIRST_DAY, None)
    assert values["slices.manager"].winner.value == '"Ann"'
    assert not values["identity"].HasField("effective_period")
