"""Sequencing: which leaf of which request gets which place in the log."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Self

from services.audit.domain.leaf import IncomingLeaf, LeafKey


class Receipt(NamedTuple):
    """The log's word that it holds a leaf: its place from 0, its hash, when it came.

    `checkpoint` is the note of the first checkpoint that covers the leaf; empty while the commit is under way.
    """

    leaf_index: int
    leaf_hash: bytes
    received_at: datetime
    checkpoint: str = ""


class LeafConflictError(Exception):
    """The log holds other bytes for the same record and revision. `place` is the leaf's place in its request."""

    def __init__(self, place: int, key: LeafKey, held: Receipt) -> None:
        super().__init__(f"{key.source_service} sent other bytes for {key.record} revision {key.revision}")
        self.place = place
        self.key = key
        self.held = held


class Appended(NamedTuple):
    """The answer to one request: a receipt a leaf, in its order, and the leaves that were not held before."""

    receipts: tuple[Receipt, ...]
    fresh: tuple[tuple[IncomingLeaf, Receipt], ...]

    def covered(self, checkpoint: str) -> Self:
        """Return the answer with the commit's checkpoint in the receipts that have none yet."""
        receipts = [each if each.checkpoint else Receipt(*each[:3], checkpoint) for each in self.receipts]
        return type(self)(tuple(receipts), self.fresh)


class Sequencer:
    """Gives places to the leaves of several requests that are committed together.

    `held` are the receipts of leaves that the log holds already, by key; `next_index` is the first free place.
    """

    def __init__(self, held: Mapping[LeafKey, Receipt], next_index: int, received_at: datetime) -> None:
        self._held = dict(held)
        self.next_index = next_index
        self._received_at = received_at

    def place(self, leaves: Sequence[IncomingLeaf]) -> Appended:
        """Place the leaves of one request, all or none.

        A leaf that is held, or came before in the same request, gets its first receipt. Raises LeafConflictError.
        """
        fresh: dict[LeafKey, tuple[IncomingLeaf, Receipt]] = {}
        receipts = []
        for place, leaf in enumerate(leaves):
            receipt = self._held.get(leaf.key) or (fresh[leaf.key][1] if leaf.key in fresh else None)
            if receipt is None:
                receipt = Receipt(self.next_index + len(fresh), leaf.leaf_hash, self._received_at)
                fresh[leaf.key] = (leaf, receipt)
            elif receipt.leaf_hash != leaf.leaf_hash:
                raise LeafConflictError(place, leaf.key, receipt)
            receipts.append(receipt)
        self._held |= {key: receipt for key, (_, receipt) in fresh.items()}
        self.next_index += len(fresh)
        return Appended(tuple(receipts), tuple(fresh.values()))
