"""Why a golden record is what it is, for people."""

import json
from collections.abc import Iterable
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from concord.mdm.v1 import pin_pb2, record_pb2
from services.mdm.domain.effective import ALWAYS, period_message
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.sensitivity import clear_restricted
from services.mdm.domain.slot import group_of, is_sliced
from services.mdm.domain.survivorship.claim import Claim, Contest
from services.mdm.domain.survivorship.golden import Golden
from services.mdm.domain.survivorship.pinning import Pin
from services.mdm.domain.survivorship.ranking import PINNED


def explain(record_type: RecordType, golden: Golden, name: str, revision: int) -> record_pb2.Explanation:
    """Return the explanation of a golden revision; RESTRICTED parts of values are left out.

    Where every source withdrew a value there is no winner: all of them are losers, best first. A value
    that is pinned empty has the pin and a winner without a value.
    """
    return record_pb2.Explanation(
        name=name,
        revision=revision,
        source_revisions=golden.source_revisions,
        rule_revisions=golden.rule_revisions,
        pin_revisions=[pin.revision for pin in golden.pins],
        values=[_value(record_type, contest, golden.pins) for contest in golden.contests],
    )


def _value(record_type: RecordType, contest: Contest, pins: Iterable[Pin]) -> record_pb2.ValueExplanation:
    explained = record_pb2.ValueExplanation(path=contest.path, rule=contest.rule)
    claims = (contest.winner, *contest.losers)
    losers = contest.losers
    if contest.winner.rank != PINNED and all(claim.value is None for claim in claims):
        losers = claims
    else:
        explained.winner.CopyFrom(assertion(record_type, contest.path, contest.winner))
    explained.losers.extend(assertion(record_type, contest.path, claim) for claim in losers)
    if contest.winner.rank == PINNED:
        explained.pin.CopyFrom(_in_force(next(pin.statement for pin in pins if pin.path == contest.path)))
    if is_sliced(record_type, contest.path) and contest.period != ALWAYS:
        explained.effective_period.CopyFrom(period_message(contest.period))
    return explained


def _in_force(pin: pin_pb2.Pin) -> record_pb2.PinInForce:
    return record_pb2.PinInForce(
        name=pin.name, author=pin.author, reason=pin.reason, pin_time=pin.pin_time, expire_time=pin.expire_time
    )


def assertion(record_type: RecordType, path: str, claim: Claim) -> record_pb2.Assertion:
    """Return a claim for people: RESTRICTED parts are left out, and a pin's names no source."""
    from_source = claim.rank != PINNED
    said = record_pb2.Assertion(
        source_record=claim.source_record if from_source else "",
        source_revision=claim.source_revision if from_source else 0,
        system=claim.system,
        key=claim.key,
        value=_json(record_type, path, claim.value) if claim.value is not None else "",
        withdrawn=claim.value is None,
        echoed=claim.echoed,
    )
    said.source_time.FromNanoseconds(claim.source_time_ns)
    return said


def _json(record_type: RecordType, path: str, value: Message) -> str:
    """Return the bare value: the element of a collection, the field, or an object of a group's fields."""
    shown = type(value)()
    shown.CopyFrom(value)
    clear_restricted(shown)
    fields: dict[str, Any] = MessageToDict(shown, preserving_proto_field_name=True)
    group = group_of(record_type, path)
    if group is None or (len(group.fields) > 1):
        bare: Any = fields
    else:
        bare = next(iter(fields.values()), None)
        bare = bare[0] if group.keyed and bare else bare
    return json.dumps(bare, ensure_ascii=False, sort_keys=True)
