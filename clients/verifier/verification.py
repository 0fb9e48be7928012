"""The check of a bundle: signatures, the tree, each leaf, and what the auditor holds from elsewhere."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from clients.verifier.bundle import Bundle, BundledLeaf
from clients.verifier.checkpoint import Checkpoint, Cosignature, check_log_signature, cosignatures
from clients.verifier.comparison import Comparison, SeenLeaf, compared_selection, compared_whole, services_of
from clients.verifier.errors import RefutedError, UnreadableError
from clients.verifier.leaf import Stated, stated_by
from clients.verifier.merkle import GrowingTree, check_consistency, check_inclusion, leaf_hash
from clients.verifier.receipts import KeptReceipt
from clients.verifier.trust import Trust
from clients.verifier.verdict import Falsehood, Finding, Verdict

MOST_BEHIND = timedelta(minutes=1)
"""So far the newest cosigned checkpoint may trail the log, and clocks one another."""

MOST_FINDINGS = 1000
"""Kept of a bundle in which everything is false; the first ones say enough."""


@dataclass
class _Walk:
    """One pass over the leaves: what is false of each, and what is known of all behind the last."""

    findings: list[Finding] = field(default_factory=list)
    tree: GrowingTree = field(default_factory=GrowingTree)
    earlier_root: bytes | None = None
    next_index: int = 0
    pruned: list[int] = field(default_factory=list)
    prunings: list[tuple[int, int]] = field(default_factory=list)
    seen: dict[int, SeenLeaf] = field(default_factory=dict)
    revisions: dict[tuple[str, str], int] = field(default_factory=dict)


def verify(bundle: Bundle, trust: Trust) -> Verdict:
    """Check everything that can be checked.

    Raises UnreadableError for a bundle that can't be read, and for an earlier checkpoint that itself proves nothing.
    """
    _require_trusted(trust)
    checkpoint = bundle.checkpoint
    signed_by, cosigned, of_checkpoint = _signatures(checkpoint, trust)
    walk = _walked(bundle, trust)
    comparison = _compared(bundle, walk, trust)
    of_history = [] if trust.earlier is None else list(_history_findings(bundle, walk, trust.earlier))
    of_leaves = sorted([*walk.findings, *comparison.findings], key=lambda finding: finding.index or 0)
    return Verdict(
        checkpoint=checkpoint,
        is_complete=bundle.is_complete,
        leaves=walk.tree.size,
        signed_by=signed_by,
        cosignatures=tuple(cosigned),
        continues=None if trust.earlier is None else trust.earlier.size,
        receipts=None if trust.receipts is None else comparison.compared,
        findings=(
            *of_leaves[:MOST_FINDINGS],
            *_absence_findings(walk, trust),
            *_root_findings(bundle, walk),
            *of_history,
            *of_checkpoint,
        ),
        open=(
            *_open(bundle, walk, trust),
            *_open_by_time(bundle, cosigned, trust),
            *_open_by_receipts(walk, trust.receipts, comparison),
        ),
    )


def _require_trusted(trust: Trust) -> None:
    if trust.earlier is None:
        return
    try:
        check_log_signature(trust.earlier, trust.log_keys)
        cosignatures(trust.earlier, trust.witnesses)
    except RefutedError as error:
        raise UnreadableError(f"the earlier checkpoint proves nothing: {error}") from error


def _signatures(checkpoint: Checkpoint, trust: Trust) -> tuple[str, list[Cosignature], list[Finding]]:
    signed_by, cosigned, findings = "nobody", list[Cosignature](), []
    try:
        signed_by = check_log_signature(checkpoint, trust.log_keys)
        cosigned = cosignatures(checkpoint, trust.witnesses)
    except RefutedError as error:
        findings.append(Finding(Falsehood.FORGED_CHECKPOINT, str(error)))
    absent = {key.name for key in trust.witnesses} - {each.witness for each in cosigned}
    if absent:
        told = f"{', '.join(sorted(absent))} did not cosign the checkpoint of {checkpoint.size} leaves"
        findings.append(Finding(Falsehood.UNWITNESSED_CHECKPOINT, told))
    return signed_by, cosigned, findings


def _walked(bundle: Bundle, trust: Trust) -> _Walk:
    walk = _Walk()
    for leaf in bundle.leaves():
        # One leaf too many is false already: what comes behind it may be without end.
        if walk.tree.size > bundle.checkpoint.size:
            break
        stated = Stated(None) if leaf.data is None else stated_by(leaf.data)
        if len(walk.findings) < MOST_FINDINGS:
            walk.findings += _leaf_findings(bundle, walk, leaf, stated, trust)
        walk.next_index = leaf.index + 1
        if leaf.data is None:
            walk.pruned.append(leaf.index)
        if stated.pruned is not None:
            walk.prunings.append(stated.pruned)
        walk.tree.add(leaf.leaf_hash)
        if trust.earlier is not None and walk.tree.size == trust.earlier.size:
            walk.earlier_root = walk.tree.root()
        if trust.receipts is not None:
            walk.seen[leaf.index] = SeenLeaf(stated.key or leaf.key, leaf.leaf_hash, stated.is_cut_short)
    return walk


def _leaf_findings(bundle: Bundle, walk: _Walk, leaf: BundledLeaf, stated: Stated, trust: Trust) -> Iterator[Finding]:
    if leaf.data is not None:
        yield from _content_findings(leaf, leaf.data, stated)
    if bundle.is_complete:
        yield from _row_findings(walk, leaf)
    else:
        yield from _proof_findings(bundle, leaf)
    if bundle.is_complete or leaf.key.record in trust.records:
        yield from _revision_findings(walk, leaf)


def _content_findings(leaf: BundledLeaf, data: bytes, stated: Stated) -> Iterator[Finding]:
    broken = Falsehood.TRUNCATED_LEAF if stated.is_cut_short else Falsehood.EDITED_LEAF
    if leaf_hash(data) != leaf.leaf_hash:
        yield Finding(broken, f"the bytes of {leaf.key} do not have the hash that the log holds", leaf.index)
    elif stated.key is None:
        yield Finding(broken, f"the bytes that should be {leaf.key} are no whole leaf", leaf.index)
    elif stated.key != leaf.key:
        yield Finding(Falsehood.MISLABELLED_LEAF, f"labelled as {leaf.key}, it is {stated.key}", leaf.index)


def _row_findings(walk: _Walk, leaf: BundledLeaf) -> Iterator[Finding]:
    """Look at the leaf's place among all leaves: the row has no hole."""
    if leaf.index != walk.next_index:
        told = f"a complete bundle holds every leaf, and the next one is leaf {leaf.index}"
        yield Finding(Falsehood.MISSING_LEAF, told, walk.next_index)


