"""Which source's word becomes the golden record's, value by value.

A pure function of the living sources' standing assertions, the systems' trust ranks, the registered
rules and the pins: per slot (see `slot`), and for effective-dated values per elementary period, a pin
wins, then what the group's rule says (see `ranking`): by default the better rank, then the newer
word, then the order of systems and keys. A withdrawal may win: then there is no value.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType

from google.protobuf.message import Message

from concord.mdm.v1 import ingest_pb2 as pb
from concord.mdm.v1 import record_pb2
from services.mdm.domain.assertions import Standing, standing
from services.mdm.domain.effective import (
    ALWAYS,
    Period,
    Timeline,
    canonical_bytes,
    elementary,
    joined,
    period_of,
    values_during,
)
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.slot import assembled, group_of, is_sliced, slots_of, timeline, value_of, withdrawing
from services.mdm.domain.stewarding import HUB
from services.mdm.domain.survivorship.claim import Claim, Contest
from services.mdm.domain.survivorship.pinning import Pin
from services.mdm.domain.survivorship.ranking import DEFAULT, PINNED, Criterion, Rules, ranked

Rule = record_pb2.ValueExplanation.Rule
_PIN, _ONLY_SOURCE = Rule.RULE_PIN, Rule.RULE_ONLY_SOURCE  # an enum looks its names up at every use

Known = Mapping[str, Mapping[str, Standing]]
"""Standing assertions by source record and path."""

NOTHING_KNOWN: Known = MappingProxyType({})


@dataclass(frozen=True)
class Trust:
    """How far a system is believed: its rank (1 = most) and the revision of its registration, `systems/erp@2`."""

    rank: int
    revision: str


@dataclass(frozen=True)
class Golden:
    """The golden record that sources make. `content` carries no metadata.

    `digest` covers every value, winner, loser and source time, so that an equal digest means that
    there is nothing to write; it does not cover what is an echo, nor trust ranks that change no order.
    """

    content: Message
    contests: tuple[Contest, ...]
    digest: bytes
    source_revisions: tuple[str, ...]
    rule_revisions: tuple[str, ...]
    pins: tuple[Pin, ...] = ()


def survive(  # noqa: PLR0913 - all that decides
    record_type: RecordType,
    sources: Sequence[pb.SourceRecord],
    trust: Mapping[str, Trust],
    rules: Rules = DEFAULT,
    pins: Sequence[Pin] = (),
    known: Known = NOTHING_KNOWN,
) -> Golden | None:
    """Return what the sources make together, whatever their order; None = none of them lives.

    Sources are stored revisions (with standing assertions), pins those in force, one a path at most; `known`
    is what the sources assert, as far as that was worked out already. Raises ValueError for a system without trust.
    """
    voices = [_Voice(record_type, source, trust, known.get(source.name)) for source in sources if not source.deleted]
    if not voices:
        return None
    said = {voice.rule for voice in voices}
    if rules.revision:
        said.add(rules.revision)
    contests = _contests(record_type, [*map(_PinVoice, pins), *voices] if pins else voices, rules)
    values, lines = _winners(record_type, contests)
    period = _effective_period(record_type, values)
    if lines:
        contests = tuple(cut for contest in contests if (cut := _cut(record_type, contest, period)) is not None)
    content = assembled(record_type, values | _line_values(record_type, lines), within=period)
    return Golden(
        content=content,
        contests=contests,
        digest=_digest(contests),
        source_revisions=tuple(sorted(voice.revision for voice in voices)),
        rule_revisions=tuple(sorted(said)),
        pins=tuple(sorted(pins, key=lambda pin: pin.revision)) if pins else (),
    )


def decided_since(golden: Golden, path: str, time_ns: int) -> bool:
    """Tell whether a value is a steward's word (see `ranking`) of later than a time, in any period."""
    winners = (contest.winner for contest in golden.contests if contest.path == path)
    return any(winner.system == HUB and winner.source_time_ns > time_ns for winner in winners)


def canonical_digest(record_type: RecordType, content: Message) -> bytes:
    """Return the digest of a golden content without its metadata, whatever the order of its elements."""
    return sha256(canonical_bytes(assembled(record_type, slots_of(record_type, content)))).digest()


class _Voice:
    """One living source with its standing assertions."""

    def __init__(
        self,
        record_type: RecordType,
        source: pb.SourceRecord,
        trust: Mapping[str, Trust],
        said: Mapping[str, Standing] | None,
    ) -> None:
        if source.system not in trust:
            raise ValueError(f"no trust rank is known for {source.system}")
        self._name, self._system, self._key = source.name, source.system, source.key
        self._rank = trust[source.system].rank
        self._standing = standing(record_type, source) if said is None else said
        self._withdraws = any(one.value is None for one in self._standing.values())
        self.rule = trust[source.system].revision
        self.revision = f"{source.name}@{source.revision}"

    @property
    def paths(self) -> Iterable[str]:
        return self._standing.keys()

    def on(self, path: str) -> Standing | None:
        """Return what it says on a slot: on itself, or by withdrawing the whole collection or all slices."""
        said = self._standing.get(path)
        if said is not None or not self._withdraws:
            return said
        wider = (self._standing.get(part) for part in withdrawing(path))
        return next((one for one in wider if one is not None), None)

    def claim(self, one: Standing, value: Message | None) -> Claim:
        assertion = one.assertion
        said_at = assertion.source_time
        since = said_at.seconds * 1_000_000_000 + said_at.nanos
        whose = (self._name, assertion.source_revision, self._system, self._key)
        return Claim(*whose, since, self._rank, value, assertion.echoed)


