"""What the log holds, as messages of the contract."""

import functools
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from concord.audit.v1 import audit_pb2
from services.audit.domain.gap import Gap
from services.audit.domain.leaf import decode
from services.audit.domain.question import HeldLeaf, LeafCount, Outline
from services.audit.domain.sequencing import Receipt

NAME_PREFIX = "leaves/"


def receipt_message(receipt: Receipt) -> audit_pb2.Receipt:
    """Render a receipt."""
    return audit_pb2.Receipt(
        leaf_index=receipt.leaf_index,
        leaf_hash=receipt.leaf_hash,
        receive_time=_time(receipt.received_at),
        checkpoint=receipt.checkpoint,
    )


def entry_message(held: HeldLeaf) -> audit_pb2.LeafEntry:
    """Render a held leaf: decoded, and as the bytes that its hash is over; of a pruned one what is left of it."""
    name, receipt = f"{NAME_PREFIX}{held.receipt.leaf_index}", receipt_message(held.receipt)
    if held.data is not None:
        return audit_pb2.LeafEntry(name=name, leaf=decode(held.data), leaf_bytes=held.data, receipt=receipt)
    return audit_pb2.LeafEntry(name=name, leaf=_outlined(held.outline), receipt=receipt, pruned=True)


def _outlined(outline: Outline) -> audit_pb2.Leaf:
    left = outline._asdict()
    occurred_at = _time(left.pop("occurred_at"))
    return audit_pb2.Leaf(**left, occurred_at=occurred_at)


def gap_message(gap: Gap) -> audit_pb2.Gap:
    """Render a gap."""
    return audit_pb2.Gap(
        source_service=gap.source_service,
        record=gap.record,
        first_revision=gap.first_revision,
        last_revision=gap.last_revision,
    )


def count_message(count: LeafCount) -> audit_pb2.LeafCount:
    """Render a count."""
    return audit_pb2.LeafCount(source_service=count.source_service, record_type=count.record_type, count=count.count)


@functools.lru_cache(maxsize=128)
def _time(moment: datetime) -> Timestamp:
    """Render a moment; all receipts of a commit have the same one."""
    rendered = Timestamp()
    rendered.FromDatetime(moment)
    return rendered
