"""Reading lists page by page through the mesh's own methods."""

from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.message import Message

_PAGE_SIZE = 500


def every(method: Callable[[Any], Any], request: Message, field: str) -> Iterator[Any]:
    """Yield everything that a list method has in `field` of its pages. Raises grpc.RpcError."""
    asked: Any = type(request)()
    asked.CopyFrom(request)
    asked.page_size = _PAGE_SIZE
    while True:
        page = method(asked)
        yield from getattr(page, field)
        asked.page_token = page.next_page_token
        if not asked.page_token:
            return
