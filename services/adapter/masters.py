"""The masters' typed services, read alike: one golden record by name, or all of a type."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as PackedAny

from concord.mdm.v1 import (
    cost_center_pb2,
    cost_center_pb2_grpc,
    item_pb2,
    item_pb2_grpc,
    supplier_pb2,
    supplier_pb2_grpc,
)

_PAGE = 200  # whole records: a page has to fit a message


@dataclass(frozen=True)
class Master:
    """How one master is read; `plural` is the field of its answers. Raises grpc.RpcError."""

    get_list: Callable[..., Any]
    list_request: Callable[..., Any]
    get_batch: Callable[..., Any]
    batch_request: Callable[..., Any]
    plural: str
    timeout_s: float

    def page(self, token: str) -> tuple[list[PackedAny], str]:
        """Return a page of the records in use and the next page's token."""
        answer = self.get_list(self.list_request(page_size=_PAGE, page_token=token), timeout=self.timeout_s)
        return [_packed(record) for record in getattr(answer, self.plural)], answer.next_page_token

    def one(self, name: str) -> PackedAny:
        """Return one record."""
        answer = self.get_batch(self.batch_request(names=[name]), timeout=self.timeout_s)
        return _packed(getattr(answer, self.plural)[0])


def masters(channel: grpc.Channel, timeout_s: float) -> Mapping[str, Master]:
    """Return the masters by record type; each call may take `timeout_s` seconds."""
    suppliers = supplier_pb2_grpc.SupplierServiceStub(channel)
    items = item_pb2_grpc.ItemServiceStub(channel)
    cost_centers = cost_center_pb2_grpc.CostCenterServiceStub(channel)
    return {
        "supplier": Master(
            suppliers.ListSuppliers,
            supplier_pb2.ListSuppliersRequest,
            suppliers.BatchGetSuppliers,
            supplier_pb2.BatchGetSuppliersRequest,
            "suppliers",
            timeout_s,
        ),
        "item": Master(
            items.ListItems,
            item_pb2.ListItemsRequest,
            items.BatchGetItems,
            item_pb2.BatchGetItemsRequest,
            "items",
            timeout_s,
        ),
        "cost_center": Master(
            cost_centers.ListCostCenters,
            cost_center_pb2.ListCostCentersRequest,
            cost_centers.BatchGetCostCenters,
            cost_center_pb2.BatchGetCostCentersRequest,
            "cost_centers",
            timeout_s,
        ),
    }


def _packed(record: Any) -> PackedAny:
    packed = PackedAny()
    packed.Pack(record)
    return packed
