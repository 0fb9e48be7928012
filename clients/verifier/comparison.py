"""The log's leaves beside the receipts that services kept: what was done to the log since, named.

Who holds the audit's database and its signing key can build a log in which every proof holds. What they can't change is
what the services were told when they wrote: so a receipt that the log does not honour tells what became of its leaf.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from clients.verifier.leaf import LeafKey
from clients.verifier.receipts import KeptReceipt
from clients.verifier.verdict import Falsehood, Finding


@dataclass(frozen=True, slots=True)
class SeenLeaf:
    """A leaf of the log as far as it is compared."""

    key: LeafKey
    leaf_hash: bytes
    is_cut_short: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is false, how many receipts were compared, and how many are of leaves behind the checkpoint."""

    findings: tuple[Finding, ...] = ()
    compared: int = 0
    later: int = 0


def compared_selection(
    leaves: Mapping[int, SeenLeaf],
    receipts: Sequence[KeptReceipt],
    records: Collection[str],
    size: int,
    covered_until: datetime | None,
) -> Comparison:
    """Compare some leaves of a log of `size`, by place: each has to be what its receipt says, if its service kept any.

    Of `records`, whose leaves all have to be there, each receipt has to be honoured; of others only that no receipt is
    of a leaf behind the log's end that has to be in it (as `compared_whole` says).
    """
    kept, found = _by_place(receipts)
    services = services_of(receipts)
    behind = {index: one for index, one in kept.items() if index >= size}
    lost = {index: one for index, one in behind.items() if _is_covered(one, covered_until)}
    if lost:
        found.append(_replayed(lost, size))
    for index, one in sorted(kept.items()):
        if one.key.record in records and index < size and index not in leaves:
            told = f"{one.key} was receipted at this place, and the bundle lacks it"
            found.append(Finding(Falsehood.MISSING_LEAF, told, index))
    for index, leaf in leaves.items():
        receipt = kept.get(index)
        if receipt is not None and receipt.leaf_hash != leaf.leaf_hash:
            found.append(_changed(index, leaf, receipt))
        elif receipt is not None and receipt.key != leaf.key:
            found.append(_mislabelled(index, leaf, receipt))
        elif receipt is None and _is_promised(leaf.key, services):
            found.append(_forged(index, leaf))
    return Comparison(tuple(found), sum(index in kept for index in leaves), len(behind) - len(lost))


def compared_whole(
    leaves: Mapping[int, SeenLeaf], receipts: Sequence[KeptReceipt], covered_until: datetime | None
) -> Comparison:
    """Compare all leaves of the log, by place; the first bad one first.

    Receipts that were kept before `covered_until` have to be honoured; None where it is not known how new the log is:
    then a receipt behind its end may be of a later leaf.
    """
    kept, found = _by_place(receipts)
    services = services_of(receipts)
    broken = {index: one for index, one in kept.items() if not _honoured(leaves.get(index), one)}
    found += [
        _mislabelled(index, leaves[index], one)
        for index, one in sorted(kept.items())
        if index not in broken and leaves[index].key != one.key
    ]
    unpromised = {
        index: leaf
        for index, leaf in leaves.items()
        if _is_promised(leaf.key, services) and not _honoured(leaf, kept.get(index))
    }
    now = {leaf.leaf_hash: index for index, leaf in unpromised.items()}
    moved = {index: now[one.leaf_hash] for index, one in broken.items() if one.leaf_hash in now}
    gone = {index: one for index, one in broken.items() if index not in moved}
    size = len(leaves)
    lost = {index: one for index, one in gone.items() if index < size or _is_covered(one, covered_until)}
    arrived = set(moved.values())
    strange = {index: leaf for index, leaf in unpromised.items() if index not in arrived}
    if lost and not strange and not moved and min(lost) >= size:
        found.append(_replayed(lost, size))
    else:
        found += sorted(_named(lost, strange, moved), key=lambda finding: finding.index or 0)
    later = len(gone) - len(lost)
    return Comparison(tuple(found), len(kept) - later, later)


def services_of(receipts: Sequence[KeptReceipt]) -> set[str]:
    """Return the services whose receipts are there."""
    return {receipt.key.source_service for receipt in receipts}


def _is_promised(key: LeafKey, services: set[str]) -> bool:
    """Tell whether a leaf of the log has to have a receipt among those of these services."""
    return key.source_service in services and not key.is_act