class _PinVoice:
    """One pin, which speaks like a source, but of one slot only."""

    def __init__(self, pin: Pin) -> None:
        self._pin = pin
        self.paths = (pin.path,)

    def on(self, path: str) -> Standing | None:
        value = self._pin.value
        assertion = pb.StandingAssertion(path=path, withdrawn=value is None)
        return Standing(assertion, value) if path == self._pin.path else None

    def claim(self, _one: Standing, value: Message | None) -> Claim:
        pin, since = self._pin.statement, self._pin.statement.pin_time.ToNanoseconds()
        return Claim(pin.name, pin.revision, "", "", since, PINNED, value, echoed=False)


_AnyVoice = _Voice | _PinVoice
_Criteria = Sequence[Criterion.ValueType] | None
"""What decides in a group; None = the default."""


def _contests(record_type: RecordType, voices: Sequence[_AnyVoice], rules: Rules) -> tuple[Contest, ...]:
    paths = sorted({path for voice in voices for path in voice.paths if _is_slot(record_type, path)})
    found: list[Contest] = []
    for path in paths:
        said = [(voice, one) for voice in voices if (one := voice.on(path)) is not None]
        criteria = rules.of(path) if rules.criteria else None
        if is_sliced(record_type, path):
            found.extend(_sliced_contests(record_type, path, said, criteria))
        else:
            found.append(_contest(path, ALWAYS, [voice.claim(one, one.value) for voice, one in said], criteria))
    return tuple(found)


def _is_slot(record_type: RecordType, path: str) -> bool:
    """Tell a slot from the withdrawal of a whole collection, which concerns slots that others name."""
    group = group_of(record_type, path)
    return group is not None and (not group.keyed or path.endswith("]"))


def _sliced_contests(
    record_type: RecordType, path: str, said: Sequence[tuple[_AnyVoice, Standing]], criteria: _Criteria
) -> Iterable[Contest]:
    lines = [timeline(record_type, one.value) for _, one in said]
    periods = elementary(period for line in lines for period, _ in line)
    columns = zip(*(values_during(line, periods) for line in lines), strict=True)
    last: Contest | None = None
    for period, values in zip(periods, columns, strict=True):
        claims = [
            voice.claim(one, value)
            for (voice, one), value in zip(said, values, strict=True)
            if value is not None or one.assertion.withdrawn
        ]
        this = _contest(path, period, claims, criteria) if claims else None
        if this is not None and last is not None and this._replace(start=last.start) == last._replace(end=this.end):
            last = last._replace(end=this.end)
            continue
        if last is not None:
            yield last
        last = this
    if last is not None:
        yield last


def _contest(path: str, period: Period, claims: Sequence[Claim], criteria: _Criteria) -> Contest:
    start, end = period.start, period.end
    if len(claims) == 1:
        (only,) = claims
        return Contest(path, start, end, only, (), _PIN if only.rank == PINNED else _ONLY_SOURCE)
    if criteria is not None:
        (winner, *losers), rule = ranked(claims, criteria)
        return Contest(path, start, end, winner, tuple(losers), rule)
    winner, *losers = sorted(claims, key=lambda claim: claim.order)
    return Contest(path, start, end, winner, tuple(losers), _rule(winner, losers[0]))


def _rule(winner: Claim, runner_up: Claim) -> "record_pb2.ValueExplanation.Rule.ValueType":
    if winner.rank == PINNED:
        return Rule.RULE_PIN
    if winner.rank != runner_up.rank:
        return Rule.RULE_TRUST
    return Rule.RULE_RECENCY if winner.source_time_ns != runner_up.source_time_ns else Rule.RULE_ORDER


def _winners(
    record_type: RecordType, contests: Iterable[Contest]
) -> tuple[dict[str, Message], dict[str, list[tuple[Period, Message | None]]]]:
    values: dict[str, Message] = {}
    lines: dict[str, list[tuple[Period, Message | None]]] = {}
    for contest in contests:
        if is_sliced(record_type, contest.path):
            lines.setdefault(contest.path, []).append((contest.period, contest.winner.value))
        elif contest.winner.value is not None:
            values[contest.path] = contest.winner.value
    return values, lines


def _line_values(
    record_type: RecordType, lines: Mapping[str, Iterable[tuple[Period, Message | None]]]
) -> dict[str, Message]:
    joined_lines: dict[str, Timeline] = {path: joined(pieces) for path, pieces in lines.items()}
    values = {path: value_of(record_type, line) for path, line in joined_lines.items()}
    return {path: value for path, value in values.items() if value is not None}


def _effective_period(record_type: RecordType, values: Mapping[str, Message]) -> Period:
    field = record_type.period_field
    group = record_type.group_by_field[field] if field else None
    holder = values.get(group.name) if group else None
    return period_of(holder, field) if holder is not None and field else ALWAYS


def _cut(record_type: RecordType, contest: Contest, within: Period) -> Contest | None:
    """Return what of a contest lies within the golden record's effective period."""
    if not is_sliced(record_type, contest.path):
        return contest
    period = contest.period.clip(within)
    return None if period.empty else contest._replace(start=period.start, end=period.end)


def _digest(contests: Iterable[Contest]) -> bytes:
    parts: list[bytes] = []
    for contest in contests:
        parts += _parts(contest)
    return sha256(b"".join([len(part).to_bytes(8, "big") + part for part in parts])).digest()


def _parts(contest: Contest) -> list[bytes]:
    claims = (contest.winner, *contest.losers)
    parts = [f"{contest.path} {contest.start} {contest.end} {len(claims)}".encode()]
    for name, revision, _, _, since, _, value, _ in claims:
        parts.append(f"{name}@{revision} {since}".encode())
        parts.append(b"withdrawn" if value is None else b"=" + canonical_bytes(value))
    return parts
