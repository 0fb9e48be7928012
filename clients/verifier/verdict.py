"""What came of a check: the ways in which evidence can be false, each with its name, and what was proven."""

from dataclasses import dataclass
from enum import StrEnum

from clients.verifier.checkpoint import Checkpoint, Cosignature

_MOST_TOLD = 20


class Falsehood(StrEnum):
    """In which way the evidence is false."""

    EDITED_LEAF = "edited leaf"
    TRUNCATED_LEAF = "truncated leaf"
    DELETED_LEAF = "deleted leaf"
    INSERTED_LEAF = "inserted leaf"
    REORDERED_LEAVES = "reordered leaves"
    FORGED_APPEND = "forged append"
    REWRITTEN_HISTORY = "rewritten history"
    FORKED_VIEW = "forked view"
    REPLAYED_CHECKPOINT = "replayed checkpoint"
    FORGED_CHECKPOINT = "forged checkpoint"
    UNWITNESSED_CHECKPOINT = "unwitnessed checkpoint"
    MISLABELLED_LEAF = "mislabelled leaf"
    MISSING_LEAF = "missing leaf"
    FALSE_ROOT = "false root"
    FALSE_PROOF = "false proof"
    MISSING_PROOF = "missing proof"


@dataclass(frozen=True, slots=True)
class Finding:
    """One falsehood: where, None for the log as a whole, and how it shows."""

    falsehood: Falsehood
    told: str
    index: int | None = None

    def __str__(self) -> str:
        return f"{self.falsehood}{'' if self.index is None else f' {self.index}'}: {self.told}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a check. `findings` begin with the first bad leaf's; without any, all is proven but `open`."""

    checkpoint: Checkpoint
    is_complete: bool
    leaves: int
    signed_by: str
    cosignatures: tuple[Cosignature, ...]
    continues: int | None
    receipts: int | None
    findings: tuple[Finding, ...]
    open: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing false was found."""
        return not self.findings

    @property
    def sentence(self) -> str:
        """What was proven, or the first thing that was refuted, in a sentence."""
        return self._proven() if self.holds else self._refuted()

    @property
    def caveat(self) -> str:
        """What was not proven, in a sentence; empty when nothing is left open."""
        return f"Not proven: {'; '.join(self.open)}." if self.open else ""

    @property
    def lines(self) -> list[str]:
        """The whole verdict for people: the sentence, the falsehoods where there are several, what is left open."""
        findings = [f"  {finding}" for finding in self.findings[:_MOST_TOLD]] if len(self.findings) > 1 else []
        return [line for line in (self.sentence, *findings, self.caveat) if line]

    def _proven(self) -> str:
        checkpoint = self.checkpoint
        held = f"all {checkpoint.size} leaves" if self.is_complete else f"{self.leaves} of {checkpoint.size} leaves"
        parts = [f"{held} are in the log {checkpoint.origin} as {self.signed_by} signed it"]
        parts += [f"{each.witness} cosigned it at {each.at:%Y-%m-%dT%H:%M:%SZ}" for each in self.cosignatures]
        if self.continues is not None:
            parts.append(f"it continues the checkpoint of {self.continues} leaves that you hold")
        if self.receipts is not None:
            parts.append(f"{self.receipts} kept receipts agree with it")
        return f"Proven: {', '.join(parts)}."

    def _refuted(self) -> str:
        first, *others = self.findings
        more = f" (and {len(others)} more)" if others else ""
        return f"Refuted: {first}{more}."