def _revision_findings(walk: _Walk, leaf: BundledLeaf) -> Iterator[Finding]:
    """Look at the leaf's place among those of its record: that row has no hole either."""
    record, revision = leaf.key[:2], leaf.key.revision
    before = walk.revisions.get(record, 0)
    walk.revisions[record] = revision
    if revision != before + 1:
        told = f"{leaf.key} comes behind revision {before}: what is between was never appended, or taken away"
        yield Finding(Falsehood.MISSING_LEAF, told, leaf.index)


def _absence_findings(walk: _Walk, trust: Trust) -> Iterator[Finding]:
    present = {record for _, record in walk.revisions}
    for record in sorted(trust.records - present):
        yield Finding(Falsehood.MISSING_LEAF, f"the bundle has no leaf of {record}")


def _proof_findings(bundle: Bundle, leaf: BundledLeaf) -> Iterator[Finding]:
    proof, checkpoint = bundle.proof(leaf.index), bundle.checkpoint
    if proof is None:
        yield Finding(Falsehood.MISSING_PROOF, f"{leaf.key} has no inclusion proof", leaf.index)
    elif proof.index != leaf.index or proof.checkpoint.note.text != checkpoint.note.text:
        yield Finding(Falsehood.FALSE_PROOF, f"the proof of {leaf.key} is of another leaf or checkpoint", leaf.index)
    else:
        try:
            check_inclusion(leaf.leaf_hash, leaf.index, checkpoint.size, proof.path, checkpoint.root)
        except RefutedError as error:
            yield Finding(Falsehood.FALSE_PROOF, str(error), leaf.index)


def _root_findings(bundle: Bundle, walk: _Walk) -> Iterator[Finding]:
    checkpoint = bundle.checkpoint
    if not bundle.is_complete:
        if bundle.count_proofs() != walk.tree.size:
            told = f"the bundle has {bundle.count_proofs()} proofs for {walk.tree.size} leaves"
            yield Finding(Falsehood.MISSING_LEAF, told)
    elif walk.tree.size != checkpoint.size:
        told = f"the bundle has {walk.tree.size} leaves, the checkpoint says {checkpoint.size}"
        yield Finding(
            Falsehood.DELETED_LEAF if walk.tree.size < checkpoint.size else Falsehood.REPLAYED_CHECKPOINT, told
        )
    elif walk.tree.root() != checkpoint.root:
        told = f"the {walk.tree.size} leaves have another root than was signed: at least one was changed"
        yield Finding(Falsehood.FALSE_ROOT, told)


