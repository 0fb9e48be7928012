"""A golden record derived from everything that decides it: what is stored of it, and what proves it afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from concord.mdm.v1 import record_pb2
from services.mdm.domain.codes.coding import Coding
from services.mdm.domain.record_type import RecordType
from services.mdm.domain.survivorship.golden import NOTHING_KNOWN, Golden, Known, Trust, survive
from services.mdm.domain.survivorship.pinning import Pin
from services.mdm.domain.survivorship.ranking import DEFAULT, Rules


@dataclass(frozen=True)
class Derivation:
    """What sources in canonical codes make together; `golden` None = none of them lives."""

    coding: Coding
    golden: Golden | None

    @property
    def content(self) -> Message | None:
        """What the golden record says."""
        return self.golden.content if self.golden else None

    @property
    def inputs(self) -> record_pb2.Explanation:
        """What it was made from, by revision, with the digest of the explanation; empty when no source lives."""
        if self.golden is None:
            return record_pb2.Explanation()
        return record_pb2.Explanation(
            source_revisions=self.golden.source_revisions,
            rule_revisions=self.golden.rule_revisions,
            code_map_revisions=self.coding.map_revisions,
            pin_revisions=[pin.revision for pin in self.golden.pins],
            digest=self.coding.digest(self.golden.digest),
        )


def derive(  # noqa: PLR0913 - all that decides
    record_type: RecordType,
    coding: Coding,
    trust: Mapping[str, Trust],
    rules: Rules = DEFAULT,
    pins: Sequence[Pin] = (),
    known: Known = NOTHING_KNOWN,
) -> Derivation:
    """Return the golden record that sources make by rules and pins. Raises ValueError for a system without trust.

    `known` is what the sources assert in their own codes, as far as that was worked out already.
    """
    # In canonical codes they may assert something else.
    asserted = NOTHING_KNOWN if coding.map_revisions else known
    return Derivation(coding, survive(record_type, coding.statements, trust, rules, pins, asserted))
