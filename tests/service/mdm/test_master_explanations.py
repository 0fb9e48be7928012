"""Every value of every master tells who said it, whom it beat and by which rule."""

from datetime import UTC, datetime
from typing import Any

import pytest

from concord.mdm.v1 import record_pb2
from tests.support.hub.masters import Master, numbers
from tests.support.hub.stored import statement
from tests.support.hub.submitting import submit
from tests.support.samples.contents import identified, wording

Rule = record_pb2.ValueExplanation.Rule
EARLY, LATE = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 6, 1, tzinfo=UTC)


def explained(master: Master, *words: tuple[str, datetime]) -> Any:
    """Let systems say a text each, about one thing; return why the golden record says which."""
    number, text = next(numbers), wording(master.record_type)
    content = identified(master.record_type, number)
    answers = submit(
        master.client,
        *(statement(system, master.key(number), text.changed(content, system), at=at) for system, at in words),
    )
    assert len({answer.golden_record for answer in answers}) == 1
    explanation = master.call("explain", name=answers[0].golden_record).explanation
    assert explanation.name == answers[0].golden_record
    assert len(explanation.source_revisions) == len(words)
    assert {revision.partition("@")[0] for revision in explanation.rule_revisions} == {system for system, _ in words}
    record = master.record("get", name=answers[0].golden_record)
    (value,) = (value for value in explanation.values if value.path == text.path)
    assert text.of(record) == value.winner.system
    return value


@pytest.mark.parametrize("times", [(EARLY, LATE), (LATE, EARLY), (LATE, LATE)])
def test_the_more_trusted_system_wins_whenever_it_spoke(master: Master, times: tuple[datetime, datetime]) -> None:
    value = explained(master, ("systems/erp", times[0]), ("systems/workforce", times[1]))
    assert (value.rule, value.winner.system) == (Rule.RULE_TRUST, "systems/erp")
    (loser,) = value.losers
    assert loser.system == "systems/workforce"
    assert [one.source_time.ToDatetime(tzinfo=UTC) for one in (value.winner, loser)] == list(times)


@pytest.mark.parametrize(
    ("times", "winner", "rule"),
    [
        ((EARLY, LATE), "systems/workforce", Rule.RULE_RECENCY),
        ((LATE, EARLY), "systems/legacy", Rule.RULE_RECENCY),
        ((LATE, LATE), "systems/legacy", Rule.RULE_ORDER),
    ],
)
def test_among_equally_trusted_systems_the_newer_word_wins(
    master: Master, times: tuple[datetime, datetime], winner: str, rule: "Rule.ValueType"
) -> None:
    value = explained(master, ("systems/legacy", times[0]), ("systems/workforce", times[1]))
    assert (value.rule, value.winner.system) == (rule, winner)


def test_one_system_alone_is_the_only_source(master: Master) -> None:
    value = explained(master, ("systems/legacy", EARLY))
    assert (value.rule, list(value.losers)) == (Rule.RULE_ONLY_SOURCE, [])
    assert "systems/legacy" in value.winner.value


def test_every_value_of_a_record_is_explained(master: Master) -> None:
    one = master.submitted()
    paths = {value.path for value in master.call("explain", name=one.name).explanation.values}
    prefix = f"{master.record_type.slice_field}."
    for group in master.record_type.groups:
        assert any(path.partition("[")[0] == group.name for path in paths)
    for group in master.record_type.slice_groups:
        assert any(path.startswith(prefix) and path[len(prefix) :].partition("[")[0] == group.name for path in paths)


def test_a_steward_beats_every_system(master: Master) -> None:
    words, one = wording(master.record_type), master.submitted()
    decided = master.record(
        "update", record=words.changed(one, "decided"), update_mask=[words.top_field], etag=one.etag
    )
    assert words.of(decided) == "decided"
    values = [v for v in master.call("explain", name=one.name).explanation.values if v.path == words.path]
    assert {(value.winner.system, value.rule) for value in values} == {("systems/hub", Rule.RULE_TRUST)}
    assert {loser.system for value in values for loser in value.losers} == {"systems/erp"}