def _compared(bundle: Bundle, walk: _Walk, trust: Trust) -> Comparison:
    if trust.receipts is None:
        return Comparison()
    covered_until = None if trust.asked_at is None else trust.asked_at - MOST_BEHIND
    if not bundle.is_complete:
        return compared_selection(walk.seen, trust.receipts, trust.records, bundle.checkpoint.size, covered_until)
    return compared_whole(walk.seen, trust.receipts, covered_until)


def _history_findings(bundle: Bundle, walk: _Walk, earlier: Checkpoint) -> Iterator[Finding]:
    checkpoint = bundle.checkpoint
    if earlier.origin != checkpoint.origin:
        raise UnreadableError(f"the earlier checkpoint is of {earlier.origin}, the bundle of {checkpoint.origin}")
    if earlier.size > checkpoint.size:
        told = f"the log had {earlier.size} leaves already, and this checkpoint says {checkpoint.size}"
        yield Finding(Falsehood.REPLAYED_CHECKPOINT, told)
    elif earlier.size == checkpoint.size and earlier.root != checkpoint.root:
        told = f"two checkpoints of {earlier.size} leaves are signed, with different roots"
        yield Finding(Falsehood.FORKED_VIEW, told)
    elif bundle.is_complete and earlier.size and walk.earlier_root != earlier.root:
        told = f"the first {earlier.size} leaves are not those of the checkpoint that you hold"
        yield Finding(Falsehood.REWRITTEN_HISTORY, told)
    elif not bundle.is_complete and 0 < earlier.size < checkpoint.size:
        yield from _path_findings(bundle, earlier)


def _path_findings(bundle: Bundle, earlier: Checkpoint) -> Iterator[Finding]:
    checkpoint, proven = bundle.checkpoint, bundle.consistency()
    if proven is None or proven[0].size != earlier.size:
        told = f"the bundle has no consistency proof from the checkpoint of {earlier.size} leaves that you hold"
        yield Finding(Falsehood.MISSING_PROOF, told)
        return
    try:
        check_consistency(earlier.size, earlier.root, checkpoint.size, checkpoint.root, proven[1])
    except RefutedError as error:
        yield Finding(Falsehood.REWRITTEN_HISTORY, f"the checkpoint that you hold is not continued: {error}")


def _open(bundle: Bundle, walk: _Walk, trust: Trust) -> Iterator[str]:
    if not trust.witnesses:
        yield "that others were shown the same log (no witness was named)"
    if trust.earlier is None:
        yield "that the log continues an earlier one (no earlier checkpoint was given)"
    if not bundle.is_complete:
        yield "that these are all leaves of the question that was asked (the bundle is a selection)"
    if walk.pruned:
        yield f"what {len(walk.pruned)} pruned leaves say (only their hashes are kept)"
    if untold := list(_untold(walk)):
        told = f"that the audit pruned {len(untold)} of them when their time was over"
        yield f"{told} (no leaf of this bundle tells of that; the first is leaf {untold[0]})"


def _untold(walk: _Walk) -> Iterator[int]:
    """Yield the places of pruned leaves that no pruning covers; both are looked at in rising order, once."""
    prunings, begun, reach = sorted(walk.prunings), 0, -1
    for place in walk.pruned:
        while begun < len(prunings) and prunings[begun][0] <= place:
            reach = max(reach, prunings[begun][1])
            begun += 1
        if place > reach:
            yield place


def _open_by_time(bundle: Bundle, cosigned: Sequence[Cosignature], trust: Trust) -> Iterator[str]:
    """Tell where nothing bounds how old the state is that was shown: a quiet log is cosigned seldom."""
    if trust.asked_at is None or (bundle.is_complete and trust.receipts is not None):
        return
    newest = max((each.at for each in cosigned), default=None)
    if newest is None:
        yield "that this was the newest state when you asked (nobody says how old the checkpoint is)"
    elif newest < trust.asked_at - MOST_BEHIND:
        yield f"that this was the newest state when you asked (the checkpoint was cosigned at {newest.isoformat()})"


def _open_by_receipts(walk: _Walk, receipts: Sequence[KeptReceipt] | None, comparison: Comparison) -> Iterator[str]:
    if receipts is None:
        yield "that the leaves are those which the services sent (no receipts were given)"
        return
    known = services_of(receipts)
    unknown = {leaf.key.source_service for leaf in walk.seen.values()} - known
    if unknown:
        yield f"that the leaves of {', '.join(sorted(unknown))} are those which it sent (no receipts of it were given)"
    acts = sum(leaf.key.is_act and leaf.key.source_service in known for leaf in walk.seen.values())
    if acts:
        yield f"that {acts} leaves of refused calls are those which the services sent (no receipts are kept of them)"
    if comparison.later:
        yield f"that this was the newest state ({comparison.later} receipts are of later leaves)"
