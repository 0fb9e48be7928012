"""Why a golden record is what it is, for people."""

import json
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from concord.mdm.v1 import record_pb2
from services.mdm.domain.effective import ALWAYS, period_message
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.sensitivity import clear_restricted
from services.mdm.domain.slot import group_of, is_sliced
from services.mdm.domain.survivorship import Claim, Contest, Golden


def explain(record_type: RecordType, golden: Golden, name: str, revision: int) -> record_pb2.Explanation:
    """Return the explanation of a golden revision; RESTRICTED parts of values are left out.

    Where every source withdrew a value there is no winner: all of them are losers, best first.
    """
    return record_pb2.Explanation(
        name=name,
        revision=revision,
        source_revisions=golden.source_revisions,
        rule_revisions=golden.rule_revisions,
        values=[_value(record_type, contest) for contest in golden.contests],
    )


def _value(record_type: RecordType, contest: Contest) -> record_pb2.ValueExplanation:
    explained = record_pb2.ValueExplanation(path=contest.path, rule=contest.rule)
    claims = (contest.winner, *contest.losers)
    losers = contest.losers
    if all(claim.value is None for claim in claims):
        losers = claims
    else:
        explained.winner.CopyFrom(_assertion(record_type, contest.path, contest.winner))
    explained.losers.extend(_assertion(record_type, contest.path, claim) for claim in losers)
    if is_sliced(record_type, contest.path) and contest.period != ALWAYS:
        explained.effective_period.CopyFrom(period_message(contest.period))
    return explained


def _assertion(record_type: RecordType, path: str, claim: Claim) -> record_pb2.Assertion:
    assertion = record_pb2.Assertion(
        source_record=claim.source_record,
        source_revision=claim.source_revision,
        system=claim.system,
        key=claim.key,
        value=_json(record_type, path, claim.value) if claim.value is not None else "",
        withdrawn=claim.value is None,
        echoed=claim.echoed,
    )
    assertion.source_time.FromNanoseconds(claim.source_time_ns)
    return assertion


def _json(record_type: RecordType, path: str, value: Message) -> str:
    """Return the bare value: the element of a collection, the field, or an object of a group's fields."""
    shown = type(value)()
    shown.CopyFrom(value)
    clear_restricted(shown)
    fields: dict[str, Any] = MessageToDict(shown)
    group = group_of(record_type, path)
    if group is None or (len(group.fields) > 1):
        bare: Any = fields
    else:
        bare = next(iter(fields.values()), None)
        bare = bare[0] if group.keyed and bare else bare
    return json.dumps(bare, ensure_ascii=False, sort_keys=True)