def _by_place(receipts: Sequence[KeptReceipt]) -> tuple[dict[int, KeptReceipt], list[Finding]]:
    """Return the receipts by the place that they promise, and the places that were promised twice."""
    kept: dict[int, KeptReceipt] = {}
    twice = []
    for receipt in receipts:
        first = kept.setdefault(receipt.index, receipt)
        if first.leaf_hash != receipt.leaf_hash:
            told = f"this place was promised to {first.key} and to {receipt.key}"
            twice.append(Finding(Falsehood.FORKED_VIEW, told, receipt.index))
    return kept, twice


def _is_covered(receipt: KeptReceipt, covered_until: datetime | None) -> bool:
    return covered_until is not None and receipt.kept_at < covered_until


def _honoured(leaf: SeenLeaf | None, receipt: KeptReceipt | None) -> bool:
    return leaf is not None and receipt is not None and leaf.leaf_hash == receipt.leaf_hash


def _named(
    lost: Mapping[int, KeptReceipt], strange: Mapping[int, SeenLeaf], moved: Mapping[int, int]
) -> Iterator[Finding]:
    changed = _same_key(lost, strange)
    yield from (_changed(index, strange[now], lost[index]) for index, now in changed.items())
    removed = [receipt for index, receipt in lost.items() if index not in changed]
    yield from (_deleted(receipt) for receipt in removed)
    for index, leaf in strange.items():
        if index not in changed.values():
            # Behind what was written when it came nothing had to make room.
            shifts = any(now > index for now in moved.values())
            yield _inserted(index, leaf) if shifts and not removed else _forged(index, leaf)
    if moved and not _only_shifted(moved, len(removed) + len(strange) - len(changed)):
        first, now = min(moved.items())
        told = f"the leaf that was receipted at place {first} now is at place {now}; {len(moved)} are elsewhere"
        yield Finding(Falsehood.REORDERED_LEAVES, told, first)


def _same_key(lost: Mapping[int, KeptReceipt], strange: Mapping[int, SeenLeaf]) -> dict[int, int]:
    """Return the places, promised and present, of leaves that say something else than they did of the same change."""
    now = {leaf.key: index for index, leaf in strange.items()}
    by_key = {index: now[receipt.key] for index, receipt in lost.items() if receipt.key in now}
    in_place = {index: index for index in lost if index in strange and index not in by_key.values()}
    return in_place | by_key


def _only_shifted(moved: Mapping[int, int], count: int) -> bool:
    """Tell whether leaves kept their order and moved no further than what was taken out or put in explains."""
    now = [place for _, place in sorted(moved.items())]
    return now == sorted(now) and all(0 < abs(place - index) <= count for index, place in moved.items())


def _changed(index: int, leaf: SeenLeaf, receipt: KeptReceipt) -> Finding:
    if leaf.is_cut_short:
        told = f"the bytes that are left of {receipt.key} are not those that were receipted"
        return Finding(Falsehood.TRUNCATED_LEAF, told, index)
    return Finding(Falsehood.EDITED_LEAF, f"{receipt.key} was receipted with another hash", index)


def _mislabelled(index: int, leaf: SeenLeaf, receipt: KeptReceipt) -> Finding:
    """Return what is false of a leaf without bytes: those of any other say what it is."""
    return Finding(Falsehood.MISLABELLED_LEAF, f"labelled as {leaf.key}, it was receipted as {receipt.key}", index)


def _deleted(receipt: KeptReceipt) -> Finding:
    told = f"{receipt.key} was receipted at this place and is not in the log"
    return Finding(Falsehood.DELETED_LEAF, told, receipt.index)


def _inserted(index: int, leaf: SeenLeaf) -> Finding:
    told = f"{leaf.key} was never receipted, and leaves that were now are behind it"
    return Finding(Falsehood.INSERTED_LEAF, told, index)


def _forged(index: int, leaf: SeenLeaf) -> Finding:
    told = f"no receipt was kept of {leaf.key}: it is forged, unless the receipts were read before the bundle was made"
    return Finding(Falsehood.FORGED_APPEND, told, index)


def _replayed(lost: Mapping[int, KeptReceipt], size: int) -> Finding:
    told = f"the log promised leaf {max(lost)} already, and this checkpoint ends behind {size} leaves"
    return Finding(Falsehood.REPLAYED_CHECKPOINT, told, size)
