"""What a service hands to the server: handlers by method name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.mesh.call import Call

Handler = Callable[[Any, Call], Any]
"""(request, call) -> response; for streams an iterator of requests comes in, an iterator of responses goes out."""


@dataclass(frozen=True)
class GrpcService:
    """The handlers of one service, by method name, all of the contract's methods and no other.

    `full_name` is the contract's, such as `concord.mdm.v1.SupplierService`. The handlers of `self_validated` methods
    get messages that are decoded but not validated: for streams in which one bad message must not end the rest.
    """

    full_name: str
    handlers: Mapping[str, Handler]
    self_validated: frozenset[str] = frozenset()
